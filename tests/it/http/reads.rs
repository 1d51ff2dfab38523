//! Lists: filters, pages, and everybody's own.

use serde_json::{Value, json};
use souk::tenants::Role;

use super::rig::{
    Cart, PRODUCTS, Response, Server, Stall, approved_vendor, draft, open_stall, pay_body, put_on_sale, text,
    until,
};
use crate::servers::Backend;

fn ids(list: &Value, name: &str) -> Vec<String> {
    list["items"].as_array().expect("items").iter().map(|item| text(item, name)).collect()
}

/// All pages of a list, of two items each.
async fn pages(server: &Server, who: &str, path: &str, name: &str) -> Vec<String> {
    let sign = if path.contains('?') { '&' } else { '?' };
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut asked = format!("{path}{sign}limit=2");
        if let Some(cursor) = &cursor {
            asked.push_str(&format!("&cursor={cursor}"));
        }
        let page = server.get(who, &asked).await.ok();
        assert!(page["items"].as_array().is_some_and(|items| items.len() <= 2), "{page}");
        all.extend(ids(&page, name));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return all,
        }
    }
}

/// Waits until the read models contain what this answer wrote.
async fn seen(server: &Server, who: &str, path: &str, written: &Response) {
    let position = written.header("souk-position").expect("a position");
    let told = server.get_with(who, path, &[("souk-position", position)]).await;
    assert_eq!((told.status, told.header("souk-stale")), (200, None), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_filtered_paged_and_everybodys_own_on_sqlite() {
    lists_are_filtered_paged_and_everybodys_own(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_filtered_paged_and_everybodys_own_on_postgres() {
    if let Some(backend) = Backend::postgres("http reads on Postgres") {
        lists_are_filtered_paged_and_everybodys_own(backend).await;
    }
}

async fn lists_are_filtered_paged_and_everybodys_own(backend: Backend) {
    let server = Server::on(backend, &[]).await;
    let operator = server.key(Role::Operator).await;
    let first = approved_vendor(&server, &operator, 1).await;
    let second = approved_vendor(&server, &operator, 2).await;
    let mut stalls: Vec<Stall> = Vec::new();
    // Category, price and units: cheap, dear, sold out; the second vendor's; and a draft.
    for (category, price, units) in [("bowls", 1_000, 5), ("bowls/large", 5_000, 5), ("cups", 500, 0)] {
        let stall = draft(&server, first.clone(), category, price).await;
        put_on_sale(&server, &operator, &stall, units).await;
        stalls.push(stall);
    }
    let other = draft(&server, second.clone(), "bowls", 3_000).await;
    put_on_sale(&server, &operator, &other, 5).await;
    let unseen = draft(&server, second.clone(), "drafts", 100).await;
    let last = server.post(&unseen.key, "submit-x", &unseen.path("submit"), json!({})).await;
    seen(&server, &operator, "/v1/operator/products", &last).await;
    let name = |product: &Stall| product.product.clone();
    let sorted = |products: &[&Stall]| {
        let mut ids: Vec<String> = products.iter().map(|stall| name(stall)).collect();
        ids.sort();
        ids
    };
    let [cheap, dear, sold_out] = stalls.as_slice() else { panic!("three") };

    // The store: what is listed, by category, vendor, price and stock, all of one and the same offer.
    let store = "/v1/store/products";
    until("all listed", async || {
        let page = server.get("", store).await.ok();
        if ids(&page, "id").len() == 4 { Ok(()) } else { Err(page.to_string()) }
    })
    .await;
    let vendor = |id: &str| format!("vendor={id}");
    for (query, wanted) in [
        (String::new(), sorted(&[cheap, dear, sold_out, &other])),
        ("category=bowls".to_owned(), sorted(&[cheap, &other])),
        (vendor(&first.0), sorted(&[cheap, dear, sold_out])),
        (vendor(&second.0), sorted(&[&other])),
        ("price_min=1000".to_owned(), sorted(&[cheap, dear, &other])),
        ("price_max=1000".to_owned(), sorted(&[cheap, sold_out])),
        ("price_min=1001&price_max=4999".to_owned(), sorted(&[&other])),
        ("in_stock=true".to_owned(), sorted(&[cheap, dear, &other])),
        ("in_stock=false".to_owned(), sorted(&[sold_out])),
        (format!("{}&category=bowls&price_max=2000&in_stock=true", vendor(&first.0)), sorted(&[cheap])),
        (format!("{}&price_max=999&in_stock=true", vendor(&first.0)), sorted(&[])),
        ("category=none".to_owned(), sorted(&[])),
    ] {
        let path = format!("{store}?{query}");
        assert_eq!(ids(&server.get("", &path).await.ok(), "id"), wanted, "{query}");
        assert_eq!(pages(&server, "", &path, "id").await, wanted, "in pages: {query}");
    }
    // A small page that reads many ends behind the last one it looked at, and not behind the last one it read.
    let small = server.get("", &format!("{store}?in_stock=true&limit=1")).await.ok();
    assert_eq!((ids(&small, "id").len(), &small["next_cursor"]), (1, &small["items"][0]["id"]), "{small}");
    let item = server.get("", &format!("{store}?category=bowls/large")).await.ok()["items"][0].clone();
    assert_eq!(
        (&item["price_minor"], &item["currency"], &item["in_stock"], &item["offers"]),
        (&json!(5_000), &json!("EUR"), &json!(true), &json!(1))
    );
    for wrong in [
        "colour=red",
        "price_min=cheap",
        "in_stock=perhaps",
        "cursor=x",
        "vendor=acme",
        "limit=-1",
        "limit=1&limit=2",
        "category=%00",
    ] {
        server.get("", &format!("{store}?{wrong}")).await.is(400, "invalid_query");
    }

    // Everybody's own products.
    assert_eq!(pages(&server, &first.1, PRODUCTS, "id").await, sorted(&[cheap, dear, sold_out]));
    assert_eq!(pages(&server, &second.1, PRODUCTS, "id").await, sorted(&[&other, &unseen]));
    let waiting = server.get(&second.1, &format!("{PRODUCTS}?state=submitted")).await.ok();
    assert_eq!(ids(&waiting, "id"), sorted(&[&unseen]));
    let all = "/v1/operator/products";
    assert_eq!(pages(&server, &operator, all, "id").await, sorted(&[cheap, dear, sold_out, &other, &unseen]));
    assert_eq!(pages(&server, &operator, &format!("{all}?state=submitted"), "id").await, sorted(&[&unseen]));
    server.get(&operator, &format!("{all}?state=lost")).await.is(400, "invalid_query");
    server.get(&first.1, all).await.is(403, "wrong_role");
    let shown = server.get(&operator, &format!("{all}/{}", unseen.product)).await.ok();
    assert_eq!(
        (text(&shown, "state"), &shown["offers"][0]["unit_price_minor"]),
        ("submitted".into(), &json!(100))
    );
    let own = server.get(&first.1, &format!("{PRODUCTS}/{}", cheap.product)).await.ok();
    assert_eq!((&own["offers"][0]["available"], &own["offers"][0]["code"]), (&json!(5), &json!("T-1")));

    // Vendors.
    let vendors = "/v1/operator/vendors";
    let mut both = vec![first.0.clone(), second.0.clone()];
    both.sort();
    assert_eq!(pages(&server, &operator, vendors, "id").await, both);
    let suspend = format!("{vendors}/{}/suspend", second.0);
    let suspended = server.post(&operator, "s", &suspend, json!({ "reason": "r" })).await;
    seen(&server, &operator, vendors, &suspended).await;
    assert_eq!(
        pages(&server, &operator, &format!("{vendors}?state=suspended"), "id").await,
        [second.0.as_str()]
    );
    assert_eq!(pages(&server, &operator, &format!("{vendors}?state=active"), "id").await, [first.0.as_str()]);
    server.stop().await;
}

/// Orders, statements and the trial balance, after three orders and a cancellation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_and_the_books_are_told_to_those_they_belong_to() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let (first, second) =
        (open_stall(&server, &operator, 1, 9).await, open_stall(&server, &operator, 2, 9).await);
    let mut orders = Vec::new();
    for quantity in 1..=3 {
        orders.push(Cart::open(&server).await.buy(&server, &first, quantity).await);
    }
    let cart = Cart::open(&server).await;
    cart.line(&server, &first, 1).await.ok();
    let line = json!({ "product": second.product, "quantity": 1 });
    cart.put(&server, "second", &format!("lines/{}", second.sku), line).await.ok();
    let quote = cart.to_quote(&server).await;
    let both = text(&cart.post(&server, "pay", "pay", pay_body(&quote, "card_success")).await.ok(), "order");
    orders.push(both.clone());
    let shipped = server.post(&second.key, "s", &format!("/v1/vendor/orders/{both}/ship"), json!({})).await;
    let cancel = format!("/v1/vendor/orders/{}/cancel", orders[0]);
    let cancelled = server.post(&first.key, "c", &cancel, json!({ "reason": "not_available" })).await;
    assert_eq!(cancelled.ok()["refunded_minor"], 1_999 + 499);
    server.quiet().await;
    for (who, path) in [
        (&operator, "/v1/operator/orders"),
        (&operator, "/v1/operator/ledger"),
        (&first.key, "/v1/vendor/statement"),
    ] {
        seen(&server, who, path, &shipped).await;
        seen(&server, who, path, &cancelled).await;
    }

    // The latest first.
    let latest: Vec<String> = orders.iter().rev().cloned().collect();
    let own = pages(&server, &first.key, "/v1/vendor/orders", "order").await;
    assert_eq!((own.len(), &own[0]), (4, &latest[0]));
    assert_eq!(own.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "each once: {own:?}");
    assert_eq!(pages(&server, &second.key, "/v1/vendor/orders", "order").await, [both.as_str()]);
    assert_eq!(
        pages(&server, &second.key, "/v1/vendor/orders?state=shipped", "order").await,
        [both.as_str()]
    );
    assert_eq!(
        pages(&server, &first.key, "/v1/vendor/orders?state=cancelled", "order").await,
        [orders[0].as_str()]
    );
    assert_eq!(pages(&server, &operator, "/v1/operator/orders", "id").await.len(), 4);
    server.get(&first.key, "/v1/vendor/orders?cursor=7").await.is(400, "invalid_query");
    let part = server.get(&second.key, &format!("/v1/vendor/orders/{both}")).await.ok();
    let kinds = server.get(&operator, "/v1/operator/actors").await.ok()["kinds"].clone();
    assert!(kinds.as_array().is_some_and(|kinds| kinds.iter().all(|kind| kind["restarts"] == 0)), "{kinds}");
    assert_eq!(
        (part["lines"].as_array().map(Vec::len), part["parcels"].as_array().map(Vec::len)),
        (Some(1), Some(1))
    );
    assert_eq!(text(&part["lines"][0], "vendor"), second.vendor, "another's line is not there");
    server.get(&second.key, &format!("/v1/vendor/orders/{}", orders[0])).await.is(404, "not_found");

    // 7 units of the first vendor were sold, one of them was cancelled; 10 % of the goods is the commission.
    let goods = 7 * 1_999;
    let commission: i64 =
        [1_999, 2 * 1_999, 3 * 1_999, 1_999].into_iter().map(|goods| (goods + 5) / 10).sum();
    let statement = server.get(&first.key, "/v1/vendor/statement").await.ok()["items"][0].clone();
    assert_eq!((&statement["vendor_orders"], &statement["goods_minor"]), (&json!(4), &json!(goods)));
    assert_eq!(statement["shipping_minor"], 7 * 499);
    assert_eq!(statement["commission_minor"], commission);
    assert_eq!(statement["payable_minor"], goods + 7 * 499 - commission);
    let reversed = 1_999 + 499 - 200;
    assert_eq!(statement["reversed_minor"], reversed);
    assert_eq!(statement["balance_minor"], goods + 7 * 499 - commission - reversed);

    let ledger = server.get(&operator, "/v1/operator/ledger").await.ok();
    assert_eq!(ledger["totals"], json!([{ "currency": "EUR", "balance_minor": 0 }]));
    let account = format!("vendor_payable/{}", first.vendor);
    let accounts = ledger["accounts"].as_array().expect("accounts");
    let payable = accounts.iter().find(|row| row["account"] == account.as_str()).expect("the vendor's");
    assert_eq!(payable["balance_minor"].as_i64(), statement["balance_minor"].as_i64().map(|minor| -minor));
    server.get(&first.key, "/v1/operator/ledger").await.is(403, "wrong_role");

    // How the engine does.
    let seen = server.get(&operator, "/v1/operator/actors").await.ok();
    let kinds = seen["kinds"].as_array().expect("kinds");
    let awake: u64 = kinds.iter().filter_map(|kind| kind["awake"].as_u64()).sum();
    assert_eq!(seen["awake"].as_u64(), Some(awake), "{seen}");
    assert!(
        kinds.iter().any(|kind| kind["kind"] == "checkout" && kind["awake"].as_u64() >= Some(4)),
        "{seen}"
    );
    assert_eq!(
        kinds.iter().filter_map(|kind| kind["queued"].as_u64()).sum::<u64>(),
        0,
        "all is quiet: {seen}"
    );
    let actor = server.get(&operator, &format!("/v1/operator/actors/{both}")).await.ok();
    let stream = both.parse().expect("an id");
    let events = server.services.node.journal().reader().stream(stream, 0).await.expect("read").len();
    assert_eq!(actor["last_seq"], events, "{actor}");
    let asleep = "/v1/operator/actors/ord_00000000000000000000000001";
    server.get(&operator, asleep).await.is(404, "not_found");
    server.stop().await;
}
