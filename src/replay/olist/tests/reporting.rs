//! The report: its JSON, its print, and what it says of numbers that are not as they must be.

use super::super::expected::{Expected, Sums};
use super::super::report::Report;
use super::{Rows, TEN_PER_CENT};

fn expected() -> Expected {
    let plan = Rows::default()
        .order("a", 1, "canceled,,")
        .items("a", &[("p", "s", "1234.50", "10.00"), ("q", "t", "1.00", "0.50")])
        .order("b", 2, "")
        .items("b", &[("p", "s", "1234.50", "10.00")])
        .plan();
    Expected::all(&plan, TEN_PER_CENT).expect("small")
}

#[test]
fn what_is_as_expected_differs_in_nothing() {
    let expected = expected();
    let report = Report { sums: expected.sums.clone(), ..Report::default() };
    assert_eq!(report.check_against(&expected), []);
}

#[test]
fn every_number_that_is_off_is_told() {
    let expected = expected();
    let right = serde_json::to_value(&expected.sums).expect("plain data");
    for (field, _) in expected.sums.named() {
        let mut wrong = right.clone();
        wrong[field] = (right[field].as_i64().expect("an integer") + 1).into();
        let sums: Sums = serde_json::from_value(wrong).expect("the same shape");
        let report = Report { sums, ..Report::default() };
        let told = report.check_against(&expected);
        assert!(told.iter().any(|difference| difference.field == field), "{field} is not in {told:?}");
        assert!(told[0].to_string().ends_with("(+1)"), "{}", told[0]);
    }
}

#[test]
fn contradictions_are_told_even_when_nothing_else_is_known() {
    let mut report = Report {
        sums: Sums {
            orders_offered: 3,
            orders_placed: 1,
            orders_plain: 1,
            orders_refused: 2,
            items: 5,
            ..Sums::default()
        },
        ..Report::default()
    };
    report.refusals.insert("out_of_stock".to_owned(), 1);
    let expected = Expected { sums: report.sums.clone(), units_received: 4, units_needed: 6 };
    let told: Vec<String> = report.check_against(&expected).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "refusals of every reason: 2 expected, 1 found (-1)",
            "items, at most what was received: 4 expected, 5 found (+1)",
        ]
    );
}

#[test]
fn the_json_is_flat_and_of_integers() {
    let mut report = Report { sums: expected().sums, ..Report::default() };
    report.refusals.insert("out_of_stock".to_owned(), 0);
    let json = serde_json::to_value(&report).expect("plain data");
    let object = json.as_object().expect("an object");
    for field in [
        "orders_offered",
        "orders_without_items",
        "orders_placed",
        "orders_plain",
        "orders_assisted",
        "orders_refused",
        "vendor_orders",
        "orders_split",
        "items",
        "goods_minor",
        "freight_minor",
        "charged_minor",
        "commission_minor",
        "vendor_payable_minor",
        "orders_per_second",
        "p50_us",
        "p99_us",
        "refunded_minor",
    ] {
        assert!(object[field].is_i64() || object[field].is_u64(), "{field}");
    }
    assert_eq!(object["charged_minor"], 249_050);
    assert_eq!(object["refusals"]["out_of_stock"], 0);
    assert_eq!(serde_json::from_value::<Report>(json).expect("what was written"), report);
}

#[test]
fn the_print_is_aligned_and_in_money() {
    let mut report = Report { sums: expected().sums, ..Report::default() };
    report.refusals.insert("out_of_stock".to_owned(), 12_345);
    report.sums.commission_minor = -1_234_567;
    let text = report.to_string();
    let line = |label: &str| text.lines().find(|line| line.starts_with(label)).expect("printed").to_owned();
    assert_eq!(line("goods "), "goods                        2,470.00 BRL");
    assert_eq!(line("orders offered"), "orders offered                      2");
    assert_eq!(line("  out_of_stock"), "  out_of_stock                 12,345");
    assert_eq!(line("commission "), "commission                 -12,345.67 BRL");
    assert_eq!(line("half answered"), "half answered within                0 µs");
}

#[test]
fn speed_by_nearest_rank() {
    let speed = |waits: Vec<u64>, elapsed| {
        let mut report = Report::default();
        report.set_speed(waits, elapsed);
        (report.orders_per_second, report.p50_us, report.p99_us)
    };
    assert_eq!(speed((1..=200).rev().collect(), 2_000_000), (100, 100, 198));
    assert_eq!(speed(vec![7], 0), (1_000_000, 7, 7));
    assert_eq!(speed(vec![1, 2, 3], 1_000_000), (3, 2, 3));
    assert_eq!(speed(Vec::new(), 5), (0, 0, 0));
}
