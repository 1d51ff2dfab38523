//! Accounts and sign-ins, as somebody sees them who has a mail box and a client.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use souk_core::ids::{StreamId, UserId};

use super::rig::{Response, Server, text, until};
use crate::servers::Backend;

pub const PASSWORD: &str = "lantern-oyster-47-granite";
pub const OTHER: &str = "harbour-velvet-92-thistle";

pub async fn post(server: &Server, path: &str, body: Value) -> Response {
    let headers = [("content-type", "application/json")];
    server.send("POST", &format!("/v1/auth/{path}"), &headers, &body.to_string()).await
}

pub async fn as_person(server: &Server, token: &str, method: &str, path: &str, body: &str) -> Response {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("authorization", bearer.as_str())];
    if !body.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    server.send(method, &format!("/v1/auth/{path}"), &headers, body).await
}

async fn me(server: &Server, token: &str) -> Response {
    as_person(server, token, "GET", "me", "").await
}

/// The letters to an address, in no order.
fn letters(server: &Server, mail: &str) -> Vec<String> {
    let folder = server.data_dir().join("outbox");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let texts = entries
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "eml"))
        .filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    texts.filter(|text| text.starts_with(&format!("To: {mail}\n"))).collect()
}

/// The tokens of a kind that letters to an address have brought, once there are so many.
async fn tokens(server: &Server, mail: &str, kind: &str, count: usize) -> BTreeSet<String> {
    until("a letter", async || {
        let lines = letters(server, mail);
        let lines = lines.iter().flat_map(|letter| letter.lines());
        let found: BTreeSet<String> =
            lines.filter(|line| line.starts_with(&format!("souk_{kind}_"))).map(str::to_owned).collect();
        if found.len() >= count { Ok(found) } else { Err(format!("{found:?}")) }
    })
    .await
}

pub async fn token(server: &Server, mail: &str, kind: &str) -> String {
    tokens(server, mail, kind, 1).await.pop_first().expect("one at least")
}

/// Somebody with an account; who they are.
pub async fn account(server: &Server, mail: &str) -> String {
    let asked = post(server, "sign-ups", json!({ "mail": mail })).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let token = token(server, mail, "verify").await;
    let verified = post(server, "verifications", json!({ "token": token, "password": PASSWORD })).await;
    text(&verified.ok(), "person")
}

pub async fn sign_in_with(server: &Server, mail: &str, password: &str) -> Response {
    post(server, "sessions", json!({ "mail": mail, "password": password, "audience": "store" })).await
}

pub async fn sign_in(server: &Server, mail: &str) -> Value {
    let told = sign_in_with(server, mail, PASSWORD).await;
    assert_eq!((told.status, told.header("cache-control")), (201, Some("no-store")), "{told:?}");
    told.ok()
}

async fn refresh(server: &Server, token: &str) -> Response {
    post(server, "refreshes", json!({ "refresh_token": token })).await
}

async fn a_person_signs_in(backend: Backend) {
    let server = Server::on(backend, &[]).await;
    let mail = "ada@example.org";
    let person = account(&server, mail).await;
    let first = sign_in(&server, mail).await;
    assert_eq!(text(&first, "person"), person);
    let who = me(&server, &text(&first, "access_token")).await.ok();
    assert_eq!((text(&who, "person"), text(&who, "mail")), (person.clone(), mail.to_owned()));

    // Two refreshes, each once more because its answer was lost; the second one by a server that was started in between.
    let second = refresh(&server, &text(&first, "refresh_token")).await.ok();
    let again = refresh(&server, &text(&first, "refresh_token")).await.ok();
    assert_eq!(text(&again, "refresh_token"), text(&second, "refresh_token"));
    let third = refresh(&server, &text(&second, "refresh_token")).await.ok();
    let server = server.restart().await;
    let again = refresh(&server, &text(&second, "refresh_token")).await.ok();
    assert_eq!(text(&again, "refresh_token"), text(&third, "refresh_token"));
    for tokens in [&first, &third, &again] {
        me(&server, &text(tokens, "access_token")).await.ok();
    }

    // The first one is of two generations ago: somebody has a copy.
    refresh(&server, &text(&first, "refresh_token")).await.is(401, "signed_out");
    me(&server, &text(&third, "access_token")).await.is(401, "signed_out");
    refresh(&server, &text(&third, "refresh_token")).await.is(401, "signed_out");

    // In other letters it is the same address, and another sign-in.
    let elsewhere = sign_in(&server, "Ada@Example.ORG").await;
    assert_eq!(text(&elsewhere, "person"), person);
    assert_ne!(text(&elsewhere, "sign_in"), text(&first, "sign_in"));

    // No token, mail address or password stands in the journal.
    let stream = StreamId::Person(person.parse::<UserId>().expect("an id"));
    let events = server.services.node.journal().reader().stream(stream, 0).await.expect("readable");
    let told = format!("{events:?}");
    assert!(!told.contains("ada") && !told.contains("argon2") && !told.contains("souk_"), "{told}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_on_sqlite() {
    a_person_signs_in(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_on_postgres() {
    if let Some(backend) = Backend::postgres("sign-ins on Postgres") {
        a_person_signs_in(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_learns_whether_an_address_has_an_account() {
    let server = Server::start().await;
    account(&server, "ada@example.org").await;
    let hashed = || server.services.people.hashed();

    // Asking for an account or for another password is answered the same, byte for byte.
    for path in ["sign-ups", "reset-letters"] {
        let known = post(&server, path, json!({ "mail": "ada@example.org" })).await;
        let unknown = post(&server, path, json!({ "mail": "bob@example.org" })).await;
        assert_eq!((known.status, &known.bytes), (202, &unknown.bytes));
        assert_eq!(unknown.status, 202);
    }
    until("told by letter", async || {
        let told = letters(&server, "ada@example.org");
        let told = told.iter().any(|letter| letter.contains("You have an account already"));
        if told { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;

    // A sign-in costs one hash and tells the same, whatever is wrong.
    let mut answers = Vec::new();
    for (mail, password) in [
        ("ada@example.org", OTHER),
        ("bob@example.org", PASSWORD),
        ("nobody@example.org", PASSWORD),
        ("ada@example.org", "short"),
    ] {
        let before = hashed();
        let told = sign_in_with(&server, mail, password).await;
        told.is(401, "wrong_password");
        assert_eq!(hashed(), before + 1, "{mail} {password}");
        answers.push(told.bytes);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_password_signs_everybody_out() {
    let server = Server::start().await;
    let mail = "ada@example.org";
    account(&server, mail).await;
    let one = sign_in(&server, mail).await;
    let two = sign_in(&server, mail).await;

    // By the old one.
    let change = async |token: &str, old: &str, new: &str| {
        let body = json!({ "old_password": old, "new_password": new }).to_string();
        as_person(&server, token, "PUT", "me/password", &body).await
    };
    let access = text(&one, "access_token");
    change(&access, OTHER, OTHER).await.is(422, "password_refused");
    change(&access, PASSWORD, "password1234").await.is(422, "password_refused");
    me(&server, &access).await.ok();
    change(&access, PASSWORD, OTHER).await.ok();
    for tokens in [&one, &two] {
        me(&server, &text(tokens, "access_token")).await.is(401, "signed_out");
        refresh(&server, &text(tokens, "refresh_token")).await.is(401, "signed_out");
    }
    sign_in_with(&server, mail, PASSWORD).await.is(401, "wrong_password");
    let three = sign_in_with(&server, mail, OTHER).await.ok();

    // By letter, once.
    assert_eq!(post(&server, "reset-letters", json!({ "mail": mail })).await.status, 202);
    let token = token(&server, mail, "reset").await;
    let choice = |password: &str| json!({ "token": token, "password": password });
    post(&server, "verifications", choice(PASSWORD)).await.is(422, "token_invalid");
    post(&server, "resets", choice("short")).await.is(422, "password_refused");
    post(&server, "resets", choice(PASSWORD)).await.ok();
    post(&server, "resets", choice(OTHER)).await.is(409, "token_spent");
    me(&server, &text(&three, "access_token")).await.is(401, "signed_out");
    let four = sign_in(&server, mail).await;

    // Of the rows of old passwords none is left.
    let souk::journal::Pool::Sqlite(rows) = &server.services.plain else { panic!("not SQLite") };
    let count = "SELECT COUNT(*) FROM credentials WHERE kind = 'password'";
    let (passwords,): (i64,) = sqlx::query_as(count).fetch_one(rows).await.expect("counted");
    assert_eq!(passwords, 1);

    // Signing out here leaves others signed in; everywhere, nobody.
    let five = sign_in(&server, mail).await;
    let access = |tokens: &Value| text(tokens, "access_token");
    as_person(&server, &access(&four), "DELETE", "sessions/current", "").await.ok();
    me(&server, &access(&four)).await.is(401, "signed_out");
    me(&server, &access(&five)).await.ok();
    as_person(&server, &access(&five), "DELETE", "sessions", "").await.ok();
    me(&server, &access(&five)).await.is(401, "signed_out");
    sign_in(&server, mail).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_belongs_to_whoever_gets_its_letter() {
    let server = Server::start().await;
    let mail = "ada@example.org";
    // Two at once are one account, and nobody signs in before the letter has come.
    let sign_up = async || post(&server, "sign-ups", json!({ "mail": mail })).await.status;
    assert_eq!(tokio::join!(sign_up(), sign_up()), (202, 202));
    sign_in_with(&server, mail, PASSWORD).await.is(401, "wrong_password");
    let token = token(&server, mail, "verify").await;
    assert_eq!(tokens(&server, mail, "verify", 1).await.len(), 1);
    let before = server.ends().await;
    for (token, password, status, code) in [
        (&token[..token.len() - 1], PASSWORD, 422, "token_invalid"),
        (&token.replace("verify", "reset"), PASSWORD, 422, "token_invalid"),
        ("", PASSWORD, 422, "token_invalid"),
        (&token, "elevenchars", 422, "password_refused"),
        (&token, "ada@example.org", 422, "password_refused"),
        (&token, &"x".repeat(129), 422, "password_refused"),
    ] {
        let body = json!({ "token": token, "password": password });
        post(&server, "verifications", body).await.is(status, code);
    }
    assert_eq!(server.ends().await, before, "nothing has happened");
    let choice = |password: &str| json!({ "token": token, "password": password });
    post(&server, "verifications", choice(PASSWORD)).await.ok();
    post(&server, "verifications", choice(OTHER)).await.is(409, "token_spent");
    sign_in(&server, mail).await;
    for mail in ["ada", "ada@", "a b@example.org", "a@b\r\nBcc: c@d.e"] {
        post(&server, "sign-ups", json!({ "mail": mail })).await.is(422, "invalid_value");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_have_their_time() {
    let settings: [(&str, &dyn std::fmt::Display); 2] =
        [("sign_ins.idle_ms", &3_600_000), ("sign_ins.lasts_ms", &5_400_000)];
    let server = Server::start_with(&settings).await;
    let mail = "ada@example.org";
    account(&server, mail).await;
    let clock = server.services.node.clock().clone();

    let first = sign_in(&server, mail).await;
    let second = refresh(&server, &text(&first, "refresh_token")).await.ok();
    clock.advance(9_000);
    refresh(&server, &text(&first, "refresh_token")).await.ok();
    clock.advance(1_000);
    refresh(&server, &text(&first, "refresh_token")).await.is(401, "signed_out");
    refresh(&server, &text(&second, "refresh_token")).await.is(401, "signed_out");

    let first = sign_in(&server, mail).await;
    clock.advance(10 * 60_000);
    me(&server, &text(&first, "access_token")).await.is(401, "access_expired");
    let second = refresh(&server, &text(&first, "refresh_token")).await.ok();
    me(&server, &text(&second, "access_token")).await.ok();
    clock.advance(3_600_000);
    refresh(&server, &text(&second, "refresh_token")).await.is(401, "signed_out");

    // Never longer than it lasts, however often it was refreshed.
    let mut tokens = sign_in(&server, mail).await;
    for _ in 0..2 {
        clock.advance(2_600_000);
        tokens = refresh(&server, &text(&tokens, "refresh_token")).await.ok();
    }
    let left = tokens["access_expires_at_ms"].as_i64().expect("a time") - clock.now().as_millis();
    assert!(left <= 200_000, "{left} ms, and the sign-in ends in 200 s");
    clock.advance(200_000);
    me(&server, &text(&tokens, "access_token")).await.is(401, "access_expired");
    refresh(&server, &text(&tokens, "refresh_token")).await.is(401, "signed_out");

    // A month later another key signs, and the old one is still known.
    let old = sign_in(&server, mail).await;
    let kid = |tokens: &Value| text(tokens, "access_token").split('.').next().expect("a head").to_owned();
    clock.advance(30 * 24 * 3_600_000);
    let new = sign_in(&server, mail).await;
    assert_ne!(kid(&old), kid(&new));
    me(&server, &text(&old, "access_token")).await.is(401, "access_expired");
    me(&server, &text(&new, "access_token")).await.ok();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_refreshes_at_once_are_one() {
    let server = Server::start_with(&[("limits.address_requests_per_minute", &0)]).await;
    let mail = "ada@example.org";
    account(&server, mail).await;
    let first = sign_in(&server, mail).await;
    let before = server.ends().await.iter().sum::<u64>();
    let token = text(&first, "refresh_token");
    let all = futures_util::future::join_all((0..100).map(|_| refresh(&server, &token))).await;
    let told: BTreeSet<String> = all.iter().map(|told| text(&told.ok(), "refresh_token")).collect();
    assert_eq!(told.len(), 1, "one successor");
    assert_eq!(server.ends().await.iter().sum::<u64>(), before + 1, "one event");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_one_kind_open_nothing_of_another() {
    let server = Server::start().await;
    account(&server, "ada@example.org").await;
    let tokens = sign_in(&server, "ada@example.org").await;
    let (access, refresh_token) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let cart = server.send("POST", "/v1/store/carts", &[], "").await.ok();
    let operator = server.key(souk::tenants::Role::Operator).await;
    let mut cut = access.clone();
    cut.pop();
    for wrong in [refresh_token.as_str(), &text(&cart, "token"), &operator, &cut, "x.y.z", "souk_op_"] {
        me(&server, wrong).await.is(401, "authentication_required");
    }
    me(&server, "").await.is(401, "authentication_required");
    for wrong in [access.as_str(), "", "souk_refresh_"] {
        refresh(&server, wrong).await.is(422, "token_invalid");
    }
    server.get(&access, "/v1/operator/vendors").await.is(401, "authentication_required");
    server.get(&access, "/v1/vendor/products").await.is(401, "authentication_required");
    server.stop().await;
}
