//! When it takes long, when there is too much, and when a part is out of service.

use std::time::Duration;

use serde_json::json;
use souk::journal::{Database, Set};
use souk::tenants::Role;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::rig::{Cart, PRODUCTS, Response, Server, address, open_stall, pay_body, request, text, until};

/// How long the bank thinks, where a payment must still be under way while a test looks.
const BANK_DELAY_MS: u64 = 2_500;
/// How soon a refusal for load must come.
const TOLD_WITHIN: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_takes_long_is_told_202_and_its_repeat_409_until_it_is_known() {
    let server = Server::start_with(&[
        ("payments.test_bank_delay_ms", &BANK_DELAY_MS),
        ("payments.notice_delay_ms", &BANK_DELAY_MS),
        ("checkout.pay_answer_ms", &100),
    ])
    .await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let cart = Cart::open(&server).await;
    cart.line(&server, &stall, 1).await.ok();
    let quote = cart.to_quote(&server).await;
    let pay = pay_body(&quote, "card_success");
    let told = cart.post(&server, "pay", "pay", pay.clone()).await;
    assert_eq!((told.status, text(&told.ok(), "state").as_str()), (202, "authorising"));
    assert!(!told.is_repeat());
    let before = server.ends().await;
    let repeat = cart.post(&server, "pay", "pay", pay.clone()).await;
    repeat.is(409, "request_in_flight");
    assert!(repeat.header("retry-after").is_some(), "{repeat:?}");
    cart.post(&server, "pay-2", "pay", pay.clone()).await.is(409, "payment_in_progress");
    let mut other = pay.clone();
    other["token"] = json!("card_declined");
    cart.post(&server, "pay", "pay", other).await.is(422, "idempotency_key_reused");
    assert_eq!(server.ends().await, before, "a repeat started something");

    let placed = until("known", async || {
        let repeat = cart.post(&server, "pay", "pay", pay.clone()).await;
        if repeat.status == 200 { Ok(repeat) } else { Err(repeat.body) }
    })
    .await;
    assert!(placed.is_repeat(), "{placed:?}");
    assert_eq!(text(&placed.json(), "state"), "placed");
    let server = server.restart().await;
    let again = cart.post(&server, "pay", "pay", pay).await;
    assert!(again.is_repeat() && again.bytes == placed.bytes, "{again:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_much_is_refused_at_once_and_what_was_begun_is_finished() {
    const ADMITTED: usize = 3;
    let server = Server::start_with(&[
        ("payments.test_bank_delay_ms", &BANK_DELAY_MS),
        ("payments.notice_delay_ms", &BANK_DELAY_MS),
        ("checkout.pay_answer_ms", &100),
        ("engine.admission", &ADMITTED),
    ])
    .await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let mut carts = Vec::new();
    for _ in 0..=ADMITTED {
        let cart = Cart::open(&server).await;
        cart.line(&server, &stall, 1).await.ok();
        let quote = cart.to_quote(&server).await;
        carts.push((cart, quote));
    }
    let (last, quote) = carts.pop().expect("one more than are admitted");
    // Payments that wait for their bank keep nobody out, however many they are.
    for (cart, quote) in &carts {
        let told = cart.post(&server, "pay", "pay", pay_body(quote, "card_success")).await;
        assert_eq!(told.status, 202, "{told:?}");
    }
    // Whoever holds the permits: here the test itself, so that the fullness does not depend on timing.
    let permit = || server.services.node.admission().admit();
    let held: Vec<_> = (0..ADMITTED).map(|_| permit().expect("a permit")).collect();
    // The best of some tries: the machine may have other things to do.
    let mut quickest = Duration::MAX;
    for n in 0..10 {
        let asked = Instant::now();
        let refused = last.post(&server, &format!("pay-{n}"), "pay", pay_body(&quote, "card_success")).await;
        quickest = quickest.min(asked.elapsed());
        refused.is(429, "overloaded");
        assert!(refused.header("retry-after").is_some(), "{refused:?}");
    }
    assert!(quickest < TOLD_WITHIN, "a refusal took {quickest:?}");
    // Reading needs no such permit, and neither does what was admitted: it is paid, committed and placed.
    for (cart, _) in &carts {
        cart.is_in(&server, "placed").await;
    }
    drop(held);
    let paid = until("admitted again", async || {
        let paid = last.post(&server, "pay-z", "pay", pay_body(&quote, "card_success")).await;
        if paid.status == 429 { Err(paid.body) } else { Ok(paid) }
    })
    .await;
    assert_eq!(paid.status, 202, "{paid:?}");
    last.is_in(&server, "placed").await;
    server.stop().await;
}

/// Nothing was started for a body that never came, so its client may send it again without a second thought.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_come_is_told_so_before_the_request_is_given_up() {
    let server = Server::start_with(&[
        ("server.header_timeout_ms", &500),
        ("server.request_timeout_ms", &2_000),
        ("checkout.pay_answer_ms", &1_000),
    ])
    .await;
    let before = server.ends().await;
    // With a type, and without one, where no body is the rule.
    for headers in [&[("content-type", "application/json")][..], &[]] {
        let whole = request("POST", "/v1/store/carts", headers, "{\"reference\":\"r\"}");
        let mut slow = TcpStream::connect(&server.addr).await.expect("it listens");
        slow.write_all(&whole.as_bytes()[..whole.len() - 5]).await.expect("sent");
        Response::read(slow).await.is(408, "request_incomplete");
    }
    assert_eq!(server.ends().await, before, "nothing happened");
    server.stop().await;
}

/// Whoever sends more than is read is told so before the connection ends, however far it has come by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_still_sends_sees_the_answer() {
    let server = Server::start_with(&[("server.body_limit_bytes", &(1 << 20))]).await;
    let before = server.ends().await;
    let json = ("content-type", "application/json");
    let nobody = ("authorization", "Bearer souk_ven_nobody");
    let chunked = |length: usize| {
        let whole = request("POST", "/v1/store/carts", &[json, ("transfer-encoding", "chunked")], "");
        let head = whole.replace("content-length: 0\r\n", "");
        format!("{head}{length:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(length))
    };
    let large = "x".repeat(16 << 20);
    for (sent, status, code) in [
        (request("POST", "/v1/store/carts", &[json], &large), 413, "body_too_large"),
        (chunked(16 << 20), 413, "body_too_large"),
        (request("POST", PRODUCTS, &[json, nobody], &large[..1 << 20]), 401, "authentication_required"),
    ] {
        let mut sends = TcpStream::connect(&server.addr).await.expect("it listens");
        sends.write_all(sent.as_bytes()).await.expect("all of it is taken");
        Response::read(sends).await.is(status, code);
    }
    // Whoever asks first is told no, and sends nothing.
    let asks = request("POST", "/v1/store/carts", &[json, ("expect", "100-continue")], &large);
    let (head, _) = asks.split_once("\r\n\r\n").expect("a head");
    let mut sends = TcpStream::connect(&server.addr).await.expect("it listens");
    sends.write_all(format!("{head}\r\n\r\n").as_bytes()).await.expect("sent");
    Response::read(sends).await.is(413, "body_too_large");
    assert_eq!(server.ends().await, before, "nothing happened");
    server.stop().await;
}

/// A cart that keeps failing is kept apart, told so, and harms nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(debug_assertions)]
async fn what_keeps_failing_is_kept_apart_and_said_so() {
    use souk::actors::{Handling, Trap};
    use souk_core::ids::StreamId;

    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let (cart, other) = (Cart::open(&server).await, Cart::open(&server).await);
    let stream: StreamId = cart.path.rsplit('/').next().expect("an id").parse().expect("an id");
    until("kept apart", async || {
        server.services.node.set_trap(stream, Trap::Before(Handling::Read));
        server.get(&cart.token, &cart.path).await;
        let ready = server.get("", "/readyz").await;
        if ready.json()["quarantined"] == json!([stream.to_string()]) { Ok(()) } else { Err(ready.body) }
    })
    .await;
    let refused = cart.line(&server, &stall, 1).await;
    refused.is(503, "quarantined");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    server.get(&cart.token, &cart.path).await.is(503, "quarantined");
    let seen = server.get(&operator, "/v1/operator/actors").await.ok();
    assert!(seen["quarantined"].to_string().contains(&stream.to_string()), "{seen}");
    let restarts = |kind: &str| {
        let kinds = seen["kinds"].as_array().expect("kinds");
        let found = kinds.iter().find(|known| known["kind"] == kind).expect("a kind");
        found["restarts"].as_u64().expect("a number")
    };
    assert!(restarts("checkout") > 0 && restarts("checkout") == seen["restarts"], "{seen}");
    assert_eq!(restarts("order"), 0, "{seen}");
    assert!(server.get("", "/metrics").await.body.contains("souk_streams_quarantined 1"));
    other.buy(&server, &stall, 1).await;
    server.stop().await;
}

/// What the journal refuses whenever it is tried is tried a few times, and not for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_contradicts_the_journal_is_kept_apart() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let (cart, other) = (Cart::open(&server).await, Cart::open(&server).await);
    let ship = async |server: &Server| {
        cart.put(server, "shipping", "shipping", json!({ "method": "standard" })).await
    };
    cart.put(&server, "address", "address", address()).await.ok();
    ship(&server).await.ok();
    let backend = server.end().await;
    // A reply under the name of what this cart was asked, and not of this cart.
    let stream = cart.path.rsplit('/').next().expect("an id").to_owned();
    let Ok(Database::Sqlite { dir }) = backend.url().parse() else { panic!("{}", backend.url()) };
    let options = Database::sqlite_options(&dir, Set::Journal);
    let mut journal = SqliteConnection::connect_with(&options).await.expect("the journal");
    let taken = "UPDATE replies SET stream = 'chk_00000000000000000000000001' WHERE stream = $1";
    sqlx::query(taken).bind(&stream).execute(&mut journal).await.expect("changed");
    journal.close().await.expect("closed");
    let server = Server::on(backend, &[]).await;
    // Two, since one alone is not tried often enough to bring its cart there.
    let another = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        ship(&server).await;
    };
    tokio::select! {
        _ = ship(&server) => {}
        () = another => {}
    }
    until("kept apart", async || {
        let ready = server.get("", "/readyz").await;
        if ready.json()["quarantined"] == json!([stream]) { Ok(()) } else { Err(ready.body) }
    })
    .await;
    cart.line(&server, &stall, 1).await.is(503, "quarantined");
    other.buy(&server, &stall, 1).await;
    server.stop().await;
}
