//! What a vendor's machine knows, and how an event changes it.

use serde::{Deserialize, Serialize};

use crate::ids::{StreamId, VendorId};
use crate::machine::EventMeta;

use super::{Application, Commission, Event, Status};

/// A vendor's state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct State {
    /// Whose state this is.
    pub id: VendorId,
    /// What is known of it; `None` until somebody applies.
    pub profile: Option<Profile>,
    /// The seq of the last event.
    pub version: u64,
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
        State { id, profile: None, version: 0 }
    }

    pub(super) fn fold(&mut self, meta: EventMeta, event: &Event) {
        self.version = meta.seq;
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
        }
    }
}

impl Profile {
    fn leave(&mut self, status: Status, reason: &str) {
        self.status = status;
        self.reason = Some(reason.to_owned());
    }
}
