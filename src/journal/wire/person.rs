//! Events and outcomes of a person.

use souk_core::ids::{CredentialId, SubjectId, UserId};
use souk_core::person::{self, Event};
use souk_core::time::Timestamp;

events! {
    Event:
    "person.registered" 1 => Registered { mail: SubjectId, password: CredentialId },
    "person.letter_asked" 1 => LetterAsked { purpose: Purpose, token: u32 },
    "person.verified" 1 => Verified { token: u32 },
    "person.password_reset" 1 => PasswordReset { token: u32, password: CredentialId },
    "person.password_changed" 1 => PasswordChanged { password: CredentialId },
    "person.sign_ins_ended" 1 => SignInsEnded,
}

mirror! {
    enum Purpose = person::Purpose { Verify, Reset }

    /// A person's yes, as a stored reply holds it.
    enum Yes = person::Reply {
        Account { person: UserId, verified: bool, signed_in_from: Timestamp },
    }

    /// A person's no, as a stored reply holds it.
    enum No = person::Rejection {
        NotFound,
        AlreadyExists,
        TokenSpent,
        AlreadyVerified,
        TooSoon { next_at: Timestamp },
        PasswordChanged,
    }
}
