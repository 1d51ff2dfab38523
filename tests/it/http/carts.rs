//! What a shopper may take back: a line, a cart, a checkout on its way, an order.

use serde_json::json;
use souk::tenants::Role;

use super::rig::{Cart, Server, open_stall, pay_body, text, until};

async fn free(server: &Server, product: &str) -> serde_json::Value {
    server.get("", &format!("/v1/store/products/{product}")).await.ok()["offers"][0]["available"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_is_taken_out_and_a_cart_given_up() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let (first, second) =
        (open_stall(&server, &operator, 1, 5).await, open_stall(&server, &operator, 2, 5).await);
    let cart = Cart::open(&server).await;
    cart.line(&server, &first, 2).await.ok();
    cart.line(&server, &second, 1).await.ok();
    let line = format!("{}/lines/{}", cart.path, first.sku);
    let bearer = format!("Bearer {}", cart.token);
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "out")];
    let removed = server.send("DELETE", &line, &headers, "").await;
    assert_eq!(text(&removed.ok(), "state"), "open");
    server.send("DELETE", &line, &headers, "").await.repeats(&removed);
    let seen = cart.show(&server).await;
    assert_eq!(seen["lines"].as_array().map(Vec::len), Some(1), "{seen}");
    assert_eq!(seen["lines"][0]["sku"], second.sku.as_str());
    // What is not there can be taken out as well.
    server.send("DELETE", &line, &headers[..1], "").await.ok();

    let given_up = cart.post(&server, "stop", "abandon", json!({})).await;
    assert_eq!(text(&given_up.ok(), "state"), "expired");
    cart.post(&server, "stop", "abandon", json!({})).await.repeats(&given_up);
    assert_eq!(text(&cart.show(&server).await, "state"), "expired");
    cart.line(&server, &first, 3).await.is(409, "checkout_ended");
    cart.post(&server, "late", "quote", json!({})).await.is(409, "checkout_ended");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkout_that_waits_for_its_shopper_is_abandoned_and_its_units_come_back() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let cart = Cart::open(&server).await;
    cart.line(&server, &stall, 3).await.ok();
    let quote = cart.to_quote(&server).await;
    let told = cart.post(&server, "pay", "pay", pay_body(&quote, "card_3ds")).await;
    assert_eq!((told.status, text(&told.ok(), "state").as_str()), (202, "action_needed"));
    assert_eq!(free(&server, &stall.product).await, 2);
    cart.line(&server, &stall, 1).await.is(409, "payment_in_progress");
    let given_up = cart.post(&server, "stop", "abandon", json!({})).await.ok();
    assert_eq!(text(&given_up, "state"), "voiding");
    until("free again", async || match free(&server, &stall.product).await {
        free if free == 5 => Ok(()),
        free => Err(free.to_string()),
    })
    .await;
    let ended = text(&cart.show(&server).await, "state");
    assert_eq!(ended, "expired");

    // Too late: the order was placed.
    let cart = Cart::open(&server).await;
    let order = cart.buy(&server, &stall, 1).await;
    let refused = cart.post(&server, "stop", "abandon", json!({})).await;
    refused.is(409, "checkout_placed");
    assert_eq!(refused.json()["order"], order.as_str());

    // The order may still be cancelled, once, until it has left.
    let path = format!("/v1/store/orders/{order}/cancel");
    let cancelled = server.post(&cart.token, "c1", &path, json!({})).await;
    assert_eq!(cancelled.ok()["refunded_minor"], 1_999 + 499);
    server.post(&cart.token, "c1", &path, json!({})).await.repeats(&cancelled);
    // Cancelled twice is cancelled once: nothing more comes back.
    let twice = server.post(&cart.token, "c2", &path, json!({ "line": 1 })).await.ok();
    assert_eq!((&twice["lines"], &twice["refunded_minor"]), (&json!([1]), &json!(0)));
    server.post(&cart.token, "c3", &path, json!({ "line": 9 })).await.is(404, "not_found");
    let shown = server.get(&cart.token, &path.replace("/cancel", "")).await.ok();
    assert_eq!(text(&shown, "state"), "cancelled");
    until("back on the shelf", async || match free(&server, &stall.product).await {
        free if free == 5 => Ok(()),
        free => Err(free.to_string()),
    })
    .await;
    server.stop().await;
}
