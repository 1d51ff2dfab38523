//! What a sale costs the database: rows of a one-line checkout from cart to placed, counted where they are written.

use souk::journal::{Database, Set};
use souk::tenants::Role;
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

use super::rig::{Cart, Server, open_stall};
use crate::servers::Backend;

/// Of events, which stay for ever.
const EVENTS_MAX: i64 = 20;
/// Of everything.
const ROWS_MAX: i64 = 40;

const JOURNAL: [&str; 4] = ["events", "outbox", "replies", "wakes"];
const PLAIN: [&str; 1] = ["vault"];

/// A connection beside the server's, that has every new row of these tables counted, gone again or not.
async fn counting(database: &Database, set: Set, tables: &[&str]) -> SqliteConnection {
    let Database::Sqlite { dir } = database else { panic!("counted on SQLite") };
    let options = Database::sqlite_options(dir, set);
    let mut connection = SqliteConnection::connect_with(&options).await.expect("a connection");
    let mut script = "CREATE TABLE counted (name TEXT PRIMARY KEY, n BIGINT NOT NULL);".to_owned();
    for table in tables {
        for (what, name) in [("INSERT", (*table).to_owned()), ("UPDATE", format!("{table} rewritten"))] {
            script.push_str(&format!(
                "INSERT INTO counted VALUES ('{name}', 0); \
                 CREATE TRIGGER \"count {name}\" AFTER {what} ON {table} BEGIN \
                 UPDATE counted SET n = n + 1 WHERE name = '{name}'; END;"
            ));
        }
    }
    connection.execute(sqlx::raw_sql(AssertSqlSafe(script))).await.expect("triggers");
    connection
}

async fn counted(connection: &mut SqliteConnection, name: &str) -> i64 {
    let query = sqlx::query_as("SELECT n FROM counted WHERE name = $1").bind(name.to_owned());
    let (n,): (i64,) = query.fetch_one(connection).await.expect("counted");
    n
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_one_line_checkout_is_few_rows() {
    let backend = Backend::sqlite();
    let database: Database = backend.url().parse().expect("an address");
    let server = Server::on(backend, &[]).await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    server.quiet().await;

    let mut journal = counting(&database, Set::Journal, &JOURNAL).await;
    let mut plain = counting(&database, Set::Plain, &PLAIN).await;
    Cart::open(&server).await.buy(&server, &stall, 1).await;
    // The notice of the capture and the letter come after the order.
    server.quiet().await;

    let mut rows = Vec::new();
    for table in JOURNAL {
        rows.push((table, counted(&mut journal, table).await));
    }
    rows.push(("vault", counted(&mut plain, "vault").await));
    let rewritten = counted(&mut journal, "wakes rewritten").await;
    let all: i64 = rows.iter().map(|(_, n)| n).sum();
    let shown: Vec<String> = rows.iter().map(|(table, n)| format!("{n} {table}")).collect();
    println!("a one-line checkout: {all} rows ({}); {rewritten} wakes rewritten", shown.join(", "));
    let query = "SELECT kind FROM events WHERE stream LIKE 'chk_%' OR stream LIKE 'pay_%' OR stream LIKE 'ord_%' \
                 ORDER BY stream, seq";
    let kinds: Vec<(String,)> = sqlx::query_as(query).fetch_all(&mut journal).await.expect("events");
    let of_what = || format!("{shown:?}: {kinds:?}");
    assert!(rows[0].1 <= EVENTS_MAX, "more than {EVENTS_MAX} event rows: {}", of_what());
    assert!(all <= ROWS_MAX, "{all} rows, more than {ROWS_MAX}: {}", of_what());
    assert!(rows.iter().all(|(_, n)| *n > 0), "not counted: {}", of_what());
    server.stop().await;
}
