//! How often one client may ask.

use serde_json::json;
use souk::tenants::Role;

use super::rig::{Server, application, until};

const VENDORS: &str = "/v1/operator/vendors";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let server = Server::start_with(&[
        ("limits.key_requests_per_minute", &6),
        ("limits.address_requests_per_minute", &6),
        ("limits.burst", &3),
    ])
    .await;
    let (first, second) = (server.key(Role::Operator).await, server.key(Role::Operator).await);
    for left in [2, 1, 0] {
        let told = server.get(&first, VENDORS).await;
        assert_eq!(told.status, 200, "{told:?}");
        assert_eq!(told.header("ratelimit-policy"), Some("\"key\";q=3;w=30"));
        let standing = told.header("ratelimit").expect("a standing");
        assert!(standing.starts_with(&format!("\"key\";r={left};t=")), "{standing}");
    }
    let refused = server.get(&first, VENDORS).await;
    refused.is(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").expect("when").parse().expect("seconds");
    assert!((1..=10).contains(&wait), "{refused:?}");
    assert!(refused.header("ratelimit").expect("a standing").starts_with("\"key\";r=0;t="), "{refused:?}");

    // Another key has its own allowance, and so has the address of those without one. A key that is none counts for
    // the address: a new one each time would else be a new allowance.
    assert_eq!(server.get(&second, VENDORS).await.status, 200);
    let store = "/v1/store/products";
    for _ in 0..2 {
        let told = server.get("", store).await;
        assert_eq!(told.header("ratelimit-policy"), Some("\"address\";q=3;w=30"), "{told:?}");
        assert_eq!(told.status, 200);
    }
    let forged = |n: usize| format!("souk_op_{}_{}", "0".repeat(26), n.to_string().repeat(52));
    server.get(&forged(1), VENDORS).await.is(401, "authentication_required");
    server.get(&forged(0), VENDORS).await.is(429, "rate_limited");
    server.get("", store).await.is(429, "rate_limited");
    assert_eq!(server.get(&second, VENDORS).await.status, 200);
    // What keeps the server running is not counted.
    for _ in 0..5 {
        assert_eq!(server.get("", "/livez").await.status, 200);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_together_may_have_only_so_much_done_and_still_look() {
    let server = Server::start_with(&[("limits.all_requests_per_minute", &60)]).await;
    let operator = server.key(Role::Operator).await;
    let carts = "/v1/store/carts";
    assert_eq!(server.post("", "one", carts, json!({})).await.status, 201);
    let refused = server.post("", "two", carts, json!({})).await;
    refused.is(429, "overloaded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.get("", "/v1/store/products").await.status, 200);
    server.post(&operator, "vendor", VENDORS, application(1)).await.ok();
    until("another cart", async || {
        let told = server.post("", "two", carts, json!({})).await;
        if told.status == 201 { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_limit_nothing_is_counted() {
    let server = Server::start().await;
    let told = server.get("", "/v1/store/products").await;
    assert_eq!((told.status, told.header("ratelimit")), (200, None));
    server.stop().await;
}
