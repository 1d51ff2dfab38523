use souk_core::any::AnyEvent;
use souk_core::family::{self, Audience, EndReason, Method};
use souk_core::ids::{CredentialId, FamilyId, SubjectId, UserId};
use souk_core::person::lock::Place;
use souk_core::person::{self, Purpose};

use super::{AT, VENDOR};

pub fn events() -> Vec<AnyEvent> {
    let (old, new) = (CredentialId(41), CredentialId(42));
    let of_person = [
        person::Event::SignedUp { mail: SubjectId(30) },
        person::Event::LetterAsked { purpose: Purpose::Verify, token: 1 },
        person::Event::Reminded,
        person::Event::Verified { token: 1, password: old },
        person::Event::LetterAsked { purpose: Purpose::Reset, token: 2 },
        person::Event::PasswordReset { token: 2, password: new },
        person::Event::PasswordChanged { password: old },
        person::Event::SignInsEnded,
        person::Event::TryFailed { at: Place::Network(u64::MAX), count: 5 },
        person::Event::TryFailed { at: Place::Elsewhere, count: 6 },
        person::Event::TryFailed { at: Place::Shown, count: 7 },
        person::Event::Unlocked { at: Place::Network(44) },
    ];
    let begun = |audience, parent| family::Event::Begun {
        person: UserId(40),
        round: 1,
        audience,
        method: Method::Password,
        parent,
        idle_ms: 2_592_000_000,
        ends_at: AT,
    };
    let of_family = [
        begun(Audience::Store, None),
        begun(Audience::Vendor(VENDOR), Some(FamilyId(43))),
        begun(Audience::Operator, None),
        family::Event::Rotated { generation: 2 },
        family::Event::Ended { reason: EndReason::SignedOut },
        family::Event::Ended { reason: EndReason::Reused },
        family::Event::Ended { reason: EndReason::Revoked },
    ];
    of_person.map(AnyEvent::Person).into_iter().chain(of_family.map(AnyEvent::Family)).collect()
}
