//! What a family's machine knows, and how an event changes it.

use serde::{Deserialize, Serialize};

use crate::ids::{FamilyId, StreamId, UserId};
use crate::machine::EventMeta;
use crate::time::Timestamp;

use super::{Audience, EndReason, Event, Method};

/// A family's state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct State {
    /// Whose state this is.
    pub id: FamilyId,
    /// The sign-in; `None` until there is one.
    pub sign_in: Option<SignIn>,
}

/// What is known of a sign-in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignIn {
    /// Who signed in.
    pub person: UserId,
    /// The round of the person's sign-ins that it belongs to.
    pub round: u32,
    /// For which surface.
    pub audience: Audience,
    /// How they showed who they are.
    pub method: Method,
    /// The sign-in that it came of, without which it is nothing.
    pub parent: Option<FamilyId>,
    /// When.
    pub begun_at: Timestamp,
    /// Without a refresh for so long it is over, in ms.
    pub idle_ms: i64,
    /// When it is over in any case.
    pub ends_at: Timestamp,
    /// The generation that was handed out last, from 1.
    pub generation: u32,
    /// When.
    pub rotated_at: Timestamp,
    /// Why it was ended, if it was.
    pub ended: Option<EndReason>,
}

impl SignIn {
    /// Whether its tokens are good at this time, as far as it knows itself.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now < self.ends_at
    }

    /// Until when the generation that was handed out last is good.
    pub fn good_until(&self) -> Timestamp {
        self.rotated_at.plus_millis(self.idle_ms).min(self.ends_at)
    }
}

impl State {
    pub(super) fn new(stream: StreamId) -> Self {
        let id = match stream {
            StreamId::Family(id) => id,
            // No directory starts this machine for a stream of another kind.
            _ => FamilyId(0),
        };
        State { id, sign_in: None }
    }

    pub(super) fn fold(&mut self, meta: EventMeta, event: &Event) {
        if let Event::Begun { person, round, audience, method, parent, idle_ms, ends_at } = *event {
            self.sign_in = Some(SignIn {
                person,
                round,
                audience,
                method,
                parent,
                begun_at: meta.at,
                idle_ms,
                ends_at,
                generation: 1,
                rotated_at: meta.at,
                ended: None,
            });
        }
        let Some(sign_in) = &mut self.sign_in else { return };
        match *event {
            Event::Begun { .. } => {}
            Event::Rotated { generation } => {
                sign_in.generation = generation;
                sign_in.rotated_at = meta.at;
            }
            Event::Ended { reason } => sign_in.ended = Some(reason),
        }
    }
}
