//! Teams: people who act for a vendor, each as far as their role goes, and no longer than they are in it.

use serde_json::{Value, json};
use souk::tenants::Role;

use super::people::{account, as_person, sign_in, token};
use super::rig::{Response, Server, approved_vendor, text};
use crate::servers::Backend;

const TEAM: &str = "/v1/vendor/team";

/// Somebody with an account who is signed in to the store: their access token.
pub async fn signed_in(server: &Server, mail: &str) -> (String, String) {
    let person = account(server, mail).await;
    (person, text(&sign_in(server, mail).await, "access_token"))
}

/// Shows the token of the letter that came to an address.
pub async fn accept(server: &Server, access: &str, mail: &str) -> Response {
    let body = json!({ "token": token(server, mail, "invite").await }).to_string();
    as_person(server, access, "POST", "invitations", &body).await
}

/// Tokens for a vendor.
pub async fn go_on(server: &Server, access: &str, vendor: &str) -> Response {
    as_person(server, access, "POST", "sessions/vendor", &json!({ "vendor": vendor }).to_string()).await
}

pub async fn member(server: &Server, access: &str, vendor: &str) -> String {
    text(&go_on(server, access, vendor).await.ok(), "access_token")
}

/// Somebody who is in a vendor's team: their id, and their tokens for the store and for the vendor.
pub async fn joins(
    server: &Server,
    operator: &str,
    vendor: &str,
    mail: &str,
    role: &str,
) -> (String, String, String) {
    let (person, access) = signed_in(server, mail).await;
    let path = format!("/v1/operator/vendors/{vendor}/invitations");
    server.post(operator, mail, &path, asked(mail, role)).await.ok();
    accept(server, &access, mail).await.ok();
    let token = member(server, &access, vendor).await;
    (person, access, token)
}

fn asked(mail: &str, role: &str) -> Value {
    json!({ "mail": mail, "role": role })
}

async fn a_team_acts_for_a_vendor(backend: Backend) {
    let server = Server::on(backend, &[]).await;
    let operator = server.key(Role::Operator).await;
    let (vendor, key) = approved_vendor(&server, &operator, 1).await;
    let (other_vendor, _) = approved_vendor(&server, &operator, 2).await;

    // The first owner is invited by an operator, and a repeat of that sends no second letter.
    let (owner, owner_access) = signed_in(&server, "owner@example.org").await;
    go_on(&server, &owner_access, &vendor).await.is(404, "not_found");
    let path = format!("/v1/operator/vendors/{vendor}/invitations");
    let invited = server.post(&operator, "invite", &path, asked("owner@example.org", "owner")).await;
    assert_eq!((invited.status, invited.ok()["invitation"].as_u64()), (201, Some(1)), "{invited:?}");
    server.post(&operator, "invite", &path, asked("owner@example.org", "owner")).await.repeats(&invited);
    let joined = accept(&server, &owner_access, "owner@example.org").await.ok();
    assert_eq!((text(&joined, "vendor"), text(&joined, "role")), (vendor.clone(), "owner".to_owned()));
    let owner_token = member(&server, &owner_access, &vendor).await;

    // The owner sells, and asks a packer in.
    let product = json!({ "title": { "en": "Thing" }, "category": "things", "variants": [{}] });
    server.post(&owner_token, "create", "/v1/vendor/products", product.clone()).await.ok();
    let invitations = format!("{TEAM}/invitations");
    server.post(&key, "k", &invitations, asked("packer@example.org", "packer")).await.is(403, "wrong_role");
    server.post(&owner_token, "p", &invitations, asked("packer@example.org", "packer")).await.ok();
    let (packer, packer_access) = signed_in(&server, "packer@example.org").await;
    accept(&server, &packer_access, "packer@example.org").await.ok();
    accept(&server, &packer_access, "packer@example.org").await.ok();
    let of_owner = accept(&server, &owner_access, "packer@example.org").await.ok();
    assert_eq!(text(&of_owner, "role"), "owner", "spent, and they are in the team anyway");
    let packer_token = member(&server, &packer_access, &vendor).await;

    // The packer packs, and sees no money.
    server.get(&packer_token, "/v1/vendor/orders").await.ok();
    server.get(&packer_token, "/v1/vendor/products").await.ok();
    server.get(&packer_token, "/v1/vendor/statement").await.is(403, "wrong_role");
    server.post(&packer_token, "c", "/v1/vendor/products", product).await.is(403, "wrong_role");
    server
        .post(&packer_token, "i", &invitations, asked("x@example.org", "owner"))
        .await
        .is(403, "wrong_role");
    let of_owner = format!("{TEAM}/members/{owner}");
    server.call(&packer_token, "d", "DELETE", &of_owner, json!({})).await.is(403, "wrong_role");
    let team = server.get(&packer_token, TEAM).await.ok();
    assert_eq!(team["members"].as_array().map(Vec::len), Some(2), "{team}");

    // Tokens of the store open nothing here, those for one vendor nothing of another, and none another surface.
    server.get(&packer_access, TEAM).await.is(401, "authentication_required");
    as_person(&server, &packer_token, "GET", "me", "").await.is(401, "authentication_required");
    server.get(&owner_token, "/v1/operator/vendors").await.is(401, "authentication_required");
    go_on(&server, &owner_access, &other_vendor).await.is(404, "not_found");

    // A role holds from the next request on, and so does its end.
    let of_packer = format!("{TEAM}/members/{packer}");
    let role = json!({ "role": "accountant" });
    server.call(&owner_token, "r", "PUT", &of_packer, role).await.ok();
    server.get(&packer_token, "/v1/vendor/statement").await.ok();
    server.call(&owner_token, "x", "DELETE", &of_packer, json!({})).await.ok();
    server.get(&packer_token, "/v1/vendor/orders").await.is(401, "signed_out");
    go_on(&server, &packer_access, &vendor).await.is(404, "not_found");
    as_person(&server, &packer_access, "GET", "me", "").await.ok();
    let server = server.restart().await;
    server.get(&packer_token, "/v1/vendor/orders").await.is(401, "signed_out");
    server.get(&owner_token, "/v1/vendor/orders").await.ok();

    // What came of a sign-in ends with it.
    let (again, second) =
        (sign_in(&server, "owner@example.org").await, go_on(&server, &owner_access, &vendor).await.ok());
    let third = go_on(&server, &text(&again, "access_token"), &vendor).await.ok();
    let ends = |tokens: &Value| tokens["refresh_expires_at_ms"].as_i64().expect("a time");
    assert!(ends(&third) <= ends(&again) + 1_000, "{third}");
    as_person(&server, &text(&again, "access_token"), "DELETE", "sessions/current", "").await.ok();
    server.get(&text(&third, "access_token"), TEAM).await.is(401, "signed_out");
    let headers = [("content-type", "application/json")];
    let body = json!({ "refresh_token": third["refresh_token"] }).to_string();
    server.send("POST", "/v1/auth/refreshes", &headers, &body).await.is(401, "signed_out");
    server.get(&text(&second, "access_token"), TEAM).await.ok();

    // The last owner stays.
    server.call(&owner_token, "l", "DELETE", &of_owner, json!({})).await.is(409, "wrong_state");

    // An operator helps where nobody in the team can.
    let of_vendor = format!("/v1/operator/vendors/{vendor}");
    let team = server.get(&operator, &format!("{of_vendor}/team")).await.ok();
    assert_eq!(team["members"], json!([{ "person": owner, "role": "owner" }]), "{team}");
    let of_owner = format!("{of_vendor}/members/{owner}");
    server.call(&operator, "od", "DELETE", &of_owner, json!({})).await.is(409, "wrong_state");
    server.call(&operator, "or", "PUT", &of_owner, json!({ "role": "packer" })).await.is(409, "wrong_state");
    server.call(&operator, "ow", "DELETE", &format!("{of_vendor}/invitations/1"), json!({})).await.ok();
    server
        .get(&operator, "/v1/operator/vendors/ven_00000000000000000000000001/team")
        .await
        .is(404, "not_found");

    // An invitation that is taken back opens nothing.
    let again = server.post(&owner_token, "w", &invitations, asked("late@example.org", "manager")).await.ok();
    let (_, late_access) = signed_in(&server, "late@example.org").await;
    let letter = token(&server, "late@example.org", "invite").await;
    let taken_back = format!("{invitations}/{}", again["invitation"]);
    server.call(&owner_token, "t", "DELETE", &taken_back, json!({})).await.ok();
    let body = json!({ "token": letter }).to_string();
    as_person(&server, &late_access, "POST", "invitations", &body).await.is(409, "token_spent");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_acts_for_a_vendor_on_sqlite() {
    a_team_acts_for_a_vendor(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_acts_for_a_vendor_on_postgres() {
    if let Some(backend) = Backend::postgres("teams on Postgres") {
        a_team_acts_for_a_vendor(backend).await;
    }
}
