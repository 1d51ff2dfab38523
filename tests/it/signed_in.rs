//! Somebody makes an account and stays signed in while the server is killed under every step.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::served::{Gone, Served, Told, ask, is_debug_build};
use crate::servers::skipped;

const MAIL: &str = "ada@example.org";
const PASSWORD: &str = "lantern-oyster-47-granite";
/// What a step writes, in the order of a person's way in.
const STEPS: [&str; 4] = ["person.signed_up", "person.verified", "family.begun", "family.rotated"];
const PATIENCE: Duration = Duration::from_secs(30);

async fn post(server: &Served, path: &str, body: Value) -> Result<Told, Gone> {
    let headers = [("content-type", "application/json")];
    ask(&server.addr, "POST", &format!("/v1/auth/{path}"), &headers, &body.to_string()).await
}

/// The token of a letter, once it is there.
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

/// What the client has got so far.
#[derive(Default)]
struct Client {
    is_verified: bool,
    first: String,
    second: String,
}

impl Client {
    /// Goes on where it was, each step as often as it takes; what it is not told it asks again.
    async fn go_on(&mut self, server: &Served, dir: &Path) -> Result<(), Gone> {
        if !self.is_verified {
            let asked = post(server, "sign-ups", json!({ "mail": MAIL })).await?;
            assert_eq!(asked.status, 202, "{asked:?}");
            let choice = json!({ "token": letter(dir).await, "password": PASSWORD });
            let told = post(server, "verifications", choice).await?;
            // Spent: it was this client's, whose answer was lost.
            assert!(matches!(told.status, 200 | 409), "{told:?}");
            self.is_verified = true;
        }
        if self.first.is_empty() {
            let in_with = json!({ "mail": MAIL, "password": PASSWORD, "audience": "store" });
            let told = post(server, "sessions", in_with).await?;
            assert_eq!(told.status, 201, "{told:?}");
            self.first = told.text("refresh_token");
        }
        let told = post(server, "refreshes", json!({ "refresh_token": self.first })).await?;
        assert_eq!(told.status, 200, "{told:?}");
        let successor = told.text("refresh_token");
        assert!(self.second.is_empty() || self.second == successor, "another successor");
        self.second = successor;
        let bearer = format!("Bearer {}", told.text("access_token"));
        let me = ask(&server.addr, "GET", "/v1/auth/me", &[("authorization", bearer.as_str())], "").await?;
        assert_eq!((me.status, me.text("mail")), (200, MAIL.to_owned()), "{me:?}");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_in_while_the_server_is_killed_gets_in_and_has_one_successor() {
    if !is_debug_build() {
        return skipped("signing in under kills", "only a debug build has places to be killed at");
    }
    for step in STEPS {
        for side in ["before", "after"] {
            let scratch = tempfile::tempdir().expect("a directory for the test");
            let dir = scratch.path();
            // The clock stands while no server runs: how long one takes to start is not what is tried.
            let clock = dir.join("clock");
            std::fs::write(&clock, "0").expect("written");
            let clock_file = ("SOUK_CLOCK_FILE", clock.display().to_string());
            let dies = [clock_file.clone(), ("SOUK_KILL_AT", format!("{side}:{step}"))];
            let server = Served::start(dir, &dies).await.expect("it serves");
            let mut client = Client::default();
            let killed = client.go_on(&server, dir).await;
            assert!(killed.is_err(), "{side} {step}: it was not killed");
            let since = Instant::now();
            drop(server);

            let server = Served::start(dir, std::slice::from_ref(&clock_file)).await.expect("it serves");
            let stood_ms = since.elapsed().as_millis();
            std::fs::write(&clock, format!("-{stood_ms}")).expect("written");
            for _ in 0..2 {
                client.go_on(&server, dir).await.unwrap_or_else(|Gone| panic!("{side} {step}: it is gone"));
            }
            assert!(client.second.contains("_2_"), "{side} {step}: the second generation");
            server.stop().await;
        }
    }
}
