//! A second factor, as somebody sees it who has a client and an authenticator.

use serde_json::{Value, json};
use souk::clock::Clock;
use souk::tenants::Role;
use souk_core::ids::{StreamId, UserId};
use souk_core::person::lock::{DELAY_FIRST_MS, FREE_FAILURES};

use super::people::{PASSWORD, account, as_person, post, sign_in, sign_in_with, token};
use super::rig::{Response, Server, approved_vendor, text, until};
use crate::servers::Backend;

const MAIL: &str = "ada@example.org";
const STEP_MS: i64 = 30_000;
const MINUTES_5: i64 = 5 * 60_000;

/// What an authenticator shows at a step.
pub fn code(secret: &str, step: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).expect("base 32");
    let totp = totp_rs::Builder::new().with_secret(secret).build().expect("an authenticator");
    totp.generate(u64::try_from(step * 30).expect("after 1970")).to_string()
}

/// Lets the time pass up to where a step begins, which it then is, so that no step ends while a test looks.
fn at_a_step(clock: &Clock) -> i64 {
    clock.advance(STEP_MS - clock.now().as_millis() % STEP_MS);
    clock.now().as_millis() / STEP_MS
}

async fn with_code(server: &Server, code: &str) -> Response {
    let asked = json!({ "mail": MAIL, "password": PASSWORD, "audience": "store", "code": code });
    post(server, "sessions", asked).await
}

async fn begin(server: &Server, access: &str) -> String {
    let told = as_person(server, access, "POST", "me/totp", "").await;
    assert_eq!((told.status, told.header("cache-control")), (201, Some("no-store")), "{told:?}");
    let (secret, uri) = (text(&told.ok(), "secret"), text(&told.ok(), "otpauth_uri"));
    assert!(uri.starts_with("otpauth://totp/") && uri.contains(&format!("secret={secret}")), "{uri}");
    secret
}

async fn confirm(server: &Server, access: &str, code: &str) -> Response {
    as_person(server, access, "POST", "me/totp/confirmations", &json!({ "code": code }).to_string()).await
}

async fn step_up(server: &Server, access: &str, shown: Value) -> Response {
    as_person(server, access, "POST", "step-ups", &shown.to_string()).await
}

fn codes(told: &Response) -> Vec<String> {
    let codes = told.ok()["recovery_codes"].as_array().expect("codes").clone();
    codes.iter().map(|code| code.as_str().expect("a text").to_owned()).collect()
}

/// Somebody with an account and a second factor: an access token, the secret, the recovery codes, and the step that it is.
async fn with_factor(server: &Server) -> (String, String, Vec<String>, i64) {
    account(server, MAIL).await;
    let access = text(&sign_in(server, MAIL).await, "access_token");
    let secret = begin(server, &access).await;
    let step = at_a_step(server.services.node.clock());
    let recovery = codes(&confirm(server, &access, &code(&secret, step - 1)).await);
    (access, secret, recovery, step)
}

async fn each_code_is_good_once(backend: Backend) {
    let server = Server::on(backend, &[]).await;
    let person = account(&server, MAIL).await;
    let access = text(&sign_in(&server, MAIL).await, "access_token");
    confirm(&server, &access, "123456").await.is(404, "not_found");
    let lost = begin(&server, &access).await;
    let secret = begin(&server, &access).await;
    sign_in(&server, MAIL).await;

    let before = server.services.node.clock().now();
    let step = at_a_step(server.services.node.clock());
    let ahead_ms = server.services.node.clock().now().millis_since(before);
    let first = code(&secret, step - 1);
    confirm(&server, &access, &code(&lost, step)).await.is(401, "wrong_code");
    confirm(&server, &access, &code(&secret, step - 2)).await.is(401, "wrong_code");
    let confirmed = confirm(&server, &access, &first).await;
    assert_eq!(codes(&confirmed).len(), 10);
    // Its answer was lost: the same code is told the same.
    assert_eq!(confirm(&server, &access, &first).await.bytes, confirmed.bytes);
    confirm(&server, &access, &code(&secret, step)).await.is(409, "already_exists");
    as_person(&server, &access, "POST", "me/totp", "").await.is(409, "already_exists");
    let me = as_person(&server, &access, "GET", "me", "").await.ok();
    assert_eq!((&me["second_factor"], &me["recovery_codes_left"]), (&json!(true), &json!(10)));

    // The password alone opens nothing more, and a wrong one learns nothing.
    sign_in_with(&server, MAIL, PASSWORD).await.is(401, "second_factor_required");
    sign_in_with(&server, MAIL, "harbour-velvet-92-thistle").await.is(401, "wrong_password");
    with_code(&server, &first).await.is(401, "wrong_code");
    for far in [-2, 2] {
        with_code(&server, &code(&secret, step + far)).await.is(401, "wrong_code");
    }
    let now = code(&secret, step);
    assert_eq!(with_code(&server, &now).await.status, 201);
    with_code(&server, &now).await.is(401, "wrong_code");
    step_up(&server, &access, json!({ "code": now })).await.is(401, "wrong_code");

    // Another server takes none that was used, and the next.
    let server = server.restart().await;
    server.services.node.clock().advance(ahead_ms);
    for spent in [&first, &now] {
        with_code(&server, spent).await.is(401, "wrong_code");
    }
    let next = code(&secret, step + 1);
    assert_eq!(with_code(&server, &format!(" {} {}", &next[..3], &next[3..])).await.status, 201);
    with_code(&server, &next).await.is(401, "wrong_code");

    // No secret and no code stands in the journal.
    let stream = StreamId::Person(person.parse::<UserId>().expect("an id"));
    let events = server.services.node.journal().reader().stream(stream, 0).await.expect("readable");
    let told = format!("{events:?}");
    assert!(told.contains("TotpUsed") && !told.contains(&secret) && !told.contains(&now), "{told}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_code_is_good_once_on_sqlite() {
    each_code_is_good_once(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_code_is_good_once_on_postgres() {
    if let Some(backend) = Backend::postgres("second factors on Postgres") {
        each_code_is_good_once(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_code_in_many_requests_at_once_is_good_in_one() {
    let server = Server::start().await;
    let (_, secret, ..) = with_factor(&server).await;
    let now = server.services.node.clock().now().as_millis() / STEP_MS;
    let now = code(&secret, now);
    let all = futures_util::future::join_all((0..8).map(|_| with_code(&server, &now))).await;
    let good = all.iter().filter(|told| told.status == 201).count();
    assert!(good == 1 && all.iter().all(|told| matches!(told.status, 201 | 401 | 429)), "{all:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_guesses_codes_waits_also_after_a_restart() {
    let server = Server::start().await;
    let (_, secret, _, step) = with_factor(&server).await;
    for _ in 0..=FREE_FAILURES {
        with_code(&server, &code(&secret, step + 1_000)).await.is(401, "wrong_code");
    }
    let refused = with_code(&server, &code(&secret, step)).await;
    refused.is(429, "rate_limited");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    sign_in_with(&server, MAIL, PASSWORD).await.is(401, "second_factor_required");
    let server = server.restart().await;
    let now = at_a_step(server.services.node.clock());
    let waits = with_code(&server, &code(&secret, now)).await;
    // The clock of the first server was ahead by up to a step, and so may the end of the wait be.
    assert!(matches!(waits.status, 429), "{waits:?}");
    server.services.node.clock().advance(DELAY_FIRST_MS + STEP_MS);
    let now = at_a_step(server.services.node.clock());
    assert_eq!(with_code(&server, &code(&secret, now)).await.status, 201);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_recovery_code_is_good_once() {
    let server = Server::start().await;
    let (access, _, recovery, _) = with_factor(&server).await;
    assert_eq!(with_code(&server, &recovery[0].to_uppercase()).await.status, 201);
    with_code(&server, &recovery[0]).await.is(401, "wrong_code");
    let me = as_person(&server, &access, "GET", "me", "").await.ok();
    assert_eq!(me["recovery_codes_left"], 9);
    until("told by letter", async || {
        let outbox = std::fs::read_dir(server.data_dir().join("outbox")).into_iter().flatten().flatten();
        let letters = outbox.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
        let told = letters.filter(|letter| letter.contains("A recovery code was used")).count();
        if told == 1 { Ok(()) } else { Err(told.to_string()) }
    })
    .await;
    let server = server.restart().await;
    with_code(&server, &recovery[0]).await.is(401, "wrong_code");
    let last = with_code(&server, &recovery[9]).await.ok();

    // Others take the place of all that are left.
    let access = text(&last, "access_token");
    let renewed = as_person(&server, &access, "POST", "me/recovery-codes", "").await;
    assert_eq!((renewed.status, renewed.header("cache-control")), (201, Some("no-store")), "{renewed:?}");
    let renewed = codes(&renewed);
    assert!(renewed.iter().all(|code| !recovery.contains(code)));
    with_code(&server, &recovery[1]).await.is(401, "wrong_code");
    assert_eq!(with_code(&server, &renewed[0]).await.status, 201);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thief_of_a_sign_in_changes_no_factor() {
    let server = Server::start().await;
    account(&server, MAIL).await;
    let clock = server.services.node.clock().clone();
    let access = text(&sign_in(&server, MAIL).await, "access_token");
    clock.advance(MINUTES_5);
    as_person(&server, &access, "POST", "me/totp", "").await.is(403, "step_up_required");
    step_up(&server, &access, json!({})).await.is(400, "invalid_field");
    step_up(&server, &access, json!({ "password": PASSWORD, "code": "1" })).await.is(400, "invalid_field");
    step_up(&server, &access, json!({ "password": "harbour-velvet-92-thistle" }))
        .await
        .is(401, "wrong_password");
    step_up(&server, &access, json!({ "code": "123456" })).await.is(404, "not_found");
    let stepped_up = step_up(&server, &access, json!({ "password": PASSWORD })).await.ok();
    let good_until = stepped_up["good_until_ms"].as_i64().expect("a time");
    assert!((good_until - clock.now().as_millis()).abs() <= MINUTES_5, "{stepped_up}");
    let secret = begin(&server, &access).await;

    // Another sign-in, of before: what it has shown is not enough any more once there is a factor.
    let other = text(&sign_in(&server, MAIL).await, "access_token");
    let step = at_a_step(&clock);
    confirm(&server, &access, &code(&secret, step - 1)).await.ok();
    // Nor is the code that was shown by the other one good for it.
    confirm(&server, &other, &code(&secret, step - 1)).await.is(403, "step_up_required");
    for (method, path) in [("DELETE", "me/totp"), ("POST", "me/recovery-codes")] {
        as_person(&server, &other, method, path, "").await.is(403, "step_up_required");
    }
    step_up(&server, &other, json!({ "password": PASSWORD })).await.is(401, "second_factor_required");
    step_up(&server, &other, json!({ "code": code(&secret, step) })).await.ok();
    as_person(&server, &other, "POST", "me/recovery-codes", "").await.ok();
    clock.advance(MINUTES_5);
    as_person(&server, &other, "DELETE", "me/totp", "").await.is(403, "step_up_required");
    let step = at_a_step(&clock);
    step_up(&server, &other, json!({ "code": code(&secret, step) })).await.ok();
    as_person(&server, &other, "DELETE", "me/totp", "").await.ok();
    as_person(&server, &other, "DELETE", "me/totp", "").await.is(404, "not_found");
    sign_in(&server, MAIL).await;
    // Of the rows none is left.
    let souk::journal::Pool::Sqlite(rows) = &server.services.plain else { panic!("not SQLite") };
    let count = "SELECT COUNT(*) FROM credentials WHERE kind IN ('totp', 'recovery')";
    let (left,): (i64,) = sqlx::query_as(count).fetch_one(rows).await.expect("counted");
    assert_eq!(left, 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_act_for_their_vendor_with_a_second_factor_where_the_shop_says_so() {
    let server = Server::start_with(&[("sign_ins.second_factor", &"owners")]).await;
    let clock = server.services.node.clock().clone();
    let operator = server.key(Role::Operator).await;
    let (vendor, _) = approved_vendor(&server, &operator, 1).await;
    account(&server, MAIL).await;
    let access = text(&sign_in(&server, MAIL).await, "access_token");
    let path = format!("/v1/operator/vendors/{vendor}/invitations");
    let invited = json!({ "mail": MAIL, "role": "owner" });
    server.post(&operator, "invite", &path, invited).await.ok();
    let body = json!({ "token": token(&server, MAIL, "invite").await }).to_string();
    as_person(&server, &access, "POST", "invitations", &body).await.ok();
    let go_on = async |access: &str| {
        let body = json!({ "vendor": vendor }).to_string();
        text(&as_person(&server, access, "POST", "sessions/vendor", &body).await.ok(), "access_token")
    };
    let team = "/v1/vendor/team";
    let acts = go_on(&access).await;
    server.get(&acts, team).await.is(403, "second_factor_needed");

    let secret = begin(&server, &access).await;
    server.get(&acts, team).await.is(403, "second_factor_needed");
    let step = at_a_step(&clock);
    let recovery = codes(&confirm(&server, &access, &code(&secret, step - 1)).await);
    server.get(&acts, team).await.ok();
    server.get(&go_on(&access).await, team).await.ok();

    // Who is in the team is decided by whoever has shown lately who they are.
    let invitations = format!("{team}/invitations");
    let packer = json!({ "mail": "packer@example.org", "role": "packer" });
    server.post(&acts, "p", &invitations, packer.clone()).await.ok();
    clock.advance(MINUTES_5);
    let member = format!("{team}/members/usr_00000000000000000000000001");
    server.get(&acts, team).await.ok();
    server.post(&acts, "q", &invitations, packer.clone()).await.is(403, "step_up_required");
    server.call(&acts, "r", "PUT", &member, json!({ "role": "packer" })).await.is(403, "step_up_required");
    server.call(&acts, "d", "DELETE", &member, json!({})).await.is(403, "step_up_required");
    let withdrawn = format!("{invitations}/2");
    server.call(&acts, "w", "DELETE", &withdrawn, json!({})).await.is(403, "step_up_required");
    step_up(&server, &access, json!({ "code": recovery[0] })).await.ok();
    server.call(&acts, "w", "DELETE", &withdrawn, json!({})).await.ok();

    // Without the factor it is as before.
    as_person(&server, &access, "DELETE", "me/totp", "").await.ok();
    server.get(&acts, team).await.is(403, "second_factor_needed");
    server.stop().await;
}
