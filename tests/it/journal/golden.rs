//! Payloads are read for ever: what this version writes is compared, byte for byte, with `tests/golden`, and
//! every payload there is read. A file is never changed; a new shape is a new version with a file of its own.

mod checkout;
mod order;
mod outside;
mod payment;
mod people;
mod product;
mod stock;
mod vendor;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use souk::journal::wire::{self, Encoded, EncodedEffect};
use souk_core::any::AnyEvent;
use souk_core::ids::{
    CheckoutId, HoldId, LocationId, OrderId, PaymentId, ProductId, SkuId, VariantId, VendorId,
};
use souk_core::money::{Currency, Money};
use souk_core::time::Timestamp;

const SKU: SkuId = SkuId(11);
const LOCATION: LocationId = LocationId(12);
const CHECKOUT: CheckoutId = CheckoutId(13);
const ORDER: OrderId = OrderId(CHECKOUT.0);
const HOLD: HoldId = HoldId { checkout: CHECKOUT, n: 2 };
const PAYMENT: PaymentId = PaymentId { checkout: CHECKOUT, attempt: 1 };
const PRODUCT: ProductId = ProductId(16);
const VARIANT: VariantId = VariantId(17);
const VENDOR: VendorId = VendorId(18);
/// How the id of a person begins.
const SUBJECT: &str = "sub_";
const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

/// At least one event of every kind, in its newest version.
fn events() -> Vec<AnyEvent> {
    [
        stock::events(),
        vendor::events(),
        product::events(),
        checkout::events(),
        payment::events(),
        order::events(),
        people::events(),
    ]
    .concat()
}

fn dir(of: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", of].iter().collect()
}

/// Every file of a folder by its name, with its text.
fn texts(of: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(dir(of)).expect("golden files can be read");
    let text = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("golden files can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
        (name.to_owned(), fs::read_to_string(&path).expect("golden files are texts"))
    };
    entries.map(text).collect()
}

/// Kind and version out of `kind.vN.json`; a letter stands before the ending when there are several of a kind.
fn named(file: &str) -> (&str, i64) {
    let (kind, version) = file.trim_end_matches(".json").rsplit_once(".v").expect("kind.vN.json");
    (kind, version.split('-').next().and_then(|number| number.parse().ok()).expect("a number"))
}

fn compare(of: &str, file: &str, written: &str) {
    let path = dir(of).join(file);
    if std::env::var_os("SOUK_WRITE_GOLDEN").is_some() && !path.exists() {
        fs::write(&path, written).expect("golden files can be written");
    }
    let golden = fs::read_to_string(&path).unwrap_or_else(|_| {
        panic!("{file} is missing: a new kind or version needs its golden payload (SOUK_WRITE_GOLDEN=1)")
    });
    assert_eq!(written, golden, "{file}: a changed payload is a new version");
}

#[test]
fn events_are_written_as_they_were() {
    let mut kinds = BTreeSet::new();
    let mut names = BTreeSet::new();
    for event in events() {
        let Encoded { kind, version, payload } = wire::encode(&event).unwrap();
        let letters = ["", "-b", "-c", "-d"].map(|letter| format!("{kind}.v{version}{letter}.json"));
        let name = letters.into_iter().find(|name| names.insert(name.clone())).unwrap();
        compare("events", &name, &payload);
        assert_eq!(wire::decode(kind, i64::from(version), &payload).unwrap(), event, "{name}");
        kinds.insert((kind, version));
    }
    assert_eq!(kinds, wire::event_kinds().collect(), "a sample of every kind");
}

#[test]
fn events_of_every_version_are_read() {
    let texts = texts("events");
    for (name, payload) in &texts {
        let (kind, version) = named(name);
        let event = wire::decode(kind, version, payload).unwrap();
        // Whom an event names must be known of every kind: the vault's sweeper goes by it.
        let written: Vec<&str> =
            payload.match_indices(SUBJECT).map(|(at, _)| &payload[at..at + SUBJECT.len() + 26]).collect();
        let told: Vec<String> = event.subject().iter().map(ToString::to_string).collect();
        assert_eq!(told, written, "{name}");
    }
    for (kind, newest) in wire::event_kinds() {
        for version in 1..=newest {
            assert!(texts.contains_key(&format!("{kind}.v{version}.json")), "{kind} {version}");
        }
    }
}

#[test]
fn effects_are_written_as_they_were() {
    for effect in outside::effects() {
        let EncodedEffect { kind, version, payload, .. } = wire::encode_effect(&effect).unwrap();
        compare("effects", &format!("{kind}.v{version}.json"), &payload);
        assert_eq!(wire::decode_effect(&kind, i64::from(version), &payload).unwrap(), effect, "{kind}");
    }
    for (name, payload) in texts("effects") {
        let (kind, version) = named(&name);
        wire::decode_effect(kind, version, &payload).unwrap();
    }
}

#[test]
fn outcomes_are_written_as_they_were() {
    for (name, outcome) in outside::outcomes() {
        let row = wire::encode_outcome(&outcome).unwrap();
        compare("outcomes", &format!("{name}.json"), &row);
        assert_eq!(wire::decode_outcome(&row).unwrap(), outcome, "{name}");
    }
    for row in texts("outcomes").values() {
        wire::decode_outcome(row).unwrap();
    }
}
