//! What a vendor does: counts units, sends parcels, takes back what it cannot send.

use serde_json::json;
use souk::tenants::Role;

use super::rig::{Cart, Server, open_stall, pay_body, text, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_corrects_the_stock_and_never_below_what_is_promised() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let adjust = async |key: &str, delta: i64| {
        server.post(&stall.key, key, &stall.offer("adjust"), json!({ "delta": delta })).await
    };
    let fewer = adjust("a1", -2).await;
    assert_eq!(fewer.ok()["available"], 3);
    adjust("a1", -2).await.repeats(&fewer);
    assert_eq!(adjust("a2", 4).await.ok()["available"], 7);
    Cart::open(&server).await.buy(&server, &stall, 4).await;
    adjust("a3", -4).await.is(422, "invalid_quantity");
    assert_eq!(adjust("a4", -3).await.ok()["available"], 0);
    let shown = server.get("", &format!("/v1/store/products/{}", stall.product)).await.ok();
    assert_eq!(shown["offers"][0]["available"], 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_cancels_what_it_cannot_send_and_sends_the_rest() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let (first, second) =
        (open_stall(&server, &operator, 1, 5).await, open_stall(&server, &operator, 2, 5).await);
    let cart = Cart::open(&server).await;
    cart.line(&server, &first, 2).await.ok();
    cart.line(&server, &second, 1).await.ok();
    let quote = cart.to_quote(&server).await;
    let placed = cart.post(&server, "pay", "pay", pay_body(&quote, "card_success")).await.ok();
    let order = text(&placed, "order");
    let own = |rest: &str| format!("/v1/vendor/orders/{order}/{rest}");

    // Without a key nobody could repeat it, and money moves.
    let bearer = format!("Bearer {}", first.key);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let cancel = json!({ "reason": "not_available" });
    let told = server.send("POST", &own("lines/1/cancel"), &headers, &cancel.to_string()).await;
    told.is(400, "idempotency_key_missing");
    let told = server.post(&second.key, "c", &own("lines/1/cancel"), cancel.clone()).await;
    told.is(404, "not_found");
    let cancelled = server.post(&first.key, "c", &own("lines/1/cancel"), cancel.clone()).await;
    assert_eq!(cancelled.ok()["refunded_minor"], 2 * (1_999 + 499));
    server.post(&first.key, "c", &own("lines/1/cancel"), cancel.clone()).await.repeats(&cancelled);
    let twice = server.post(&first.key, "c2", &own("lines/1/cancel"), cancel.clone()).await.ok();
    assert_eq!((&twice["lines"], &twice["refunded_minor"]), (&json!([1]), &json!(0)));
    server.post(&first.key, "a", &own("accept"), json!({})).await.is(409, "already_cancelled");
    let accepted = server.post(&second.key, "a", &own("accept"), json!({})).await;
    assert_eq!(text(&accepted.ok(), "state"), "accepted");
    server.post(&second.key, "a", &own("accept"), json!({})).await.repeats(&accepted);
    server.post(&first.key, "s", &own("ship"), json!({})).await.is(409, "nothing_to_ship");

    let shipped = server.post(&second.key, "s", &own("ship"), json!({ "tracking": "T-1" })).await;
    server.post(&second.key, "s", &own("ship"), json!({ "tracking": "T-1" })).await.repeats(&shipped);
    server.post(&second.key, "c2", &own("lines/2/cancel"), cancel).await.is(409, "already_shipped");
    let deliver = own(&format!("parcels/{}/deliver", text(&shipped.ok(), "parcel")));
    server.post(&second.key, "d", &deliver, json!({})).await.ok();
    // Told again it is no other fact.
    server.post(&second.key, "d2", &deliver, json!({})).await.ok();
    let path = format!("/v1/store/orders/{order}");
    let shown = until("refunded", async || {
        let shown = server.get(&cart.token, &path).await.ok();
        if shown["refunded_minor"] == 2 * (1_999 + 499) { Ok(shown) } else { Err(shown.to_string()) }
    })
    .await;
    assert_eq!(text(&shown, "state"), "delivered");
    assert_eq!(
        (&shown["refund_pending_minor"], &shown["lines"][0]["state"]),
        (&json!(0), &json!("cancelled"))
    );
    server.stop().await;
}

/// A vendor's whole part: every line that has not left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_cancels_its_whole_part_of_an_order() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let (first, second) =
        (open_stall(&server, &operator, 1, 5).await, open_stall(&server, &operator, 2, 5).await);
    let cart = Cart::open(&server).await;
    cart.line(&server, &first, 2).await.ok();
    cart.line(&server, &second, 1).await.ok();
    let quote = cart.to_quote(&server).await;
    let order = text(&cart.post(&server, "pay", "pay", pay_body(&quote, "card_success")).await.ok(), "order");
    let path = format!("/v1/vendor/orders/{order}/cancel");
    let why = json!({ "reason": "undeliverable" });
    let cancelled = server.post(&first.key, "c", &path, why.clone()).await;
    assert_eq!(cancelled.ok()["lines"], json!([1]));
    assert_eq!(cancelled.ok()["refunded_minor"], 2 * (1_999 + 499));
    server.post(&first.key, "c", &path, why.clone()).await.repeats(&cancelled);
    let shown = server.get(&cart.token, &format!("/v1/store/orders/{order}")).await.ok();
    assert_eq!(
        (&shown["lines"][0]["state"], &shown["lines"][1]["state"]),
        (&json!("cancelled"), &json!("open"))
    );
    let stranger = server.key(Role::Vendor("ven_00000000000000000000000001".parse().expect("an id"))).await;
    server.post(&stranger, "c", &path, why).await.is(404, "not_found");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_is_withheld_and_resumed_and_a_product_archived_for_good() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let public = format!("/v1/store/products/{}", stall.product);
    let offers = async || server.get("", &public).await.ok()["offers"].as_array().map(Vec::len);
    let held = server.post(&stall.key, "w", &stall.offer("withhold"), json!({})).await;
    assert_eq!(held.ok()["for_sale"], false);
    server.post(&stall.key, "w", &stall.offer("withhold"), json!({})).await.repeats(&held);
    assert_eq!(offers().await, Some(0));
    assert_eq!(server.post(&stall.key, "r", &stall.offer("resume"), json!({})).await.ok()["for_sale"], true);
    assert_eq!(offers().await, Some(1));
    let stranger = open_stall(&server, &operator, 2, 1).await;
    server.post(&stranger.key, "w", &stall.offer("withhold"), json!({})).await.is(404, "not_found");
    server.post(&stranger.key, "a", &stall.path("archive"), json!({})).await.is(404, "not_found");

    let cart = Cart::open(&server).await;
    cart.line(&server, &stall, 1).await.ok();
    let archived = server.post(&stall.key, "a", &stall.path("archive"), json!({})).await;
    assert_eq!(text(&archived.ok(), "state"), "archived");
    server.get("", &public).await.is(404, "not_found");
    cart.put(&server, "address", "address", super::rig::address()).await.ok();
    cart.put(&server, "shipping", "shipping", json!({ "method": "standard" })).await.ok();
    cart.post(&server, "quote", "quote", json!({})).await.is(409, "not_for_sale");
    cart.line(&server, &stall, 2).await.is(404, "unknown_sku");
    server.stop().await;
}

/// A parcel needs an address: its vendor sees it as long as there is something to send or on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_sees_where_its_part_goes_and_nobody_keeps_that() {
    use souk_core::ids::{OrderId, StreamId};
    use souk_core::order::Order;

    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let (first, second) =
        (open_stall(&server, &operator, 1, 5).await, open_stall(&server, &operator, 2, 5).await);
    let cart = Cart::open(&server).await;
    cart.line(&server, &first, 1).await.ok();
    cart.line(&server, &second, 2).await.ok();
    let quote = cart.to_quote(&server).await;
    let order = text(&cart.post(&server, "pay", "pay", pay_body(&quote, "card_success")).await.ok(), "order");
    let path = format!("/v1/vendor/orders/{order}");
    let seen = async |stall: &super::rig::Stall| {
        let told = server.get(&stall.key, &path).await;
        assert_eq!((told.header("cache-control"), told.header("etag")), (Some("no-store"), None), "{told:?}");
        told.ok()["ship_to"].clone()
    };
    let home = json!({
        "name": "Ada Example", "street": "Example 1", "postal_code": "10115", "city": "Berlin", "country": "DE",
    });
    assert_eq!((seen(&first).await, seen(&second).await), (home.clone(), home.clone()));
    server.post(&first.key, "a", &format!("{path}/accept"), json!({})).await.ok();
    assert_eq!(seen(&first).await, home);
    let shipped = server.post(&first.key, "s", &format!("{path}/ship"), json!({})).await.ok();
    assert_eq!(seen(&first).await, home, "it is on its way");
    let deliver = format!("{path}/parcels/{}/deliver", text(&shipped, "parcel"));
    server.post(&first.key, "d", &deliver, json!({})).await.ok();
    assert_eq!(seen(&first).await, json!(null), "it has arrived");
    assert_eq!(seen(&second).await, home, "the other part has not");
    let why = json!({ "reason": "not_available" });
    server.post(&second.key, "c", &format!("{path}/cancel"), why).await.ok();
    assert_eq!(seen(&second).await, json!(null), "nothing is sent");
    for who in [&cart.token, &operator] {
        let path = if who == &operator {
            path.replace("vendor", "operator")
        } else {
            path.replace("vendor", "store")
        };
        assert!(!server.get(who, &path).await.ok().to_string().contains("Ada"), "{path}");
    }
    assert!(!server.get(&first.key, "/v1/vendor/orders").await.ok().to_string().contains("Ada"));

    // Who was erased is nowhere.
    let cart = Cart::open(&server).await;
    let order = cart.buy(&server, &first, 1).await;
    let path = format!("/v1/vendor/orders/{order}");
    assert_eq!(server.get(&first.key, &path).await.ok()["ship_to"], home);
    let stream = StreamId::Order(order.parse::<OrderId>().expect("an id"));
    let node = &server.services.node;
    let (state, _) =
        node.handle::<Order>().read(stream, std::time::Duration::from_secs(5)).await.expect("it answers");
    server.services.vault.erase(state.placed.expect("placed").subject).await.expect("erased");
    assert_eq!(server.get(&first.key, &path).await.ok()["ship_to"], json!(null));
    server.stop().await;
}
