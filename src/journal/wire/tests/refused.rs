//! What was not written by souk, or by a newer one, is not read.

use super::super::{WireError, decode, decode_effect, decode_outcome, event_kinds};

const SKU: &str = "sku_00000000000000000000000001";
const HOLD: &str = "hld_00000000000000000000000001-1";

#[test]
fn unknown_kinds_and_versions() {
    for (kind, version) in [
        ("stock.opened", 0),
        ("stock.opened", 2),
        ("stock.lost", 1),
        ("vendor.opened", 1),
        ("tax.changed", 1),
        ("stock", 1),
        ("", 1),
    ] {
        let payload = format!(r#"{{"sku":"{SKU}","asked":1}}"#);
        let read = decode(kind, version, &payload);
        assert!(matches!(read, Err(WireError::Unknown { .. })), "{kind} {version}");
        assert!(matches!(decode_effect(kind, version, &payload), Err(WireError::Unknown { .. })));
    }
    for outcome in [r#"{"stock.2":{"yes":"pinned"}}"#, r#"{"stock.1":{"maybe":"pinned"}}"#, "{}", ""] {
        assert!(matches!(decode_outcome(outcome), Err(WireError::Payload { .. })), "{outcome}");
    }
}

#[test]
fn other_shapes() {
    for (kind, payload) in [
        ("stock.opened", format!(r#"{{"sku":"{SKU}"}}"#)),
        ("stock.opened", format!(r#"{{"sku":"{SKU}","asked":1,"more":1}}"#)),
        ("stock.opened", format!(r#"{{"sku":"{HOLD}","asked":1}}"#)),
        ("stock.opened", format!(r#"{{"sku":"{SKU}","asked":-1}}"#)),
        ("vendor.reinstated", r#"{"reason":"x"}"#.to_owned()),
        ("vendor.reinstated", "null".to_owned()),
        ("vendor.approved", r#"{"rate":1000,"rule":"default","more":1}"#.to_owned()),
        ("checkout.quote_dropped", r#"{"why":"not_for_sale"}"#.to_owned()),
        ("checkout.quote_dropped", r#"{"why":{"not_for_sale":{"lines":[1],"more":1}}}"#.to_owned()),
        ("checkout.void_asked", r#"{"why":"TimedOut"}"#.to_owned()),
    ] {
        assert!(matches!(decode(kind, 1, &payload), Err(WireError::Payload { .. })), "{kind} {payload}");
    }
}

#[test]
fn second_spellings() {
    let asks =
        ["chk_1@1.0", "stock-001@01.0", "stock-001@1", "stock-001@1.+0", "stock-1@1.0", "stock-001@1.65536"];
    for ask in asks {
        let payload = format!(r#"{{"ask":"{ask}"}}"#);
        assert!(decode("payment.told", 1, &payload).is_err(), "{ask}");
    }
    assert!(decode("payment.told", 1, r#"{"ask":"stock-001@1.0"}"#).is_ok());

    let zeros = "0".repeat(32);
    for (id, ok) in [
        (zeros.clone(), true),
        ("f".repeat(32), true),
        ("F".repeat(32), false),
        ("0".repeat(31), false),
        (format!("+{}", "0".repeat(31)), false),
    ] {
        let payload = format!(
            r#"{{"quote":"quo_00000000000000000000000001","until":1,"key":{{"id":"{id}","fingerprint":"{zeros}"}}}}"#
        );
        assert_eq!(decode("checkout.quote_asked", 1, &payload).is_ok(), ok, "{id}");
    }
}

#[test]
fn endless_lists_of_lines() {
    for (lines, ok) in [
        ("1-100", true),
        ("", true),
        ("1,1", true),
        ("1-10001", false),
        ("1-4294967295", false),
        ("1-9999,1-9999", false),
        ("3-1", false),
        ("1-", false),
        (",", false),
        ("a", false),
    ] {
        let outcome = format!(r#"{{"checkout.1":{{"no":{{"out_of_stock":{{"lines":"{lines}"}}}}}}}}"#);
        assert_eq!(decode_outcome(&outcome).is_ok(), ok, "{lines}");
    }
}

#[test]
fn a_kind_has_one_meaning() {
    let mut kinds: Vec<_> = event_kinds().map(|(kind, _)| kind).collect();
    let count = kinds.len();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), count);
}
