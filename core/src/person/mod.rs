//! A person with an account: who may sign in.
//!
//! signed up → verified. Whoever asks for an account says only a mail address; the password is chosen by whoever shows that
//! they got the letter, so nobody can lie in wait in an account that they made with another's address. What identifies or
//! authenticates a person (mail address, password hash) lies in plain rows that are written before the event that names
//! them; the machine knows their ids. What a letter asks of a person, to show that an address is theirs or to choose
//! another password, is good once: a *letter token* is a number that an event hands out and another consumes, so that
//! nothing is done twice after a crash or a take-over.
//!
//! Sign-ins belong to a *round*. Another password, or the wish to sign out everywhere, begins the next one, and sign-ins of
//! rounds before it are over. A number, not a time: clocks may go back.
//!
//! Whoever fails too often to show that they are this person must wait ([`lock`]). Beside the password a person may have a second factor
//! ([`factors`]).

mod decide;
pub mod factors;
pub mod lock;
mod machine;
mod state;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::ids::{BuyerId, CredentialId, SubjectId, UserId};
use crate::time::Timestamp;

use factors::{Code, SecondFactor};
use lock::Place;

pub use machine::Person;
pub use state::{Account, OpenLetter, State};

/// The most shoppers that a person has been, as a guest.
pub const BUYERS_MAX: usize = 1_000;

/// How long a letter that verifies a mail address is good, in ms: a day.
pub const VERIFY_WITHIN_MS: i64 = 24 * 60 * 60 * 1000;
/// How long a letter that lets a person choose another password is good, in ms: an hour.
pub const RESET_WITHIN_MS: i64 = 60 * 60 * 1000;
/// How long a person waits for the second letter of a kind, in ms, and then twice as long for each that nothing came of. A letter
/// is mail to somebody who may not have asked.
pub const LETTERS_EVERY_MS: i64 = 60 * 1000;
/// The longest that a person waits to be told once more that they have an account, in ms: half a day.
pub const REMINDED_EVERY_MAX_MS: i64 = 12 * 60 * 60 * 1000;

/// What a letter asks of a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Purpose {
    /// To show that the mail address is theirs, and to choose a password.
    Verify,
    /// To choose another password.
    Reset,
}

impl Purpose {
    /// How long such a letter is good, in ms.
    pub const fn good_for_ms(self) -> i64 {
        match self {
            Purpose::Verify => VERIFY_WITHIN_MS,
            Purpose::Reset => RESET_WITHIN_MS,
        }
    }
}

/// What somebody may do for the marketplace. What that allows is written in one place, `src/tenants/policy.rs`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum OperatorRole {
    /// Everything, and who else is an operator.
    Chief,
    /// Who may sell, and what is shown.
    Curator,
    /// Orders and whoever asks about them.
    Support,
    /// Money that came and goes.
    Finance,
}

/// An order to a person's account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Somebody wants an account with this mail address. Whoever has one is told so by letter.
    SignUp {
        /// Names the mail address.
        mail: SubjectId,
    },
    /// Somebody says that they have forgotten their password.
    AskReset,
    /// Somebody comes with the token of a letter that verifies, and has chosen a password.
    Verify {
        /// The token's number.
        token: u32,
        /// Names the password's hash.
        password: CredentialId,
    },
    /// Somebody comes with the token of a letter that resets, and has chosen another password.
    Reset {
        /// The token's number.
        token: u32,
        /// Names the new password's hash.
        password: CredentialId,
    },
    /// The person, signed in and with the old password, chooses another.
    ChangePassword {
        /// The password that was compared; another may have been chosen meanwhile.
        old: CredentialId,
        /// Names the new password's hash.
        new: CredentialId,
    },
    /// The person signs out everywhere.
    EndSignIns,
    /// Another operator says what the person may do for the marketplace; `None` is nothing.
    SetOperator {
        /// What.
        role: Option<OperatorRole>,
    },
    /// The person has shown that they were this shopper, as a guest. That nobody else has is known by a row of its own, which
    /// is put before.
    Adopt {
        /// Which.
        buyer: BuyerId,
    },
    /// May the person who knows this password sign in now? Failures from there are forgotten then, and the code is consumed.
    MaySignIn {
        /// The password that was compared; another may have been chosen meanwhile.
        password: CredentialId,
        /// Where they are.
        from: Place,
        /// The code that they showed, too. Whoever has no second factor needs none.
        code: Option<Code>,
    },
    /// About the second factor.
    Factor(factors::Order),
    /// Somebody has failed to show that they are this person.
    CountFailure {
        /// Where.
        at: Place,
        /// Failures there before this one, as the server remembers them.
        earlier: u32,
    },
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Somebody wants an account with this mail address.
    SignedUp {
        /// Names the mail address.
        mail: SubjectId,
    },
    /// A letter is on its way; older ones of its purpose are not good any more, unless they have the same token.
    LetterAsked {
        /// Which.
        purpose: Purpose,
        /// Its token's number, from 1; also that of the letter before, when that one is still good for a while.
        token: u32,
    },
    /// Somebody wants an account with an address that has one; its owner is told.
    Reminded,
    /// The mail address is the person's, and this is their password.
    Verified {
        /// The token that showed it; it is spent.
        token: u32,
        /// Names the password's hash.
        password: CredentialId,
    },
    /// Another password by way of a letter; who had signed in before is signed out.
    PasswordReset {
        /// The token; it is spent.
        token: u32,
        /// Names the new password's hash.
        password: CredentialId,
    },
    /// Another password by way of the old one; who had signed in before is signed out.
    PasswordChanged {
        /// Names the new password's hash.
        password: CredentialId,
    },
    /// Who had signed in before is signed out.
    SignInsEnded,
    /// From here on they may do this for the marketplace.
    OperatorSet {
        /// What; `None` is nothing.
        role: Option<OperatorRole>,
    },
    /// What this shopper bought is theirs.
    Adopted {
        /// Which.
        buyer: BuyerId,
    },
    /// Somebody has failed once too often to show that they are this person: there nothing is tried for a while.
    TryFailed {
        /// Where.
        at: Place,
        /// How many failures are remembered there.
        count: u32,
    },
    /// Somebody has shown that they are this person: failures there are forgotten.
    Unlocked {
        /// Where.
        at: Place,
    },
    /// The person wants a second factor, and was shown its secret.
    TotpBegun {
        /// Names the secret.
        totp: CredentialId,
    },
    /// They showed a first code of it: from here on it is asked for.
    TotpConfirmed {
        /// Names the secret.
        totp: CredentialId,
        /// The step of the code; it is consumed.
        step: u64,
        /// Names the recovery codes that came with it.
        codes: CredentialId,
    },
    /// They showed a code.
    TotpUsed {
        /// Names the secret.
        totp: CredentialId,
        /// The step of the code; it and all before are consumed.
        step: u64,
    },
    /// They showed a recovery code.
    RecoveryUsed {
        /// Names those that it is of.
        codes: CredentialId,
        /// Its number; it is consumed.
        number: u32,
    },
    /// They have other recovery codes; none of those before is good any more.
    RecoveryRenewed {
        /// Names them.
        codes: CredentialId,
    },
    /// They have no second factor any more.
    FactorRemoved {
        /// Names the secret that it had.
        totp: CredentialId,
    },
}

impl Event {
    /// The password that holds from here on, when this event changes it.
    pub fn password(&self) -> Option<CredentialId> {
        match *self {
            Event::Verified { password, .. }
            | Event::PasswordReset { password, .. }
            | Event::PasswordChanged { password } => Some(password),
            Event::SignedUp { .. }
            | Event::LetterAsked { .. }
            | Event::Reminded
            | Event::SignInsEnded
            | Event::OperatorSet { .. }
            | Event::Adopted { .. }
            | Event::TryFailed { .. }
            | Event::Unlocked { .. }
            | Event::TotpBegun { .. }
            | Event::TotpConfirmed { .. }
            | Event::TotpUsed { .. }
            | Event::RecoveryUsed { .. }
            | Event::RecoveryRenewed { .. }
            | Event::FactorRemoved { .. } => None,
        }
    }
}

/// What may be known of an account without asking its machine: how it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// Whose.
    pub person: UserId,
    /// Names the mail address.
    pub mail: SubjectId,
    /// Names the password's hash; `None` until the address is known to be theirs.
    pub password: Option<CredentialId>,
    /// Sign-ins of earlier rounds are over.
    pub round: u32,
    /// What they may do for the marketplace.
    pub operator: Option<OperatorRole>,
    /// The second factor, if they have one.
    pub second: Option<SecondFactor>,
}

/// A person's yes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// How the account stands.
    Account(Standing),
}

/// A person's no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Rejection {
    /// Nobody has an account under this id.
    NotFound,
    /// Somebody has, with another mail address.
    AlreadyExists,
    /// The token was spent, is too old, or there is a newer letter.
    TokenSpent,
    /// A letter was sent a moment ago.
    TooSoon {
        /// When the next may be asked for.
        next_at: Timestamp,
    },
    /// Another password was chosen meanwhile, or none yet.
    PasswordChanged,
    /// Nobody has shown yet that the mail address is theirs.
    NotVerified,
    /// They have been as many shoppers as can be counted.
    TooManyBuyers,
    /// Somebody has failed there too often: nothing is tried.
    Locked {
        /// Until when.
        until: Timestamp,
    },
    /// The password is right, and a code of the second factor is needed beside it.
    CodeNeeded,
    /// The code is none, or was used.
    CodeSpent,
    /// There is no second factor, or none that waits to be confirmed.
    NoFactor,
    /// There is a second factor.
    FactorExists,
    /// The account has had as many letters or rounds as can be counted.
    Exhausted,
}
