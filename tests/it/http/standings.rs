//! A suspended vendor's products close, wherever they are seen, and open again.

use serde_json::{Value, json};
use souk::journal::Database;
use souk::tenants::Role;
use souk_core::ids::{StreamId, VendorId};
use souk_core::vendor::{self, Vendor};

use super::rig::{
    Cart, Server, Stall, approved_vendor, draft, open_stall, pay_body, put_on_sale, text, until,
};
use crate::projections::tamper;
use crate::sales::give;
use crate::servers::Backend;

/// The product as shoppers see it: in the list, by itself, in the search.
async fn shown(server: &Server, stall: &Stall) -> Value {
    let of = |page: Value| {
        let items = page["items"].as_array().expect("items").clone();
        items.into_iter().find(|item| item["id"] == stall.product.as_str()).unwrap_or(Value::Null)
    };
    let listed = of(server.get("", "/v1/store/products").await.ok());
    let found = of(server.get("", "/v1/store/search?q=thing").await.ok());
    let alone = server.get("", &format!("/v1/store/products/{}", stall.product)).await.ok();
    json!({ "listed": listed, "found": found, "alone": alone })
}

/// Waits until everybody says the same of a vendor's offer: the product, its shard, and what shoppers are shown.
async fn is_for_sale(server: &Server, stall: &Stall, wanted: bool) {
    let what = format!("{} for sale: {wanted}", stall.sku);
    until(&what, async || {
        let own = server.get(&stall.key, stall.path("").trim_end_matches('/')).await.ok();
        let own = own["offers"].as_array().expect("offers").iter().find(|it| it["sku"] == stall.sku.as_str());
        let own = own.expect("its own offer").clone();
        let seen = shown(server, stall).await;
        let offered = |offers: &Value| {
            offers.as_array().is_some_and(|offers| offers.iter().any(|it| it["sku"] == stall.sku.as_str()))
        };
        let sellers = seen["found"]["vendors"].as_array().cloned().unwrap_or_default();
        let filtered = format!("/v1/store/products?vendor={}", stall.vendor);
        let filtered = server.get("", &filtered).await.ok();
        let filtered = filtered["items"].as_array().expect("items");
        let all = [
            own["for_sale"] == wanted,
            own["open"] == wanted,
            offered(&seen["alone"]["offers"]) == wanted,
            filtered.iter().any(|item| item["id"] == stall.product.as_str()) == wanted,
            sellers.iter().any(|seller| seller["id"] == stall.vendor.as_str()) == wanted,
        ];
        if all == [true; 5] { Ok(()) } else { Err(format!("{all:?}: {own} {seen}")) }
    })
    .await;
}

/// Waits until shoppers are shown what they were shown then.
async fn is_shown_as(server: &Server, stall: &Stall, then: &Value) {
    until("shown as then", async || {
        let now = shown(server, stall).await;
        if now == *then { Ok(()) } else { Err(format!("{now} instead of {then}")) }
    })
    .await;
}

/// Waits until the walker has told everything that is in the journal now.
async fn all_is_told(server: &Server) {
    let ends = server.ends().await;
    let models = &server.services.models;
    until("told", async || {
        let cursors = models.standing_cursors().await.expect("readable");
        let read = (0..).zip(&ends).all(|(partition, end)| {
            *end == 0
                || cursors.iter().any(|cursor| cursor.partition.0 == partition && cursor.position >= *end)
        });
        let owed = models.words_owed(None, 10).await.expect("readable");
        if read && owed.is_empty() { Ok(()) } else { Err(format!("{cursors:?} {owed:?}")) }
    })
    .await;
}

async fn judge(server: &Server, operator: &str, stall: &Stall, verdict: &str) {
    let path = format!("/v1/operator/vendors/{}/{verdict}", stall.vendor);
    let body = if verdict == "suspend" { json!({ "reason": "papers are missing" }) } else { json!({}) };
    // A key of its own each time: it may be judged so more than once.
    let key = format!("{verdict}-{}", server.ends().await.iter().sum::<u64>());
    server.post(operator, &key, &path, body).await.ok();
}

async fn a_suspended_vendors_products_close(backend: Backend) {
    let server = Server::on(backend, &[]).await;
    let operator = server.key(Role::Operator).await;
    let seller = approved_vendor(&server, &operator, 1).await;
    let (plain, held_back) =
        (draft(&server, seller.clone(), "things", 1_999).await, draft(&server, seller, "bowls", 2_999).await);
    put_on_sale(&server, &operator, &plain, 5).await;
    put_on_sale(&server, &operator, &held_back, 5).await;
    let other = open_stall(&server, &operator, 2, 5).await;
    is_for_sale(&server, &plain, true).await;
    server.quiet().await;
    let for_sale = until("in stock for the search too", async || {
        let seen = shown(&server, &plain).await;
        if seen["found"]["in_stock"] == true { Ok(seen) } else { Err(seen.to_string()) }
    })
    .await;
    server.post(&plain.key, "w", &plain.offer("withhold"), json!({})).await.ok();
    is_for_sale(&server, &plain, false).await;
    let withheld = shown(&server, &plain).await;
    assert_eq!(withheld["listed"]["price_minor"], Value::Null, "{withheld}");
    server.post(&plain.key, "r", &plain.offer("resume"), json!({})).await.ok();
    is_for_sale(&server, &plain, true).await;
    server.post(&held_back.key, "w2", &held_back.offer("withhold"), json!({})).await.ok();
    is_for_sale(&server, &held_back, false).await;
    let early = Cart::open(&server).await;
    early.line(&server, &plain, 1).await.ok();
    let quote = early.to_quote(&server).await;

    judge(&server, &operator, &plain, "suspend").await;
    is_for_sale(&server, &plain, false).await;
    is_shown_as(&server, &plain, &withheld).await;
    is_for_sale(&server, &other, true).await;
    // Neither under a quote from before, nor under a new one.
    early.post(&server, "pay", "pay", pay_body(&quote, "card_success")).await.is(409, "not_for_sale");
    let late = Cart::open(&server).await;
    late.line(&server, &plain, 1).await.ok();
    late.put(&server, "a", "address", super::rig::address()).await.ok();
    late.put(&server, "s", "shipping", json!({ "method": "standard" })).await.ok();
    late.post(&server, "q", "quote", json!({})).await.is(409, "not_for_sale");

    // It attaches an offer meanwhile, to a product that has heard of no suspension.
    let price = json!({ "unit_minor": 999, "shipping_minor": 1, "currency": "EUR" });
    let offer = json!({ "variant": other.variant, "code": "T-2", "price": price });
    let offers = format!("{}/{}/offers", super::rig::PRODUCTS, other.product);
    let attached = server.post(&plain.key, "attach", &offers, offer).await.ok();
    let attached = Stall {
        vendor: plain.vendor.clone(),
        key: plain.key.clone(),
        product: other.product.clone(),
        variant: other.variant.clone(),
        sku: text(&attached, "sku"),
    };
    is_for_sale(&server, &attached, false).await;
    is_for_sale(&server, &other, true).await;

    judge(&server, &operator, &plain, "reinstate").await;
    is_for_sale(&server, &plain, true).await;
    is_shown_as(&server, &plain, &for_sale).await;
    is_for_sale(&server, &attached, true).await;
    all_is_told(&server).await;
    is_for_sale(&server, &held_back, false).await;
    // Its quote is gone for good: it asks for another.
    early.post(&server, "pay-2", "pay", pay_body(&quote, "card_success")).await.is(409, "no_quote");
    let quote = early.post(&server, "quote-2", "quote", json!({})).await.ok();
    early.post(&server, "pay-3", "pay", pay_body(&quote, "card_success")).await.ok();
    server.post(&held_back.key, "r2", &held_back.offer("resume"), json!({})).await.ok();
    is_for_sale(&server, &held_back, true).await;

    // Closed for good; there is no door for that yet.
    let id: VendorId = plain.vendor.parse().expect("an id");
    give::<Vendor>(
        &server.services.node,
        StreamId::Vendor(id),
        vendor::Command::Close { reason: "leaves".to_owned() },
    )
    .await
    .expect("closed");
    for stall in [&plain, &held_back, &attached] {
        is_for_sale(&server, stall, false).await;
    }
    is_for_sale(&server, &other, true).await;
    server.quiet().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_vendors_products_close_and_open_again() {
    a_suspended_vendors_products_close(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_vendors_products_close_and_open_again_on_postgres() {
    if let Some(backend) = Backend::postgres("suspended vendors on Postgres") {
        a_suspended_vendors_products_close(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_suspended_while_nobody_walked_is_walked_after_the_restart() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    all_is_told(&server).await;
    let server = server.restart_following(false).await;
    judge(&server, &operator, &stall, "suspend").await;
    let server = server.restart_following(true).await;
    is_for_sale(&server, &stall, false).await;
    server.stop().await;
}

/// What the walker knows may be lost at any time, with or without its cursors: it says everything again, and that
/// changes nothing, not even for products that came after a suspension that is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_that_are_said_again_change_nothing() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    for verdict in ["suspend", "reinstate"] {
        judge(&server, &operator, &stall, verdict).await;
        is_for_sale(&server, &stall, verdict == "reinstate").await;
    }
    let late = draft(&server, (stall.vendor.clone(), stall.key.clone()), "bowls", 2_999).await;
    put_on_sale(&server, &operator, &late, 5).await;
    let other = open_stall(&server, &operator, 2, 5).await;
    judge(&server, &operator, &other, "suspend").await;
    is_for_sale(&server, &other, false).await;
    all_is_told(&server).await;
    let mut server = server;
    for lost in [
        "UPDATE vendor_products SET told = 0",
        "DELETE FROM cursors WHERE projection = 'standings'",
        "UPDATE cursors SET position = position + 1000000 WHERE projection = 'standings'",
    ] {
        server.quiet().await;
        let before = server.ends().await;
        let backend = server.end().await;
        let database: Database = backend.url().parse().expect("an address");
        tamper(&database, lost).await;
        server = Server::on(backend, &[]).await;
        all_is_told(&server).await;
        server.quiet().await;
        assert_eq!(server.ends().await, before, "{lost}");
        for (stall, for_sale) in [(&stall, true), (&late, true), (&other, false)] {
            is_for_sale(&server, stall, for_sale).await;
        }
    }
    server.stop().await;
}
