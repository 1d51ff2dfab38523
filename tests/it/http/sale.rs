//! One cart of two vendors entirely over HTTP, strangers with the same key, 3-D Secure, and the end in order.

use std::time::Duration;

use serde_json::json;
use souk::tenants::Role;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::rig::{Cart, Response, Server, open_stall, pay_body, request, text, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_of_two_vendors_becomes_an_order_and_repeats_survive_a_restart() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let (first, second) =
        (open_stall(&server, &operator, 1, 9).await, open_stall(&server, &operator, 2, 5).await);

    let cart = Cart::open(&server).await;
    cart.line(&server, &first, 2).await.ok();
    cart.line(&server, &second, 1).await.ok();
    let quote = cart.to_quote(&server).await;
    assert_eq!(quote["total_minor"], 3 * (1_999 + 499));
    let pay = pay_body(&quote, "card_success");
    let paid = cart.post(&server, "pay", "pay", pay.clone()).await;
    assert!(!paid.is_repeat());
    let placed = paid.ok();
    assert_eq!((paid.status, text(&placed, "state").as_str()), (200, "placed"));
    let seen = server.get(&cart.token, &cart.path).await.ok();
    assert_eq!(text(&seen, "state"), "placed");
    assert!(!seen.to_string().contains("Ada"), "names stay in the vault: {seen}");
    let order = format!("/v1/store/orders/{}", text(&placed, "order"));
    // The order's own token shows it, in the header or in the letter's link, and cancels nothing.
    let own = text(&placed, "order_token");
    assert_eq!(text(&seen, "order_token"), own);
    let shown = server.get(&own, &order).await.ok();
    let link = format!("{order}?token={own}");
    let by_link = server.get("", &link).await;
    assert_eq!(by_link.ok(), shown);
    assert_eq!(
        (by_link.header("cache-control"), by_link.header("referrer-policy")),
        (Some("no-store"), Some("no-referrer"))
    );
    server.get("", &order).await.is(401, "authentication_required");
    server.get("", &format!("{order}?token={}", cart.token)).await.is(401, "authentication_required");
    server
        .get("", &format!("{order}?token={}", &own[..own.len() - 1]))
        .await
        .is(401, "authentication_required");
    let elsewhere = "/v1/store/orders/ord_00000000000000000000000001";
    server.get("", &format!("{elsewhere}?token={own}")).await.is(404, "not_found");
    server.get(&own, &cart.path).await.is(404, "not_found");
    server.call(&own, "x", "POST", &format!("{order}/cancel"), json!({})).await.is(404, "not_found");
    let letter = until("written", async || {
        let letters =
            std::fs::read_dir(server.data_dir().join("outbox")).map_err(|error| error.to_string())?;
        let paths: Vec<_> = letters.filter_map(|entry| Some(entry.ok()?.path())).collect();
        let found = paths.iter().find(|path| path.extension().is_some_and(|ending| ending == "eml"));
        found.and_then(|path| std::fs::read_to_string(path).ok()).ok_or(format!("{paths:?}"))
    })
    .await;
    assert!(letter.contains(&format!("See your order: http://localhost:8080{link}\n")), "{letter}");
    let shown = server.get(&cart.token, &order).await.ok();
    assert_eq!(shown["vendor_orders"].as_array().map(Vec::len), Some(2));

    let repeat = cart.post(&server, "pay", "pay", pay.clone()).await;
    repeat.repeats(&paid);
    let server = server.restart().await;
    let repeat = cart.post(&server, "pay", "pay", pay).await;
    repeat.repeats(&paid);
    assert_eq!(repeat.status, 200);

    // Each vendor ships its own part; another's is not there for it.
    let ship = order.replace("/store/", "/vendor/") + "/ship";
    let shipped = server.call(&first.key, "ship", "POST", &ship, json!({ "tracking": "T1" })).await.ok();
    let deliver = ship.replace("/ship", &format!("/parcels/{}/deliver", text(&shipped, "parcel")));
    server.call(&second.key, "deliver", "POST", &deliver, json!({})).await.is(404, "not_found");
    server.call(&first.key, "deliver", "POST", &deliver, json!({})).await.ok();
    let cancel = format!("{order}/cancel");
    server.call(&cart.token, "cancel", "POST", &cancel, json!({ "line": 2 })).await.ok();
    assert_eq!(text(&server.get(&cart.token, &order).await.ok(), "state"), "delivered");

    // An operator prices a cart for a shopper, who then pays it.
    let address = json!({ "name": "Bo", "street": "S 1", "postal_code": "1", "city": "C", "country": "DE", "email": "bo@example.org" });
    let line = json!({ "sku": first.sku, "product": first.product, "quantity": 1, "unit_price_minor": 1000 });
    let assisted = json!({ "lines": [line], "address": address, "shipping_method": "standard" });
    let written = server.call(&operator, "a1", "POST", "/v1/operator/assisted-orders", assisted).await.ok();
    assert_eq!(written["total_minor"], 1_000);
    // One offer at two prices is two lines of the order, each with its own units.
    let line = |quantity: u32, price: i64| json!({ "sku": first.sku, "product": first.product, "quantity": quantity, "unit_price_minor": price });
    let lines = [line(1, 700), line(1, 900), line(1, 700)];
    let parts = json!({ "lines": lines, "address": address, "shipping_method": "standard" });
    let priced = server.call(&operator, "a2", "POST", "/v1/operator/assisted-orders", parts.clone()).await;
    server.call(&operator, "a2", "POST", "/v1/operator/assisted-orders", parts).await.repeats(&priced);
    let priced = priced.ok();
    assert_eq!(priced["total_minor"], 2 * 700 + 900);
    let of_parts =
        Cart { path: format!("/v1/store/carts/{}", text(&priced, "id")), token: text(&priced, "token") };
    assert_eq!(of_parts.show(&server).await["lines"][0]["quantity"], 3, "one line of the cart");
    let sold = of_parts.post(&server, "pay", "pay", pay_body(&priced, "card_success")).await.ok();
    let sold =
        server.get(&text(&sold, "order_token"), &format!("/v1/store/orders/{}", text(&sold, "order"))).await;
    let sold = sold.ok()["lines"].as_array().expect("lines").clone();
    let sold: Vec<_> = sold.iter().map(|line| (&line["quantity"], &line["unit_price_minor"])).collect();
    assert_eq!(sold, [(&json!(2), &json!(700)), (&json!(1), &json!(900))]);
    let cart =
        Cart { path: format!("/v1/store/carts/{}", text(&written, "id")), token: text(&written, "token") };
    cart.post(&server, "pay", "pay", pay_body(&written, "card_success")).await.ok();
    server.get("", "/readyz").await.ok();
    assert!(server.get("", "/metrics").await.body.contains("souk_http_responses_total{class=\"2xx\"}"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_with_the_same_key_get_carts_of_their_own_and_3ds_is_passed_at_the_bank() {
    let server = Server::start().await;
    let open = async |secret: Option<&str>| {
        let mut headers = vec![("idempotency-key", "1")];
        headers.extend(secret.map(|secret| ("souk-client-secret", secret)));
        server.send("POST", "/v1/store/carts", &headers, "").await
    };
    assert_ne!(open(None).await.ok()["id"], open(None).await.ok()["id"]);
    let (ours, theirs) = ("a".repeat(32), "b".repeat(32));
    let first = open(Some(&ours)).await;
    let repeat = open(Some(&ours)).await;
    repeat.repeats(&first);
    assert_ne!(open(Some(&theirs)).await.ok()["id"], first.ok()["id"]);

    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let cart = Cart::open(&server).await;
    cart.line(&server, &stall, 1).await.ok();
    let quote = cart.to_quote(&server).await;
    let told = cart.post(&server, "pay", "pay", pay_body(&quote, "card_3ds")).await;
    assert_eq!((told.status, text(&told.ok(), "state").as_str()), (202, "action_needed"));
    let url = text(&server.get(&cart.token, &cart.path).await.ok()["payment"], "action_url");
    let list = "/v1/store/products?category=things&limit=1";
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.send("GET", list, &[], "").await.ok()["items"][0]["id"] != stall.product.as_str() {
        assert!(Instant::now() < deadline, "never listed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.send("GET", "/v1/store/products?colour=red", &[], "").await.is(400, "invalid_query");
    let page = url.trim_start_matches("http://localhost:8080").to_owned();
    assert!(server.send("GET", &page, &[], "").await.body.contains("<button>Confirm"));
    assert_eq!(server.send("POST", &format!("{page}?result=pass"), &[], "").await.status, 200);
    let deadline = Instant::now() + Duration::from_secs(20);
    while text(&server.get(&cart.token, &cart.path).await.ok(), "state") != "placed" {
        assert!(Instant::now() < deadline, "never placed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_waits_for_requests_under_way_and_takes_no_more() {
    let mut server = Server::start().await;
    // Half a request is under way when the server is told to stop.
    let mut slow = TcpStream::connect(&server.addr).await.expect("it listens");
    let whole = request("POST", "/v1/store/carts", &[("content-type", "application/json")], "{}");
    let (head, rest) = whole.split_at(whole.len() - 1);
    slow.write_all(head.as_bytes()).await.expect("sent");
    let ready = server.get("", "/readyz").await;
    assert_eq!(ready.status, 200, "{ready:?}");
    server.tell_to_stop();
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(&server.addr).await.is_ok() {
        assert!(Instant::now() < deadline, "it still listens");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    slow.write_all(rest.as_bytes()).await.expect("sent");
    assert_eq!(Response::read(slow).await.status, 201);
    server.served.await.expect("it ends in order");
}
