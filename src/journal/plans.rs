//! How SQLite goes about the statements that a start and a running server need: a table that only grows must never be read
//! from one end to the other.

use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use super::{Set, migrate, pages, parts, read, sql, sqlite};

/// What it must not scan.
const GROWING: [&str; 4] = ["events", "replies", "outbox", "snapshots"];

#[tokio::test]
async fn no_statement_of_a_running_server_reads_a_growing_table_whole() {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.expect("a database");
    for tables in migrate::MIGRATIONS.iter().filter(|file| file.set == Set::Journal) {
        sqlx::raw_sql(tables.sqlite).execute(&mut connection).await.expect("the journal's tables");
    }
    // `BEGIN` has a plan only without what begins the transaction.
    let checks = sqlite::BEGIN.split_once(';').expect("two statements").1;
    for statement in [
        sql::TAILS,
        sql::MARK_EVENT,
        sql::MARK_REPLY,
        sql::MARK_OUTBOX,
        sql::PRUNE_REPLIES,
        pages::ENDS,
        pages::WINDOWS_SQLITE,
        parts::PARTS,
        read::STREAM,
        read::TAIL,
        read::LAST_POSITION,
        read::REPLY,
        read::EFFECTS_SQLITE,
        checks,
    ] {
        let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let plan = sqlx::raw_sql(explained).fetch_all(&mut connection).await;
        let plan: Vec<String> =
            plan.expect("a plan").iter().map(|row| row.get::<String, _>("detail")).collect();
        let aliases = ["SCAN e".to_owned()];
        for scan in GROWING.iter().map(|table| format!("SCAN {table}")).chain(aliases) {
            // Whoever needs the oldest few of an index may go along it until it has them.
            let whole =
                |step: &&String| **step == scan || step.starts_with(&format!("{scan} USING INDEX sqlite_"));
            assert_eq!(plan.iter().find(whole), None, "{statement}\n{plan:#?}");
        }
    }
}
