//! Every rule by which rows become vendors, products, offers, stock and orders.

use std::collections::BTreeSet;

use super::super::expected::{Expected, Sums};
use super::super::ids;
use super::super::plan::{Fulfilment, Plan, Product, Selection, Way};
use super::{Rows, TEN_PER_CENT, brl, order};

fn product<'a>(plan: &'a Plan, source: &str) -> &'a Product {
    plan.products.iter().find(|product| product.source == source).expect("planned")
}

#[test]
fn the_first_sale_sets_the_prices_of_an_offer() {
    let plan = Rows::default()
        .order("late", 9, "")
        .items("late", &[("p", "s", "9.00", "0.90")])
        .order("b", 1, "")
        .items("b", &[("p", "s", "2.00", "0.20")])
        // As early as b, and before it by id; its second unit comes after its first.
        .order("a", 1, "")
        .items("a", &[("p", "s", "1.00", "0.10"), ("p", "s", "3.00", "0.10"), ("p", "t", "5.00", "0.00")])
        .plan();
    let offers = &product(&plan, "p").offers;
    assert_eq!(offers.len(), 2, "one per vendor");
    assert_eq!((offers[0].unit_price, offers[0].unit_shipping), (brl(100), brl(10)));
    assert_eq!(
        (offers[0].vendor, offers[0].sku),
        (ids::vendor("s"), ids::sku(ids::product("p"), ids::vendor("s")))
    );
    assert_eq!((offers[1].unit_price, offers[1].vendor), (brl(500), ids::vendor("t")));
    assert_eq!((offers[0].needed, offers[0].received), (4, 4));
    let sources: Vec<&str> = plan.orders.iter().map(|order| order.source.as_str()).collect();
    assert_eq!(sources, ["a", "b", "late"], "by time, then by id");
}

#[test]
fn items_are_numbers_not_texts() {
    let units = [("p", "s", "2.00", "0.10"); 10];
    let mut rows = Rows::default().order("o", 1, "").items("o", &units);
    rows.items.reverse();
    rows.items[8] = "o,2,p,s,,1.00,0.10".to_owned();
    rows.items[9] = "o,1,p,s,,7.00,0.10".to_owned();
    let plan = rows.plan();
    assert_eq!(product(&plan, "p").offers[0].unit_price, brl(700));
    let lines: Vec<_> =
        order(&plan, "o").lines.iter().map(|line| (line.unit_price.minor, line.quantity)).collect();
    assert_eq!(lines, [(700, 1), (100, 1), (200, 8)]);
}

#[test]
fn equal_units_are_one_line_and_plain_orders_cost_what_offers_cost() {
    let plan = Rows::default()
        .order("plain", 1, "")
        .items("plain", &[("p", "s", "1.00", "0.10"), ("q", "s", "2.00", "0.20"), ("p", "s", "1.00", "0.10")])
        .order("dearer", 2, "")
        .items("dearer", &[("p", "s", "1.01", "0.10")])
        .order("farther", 3, "")
        .items("farther", &[("p", "s", "1.00", "0.11")])
        .order("again", 4, "")
        .items("again", &[("p", "s", "1.00", "0.10")])
        .order("off", 5, "")
        .items("off", &[("p", "s", "1.00", "0.10"), ("q", "s", "1.99", "0.20")])
        .order("two", 6, "")
        .items("two", &[("p", "s", "1.00", "0.10"), ("p", "s", "0.90", "0.10"), ("p", "s", "0.90", "0.10")])
        .order("split", 7, "")
        .items("split", &[("p", "s", "1.00", "0.10"), ("p", "t", "1.00", "0.10")])
        .plan();
    let shape = |source: &str| {
        let order = order(&plan, source);
        let lines: Vec<_> = order.lines.iter().map(|line| (line.unit_price.minor, line.quantity)).collect();
        (order.way, lines)
    };
    assert_eq!(shape("plain"), (Way::Plain, vec![(100, 2), (200, 1)]));
    assert_eq!(shape("dearer"), (Way::Assisted, vec![(101, 1)]));
    assert_eq!(shape("farther"), (Way::Assisted, vec![(100, 1)]));
    assert_eq!(shape("again"), (Way::Plain, vec![(100, 1)]));
    assert_eq!(shape("off"), (Way::Assisted, vec![(100, 1), (199, 1)]));
    assert_eq!(shape("two"), (Way::Assisted, vec![(100, 1), (90, 2)]), "one SKU on two lines");
    assert_eq!(shape("split"), (Way::Plain, vec![(100, 1), (100, 1)]), "one product, two SKUs");
    assert_eq!(order(&plan, "split").vendors().len(), 2);
    assert_eq!(order(&plan, "plain").total(), Ok(brl(440)));
    // No plain order names a SKU twice, as a cart could not.
    for order in plan.orders.iter().filter(|order| order.way == Way::Plain) {
        let skus: BTreeSet<_> = order.lines.iter().map(|line| line.sku).collect();
        assert_eq!(skus.len(), order.lines.len());
    }
}

#[test]
fn fulfilment_by_status_and_times() {
    let time = "2020-01-02 00:00:00";
    let mut rows = Rows::default();
    let cases = [
        ("processing,,", Fulfilment::Placed),
        ("invoiced,,", Fulfilment::Placed),
        ("approved,,", Fulfilment::Placed),
        (",,", Fulfilment::Placed),
        ("whatever,,", Fulfilment::Placed),
        ("shipped,,", Fulfilment::Shipped),
        ("processing,TIME,", Fulfilment::Shipped),
        ("delivered,,", Fulfilment::Delivered),
        ("Delivered,TIME,TIME", Fulfilment::Delivered),
        ("shipped,TIME,TIME", Fulfilment::Delivered),
        ("canceled,,", Fulfilment::Cancelled),
        ("cancelled,,", Fulfilment::Cancelled),
        ("canceled,TIME,", Fulfilment::Cancelled),
        ("canceled,TIME,TIME", Fulfilment::Cancelled),
        ("unavailable,,", Fulfilment::Cancelled),
    ];
    for (n, (rest, _)) in cases.iter().enumerate() {
        let id = format!("o{n}");
        rows =
            rows.order(&id, n as u32, &rest.replace("TIME", time)).items(&id, &[("p", "s", "1.00", "0.00")]);
    }
    let plan = rows.plan();
    for (n, (rest, fulfilment)) in cases.iter().enumerate() {
        assert_eq!(order(&plan, &format!("o{n}")).fulfilment, *fulfilment, "{rest}");
    }
    assert_eq!(plan.gaps.statuses_unknown, BTreeSet::from(["whatever".to_owned()]));
}

#[test]
fn nothing_that_the_source_leaves_out_stops_it() {
    let plan = Rows::default()
        .order("o", 1, "")
        .items("o", &[("named_only", "s9", "1.00", "0.00"), ("p1", "s1", "1.00", "0.00")])
        .order("empty", 2, "canceled,,")
        .product("p1,cadeiras_velhas")
        .product("unsold,mesas_redondas")
        .product("bare,")
        .seller("s1")
        .seller("s2")
        .translation("cadeiras_velhas,old_chairs")
        .plan();
    assert_eq!(plan.orders.len(), 1);
    assert_eq!(plan.orders_without_items, 1);
    let titles: Vec<_> =
        plan.products.iter().map(|product| (product.title.as_str(), product.category.as_str())).collect();
    assert_eq!(
        titles,
        [
            ("Product bare", "uncategorised"),
            ("Product named_on", "uncategorised"),
            ("Old chairs p1", "old_chairs"),
            ("Mesas redondas unsold", "mesas_redondas"),
        ]
    );
    let drafts: Vec<_> = plan.products.iter().filter(|product| product.offers.is_empty()).collect();
    assert_eq!(drafts.len(), 2);
    assert!(drafts.iter().all(|product| product.steward == ids::keeper()));
    assert_eq!(product(&plan, "p1").steward, ids::vendor("s1"));
    let vendors: Vec<_> =
        plan.vendors.iter().map(|vendor| (vendor.source.as_deref(), vendor.name.as_str())).collect();
    let keeper = (None, "Catalogue without vendor");
    assert_eq!(
        vendors,
        [(Some("s1"), "Vendor s1"), (Some("s2"), "Vendor s2"), (Some("s9"), "Vendor s9"), keeper],
        "with sales or without, in the sellers or not"
    );
    assert_eq!(
        (plan.gaps.sellers_absent, plan.gaps.products_absent, plan.gaps.products_uncategorised),
        (1, 1, 1)
    );
    assert_eq!(plan.gaps.categories_untranslated, BTreeSet::from(["mesas_redondas".to_owned()]));
    let all_sold = Rows::default().order("o", 1, "").items("o", &[("p", "s", "1.00", "0.00")]).plan();
    assert_eq!(all_sold.vendors.len(), 1, "nothing to keep, no keeper");
}

/// Four orders of one unit each, and one without, the last three of other products.
fn five_orders() -> Rows {
    Rows::default()
        .order("o1", 1, "")
        .items("o1", &[("p", "s", "1.00", "0.00")])
        .order("o2", 2, "")
        .order("o3", 3, "")
        .items("o3", &[("p", "s", "2.00", "0.00")])
        .order("o4", 4, "")
        .items("o4", &[("q", "t", "3.00", "0.00")])
        .order("o5", 5, "")
        .items("o5", &[("q", "s", "4.00", "0.00")])
}

#[test]
fn a_selection_is_the_first_orders_and_what_they_need() {
    let of = |orders| five_orders().plan_of(Selection { orders: Some(orders), ..Selection::default() });
    let plan = of(3);
    assert_eq!((plan.orders.len(), plan.orders_without_items), (2, 1));
    assert_eq!(product(&plan, "p").offers[0].needed, 2);
    let draft = product(&plan, "q");
    assert!(draft.offers.is_empty(), "bought only by what is not selected");
    assert_eq!(draft.steward, ids::vendor("t"), "and yet kept by the vendor of a longer selection");
    assert_eq!(plan.vendors.len(), 2, "vendors are those of the whole source");
    let whole = five_orders().plan();
    for selected in &plan.orders {
        assert!(whole.orders.contains(selected), "a longer selection changes no order of a shorter one");
    }
    assert_eq!(of(100), whole);
    assert!(of(0).orders.is_empty());
}

#[test]
fn scarce_stock_lacks_every_so_many_th_unit_in_order_of_purchase() {
    let scarce = Selection { scarcity: "0.5".parse().expect("a share"), ..Selection::default() };
    let plan = five_orders().plan_of(scarce);
    let stock: Vec<_> = plan
        .offers()
        .map(|(product, offer)| (product.source.as_str(), offer.needed, offer.received))
        .collect();
    // Units in order: p by s, p by s (lacks), q by t, q by s (lacks).
    assert_eq!(stock, [("p", 2, 1), ("q", 1, 1), ("q", 1, 0)]);
    let expected = Expected::of(&plan, TEN_PER_CENT, |order| order.source != "o3").expect("small");
    assert_eq!((expected.units_received, expected.units_needed), (2, 4));
    assert_eq!(
        (expected.sums.orders_offered, expected.sums.orders_placed, expected.sums.orders_refused),
        (4, 3, 1)
    );
    assert_eq!(expected.sums.goods_minor, 800);
}

#[test]
fn the_order_of_rows_means_nothing() {
    let mut rows =
        five_orders().product("p,a").product("q,b").product("r,").seller("t").seller("s").translation("a,x");
    let plan = rows.plan();
    rows.orders.reverse();
    rows.items.reverse();
    rows.products.reverse();
    rows.sellers.reverse();
    assert_eq!(rows.plan(), plan);
}

#[test]
fn expected_sums() {
    let time = "2020-01-02 00:00:00";
    let plan = Rows::default()
        .order("a", 1, &format!("delivered,{time},{time}"))
        .items("a", &[("p", "s", "0.05", "0.10"), ("p", "s", "0.05", "0.10"), ("q", "t", "0.05", "1.00")])
        .order("b", 2, &format!("canceled,{time},"))
        .items("b", &[("p", "s", "0.15", "0.20")])
        .order("c", 3, "shipped,,")
        .items("c", &[("q", "t", "0.05", "1.00"), ("q", "t", "0.04", "1.00")])
        .order("d", 4, "")
        .plan();
    let expected = Expected::all(&plan, TEN_PER_CENT).expect("small").sums;
    // Commission per line: 10 % of 10 is 1, of 5 is 1 (up from a half), of 15 is 2, of 5 is 1, of 4 is 0.
    assert_eq!(
        expected,
        Sums {
            orders_offered: 3,
            orders_without_items: 1,
            orders_placed: 3,
            orders_plain: 1,
            orders_assisted: 2,
            orders_refused: 0,
            vendor_orders: 4,
            orders_split: 1,
            items: 6,
            goods_minor: 39,
            freight_minor: 340,
            charged_minor: 379,
            commission_minor: 5,
            vendor_payable_minor: 374,
            parcels_shipped: 3,
            parcels_delivered: 2,
            orders_cancelled: 1,
            refunded_minor: 35,
            commission_reversed_minor: 2,
            vendor_payable_reversed_minor: 33,
        }
    );
}

#[test]
fn sums_beyond_what_souk_handles_are_refused() {
    let most = "10000000000000.00";
    let plan = Rows::default()
        .order("a", 1, "")
        .items("a", &[("p", "s", most, "0.00"), ("p", "s", most, "0.00")])
        .plan();
    assert!(Expected::all(&plan, TEN_PER_CENT).is_err());
    assert!(Expected::of(&plan, TEN_PER_CENT, |_| false).is_ok());
}
