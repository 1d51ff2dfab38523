//! The payload of every kind and version that was ever written, kept for ever.

use std::collections::BTreeMap;
use std::path::PathBuf;

use souk::journal::wire::{self, Encoded};
use souk_core::any::{AnyEvent, AnyOutcome};
use souk_core::ids::{CheckoutId, HoldId, LocationId, MovementId, PaymentId, SkuId};
use souk_core::inventory::{EndedHold, Event, Movement, Rejection, Reply};

use super::hosts::AT;

/// One event of every kind, in its newest version, with every optional field both ways.
fn newest() -> Vec<AnyEvent> {
    let (sku, location) = (SkuId(11), LocationId(12));
    let hold = HoldId { checkout: CheckoutId(13), n: 2 };
    let payment = PaymentId { checkout: CheckoutId(13), attempt: 1 };
    let movement = Movement { movement: MovementId(14), sku, location, quantity: 5 };
    let held = |pin| Event::Held { hold, sku, location, quantity: 3, deadline: AT, pin, asked: 8 };
    [
        Event::Opened { sku },
        Event::Closed { sku },
        Event::Received(movement),
        Event::Restocked(movement),
        Event::Adjusted { movement: MovementId(15), sku, location, delta: -4 },
        held(None),
        held(Some(payment)),
        Event::Pinned { hold, payment, asked: 9 },
        Event::Unpinned { hold, deadline: AT, asked: 10 },
        Event::Committed { hold, asked: 11 },
        Event::Released { hold },
        Event::Expired { hold },
        Event::Deallocated { hold },
        Event::Barred { hold, until: AT },
        Event::Shipped { hold },
    ]
    .map(AnyEvent::from)
    .into()
}

fn dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events")
}

/// `kind.vN.json`, with a letter before the ending when there are several of a kind.
fn files() -> BTreeMap<String, (Encoded, AnyEvent)> {
    let mut files = BTreeMap::new();
    for event in newest() {
        let encoded = wire::encode(&event).unwrap();
        let name = ["", "-b", "-c"]
            .map(|letter| format!("{}.v{}{letter}.json", encoded.kind, encoded.version))
            .into_iter()
            .find(|name| !files.contains_key(name))
            .unwrap();
        files.insert(name, (encoded, event));
    }
    files
}

#[test]
fn payloads_are_what_they_were() {
    let files = files();
    for (name, (encoded, _)) in &files {
        let path = dir().join(name);
        if std::env::var_os("SOUK_WRITE_GOLDEN").is_some() && !path.exists() {
            std::fs::write(&path, &encoded.payload).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_else(|_| {
            panic!("{name} is missing: a new kind or version needs its golden payload (SOUK_WRITE_GOLDEN=1)")
        });
        assert_eq!(encoded.payload, golden, "{name}: a changed payload is a new version");
    }
}

#[test]
fn every_payload_ever_written_can_be_read() {
    let newest = files();
    let mut read = 0;
    for entry in std::fs::read_dir(dir()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let (kind, version) = name.trim_end_matches(".json").rsplit_once(".v").unwrap();
        let version = version.split('-').next().unwrap().parse().unwrap();
        let payload = std::fs::read_to_string(&path).unwrap();
        let event = wire::decode(kind, version, &payload).unwrap();
        if let Some((_, newest)) = newest.get(name) {
            assert_eq!(event, *newest, "{name}");
        }
        read += 1;
    }
    assert!(read >= newest.len());
}

#[test]
fn what_is_not_known_is_refused() {
    assert!(wire::decode("stock.held", 99, "{}").is_err());
    assert!(wire::decode("stock.melted", 1, "{}").is_err());
    assert!(wire::decode("weather.rained", 1, "{}").is_err());
    let sku = SkuId(1);
    let more = format!("{{\"sku\":\"{sku}\",\"colour\":\"red\"}}");
    assert!(wire::decode("stock.opened", 1, &more).is_err(), "an unknown field is not skipped");
    assert!(wire::decode("stock.opened", 1, "{}").is_err());
}

#[test]
fn stored_outcomes_come_back_and_are_short() {
    let location = LocationId(u128::MAX);
    let yes = [
        Reply::Stock { available: i64::MIN },
        Reply::Held { location, deadline: AT },
        Reply::Pinned,
        Reply::Unpinned,
        Reply::Committed { location },
        Reply::Undone,
        Reply::Shipped,
    ];
    let ended = [
        EndedHold::Released,
        EndedHold::Expired,
        EndedHold::Deallocated,
        EndedHold::Barred,
        EndedHold::Shipped,
    ];
    let mut no = vec![
        Rejection::OutOfStock { available: 3 },
        Rejection::NotForSale,
        Rejection::UnknownSku,
        Rejection::InvalidQuantity,
        Rejection::OutOfRange,
        Rejection::InvalidDeadline,
        Rejection::UnknownHold,
        Rejection::Mismatch,
        Rejection::WrongState,
        Rejection::Stale,
    ];
    no.extend(ended.map(|how| Rejection::HoldEnded { how }));
    let outcomes = yes.into_iter().map(Ok).chain(no.into_iter().map(Err)).map(AnyOutcome::Stock);
    for outcome in outcomes {
        let stored = wire::encode_outcome(&outcome).unwrap();
        assert!(stored.len() <= 300, "{stored}");
        assert_eq!(wire::decode_outcome(&stored).unwrap(), outcome);
    }
    let stored = wire::encode_outcome(&AnyOutcome::Stock(Err(Rejection::NotForSale))).unwrap();
    assert_eq!(stored, r#"{"stock.1":{"no":"not_for_sale"}}"#);
}
