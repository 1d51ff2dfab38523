//! Events and outcomes of a person.

use souk_core::ids::{BuyerId, CredentialId, SubjectId, UserId};
use souk_core::person::{self, Event, factors, lock};
use souk_core::time::Timestamp;

events! {
    Event:
    "person.signed_up" 1 => SignedUp { mail: SubjectId },
    "person.letter_asked" 1 => LetterAsked { purpose: Purpose, token: u32 },
    "person.reminded" 1 => Reminded,
    "person.verified" 1 => Verified { token: u32, password: CredentialId },
    "person.password_reset" 1 => PasswordReset { token: u32, password: CredentialId },
    "person.password_changed" 1 => PasswordChanged { password: CredentialId },
    "person.sign_ins_ended" 1 => SignInsEnded,
    "person.operator_set" 1 => OperatorSet { role: Option<OperatorRole> },
    "person.adopted" 1 => Adopted { buyer: BuyerId },
    "person.try_failed" 1 => TryFailed { at: Place, count: u32 },
    "person.unlocked" 1 => Unlocked { at: Place },
    "person.totp_begun" 1 => TotpBegun { totp: CredentialId },
    "person.totp_confirmed" 1 => TotpConfirmed { totp: CredentialId, step: u64, codes: CredentialId },
    "person.totp_used" 1 => TotpUsed { totp: CredentialId, step: u64 },
    "person.recovery_used" 1 => RecoveryUsed { codes: CredentialId, number: u32 },
    "person.recovery_renewed" 1 => RecoveryRenewed { codes: CredentialId },
    "person.factor_removed" 1 => FactorRemoved { totp: CredentialId },
}

mirror! {
    enum Purpose = person::Purpose { Verify, Reset }

    enum Place = lock::Place { Network(network: u64), Elsewhere, Shown }

    struct Standing = person::Standing {
        person: UserId,
        mail: SubjectId,
        password: Option<CredentialId>,
        round: u32,
        #[serde(rename = "op", skip_serializing_if = "Option::is_none")]
        operator: Option<OperatorRole>,
        #[serde(rename = "2nd", skip_serializing_if = "Option::is_none")]
        second: Option<SecondFactor>,
    }

    struct SecondFactor = factors::SecondFactor {
        #[serde(rename = "t")]
        totp: CredentialId,
        #[serde(rename = "c")]
        codes: CredentialId,
        #[serde(rename = "left")]
        codes_left: u32,
    }

    enum OperatorRole = person::OperatorRole { Chief, Curator, Support, Finance }

    /// A person's yes, as a stored reply holds it.
    enum Yes = person::Reply {
        Account(standing: Standing),
    }

    /// A person's no, as a stored reply holds it.
    enum No = person::Rejection {
        NotFound,
        AlreadyExists,
        TokenSpent,
        TooSoon { next_at: Timestamp },
        PasswordChanged,
        NotVerified,
        TooManyBuyers,
        Locked { until: Timestamp },
        CodeNeeded,
        CodeSpent,
        NoFactor,
        FactorExists,
        Exhausted,
    }
}
