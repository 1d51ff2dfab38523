//! Vendors' keys: made once, shown again to whoever repeats the request.

use serde_json::json;
use souk::tenants::Role;

use super::rig::{PRODUCTS, Server, approved_vendor, text};
use crate::servers::Backend;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_s_key_is_made_once_on_sqlite() {
    a_vendor_s_key_is_made_once(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_s_key_is_made_once_on_postgres() {
    if let Some(backend) = Backend::postgres("vendors' keys on Postgres") {
        a_vendor_s_key_is_made_once(backend).await;
    }
}

async fn a_vendor_s_key_is_made_once(backend: Backend) {
    let server = Server::on(backend, &[]).await;
    let operator = server.key(Role::Operator).await;
    let (vendor, _) = approved_vendor(&server, &operator, 1).await;
    let path = format!("/v1/operator/vendors/{vendor}/keys");
    let make =
        async |key: &str, name: &str| server.post(&operator, key, &path, json!({ "name": name })).await;
    let first = make("k-1", "till").await;
    make("k-1", "till").await.repeats(&first);
    make("k-1", "another").await.is(422, "idempotency_key_reused");
    server.get(&text(&first.ok(), "key"), PRODUCTS).await.ok();

    // Two first requests at the same time: one makes it, the other is told the same.
    for n in 0..8 {
        let key = format!("race-{n}");
        let (one, two) = tokio::join!(make(&key, "till"), make(&key, "till"));
        assert_eq!((one.status, two.status, &one.bytes), (201, 201, &two.bytes), "{one:?} {two:?}");
        assert!(one.is_repeat() != two.is_repeat(), "{one:?} {two:?}");
    }
    server.stop().await;
}
