//! Whoever fails too often to show who they are must wait, and nobody learns from it who has an account.

use serde_json::json;
use souk_core::ids::{StreamId, UserId};
use souk_core::person::lock::{DELAY_FIRST_MS, FREE_FAILURES};

use super::people::{PASSWORD, account, as_person, post, sign_in, sign_in_with, token};
use super::rig::{Server, text};
use crate::servers::Backend;

const WRONG: &str = "harbour-velvet-92-thistle";

/// As often as it takes to be kept waiting.
async fn fail(server: &Server, mail: &str) {
    for _ in 0..=FREE_FAILURES {
        sign_in_with(server, mail, WRONG).await.is(401, "wrong_password");
    }
}

async fn whoever_fails_too_often_waits(backend: Backend) {
    let server = Server::on(backend, &[]).await;
    let (known, unknown) = ("ada@example.org", "bob@example.org");
    let person = account(&server, known).await;
    let live = sign_in(&server, known).await;

    // Who has an account and who has none are told the same, the right password too, and nothing is hashed for it.
    tokio::join!(fail(&server, known), fail(&server, unknown));
    let hashed = server.services.people.hashed();
    let mut told = Vec::new();
    for (mail, password) in [(known, PASSWORD), (known, WRONG), (unknown, PASSWORD)] {
        let refused = sign_in_with(&server, mail, password).await;
        refused.is(429, "rate_limited");
        let wait: i64 = refused.header("retry-after").expect("when").parse().expect("seconds");
        assert!((1..=DELAY_FIRST_MS / 1_000).contains(&wait), "{refused:?}");
        told.push(refused.bytes);
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(server.services.people.hashed(), hashed);
    // Whoever is signed in stays so, and goes on.
    as_person(&server, &text(&live, "access_token"), "GET", "me", "").await.ok();
    post(&server, "refreshes", json!({ "refresh_token": live["refresh_token"] })).await.ok();

    // Another server remembers, and says no more about it than of a wrong password.
    let server = server.restart().await;
    let refused = sign_in_with(&server, known, PASSWORD).await;
    refused.is(401, "wrong_password");
    assert_eq!(sign_in_with(&server, unknown, PASSWORD).await.bytes, refused.bytes);
    server.services.node.clock().advance(DELAY_FIRST_MS);
    sign_in(&server, known).await;

    // The journal names no network, and one event for five failures.
    let stream = StreamId::Person(person.parse::<UserId>().expect("an id"));
    let events = server.services.node.journal().reader().stream(stream, 0).await.expect("readable");
    let told = format!("{events:?}");
    assert!(!told.contains("127.0.0.1") && !told.contains("127, 0, 0, 1"), "{told}");
    assert_eq!((told.matches("TryFailed").count(), told.matches("Unlocked").count()), (1, 1), "{told}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_fails_too_often_waits_on_sqlite() {
    whoever_fails_too_often_waits(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_fails_too_often_waits_on_postgres() {
    if let Some(backend) = Backend::postgres("delays on Postgres") {
        whoever_fails_too_often_waits(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_ends_the_wait() {
    let server = Server::start().await;
    let mail = "ada@example.org";
    account(&server, mail).await;
    fail(&server, mail).await;
    sign_in_with(&server, mail, PASSWORD).await.is(429, "rate_limited");
    assert_eq!(post(&server, "reset-letters", json!({ "mail": mail })).await.status, 202);
    let choice = json!({ "token": token(&server, mail, "reset").await, "password": WRONG });
    post(&server, "resets", choice).await.ok();
    assert_eq!(sign_in_with(&server, mail, WRONG).await.status, 201);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thief_of_a_sign_in_guesses_no_password() {
    let server = Server::start().await;
    let mail = "ada@example.org";
    account(&server, mail).await;
    let access = text(&sign_in(&server, mail).await, "access_token");
    let change = async |old: &str, new: &str| {
        let body = json!({ "old_password": old, "new_password": new }).to_string();
        as_person(&server, &access, "PUT", "me/password", &body).await
    };
    for _ in 0..=FREE_FAILURES {
        change(WRONG, WRONG).await.is(422, "password_refused");
    }
    change(PASSWORD, WRONG).await.is(429, "rate_limited");
    // Its owner signs in, meanwhile.
    sign_in(&server, mail).await;
    server.services.node.clock().advance(DELAY_FIRST_MS);
    change(PASSWORD, WRONG).await.ok();
    server.stop().await;
}
