//! What each of the four logins may do, that a shop runs with them, and which logins production refuses.

use std::process::Command;

use serde_json::json;
use souk::app::Doors;
use souk::clock::Clock;
use souk::config::{Config, Flag, Sources};
use souk::journal::{JournalError, Roles, migrate};
use souk::tenants::Role;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::logins::Place;
use crate::http::rig::{Cart, Server, open_stall, until};
use crate::servers::{Backend, skipped};

const ENGINE: usize = 1;
const APP: usize = 2;
const VAULT: usize = 3;

/// The code of what the database says against it, if it does.
async fn refused(connection: &mut PgConnection, statement: &str) -> Option<String> {
    let done = connection.execute(AssertSqlSafe(statement.to_owned())).await;
    let error = done.err()?;
    Some(error.as_database_error().and_then(|error| error.code()).expect("the database said it").into_owned())
}

async fn may(connection: &mut PgConnection, statement: &str) {
    assert_eq!(refused(connection, statement).await, None, "{statement}");
}

async fn may_not(connection: &mut PgConnection, statement: &str) {
    assert_eq!(refused(connection, statement).await.as_deref(), Some("42501"), "{statement}");
}

#[tokio::test]
async fn each_login_may_do_what_it_must_and_nothing_else() {
    let Some(place) = Place::make("rights of the four logins").await else { return };
    migrate::run(&place.roles).await.expect("migrated");
    migrate::run(&place.roles).await.expect("and once more");

    let mut engine = place.connect(ENGINE, "journal").await;
    may(&mut engine, "UPDATE leases SET owner = owner").await;
    may(&mut engine, "DELETE FROM outbox").await;
    may(&mut engine, "INSERT INTO events SELECT * FROM events").await;
    for statement in ["UPDATE events SET seq = 1", "DELETE FROM events", "TRUNCATE events"] {
        may_not(&mut engine, statement).await;
    }
    may_not(&mut engine, "SELECT * FROM plain.vault").await;
    may(&mut engine, "DELETE FROM read.orders").await;

    let mut app = place.connect(APP, "read").await;
    may(&mut app, "SELECT * FROM orders").await;
    for statement in [
        "UPDATE orders SET buyer = ''",
        "DELETE FROM orders",
        "INSERT INTO vendors VALUES ('', '', '', 0, 0)",
        "SELECT * FROM cursors",
        "SELECT * FROM ledger_postings",
        "SELECT * FROM _sqlx_migrations",
        "SELECT * FROM plain.vault",
        "SELECT * FROM plain.credentials",
        "SELECT * FROM plain.api_keys",
        "SELECT * FROM journal.events",
        "ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
        "SET ROLE souk_test_migrator",
    ] {
        may_not(&mut app, statement).await;
    }

    let mut vault = place.connect(VAULT, "plain").await;
    may(&mut vault, "DELETE FROM vault").await;
    may(&mut vault, "UPDATE credentials SET named = 1").await;
    for statement in ["SELECT * FROM read.orders", "SELECT * FROM journal.events", "DROP TABLE vault"] {
        may_not(&mut vault, statement).await;
    }
    for connection in [engine, app, vault] {
        connection.close().await.expect("closed");
    }
}

#[tokio::test]
async fn a_login_that_nobody_made_is_named() {
    let Some(place) = Place::make("rights of the four logins").await else { return };
    let nobody = place.urls[APP].replace("souk_test_app", "souk_test_nobody").parse().expect("an address");
    let error = migrate::run(Roles { app: nobody, ..place.roles.clone() }).await.unwrap_err().to_string();
    assert!(error.contains("no role souk_test_nobody") && error.contains("docs/POSTGRES.md"), "{error}");
}

fn settings<'a>(urls: &'a [String; 4], mode: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("server.mode", mode),
        ("database.url", &urls[0]),
        ("database.engine_url", &urls[1]),
        ("database.app_url", &urls[2]),
        ("database.vault_url", &urls[3]),
    ]
}

/// A whole sale through the doors, with people who read what is theirs of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_runs_with_four_logins() {
    let Some(place) = Place::make("a shop with four logins").await else { return };
    let Place { urls, backend, .. } = place;
    let given = settings(&urls, "production");
    let given: Vec<_> = given.iter().map(|(key, value)| (*key, value as &dyn std::fmt::Display)).collect();
    let server = Server::on(backend, &given).await;
    let operator = server.key(Role::Operator).await;
    let (first, second) =
        (open_stall(&server, &operator, 1, 9).await, open_stall(&server, &operator, 2, 5).await);
    let cart = Cart::open(&server).await;
    let order = cart.buy(&server, &first, 2).await;
    let shown = server.get(&cart.token, &format!("/v1/store/orders/{order}")).await.ok();
    assert_eq!(shown["vendor_orders"].as_array().map(Vec::len), Some(1));
    let listed = server.get("", "/v1/store/products").await.ok();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "{listed}");
    let theirs = async |key: &str| {
        let orders = server.get(key, "/v1/vendor/orders").await.ok();
        orders["items"].as_array().map_or(0, Vec::len)
    };
    until("in the vendor's list", async || match theirs(&first.key).await {
        1 => Ok(()),
        count => Err(format!("{count} orders")),
    })
    .await;
    assert_eq!(theirs(&second.key).await, 0);
    let statement = server.get(&first.key, "/v1/vendor/statement").await.ok();
    assert!(statement.to_string().contains("payable"), "{statement}");
    for (path, list) in
        [("vendors", "items"), ("products", "items"), ("orders", "items"), ("ledger", "accounts")]
    {
        let seen = server.get(&operator, &format!("/v1/operator/{path}")).await.ok();
        assert!(!seen[list].as_array().expect("a list").is_empty(), "{path}: {seen}");
    }
    // It comes up again with rights given anew, and people sign up where only the vault's login writes.
    let server = server.restart().await;
    let asked = json!({ "mail": "ada@example.org" });
    let asked = server.post("", "sign-up", "/v1/auth/sign-ups", asked).await;
    assert!((200..300).contains(&asked.status), "{asked:?}");

    // So do the commands.
    let backend = server.end().await;
    let verified = souk(&backend, &urls, &["verify"]);
    assert!(verified.contains("I10"), "{verified}");
    let keys = souk(&backend, &urls, &["keys", "list"]);
    assert_eq!(keys.matches("key_").count(), 3, "{keys}");
    let filled = souk(&backend, &urls, &["rebuild", "all"]);
    assert!(filled.contains("orders"), "{filled}");
    is_backed_up_whole(&backend, &urls);
}

/// What a command says, that has the logins from its environment.
fn souk(backend: &Backend, urls: &[String; 4], arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_souk"));
    for (key, value) in settings(urls, "production") {
        command.env(format!("SOUK_{}", key.replace('.', "__").to_uppercase()), value);
    }
    let output = command.args(arguments).arg("--json").arg("--data").arg(backend.data_dir()).output();
    let output = output.expect("souk runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The owner of the tables, whom the policies bind, copies every row of those that are kept.
fn is_backed_up_whole(backend: &Backend, urls: &[String; 4]) {
    if let Err(error) = Command::new("pg_dump").arg("--version").output() {
        return skipped("a backup by the tables' owner", &format!("pg_dump cannot be started: {error}"));
    }
    let target = backend.data_dir().join("copy");
    souk(backend, urls, &["backup", target.to_str().expect("a plain path")]);
    let rows_of = |table: &str| {
        let mut restore = Command::new("pg_restore");
        restore.args(["--data-only", "--schema=plain", "--table", table, "--file=-"]);
        let output = restore.arg(target.join("souk.dump")).output().expect("pg_restore runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let (_, rows) = text.split_once("FROM stdin;\n").expect("a table");
        rows.lines().take_while(|line| *line != "\\.").count()
    };
    assert_eq!(rows_of("api_keys"), 3);
    assert!(rows_of("vault") >= 2, "of the order's address and of whoever signed up");
    assert!(rows_of("signing_keys") >= 1);
}

/// Why a server does not open with these settings.
async fn refusal(backend: &Backend, given: &[(&'static str, &str)]) -> Option<String> {
    let data_dir = backend.data_dir().display().to_string();
    let given = given.iter().copied().chain([("database.data_dir", data_dir.as_str())]);
    let flags = given.map(|(key, value)| Flag { flag: "--test", key, value: value.to_owned() }).collect();
    let config = Config::load(Sources { flags, ..Sources::default() }).expect("good settings").config;
    match Box::pin(Doors::open(&config, Clock::system())).await {
        Ok(doors) => {
            doors.close().await;
            None
        }
        Err(error) => {
            assert!(matches!(error.downcast_ref(), Some(JournalError::Mighty { .. })), "{error:#}");
            Some(error.to_string())
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_refuses_logins_that_no_policy_binds() {
    let Some(place) = Place::make("logins that production refuses").await else { return };
    let backend = &place.backend;
    let superuser = backend.url().to_owned();
    let mut direct = PgConnection::connect(&superuser).await.expect("connected");

    let all = [superuser.as_str(); 4].map(str::to_owned);
    let told = refusal(backend, &settings(&all, "production")).await.expect("refused");
    assert!(told.contains("superuser") && told.contains("database.app_url"), "{told}");
    assert!(!told.contains("postgres://"), "no address is told, and so no password: {told}");

    // At the first start, when the migrator owns nothing yet, and at the next.
    let mut owner = place.urls.clone();
    owner[APP] = place.urls[0].clone();
    for _ in 0..2 {
        let told = refusal(backend, &settings(&owner, "production")).await.expect("refused");
        assert!(told.contains("owns the tables") && told.contains("app role"), "{told}");
        migrate::run(&place.roles).await.expect("migrated");
    }
    // A member of the owner's role could take the policies away, too. A role of this test's own: roles are the server's.
    let (_, name) = superuser.rsplit_once('/').expect("the address names a database");
    let member = format!("member_{name}");
    for (make, why) in [("IN ROLE souk_test_migrator", "owns the tables"), ("BYPASSRLS", "may bypass")] {
        let create = format!("CREATE ROLE {member} LOGIN PASSWORD 'two' {make}");
        direct.execute(AssertSqlSafe(create)).await.expect("made");
        let mut urls = place.urls.clone();
        urls[ENGINE] = urls[ENGINE].replace("souk_test_engine", &member);
        let told = refusal(backend, &settings(&urls, "production")).await.expect("refused");
        assert!(told.contains(why) && told.contains("engine role"), "{told}");
        direct.execute(AssertSqlSafe(format!("DROP ROLE {member}"))).await.expect("dropped");
    }

    assert_eq!(
        refusal(backend, &settings(&owner, "development")).await,
        None,
        "one looks around with one login"
    );
    assert_eq!(refusal(backend, &settings(&place.urls, "production")).await, None);
    direct.close().await.expect("closed");
}
