//! Texts that no database keeps are refused before they come to one, wherever they come in.

use serde_json::{Value, json};
use souk::tenants::Role;

use super::rig::{Cart, PRODUCTS, Server, address, application, open_stall};
use crate::servers::Backend;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_with_nul_is_refused_on_sqlite() {
    a_text_with_nul_is_refused(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_with_nul_is_refused_on_postgres() {
    if let Some(backend) = Backend::postgres("texts with NUL on Postgres") {
        a_text_with_nul_is_refused(backend).await;
    }
}

async fn a_text_with_nul_is_refused(backend: Backend) {
    let server = Server::on(backend, &[]).await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let cart = Cart::open(&server).await;
    cart.line(&server, &stall, 1).await.ok();
    server.quiet().await;
    let before = server.ends().await;
    for query in [
        "/v1/store/products?category=%00",
        "/v1/store/products?category=a%00b",
        "/v1/store/products?category=a%0Ab",
        "/v1/store/products?in_stock=true&category=%00",
        "/v1/store/search?q=%00",
        "/v1/store/search?category=%00",
        "/v1/store/search?q=a&cursor=%00",
    ] {
        server.get("", query).await.is(400, "invalid_query");
    }
    for query in ["/v1/operator/vendors?cursor=%00", "/v1/operator/orders?cursor=1.%00"] {
        server.get(&operator, query).await.is(400, "invalid_query");
    }
    let vendor = |rest: &str| format!("/v1/operator/vendors/{}/{rest}", stall.vendor);
    let own = |rest: &str| format!("{}/{rest}", cart.path);
    let nul = "a\0b";
    let with = |good: Value, field: &str| {
        let mut bad = good;
        *bad.pointer_mut(field).expect("a field") = json!(nul);
        bad
    };
    let product = json!({ "title": { "en": "Thing" }, "description": { "en": "" }, "category": "things" });
    let offer =
        json!({ "variant": stall.variant, "code": "T", "price": { "unit_minor": 1, "currency": "EUR" } });
    let line = json!({ "sku": stall.sku, "product": stall.product, "quantity": 1, "unit_price_minor": 1 });
    let assisted =
        json!({ "lines": [line], "address": address(), "shipping_method": "standard", "reference": "r" });
    for (who, method, path, body) in [
        (&stall.key, "POST", PRODUCTS.to_owned(), with(product.clone(), "/title/en")),
        (&stall.key, "POST", PRODUCTS.to_owned(), with(product.clone(), "/description/en")),
        (&stall.key, "POST", PRODUCTS.to_owned(), with(product.clone(), "/category")),
        (&stall.key, "POST", PRODUCTS.to_owned(), json!({ "title": { nul: "x" }, "category": "things" })),
        (&stall.key, "POST", stall.path("variants"), json!({ "options": { "size": nul } })),
        (&stall.key, "POST", stall.path("variants"), json!({ "options": { nul: "large" } })),
        (&stall.key, "POST", stall.path("variants"), json!({ "barcode": nul })),
        (&stall.key, "POST", stall.path("offers"), with(offer, "/code")),
        (&operator, "POST", "/v1/operator/vendors".to_owned(), with(application(3), "/name")),
        (&operator, "POST", "/v1/operator/vendors".to_owned(), with(application(3), "/legal_entity/name")),
        (&operator, "POST", "/v1/operator/vendors".to_owned(), with(application(3), "/legal_entity/series")),
        (&operator, "POST", vendor("suspend"), json!({ "reason": nul })),
        (&operator, "POST", vendor("close"), json!({ "reason": nul })),
        (&operator, "POST", vendor("keys"), json!({ "name": nul })),
        (
            &operator,
            "POST",
            format!("/v1/operator/products/{}/reject", stall.product),
            json!({ "reason": nul }),
        ),
        (&operator, "POST", "/v1/operator/assisted-orders".to_owned(), with(assisted, "/reference")),
        (&cart.token, "PUT", own("address"), with(address(), "/name")),
        (&cart.token, "PUT", own("address"), with(address(), "/country")),
        (&cart.token, "PUT", own("shipping"), json!({ "method": nul })),
    ] {
        let told = server.call(who, "nul", method, &path, body.clone()).await;
        assert_eq!(told.status, 400, "{method} {path} {body}: {told:?}");
        told.is(400, "invalid_field");
    }
    // Escaped it is six letters, and those are fine.
    let six = json!({ "title": { "en": "a\\u0000b" }, "category": "things" });
    assert_eq!(server.ends().await, before, "nothing happened");
    server.post(&stall.key, "six", PRODUCTS, six).await.ok();
    server.stop().await;
}
