use souk_core::any::AnyEvent;
use souk_core::ids::{KeyId, SubjectId, UserId};
use souk_core::money::{Currency, Rate};
use souk_core::time::Timestamp;
use souk_core::vendor::{Application, Commission, Event, KeyScope, LegalEntity, Role};

pub fn events() -> Vec<AnyEvent> {
    let application = Application {
        name: "Töpferei am Markt".to_owned(),
        legal_entity: LegalEntity {
            name: "Töpferei am Markt GmbH".to_owned(),
            country: "DE".to_owned(),
            tax_id: Some("DE136695976".to_owned()),
            series: "TAM-".to_owned(),
        },
        settlement: Currency::EUR,
        seller_of_record: true,
        contact: Some(SubjectId(30)),
    };
    let events = [
        Event::Applied(application),
        Event::Approved(Commission { rate: Rate(1_250), rule: "default".to_owned() }),
        Event::Suspended { reason: "Complaints about late parcels.\nSee the inbox.".to_owned() },
        Event::Reinstated,
        Event::Closed { reason: "Retired.".to_owned() },
        Event::CommissionSet(Commission { rate: Rate(900), rule: "spring".to_owned() }),
        Event::Invited { invitation: 1, mail: SubjectId(31), role: Role::Owner },
        Event::InvitationWithdrawn { invitation: 2 },
        Event::Joined { invitation: 1, person: UserId(40), role: Role::Packer },
        Event::RoleSet { person: UserId(40), role: Role::Manager },
        Event::RoleSet { person: UserId(40), role: Role::Accountant },
        Event::Dismissed { person: UserId(40) },
        Event::KeyMade { key: KeyId(50), scopes: KeyScope::ALL.into(), ends_at: None, replaces: None },
        Event::KeyMade {
            key: KeyId(51),
            scopes: vec![KeyScope::StockWrite],
            ends_at: Some(Timestamp::from_millis(1_800_000_000_000)),
            replaces: Some(KeyId(50)),
        },
        Event::KeyEnds { key: KeyId(50), at: Timestamp::from_millis(1_790_000_000_000) },
        Event::KeyRevoked { key: KeyId(51) },
    ];
    events.map(AnyEvent::Vendor).into()
}
