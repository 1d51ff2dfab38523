//! The real set, where it is present: its own sums, to the unit and the cent.

use std::collections::BTreeMap;
use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::super::expected::Expected;
use super::super::plan::{Plan, Selection, Way};
use super::super::read;
use super::TEN_PER_CENT;

/// Where the data sets lie: `SOUK_DATA_DIR`, or beside the project.
fn data() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    env::var_os("SOUK_DATA_DIR").map_or_else(beside, PathBuf::from).join("olist")
}

/// Tells whoever runs the tests that this part did not run.
fn skip(dir: &Path) {
    let line = format!(
        "SKIPPED replay::olist on the real data set: there is no {}; set SOUK_DATA_DIR to the folder that holds it",
        dir.display()
    );
    match env::var_os("SOUK_TEST_SKIPS") {
        Some(path) => {
            let mut file =
                OpenOptions::new().create(true).append(true).open(path).expect("the list of skips");
            writeln!(file, "{line}").expect("the list of skips");
        }
        None => println!("{line}"),
    }
}

#[test]
fn the_real_set_adds_up() {
    let dir = data();
    if !dir.is_dir() {
        return skip(&dir);
    }
    let source = read::read(&dir).expect("the real set");
    assert_eq!((source.orders.len(), source.items.len()), (18_296, 20_954));
    assert_eq!((source.products.len(), source.sellers.len()), (32_951, 3_095));
    let plan = Plan::new(&source, Selection::default());
    let expected = Expected::all(&plan, TEN_PER_CENT).expect("far below the limit");
    let sums = &expected.sums;
    assert_eq!((sums.orders_offered, sums.orders_without_items, sums.orders_split), (18_207, 89, 207));
    assert_eq!((sums.items, sums.goods_minor, sums.freight_minor), (20_954, 251_513_151, 41_054_142));
    assert_eq!(sums.charged_minor, 251_513_151 + 41_054_142);
    assert_eq!(sums.commission_minor + sums.vendor_payable_minor, sums.charged_minor);
    assert_eq!((sums.orders_plain, sums.orders_assisted), (10_499, 7_708));
    assert_eq!((expected.units_received, expected.units_needed), (20_954, 20_954));
    let several = plan.products.iter().filter(|product| product.offers.len() > 1).count();
    assert_eq!(several, 212);
    assert_eq!((plan.gaps.sellers_absent, plan.gaps.products_absent), (0, 0));
    assert_eq!((plan.gaps.products_uncategorised, plan.gaps.categories_untranslated.len()), (610, 2));
    println!("{expected}\n{sums:#?}");

    // Every offer is bought by somebody, and what is needed is what the lines say.
    let mut wanted = BTreeMap::new();
    for line in plan.orders.iter().flat_map(|order| &order.lines) {
        *wanted.entry(line.sku).or_insert(0) += line.quantity;
    }
    assert_eq!(plan.offers().map(|(_, offer)| (offer.sku, offer.needed)).collect::<BTreeMap<_, _>>(), wanted);
    let costs: BTreeMap<_, _> =
        plan.offers().map(|(_, offer)| (offer.sku, (offer.unit_price, offer.unit_shipping))).collect();
    for order in &plan.orders {
        let fits = order.lines.iter().all(|line| costs[&line.sku] == (line.unit_price, line.unit_shipping));
        assert_eq!(order.way == Way::Plain, fits, "{}", order.source);
    }

    let scarce = Selection { scarcity: "0.9".parse().expect("a share"), ..Selection::default() };
    let scarce = Expected::all(&Plan::new(&source, scarce), TEN_PER_CENT).expect("far below the limit");
    assert_eq!(scarce.units_received, 20_954 - 2_095);
}
