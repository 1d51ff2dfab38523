//! What was consumed or counted before a server is killed is so after it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use souk_core::person::lock::{DELAY_FIRST_MS, FREE_FAILURES};

use crate::http::second_factor::code;
use crate::served::{Gone, Served, Told, ask, is_debug_build, program};
use crate::servers::{Backend, skipped};

const MAIL: &str = "ada@example.org";
const PASSWORD: &str = "lantern-oyster-47-granite";
const WRONG: &str = "harbour-velvet-92-thistle";
const PATIENCE: Duration = Duration::from_secs(30);

async fn post(server: &Served, path: &str, body: Value) -> Result<Told, Gone> {
    let headers = [("content-type", "application/json")];
    ask(&server.addr, "POST", &format!("/v1/auth/{path}"), &headers, &body.to_string()).await
}

async fn sign_in(server: &Served, password: &str) -> Result<Told, Gone> {
    post(server, "sessions", json!({ "mail": MAIL, "password": password, "audience": "store" })).await
}

/// The token of the letter, once it is there.
async fn letter(dir: &Path) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let entries = std::fs::read_dir(dir.join("outbox")).into_iter().flatten().flatten();
        let texts: Vec<String> =
            entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()).collect();
        let mut lines = texts.iter().flat_map(|text| text.lines());
        if let Some(token) = lines.find(|line| line.starts_with("souk_verify_")) {
            return token.to_owned();
        }
        assert!(Instant::now() < deadline, "no letter has come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Somebody with an account on a server that dies there.
async fn account(dir: &Path, environment: &[(&str, String)]) -> Served {
    let server = Served::start(dir, environment).await.expect("it serves");
    post(&server, "sign-ups", json!({ "mail": MAIL })).await.expect("it answers");
    let choice = json!({ "token": letter(dir).await, "password": PASSWORD });
    let told = post(&server, "verifications", choice).await.expect("it answers");
    assert_eq!(told.status, 200, "{told:?}");
    server
}

/// What the servers of a directory wrote is as it should be.
fn is_verified(dir: &Path, more: &[&str]) {
    let told = std::process::Command::new(program()).args(["verify", "--data"]).arg(dir).args(more).output();
    let told = told.expect("it can be run");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_outlasts_the_server_that_was_killed_when_it_began() {
    if !is_debug_build() {
        return skipped("delays under kills", "only a debug build has places to be killed at");
    }
    // Before it is written the fifth failure has not happened, and nobody was told that it did.
    for (side, may_sign_in) in [("before", true), ("after", false)] {
        let scratch = tempfile::tempdir().expect("a directory for the test");
        let dir = scratch.path();
        let clock = dir.join("clock");
        std::fs::write(&clock, "0").expect("written");
        let clock_file = ("SOUK_CLOCK_FILE", clock.display().to_string());
        let dies = [clock_file.clone(), ("SOUK_KILL_AT", format!("{side}:person.try_failed"))];
        let server = account(dir, &dies).await;
        for _ in 0..FREE_FAILURES {
            assert_eq!(sign_in(&server, WRONG).await.expect("it answers").status, 401);
        }
        assert!(sign_in(&server, WRONG).await.is_err(), "{side}: it was not killed");
        let since = Instant::now();
        drop(server);

        let server = Served::start(dir, &[clock_file]).await.expect("it serves");
        // The clock stands while no server runs: how long one takes to start is not what is tried.
        let stood_ms = i64::try_from(since.elapsed().as_millis()).expect("not so long");
        std::fs::write(&clock, format!("-{stood_ms}")).expect("written");
        let told = sign_in(&server, PASSWORD).await.expect("it answers");
        assert_eq!(told.status == 201, may_sign_in, "{side}: {told:?}");
        std::fs::write(&clock, DELAY_FIRST_MS.to_string()).expect("written");
        let told = sign_in(&server, PASSWORD).await.expect("it answers");
        assert_eq!(told.status, 201, "{side}: {told:?}");
        server.stop().await;
        is_verified(dir, &[]);
    }
}

const STEP_MS: i64 = 30_000;

fn wall_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("not so late")
}

async fn with_code(server: &Served, code: &str) -> Result<Told, Gone> {
    let asked = json!({ "mail": MAIL, "password": PASSWORD, "audience": "store", "code": code });
    post(server, "sessions", asked).await
}

/// Somebody turns on a second factor: the secret and the recovery codes.
async fn turn_on(server: &Served, step: impl Fn() -> i64) -> (String, Vec<String>) {
    let told = sign_in(server, PASSWORD).await.expect("it answers");
    let bearer = format!("Bearer {}", told.text("access_token"));
    let headers = [("authorization", bearer.as_str())];
    let begun = ask(&server.addr, "POST", "/v1/auth/me/totp", &headers, "").await.expect("it answers");
    let secret = begun.text("secret");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({ "code": code(&secret, step() - 1) }).to_string();
    let path = "/v1/auth/me/totp/confirmations";
    let told = ask(&server.addr, "POST", path, &headers, &body).await.expect("it answers");
    assert_eq!(told.status, 200, "{told:?}");
    let codes = told.json()["recovery_codes"].as_array().expect("codes").clone();
    (secret, codes.iter().map(|code| code.as_str().expect("a text").to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_good_once_also_when_the_server_is_killed_while_it_is_used() {
    if !is_debug_build() {
        return skipped("codes under kills", "only a debug build has places to be killed at");
    }
    for (side, is_left) in [("before", true), ("after", false)] {
        for kind in ["totp_used", "recovery_used"] {
            let scratch = tempfile::tempdir().expect("a directory for the test");
            let dir = scratch.path();
            let clock = dir.join("clock");
            std::fs::write(&clock, "0").expect("written");
            let clock_file = ("SOUK_CLOCK_FILE", clock.display().to_string());
            let dies = [clock_file.clone(), ("SOUK_KILL_AT", format!("{side}:person.{kind}"))];
            let server = account(dir, &dies).await;
            // A step begins, and none ends while this looks.
            let ahead_ms = STEP_MS - wall_ms() % STEP_MS;
            std::fs::write(&clock, ahead_ms.to_string()).expect("written");
            let step = (wall_ms() + ahead_ms) / STEP_MS;
            let (secret, recovery) = turn_on(&server, || step).await;
            let used = if kind == "totp_used" { code(&secret, step) } else { recovery[3].clone() };
            let since = Instant::now();
            assert!(with_code(&server, &used).await.is_err(), "{side} {kind}: it was not killed");
            drop(server);

            let server = Served::start(dir, &[clock_file]).await.expect("it serves");
            let stood_ms = i64::try_from(since.elapsed().as_millis()).expect("not so long");
            std::fs::write(&clock, (ahead_ms - stood_ms).to_string()).expect("written");
            let told = with_code(&server, &used).await.expect("it answers");
            assert_eq!(told.status, if is_left { 201 } else { 401 }, "{side} {kind}: {told:?}");
            let told = with_code(&server, &used).await.expect("it answers");
            assert_eq!((told.status, told.text("code")), (401, "wrong_code".to_owned()), "{side} {kind}");
            let told = with_code(&server, &code(&secret, step + 1)).await.expect("it answers");
            assert_eq!(told.status, 201, "{side} {kind}: {told:?}");
            server.stop().await;
            is_verified(dir, &[]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_and_delays_are_known_to_the_standby_that_takes_over_on_postgres() {
    if !is_debug_build() {
        return skipped("codes over a take-over", "only a debug build has a clock that stands");
    }
    let Some(backend) = Backend::postgres("codes over a take-over") else { return };
    let (dir, other) = (backend.data_dir(), tempfile::tempdir().expect("a directory for the test"));
    let clock = dir.join("clock");
    let ahead_ms = STEP_MS - wall_ms() % STEP_MS;
    let step = (wall_ms() + ahead_ms) / STEP_MS;
    std::fs::write(&clock, ahead_ms.to_string()).expect("written");
    let environment = [
        ("SOUK_CLOCK_FILE", clock.display().to_string()),
        ("SOUK_DATABASE__URL", backend.url().to_owned()),
        ("SOUK_SERVER__KEY_FILE", dir.join("server.key").display().to_string()),
        ("SOUK_VAULT__KEY_FILE", dir.join("vault.key").display().to_string()),
    ];
    let owner = account(dir, &environment).await;
    let mut standby = Served::spawn(&[], other.path(), "127.0.0.1:0", &environment);
    let (secret, recovery) = turn_on(&owner, || step).await;
    for good in [&code(&secret, step), &recovery[0]] {
        let told = with_code(&owner, good).await.expect("it answers");
        assert_eq!(told.status, 201, "{told:?}");
    }
    for _ in 0..=FREE_FAILURES {
        assert_eq!(sign_in(&owner, WRONG).await.expect("it answers").status, 401);
    }
    let since = Instant::now();
    owner.kill().await;
    assert!(standby.until_it_serves().await, "it ended");
    let stood_ms = i64::try_from(since.elapsed().as_millis()).expect("not so long");
    std::fs::write(&clock, (ahead_ms - stood_ms).to_string()).expect("written");

    let told = with_code(&standby, &code(&secret, step + 1)).await.expect("it answers");
    assert_eq!((told.status, told.text("code")), (401, "wrong_password".to_owned()), "it waits: {told:?}");
    // A step later: the code that was used is still of a step that would be taken.
    std::fs::write(&clock, (ahead_ms - stood_ms + DELAY_FIRST_MS).to_string()).expect("written");
    for spent in [&code(&secret, step), &recovery[0]] {
        let told = with_code(&standby, spent).await.expect("it answers");
        assert_eq!((told.status, told.text("code")), (401, "wrong_code".to_owned()), "{told:?}");
    }
    let told = with_code(&standby, &code(&secret, step + 1)).await.expect("it answers");
    assert_eq!(told.status, 201, "{told:?}");
    standby.stop().await;
    is_verified(other.path(), &["--database", backend.url()]);
}
