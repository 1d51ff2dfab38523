//! Operators who are people: each as far as their role goes, and no longer than they are one.

use serde_json::{Value, json};
use souk::tenants::Role;

use super::people::as_person;
use super::rig::{Response, Server, approved_vendor, text};
use super::teams::signed_in;
use crate::servers::Backend;

const OPERATORS: &str = "/v1/operator/operators";

async fn go_on(server: &Server, access: &str) -> Response {
    as_person(server, access, "POST", "sessions/operator", "").await
}

async fn set(server: &Server, by: &str, person: &str, role: &str) -> Response {
    server.call(by, "", "PUT", &format!("{OPERATORS}/{person}"), json!({ "role": role })).await
}

async fn people_keep_order(backend: Backend) {
    let server = Server::on(backend, &[]).await;
    let key = server.key(Role::Operator).await;
    let (chief, chief_access) = signed_in(&server, "chief@example.org").await;
    let (support, support_access) = signed_in(&server, "support@example.org").await;
    go_on(&server, &chief_access).await.is(403, "wrong_role");

    // The first one is made with a key, others by the first.
    let nobody = "usr_00000000000000000000000001";
    set(&server, &key, nobody, "chief").await.is(404, "not_found");
    set(&server, &key, &chief, "sovereign").await.is(400, "invalid_field");
    let told = set(&server, &key, &chief, "chief").await.ok();
    assert_eq!(told, json!({ "person": chief, "role": "chief" }));
    let chief_token = text(&go_on(&server, &chief_access).await.ok(), "access_token");
    set(&server, &chief_token, &support, "support").await.ok();
    let support_token = text(&go_on(&server, &support_access).await.ok(), "access_token");
    let listed = server.get(&chief_token, OPERATORS).await.ok();
    let roles = |listed: &Value| -> Vec<String> {
        let items = listed["items"].as_array().expect("items");
        items.iter().map(|item| text(item, "role")).collect()
    };
    assert_eq!(roles(&listed).len(), 2, "{listed}");

    // Each may what their role says.
    let (vendor, _) = approved_vendor(&server, &chief_token, 1).await;
    server.get(&support_token, "/v1/operator/orders").await.ok();
    server.get(&support_token, &format!("/v1/operator/vendors/{vendor}/team")).await.ok();
    server.get(&support_token, "/v1/operator/ledger").await.is(403, "wrong_role");
    server.get(&support_token, OPERATORS).await.is(403, "wrong_role");
    set(&server, &support_token, &support, "chief").await.is(403, "wrong_role");
    let suspend = format!("/v1/operator/vendors/{vendor}/suspend");
    let reason = json!({ "reason": "late" });
    server.post(&support_token, "s", &suspend, reason.clone()).await.is(403, "wrong_role");
    server.post(&chief_token, "s", &suspend, reason).await.ok();

    // Tokens of other surfaces open nothing here, and those of operators nothing there.
    server.get(&support_access, "/v1/operator/orders").await.is(401, "authentication_required");
    as_person(&server, &support_token, "GET", "me", "").await.is(401, "authentication_required");
    server.get(&support_token, "/v1/vendor/orders").await.is(401, "authentication_required");

    // Another role holds from the next request on, and so does its end; also for another server.
    set(&server, &chief_token, &support, "finance").await.ok();
    server.get(&support_token, "/v1/operator/ledger").await.ok();
    let of_support = format!("{OPERATORS}/{support}");
    server.call(&chief_token, "", "DELETE", &of_support, json!({})).await.ok();
    server.get(&support_token, "/v1/operator/ledger").await.is(401, "signed_out");
    go_on(&server, &support_access).await.is(403, "wrong_role");
    let server = server.restart().await;
    server.get(&support_token, "/v1/operator/orders").await.is(401, "signed_out");
    let listed = server.get(&chief_token, OPERATORS).await.ok();
    assert_eq!(roles(&listed), ["chief"], "{listed}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_keep_order_on_sqlite() {
    people_keep_order(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_keep_order_on_postgres() {
    if let Some(backend) = Backend::postgres("operators who are people on Postgres") {
        people_keep_order(backend).await;
    }
}
