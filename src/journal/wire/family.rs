//! Events and outcomes of a sign-in. No token stands in any of them: they are made of a secret that the journal never sees.

use souk_core::family::{self, Event};
use souk_core::ids::{FamilyId, UserId, VendorId};
use souk_core::time::Timestamp;

events! {
    Event:
    "family.begun" 1 => Begun {
        person: UserId,
        round: u32,
        audience: Audience,
        method: Method,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<FamilyId>,
        idle_ms: i64,
        ends_at: Timestamp,
    },
    "family.rotated" 1 => Rotated { generation: u32 },
    "family.stepped_up" 1 => SteppedUp { by: Shown },
    "family.ended" 1 => Ended { reason: EndReason },
}

mirror! {
    enum Audience = family::Audience { Store, Vendor(vendor: VendorId), Operator }

    enum Method = family::Method { Password, PasswordAndCode }

    enum Shown = family::Shown { Password, Code }

    enum EndReason = family::EndReason { SignedOut, Reused, Revoked }

    /// A family's yes, as a stored reply holds it.
    enum Yes = family::Reply {
        Live { family: FamilyId, generation: u32, good_until: Timestamp },
        Over { reason: EndReason },
    }

    /// A family's no, as a stored reply holds it.
    enum No = family::Rejection { NotFound, AlreadyExists, Expired, UnknownGeneration, InvalidTime }
}
