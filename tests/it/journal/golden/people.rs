use souk_core::any::AnyEvent;
use souk_core::family::{self, Audience, EndReason, Method, Shown};
use souk_core::ids::{BuyerId, CredentialId, FamilyId, SubjectId, UserId};
use souk_core::person::lock::Place;
use souk_core::person::{self, OperatorRole, Purpose};

use super::{AT, VENDOR};

pub fn events() -> Vec<AnyEvent> {
    let (old, new) = (CredentialId(41), CredentialId(42));
    let (totp, codes) = (CredentialId(45), CredentialId(46));
    let of_person = [
        person::Event::SignedUp { mail: SubjectId(30) },
        person::Event::LetterAsked { purpose: Purpose::Verify, token: 1 },
        person::Event::Reminded,
        person::Event::Verified { token: 1, password: old },
        person::Event::LetterAsked { purpose: Purpose::Reset, token: 2 },
        person::Event::PasswordReset { token: 2, password: new },
        person::Event::PasswordChanged { password: old },
        person::Event::SignInsEnded,
        person::Event::OperatorSet { role: Some(OperatorRole::Chief) },
        person::Event::OperatorSet { role: Some(OperatorRole::Curator) },
        person::Event::OperatorSet { role: Some(OperatorRole::Support) },
        person::Event::OperatorSet { role: Some(OperatorRole::Finance) },
        person::Event::OperatorSet { role: None },
        person::Event::Adopted { buyer: BuyerId(44) },
        person::Event::TryFailed { at: Place::Network(u64::MAX), count: 5 },
        person::Event::TryFailed { at: Place::Elsewhere, count: 6 },
        person::Event::TryFailed { at: Place::Shown, count: 7 },
        person::Event::Unlocked { at: Place::Network(44) },
        person::Event::TotpBegun { totp },
        person::Event::TotpConfirmed { totp, step: 60_000_000, codes },
        person::Event::TotpUsed { totp, step: 60_000_001 },
        person::Event::RecoveryUsed { codes, number: 9 },
        person::Event::RecoveryRenewed { codes: new },
        person::Event::FactorRemoved { totp },
    ];
    let begun = |audience, method, parent| family::Event::Begun {
        person: UserId(40),
        round: 1,
        audience,
        method,
        parent,
        idle_ms: 2_592_000_000,
        ends_at: AT,
    };
    let of_family = [
        begun(Audience::Store, Method::Password, None),
        begun(Audience::Vendor(VENDOR), Method::Password, Some(FamilyId(43))),
        begun(Audience::Operator, Method::Password, None),
        begun(Audience::Store, Method::PasswordAndCode, None),
        family::Event::Rotated { generation: 2 },
        family::Event::SteppedUp { by: Shown::Password },
        family::Event::SteppedUp { by: Shown::Code },
        family::Event::Ended { reason: EndReason::SignedOut },
        family::Event::Ended { reason: EndReason::Reused },
        family::Event::Ended { reason: EndReason::Revoked },
    ];
    of_person.map(AnyEvent::Person).into_iter().chain(of_family.map(AnyEvent::Family)).collect()
}
