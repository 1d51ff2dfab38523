//! How the writer is.

use souk_core::time::Timestamp;

/// How the writer is, for admission and `/readyz`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WriterHealth {
    /// What is offered is written.
    Healthy,
    /// The database refuses or does not answer; the same group is offered again. Nothing is in doubt.
    Degraded {
        /// Since when.
        since: Timestamp,
        /// What the database said last.
        reason: String,
    },
    /// The connection was lost while a group was being committed; it is offered again until it is known whether
    /// it was.
    Unknown {
        /// Since when.
        since: Timestamp,
        /// What the database said last.
        reason: String,
    },
    /// The writer has ended after a fault that must not be retried. The process must exit.
    Fatal {
        /// What the database said.
        reason: String,
    },
    /// The writer was closed in good order.
    Closed,
}

impl WriterHealth {
    /// Whether new work from outside may come in; what is under way always may.
    pub fn admits(&self) -> bool {
        matches!(self, WriterHealth::Healthy)
    }

    /// What the database said last.
    pub fn reason(&self) -> Option<String> {
        match self {
            WriterHealth::Healthy | WriterHealth::Closed => None,
            WriterHealth::Degraded { reason, .. }
            | WriterHealth::Unknown { reason, .. }
            | WriterHealth::Fatal { reason } => Some(reason.clone()),
        }
    }

    /// The state after one more failure: what began earlier keeps its beginning, and a doubt stays one.
    pub(super) fn after_failure(&self, doubtful: bool, reason: String, now: Timestamp) -> WriterHealth {
        match self {
            WriterHealth::Unknown { since, .. } => WriterHealth::Unknown { since: *since, reason },
            WriterHealth::Degraded { since, .. } if doubtful => {
                WriterHealth::Unknown { since: *since, reason }
            }
            WriterHealth::Degraded { since, .. } => WriterHealth::Degraded { since: *since, reason },
            _ if doubtful => WriterHealth::Unknown { since: now, reason },
            _ => WriterHealth::Degraded { since: now, reason },
        }
    }
}
