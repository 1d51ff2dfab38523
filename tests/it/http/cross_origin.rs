//! Pages of other origins, as a browser asks for them.

use serde_json::{Value, json};
use souk::tenants::Role;

use super::rig::{Response, Server, open_stall, text};

const KEYS: &str = "/v1/operator/publishable-keys";
const PRODUCTS: &str = "/v1/store/products";
const SHOP: &str = "https://shop.example";
const EVIL: &str = "https://shop.example.evil.example";

async fn with(server: &Server, path: &str, key: &str, origin: Option<&str>) -> Response {
    let mut headers = vec![("souk-publishable-key", key)];
    headers.extend(origin.map(|origin| ("origin", origin)));
    server.send("GET", path, &headers, "").await
}

async fn before(server: &Server, path: &str, origin: &str) -> Response {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "souk-publishable-key"),
    ];
    server.send("OPTIONS", path, &headers, "").await
}

fn reader(told: &Response) -> Option<&str> {
    told.header("access-control-allow-origin")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_named_origins_use_the_store_and_nothing_else() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    assert_eq!(before(&server, PRODUCTS, SHOP).await.status, 403, "there is no key yet");

    let draft = |origins: Value| json!({ "name": "our own shop", "origins": origins });
    for wrong in [json!([]), json!(["*"]), json!(["http://shop.example"]), json!(["https://shop.example/"])] {
        server.post(&operator, &wrong.to_string(), KEYS, draft(wrong)).await.is(422, "invalid_value");
    }
    let made = server.post(&operator, "k", KEYS, draft(json!([SHOP, "http://localhost:3000"]))).await;
    server.post(&operator, "k", KEYS, draft(json!([SHOP, "http://localhost:3000"]))).await.repeats(&made);
    server.post(&operator, "k", KEYS, draft(json!([EVIL]))).await.is(422, "idempotency_key_reused");
    let key = text(&made.ok(), "key");
    assert!(key.starts_with("pk_"), "{made:?}");

    // What a browser asks before, and with what it then sees. Twice, so that the second may be from memory.
    let asked = before(&server, "/v1/store/carts", SHOP).await;
    assert_eq!((asked.status, reader(&asked)), (204, Some(SHOP)), "{asked:?}");
    let allowed = asked.header("access-control-allow-headers").unwrap_or_default();
    assert!(
        ["idempotency-key", "souk-publishable-key", "authorization"]
            .iter()
            .all(|name| allowed.contains(name))
    );
    for path in [PRODUCTS.to_owned(), format!("{PRODUCTS}/{}", stall.product)] {
        for _ in 0..2 {
            let told = with(&server, &path, &key, Some(SHOP)).await;
            assert_eq!((told.status, reader(&told)), (200, Some(SHOP)), "{told:?}");
            assert!(told.head.contains("vary: origin") && told.head.contains("souk-position"), "{told:?}");
            with(&server, &path, &key, Some(EVIL)).await.is(403, "origin_refused");
            assert_eq!(reader(&server.get("", &path).await), None, "no key, no page of another origin");
        }
    }
    // A refusal can be read, too.
    let missing =
        with(&server, &format!("{PRODUCTS}/prd_00000000000000000000000001"), &key, Some(SHOP)).await;
    assert_eq!((missing.status, reader(&missing)), (404, Some(SHOP)), "{missing:?}");

    assert_eq!(with(&server, PRODUCTS, &key, None).await.status, 200, "programs say no origin");
    with(&server, PRODUCTS, "pk_nonsense", Some(SHOP)).await.is(401, "authentication_required");
    with(&server, PRODUCTS, "pk_00000000000000000000000001", None).await.is(401, "authentication_required");
    with(&server, "/v1/vendor/products", &key, Some(SHOP)).await.is(403, "wrong_role");
    with(&server, "/v1/operator/vendors", &key, Some(SHOP)).await.is(403, "wrong_role");
    let elsewhere = before(&server, "/v1/operator/vendors", SHOP).await;
    assert_eq!((elsewhere.status, reader(&elsewhere)), (405, None), "{elsewhere:?}");
    assert_eq!(reader(&before(&server, PRODUCTS, "null").await), None);

    // Revoked, it opens nothing from the next request on.
    server.call(&operator, "", "DELETE", &format!("{KEYS}/{key}"), json!({})).await.ok();
    with(&server, PRODUCTS, &key, Some(SHOP)).await.is(401, "key_revoked");
    assert_eq!(before(&server, PRODUCTS, SHOP).await.status, 403);
    let listed = server.get(&operator, KEYS).await.ok();
    assert!(listed["items"][0]["revoked_at_ms"].is_i64(), "{listed}");
    server.stop().await;
}
