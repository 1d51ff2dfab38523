//! Payloads are read for ever: what this version writes is compared, byte for byte, with `tests/golden`, and
//! every payload there is read. A file is never changed; a new shape is a new version with a file of its own.

mod checkout;
mod order;
mod outside;
mod payment;
mod product;
mod stock;
mod vendor;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use souk::journal::wire;
use souk_core::any::AnyEvent;
use souk_core::ids::{
    CheckoutId, HoldId, LocationId, OrderId, PaymentId, ProductId, SkuId, VariantId, VendorId,
};
use souk_core::money::{Currency, Money};
use souk_core::time::Timestamp;

const CHECKOUT: CheckoutId = CheckoutId(0x0189_abcd_ef01_2345_6789_abcd_ef01_2345);
const ORDER: OrderId = OrderId(CHECKOUT.0);
const PAYMENT: PaymentId = PaymentId { checkout: CHECKOUT, attempt: 1 };
const HOLD: HoldId = HoldId { checkout: CHECKOUT, n: 7 };
const SKU: SkuId = SkuId(11);
const PRODUCT: ProductId = ProductId(12);
const VARIANT: VariantId = VariantId(13);
const VENDOR: VendorId = VendorId(14);
const LOCATION: LocationId = LocationId(15);
const AT: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

/// One event of every kind.
fn events() -> Vec<AnyEvent> {
    [
        stock::events(),
        vendor::events(),
        product::events(),
        checkout::events(),
        payment::events(),
        order::events(),
    ]
    .concat()
}

fn folder(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name].iter().collect()
}

/// The text of a golden file; when it is missing, what should stand in it.
fn text_of(folder_name: &str, file: &str, written: &str) -> String {
    let path = folder(folder_name).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; new:\n{written}", path.display()))
}

fn files(folder_name: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder(folder_name)).expect("golden files can be read");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("golden files can be read").file_name().into_string().expect("a plain name")
    };
    entries.map(name).collect()
}

#[test]
fn events_are_written_as_they_were() {
    let mut seen = BTreeSet::new();
    for event in events() {
        let wire::Encoded { kind, version, payload } = wire::encode(&event).unwrap();
        let golden = text_of("events", &format!("{kind}.{version}.json"), &payload);
        assert_eq!(format!("{payload}\n"), golden, "{kind}: a change of shape is a new version");
        assert_eq!(wire::decode(kind, i64::from(version), &golden).unwrap(), event, "{kind}");
        seen.insert((kind, version));
    }
    let all: BTreeSet<_> = wire::event_kinds().collect();
    assert_eq!(all, seen, "one sample of every kind");
}

#[test]
fn events_of_every_version_are_read() {
    let files = files("events");
    for (kind, version) in wire::event_kinds() {
        for version in 1..=version {
            assert!(files.contains(&format!("{kind}.{version}.json")), "{kind} {version}");
        }
    }
    for file in files {
        let (kind, version) = file.strip_suffix(".json").and_then(|name| name.rsplit_once('.')).unwrap();
        let payload = text_of("events", &file, "");
        wire::decode(kind, version.parse().unwrap(), &payload).unwrap();
    }
}

#[test]
fn effects_are_written_as_they_were() {
    for effect in outside::effects() {
        let wire::EncodedEffect { kind, version, payload, .. } = wire::encode_effect(&effect).unwrap();
        let golden = text_of("effects", &format!("{kind}.{version}.json"), &payload);
        assert_eq!(format!("{payload}\n"), golden, "{kind}: a change of shape is a new version");
        assert_eq!(wire::decode_effect(&kind, i64::from(version), &golden).unwrap(), effect, "{kind}");
    }
    for file in files("effects") {
        let (kind, version) = file.strip_suffix(".json").and_then(|name| name.rsplit_once('.')).unwrap();
        wire::decode_effect(kind, version.parse().unwrap(), &text_of("effects", &file, "")).unwrap();
    }
}

#[test]
fn outcomes_are_written_as_they_were() {
    for (name, outcome) in outside::outcomes() {
        let row = wire::encode_outcome(&outcome).unwrap();
        let golden = text_of("outcomes", &format!("{name}.json"), &row);
        assert_eq!(format!("{row}\n"), golden, "{name}: a change of shape is a new version");
        assert_eq!(wire::decode_outcome(&golden).unwrap(), outcome, "{name}");
    }
    for file in files("outcomes") {
        wire::decode_outcome(&text_of("outcomes", &file, "")).unwrap();
    }
}
