//! What a family's machine knows, and how an event changes it.

use serde::{Deserialize, Serialize};

use crate::ids::{FamilyId, StreamId, UserId};
use crate::machine::EventMeta;
use crate::time::Timestamp;

use super::{Audience, EndReason, Event, Method, Shown};

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
    /// When the person last showed once more who they are, and by what.
    pub stepped_up: Option<(Timestamp, Shown)>,
    /// Why it was ended, if it was.
    pub ended: Option<EndReason>,
}

impl SignIn {
    /// Whether its tokens are good at this time, as far as it knows itself.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now < self.ends_at
    }

    /// Whether what it came of, if it came of another, lives: without that it is nothing.
    pub fn comes_of_live(&self, parent: Option<&SignIn>, now: Timestamp) -> bool {
        self.parent.is_none()
            || parent.is_some_and(|parent| parent.is_live(now) && parent.person == self.person)
    }

    /// When the person last showed who they are: when they signed in, or after it.
    pub fn shown_at(&self) -> Timestamp {
        self.stepped_up.map_or(self.begun_at, |(at, _)| at)
    }

    /// Whether they showed a code of a second factor, too.
    pub fn has_shown_code(&self) -> bool {
        self.method == Method::PasswordAndCode || self.stepped_up.is_some_and(|(_, by)| by == Shown::Code)
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
                stepped_up: None,
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
            Event::SteppedUp { by } => sign_in.stepped_up = Some((meta.at, by)),
            Event::Ended { reason } => sign_in.ended = Some(reason),
        }
    }
}
