//! Vendors' service keys: made once, shown again to whoever repeats the request, good for what they were made for.

use serde_json::{Value, json};
use souk::tenants::Role;

use super::rig::{PRODUCTS, Server, approved_vendor, draft, text, until};
use super::teams::joins;
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

const KEYS: &str = "/v1/vendor/keys";
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

fn named(listed: &Value, id: &str) -> Value {
    let items = listed["items"].as_array().expect("items");
    items.iter().find(|item| item["id"] == id).cloned().unwrap_or_default()
}

async fn a_key_is_good_for_what_it_was_made_for(backend: Backend) {
    let server = Server::on(backend, &[]).await;
    let operator = server.key(Role::Operator).await;
    let (vendor, console) = approved_vendor(&server, &operator, 1).await;
    let other = approved_vendor(&server, &operator, 2).await;
    let (_, _, owner) = joins(&server, &operator, &vendor, "owner@example.org", "owner").await;
    let (_, _, manager) = joins(&server, &operator, &vendor, "manager@example.org", "manager").await;
    let (_, _, rival) = joins(&server, &operator, &other.0, "rival@example.org", "owner").await;

    // Owners make keys, with the scopes that they name; nobody else does, least of all a key.
    let packs = json!({ "name": "label printer", "scopes": ["orders:read", "orders:pack"] });
    for who in [&manager, &console] {
        server.post(who, "m", KEYS, packs.clone()).await.is(403, "wrong_role");
        server.get(who, KEYS).await.is(403, "wrong_role");
    }
    let unnamed = [("authorization", &*format!("Bearer {owner}")), ("content-type", "application/json")];
    server.send("POST", KEYS, &unnamed, &packs.to_string()).await.is(400, "idempotency_key_missing");
    for wrong in [json!([]), json!(["orders:read", "orders:read"])] {
        let draft = json!({ "name": "x", "scopes": wrong });
        server.post(&owner, &wrong.to_string(), KEYS, draft).await.is(422, "invalid_value");
    }
    let draft_of =
        |name: &str, lasts_ms: i64| json!({ "name": name, "scopes": ["money:read"], "lasts_ms": lasts_ms });
    server.post(&owner, "z", KEYS, draft_of("x", 0)).await.is(422, "invalid_value");
    server.post(&owner, "n", KEYS, draft_of(" ", 1)).await.is(422, "invalid_value");
    let made = server.post(&owner, "m", KEYS, packs.clone()).await;
    server.post(&owner, "m", KEYS, packs.clone()).await.repeats(&made);
    let (id, key) = (text(&made.ok(), "id"), text(&made.ok(), "key"));

    // It may what it was made for, of its vendor.
    server.get(&key, "/v1/vendor/orders").await.ok();
    let refused = server.get(&key, "/v1/vendor/statement").await;
    refused.is(403, "wrong_role");
    assert_eq!(refused.json()["scope"], "money:read");
    server.get(&key, PRODUCTS).await.is(403, "wrong_role");
    server.get(&key, KEYS).await.is(403, "wrong_role");
    server.get(&key, "/v1/vendor/team").await.is(403, "wrong_role");
    server.get(&key, "/v1/operator/vendors").await.is(403, "wrong_role");
    for at in [12, key.len() / 2, key.len() - 1] {
        let mut wrong = key.clone().into_bytes();
        wrong[at] = if wrong[at] == b'0' { b'1' } else { b'0' };
        let wrong = String::from_utf8(wrong).expect("text");
        server.get(&wrong, "/v1/vendor/orders").await.is(401, "authentication_required");
    }

    // Owners see their own keys, without secrets, and when they were used.
    let told = until("noted", async || {
        let told = named(&server.get(&owner, KEYS).await.ok(), &id);
        if told["last_used_at_ms"].is_i64() { Ok(told) } else { Err(told.to_string()) }
    })
    .await;
    assert_eq!((text(&told, "name"), told["is_good"].as_bool()), ("label printer".to_owned(), Some(true)));
    let beginning = text(&told, "begins_with");
    assert!(key.starts_with(&beginning) && key.len() > beginning.len() + 40, "{told}");
    assert_eq!(named(&server.get(&rival, KEYS).await.ok(), &id), Value::Null);
    let of_key = format!("{KEYS}/{id}");
    let overlap = json!({ "overlap_ms": DAY_MS });
    server.post(&rival, "r", &format!("{of_key}/roll"), overlap.clone()).await.is(404, "not_found");
    server.call(&rival, "d", "DELETE", &of_key, json!({})).await.is(404, "not_found");

    // Rolled, both are good for a day; then the old one is told to be over, if its secret is right.
    let rolled = server.post(&owner, "r", &format!("{of_key}/roll"), overlap.clone()).await;
    server.post(&owner, "r", &format!("{of_key}/roll"), overlap.clone()).await.repeats(&rolled);
    server.post(&owner, "r2", &format!("{of_key}/roll"), overlap).await.is(409, "wrong_state");
    let (next_id, next) = (text(&rolled.ok(), "id"), text(&rolled.ok(), "key"));
    for key in [&key, &next] {
        server.get(key, "/v1/vendor/orders").await.ok();
    }
    server.services.node.clock().advance(DAY_MS);
    server.get(&key, "/v1/vendor/orders").await.is(401, "key_revoked");
    server.get(&next, "/v1/vendor/orders").await.ok();
    // Revoked, it is over at once.
    let owner = owner_again(&server, &vendor).await;
    server.call(&owner, "d", "DELETE", &format!("{KEYS}/{next_id}"), json!({})).await.ok();
    server.get(&next, "/v1/vendor/orders").await.is(401, "key_revoked");
    server.call(&owner, "d2", "DELETE", &format!("{KEYS}/{next_id}"), json!({})).await.is(404, "not_found");
    let late = server.post(&owner, "late", KEYS, draft_of("short", DAY_MS)).await.ok();
    server.services.node.clock().advance(11 * MINUTE_MS);
    let owner = owner_again(&server, &vendor).await;
    let repeat = server.post(&owner, "late", KEYS, draft_of("short", DAY_MS)).await;
    repeat.is(409, "secret_already_shown");
    assert_eq!(repeat.json()["id"], late["id"]);
    server.get(&text(&late, "key"), "/v1/vendor/statement").await.ok();

    // An operator helps: sees, rolls and revokes.
    let of_vendor = format!("/v1/operator/vendors/{vendor}/keys");
    let listed = server.get(&operator, &of_vendor).await.ok();
    assert_eq!(text(&named(&listed, &text(&late, "id")), "name"), "short");
    let of_late = format!("{of_vendor}/{}", text(&late, "id"));
    let rolled =
        server.post(&operator, "o", &format!("{of_late}/roll"), json!({ "overlap_ms": 0 })).await.ok();
    server.get(&text(&late, "key"), "/v1/vendor/statement").await.is(401, "key_revoked");
    server.get(&text(&rolled, "key"), "/v1/vendor/statement").await.ok();
    let foreign = format!("/v1/operator/vendors/{}/keys/{}", other.0, text(&rolled, "id"));
    server.call(&operator, "f", "DELETE", &foreign, json!({})).await.is(404, "not_found");
    let server = server.restart().await;
    server.get(&next, "/v1/vendor/orders").await.is(401, "key_revoked");
    // The other vendor has nothing of all this.
    draft(&server, other, "lamps", 100).await;
    server.stop().await;
}

/// The owner, signed in once more: a day has passed.
async fn owner_again(server: &Server, vendor: &str) -> String {
    let access = text(&super::people::sign_in(server, "owner@example.org").await, "access_token");
    super::teams::member(server, &access, vendor).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_good_for_what_it_was_made_for_on_sqlite() {
    a_key_is_good_for_what_it_was_made_for(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_good_for_what_it_was_made_for_on_postgres() {
    if let Some(backend) = Backend::postgres("service keys on Postgres") {
        a_key_is_good_for_what_it_was_made_for(backend).await;
    }
}
