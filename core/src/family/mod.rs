//! A sign-in: one person on one device, from the first token to the end, over all refreshes in between.
//!
//! begun → ended. A refresh token names the family and a generation, under a MAC that only the plain rows hold the secret
//! of, so the journal holds no token. Whoever presents the current generation gets the next one. Whoever presents one that
//! was spent has copied a token, or lost it to somebody who did: nobody can tell which, so the family ends. Only for
//! [`GRACE_MS`] after a rotation is the generation before it taken for the same question asked again, because its answer
//! was lost on the way, and answered by the same successor; also after a restart.
//!
//! The family knows nothing of the person but the id and the round of their sign-ins. Whether that round is over is looked
//! up beside it.

mod decide;
mod machine;
mod state;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::ids::{FamilyId, UserId, VendorId};
use crate::time::Timestamp;

pub use machine::Family;
pub use state::{SignIn, State};

/// How long after a rotation its answer may have been lost and be asked for again, in ms.
pub const GRACE_MS: i64 = 10_000;
/// The longest that a family may last, in ms: a year.
pub const LASTS_MAX_MS: i64 = 365 * 24 * 60 * 60 * 1000;

/// What tokens of a family are good for. One that is good for one surface, or vendor, is refused at the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Audience {
    /// Shopping.
    Store,
    /// Acting for this vendor, and for no other.
    Vendor(VendorId),
    /// Keeping order.
    Operator,
}

/// How a person showed who they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Method {
    /// By a password.
    Password,
    /// By a password and a code of the second factor.
    PasswordAndCode,
}

/// What a person shows once more who is signed in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Shown {
    /// The password.
    Password,
    /// A code of the second factor.
    Code,
}

/// Why a family ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum EndReason {
    /// The person signed out.
    SignedOut,
    /// A refresh token was presented that had been spent: somebody has a copy.
    Reused,
    /// An operator, or the person on another device, ended it.
    Revoked,
}

/// What a sign-in begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Begin {
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
    /// Without a refresh for so long it is over, in ms; 1 to [`LASTS_MAX_MS`].
    pub idle_ms: i64,
    /// It is over after so long in any case, in ms; 1 to [`LASTS_MAX_MS`].
    pub lasts_ms: i64,
}

/// An order to a family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// A person has signed in.
    Begin(Begin),
    /// Somebody presents a refresh token whose MAC is right.
    Rotate {
        /// The generation it names.
        generation: u32,
    },
    /// The person has shown once more who they are.
    StepUp {
        /// By what.
        by: Shown,
    },
    /// No more tokens.
    End {
        /// Why.
        reason: EndReason,
    },
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A person signed in; the first generation is handed out.
    Begun {
        /// Who.
        person: UserId,
        /// The round of the person's sign-ins that it belongs to.
        round: u32,
        /// For which surface.
        audience: Audience,
        /// How they showed who they are.
        method: Method,
        /// The sign-in that it came of.
        parent: Option<FamilyId>,
        /// Without a refresh for so long it is over, in ms.
        idle_ms: i64,
        /// When it is over in any case.
        ends_at: Timestamp,
    },
    /// The generation before this one is spent.
    Rotated {
        /// The one that is handed out.
        generation: u32,
    },
    /// The person showed once more who they are.
    SteppedUp {
        /// By what.
        by: Shown,
    },
    /// No token of it is good for anything any more.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// A family's yes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// It goes on; this is the refresh token that is good from here on.
    Live {
        /// Which family.
        family: FamilyId,
        /// The generation of the refresh token.
        generation: u32,
        /// Until when that is good.
        good_until: Timestamp,
    },
    /// It is over, by this order or before it.
    Over {
        /// Why.
        reason: EndReason,
    },
}

/// A family's no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Rejection {
    /// Nobody signed in under this id.
    NotFound,
    /// Somebody else did, or in another way.
    AlreadyExists,
    /// It was not refreshed in time, or has lasted as long as it may.
    Expired,
    /// A generation that was never handed out.
    UnknownGeneration,
    /// A time is not within its bounds.
    InvalidTime,
}
