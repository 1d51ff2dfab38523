//! What a vendor's machine knows, and how an event changes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{KeyId, StreamId, UserId, VendorId};
use crate::machine::EventMeta;

use super::{Application, Commission, Event, Keys, Role, ServiceKey, Status, Team};

/// A vendor's state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct State {
    /// Whose state this is.
    pub id: VendorId,
    /// What is known of it; `None` until somebody applies.
    pub profile: Option<Profile>,
    /// Who acts for it.
    pub team: Team,
    /// What its programs act with.
    pub keys: Keys,
    /// The seq of the last event.
    pub version: u64,
}

/// What may be known of a vendor without asking its machine: whether it stands, and who may act for it.
#[derive(Clone, PartialEq, Debug)]
pub struct Standing {
    /// Where it stands.
    pub status: Status,
    /// What each member of its team is.
    pub members: Arc<BTreeMap<UserId, Role>>,
    /// Its service keys that were not revoked; some may have ended.
    pub keys: Arc<BTreeMap<KeyId, ServiceKey>>,
}

/// What is known of a vendor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Profile {
    /// What it said of itself.
    pub application: Application,
    /// Where it stands.
    pub status: Status,
    /// What the marketplace keeps; `None` until it is approved.
    pub commission: Option<Commission>,
    /// Why it was suspended or closed last.
    pub reason: Option<String>,
}

impl State {
    pub(super) fn new(stream: StreamId) -> Self {
        let id = match stream {
            StreamId::Vendor(id) => id,
            // No directory starts this machine for a stream of another kind.
            _ => VendorId(0),
        };
        State { id, profile: None, team: Team::default(), keys: Keys::default(), version: 0 }
    }

    /// How the vendor stands; `None` when nobody has applied.
    pub fn standing(&self) -> Option<Standing> {
        let members = Arc::new(self.team.members.clone());
        let keys = Arc::new(self.keys.known.clone());
        self.profile.as_ref().map(|profile| Standing { status: profile.status, members, keys })
    }

    pub(super) fn fold(&mut self, meta: EventMeta, event: &Event) {
        self.version = meta.seq;
        self.team.fold(meta.at, event);
        self.keys.fold(meta.at, event);
        if let Event::Applied(application) = event {
            self.profile = Some(Profile {
                application: application.clone(),
                status: Status::Applied,
                commission: None,
                reason: None,
            });
        }
        let Some(profile) = &mut self.profile else { return };
        match event {
            Event::Applied(_) => {}
            Event::Approved(commission) => {
                profile.status = Status::Active;
                profile.commission = Some(commission.clone());
            }
            Event::Suspended { reason } => profile.leave(Status::Suspended, reason),
            Event::Reinstated => {
                profile.status = Status::Active;
                profile.reason = None;
            }
            Event::Closed { reason } => profile.leave(Status::Closed, reason),
            Event::CommissionSet(commission) => profile.commission = Some(commission.clone()),
            Event::Invited { .. }
            | Event::InvitationWithdrawn { .. }
            | Event::Joined { .. }
            | Event::RoleSet { .. }
            | Event::Dismissed { .. }
            | Event::KeyMade { .. }
            | Event::KeyEnds { .. }
            | Event::KeyRevoked { .. } => {}
        }
    }
}

impl Profile {
    fn leave(&mut self, status: Status, reason: &str) {
        self.status = status;
        self.reason = Some(reason.to_owned());
    }
}
