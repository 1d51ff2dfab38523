//! The tables: migrations, and what a journal says about itself.

use souk::journal::{Database, Journal, JournalError, Reader, Set, migrate};

use super::hosts::{HandHost, shard};
use super::place::{Place, on_both};

on_both!(
    migrating_twice_changes_nothing,
    tables_made_by_several_at_once_are_made_once,
    a_changed_migration_is_refused,
    a_newer_schema_is_refused,
    snapshots_of_an_older_souk_are_kept,
    a_journal_of_another_form_is_not_opened,
    reading_nothing_says_so,
);

async fn migrating_twice_changes_nothing(place: Place) {
    migrate::run(&place.database).await.unwrap();
    let journal = place.open().await;
    let id = journal.meta().journal_id.clone();
    assert_eq!(id.len(), 32);
    let mut host = HandHost::start(&journal, shard(1)).await;
    host.send(&journal, 1).await;
    host.all_durable().await;
    journal.close().await;
    migrate::run(&place.database).await.unwrap();
    let journal = place.open().await;
    assert_eq!(journal.meta().journal_id, id);
    assert_eq!(HandHost::start(&journal, shard(1)).await.seq, 1);
    journal.close().await;
    for set in Set::ALL {
        place.database.read_pool(set, 1).await.unwrap();
    }
}

async fn tables_made_by_several_at_once_are_made_once(place: Place) {
    let mut at_once = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let database = place.database.clone();
        at_once.spawn(async move { migrate::run(&database).await });
    }
    while let Some(done) = at_once.join_next().await {
        done.expect("no panic").expect("brought up to date");
    }
    place.open().await.close().await;
}

async fn a_changed_migration_is_refused(place: Place) {
    migrate::run(&place.database).await.unwrap();
    let change = if place.is_sqlite() {
        "UPDATE _sqlx_migrations SET checksum = x'00'"
    } else {
        "UPDATE _sqlx_migrations SET checksum = '\\x00'"
    };
    place.side_door().await.execute(change).await;
    let error = Journal::open(&place.database).await.unwrap_err();
    assert!(matches!(error, JournalError::Migrate { .. }), "{error:?}");
    assert!(error.to_string().contains("migration 1 was changed after it was applied"), "{error}");
}

async fn a_newer_schema_is_refused(place: Place) {
    migrate::run(&place.database).await.unwrap();
    place.side_door().await.execute("UPDATE _sqlx_migrations SET version = 9000 WHERE version = 1").await;
    let error = Journal::open(&place.database).await.unwrap_err();
    assert!(error.to_string().contains("use a newer souk"), "{error}");
}

async fn snapshots_of_an_older_souk_are_kept(place: Place) {
    if !place.is_sqlite() {
        return;
    }
    migrate::run(&place.database).await.unwrap();
    let mut door = place.side_door().await;
    for statement in [
        "DELETE FROM _sqlx_migrations WHERE version = 8",
        "DROP TABLE snapshots",
        "CREATE TABLE snapshots (stream TEXT NOT NULL PRIMARY KEY, partition BIGINT NOT NULL, seq BIGINT NOT NULL, \
         version BIGINT NOT NULL, hash BLOB NOT NULL, state TEXT NOT NULL) WITHOUT ROWID",
        "INSERT INTO snapshots VALUES ('shd_0001', 1, 7, 1, x'00', '{}')",
    ] {
        door.execute(statement).await;
    }
    migrate::run(&place.database).await.unwrap();
    assert_eq!(door.number("SELECT seq FROM snapshots WHERE stream = 'shd_0001'").await, 7);
    assert_eq!(door.number("SELECT rowid FROM snapshots").await, 1, "rows have a number of their own now");
}

async fn a_journal_of_another_form_is_not_opened(place: Place) {
    place.open().await.close().await;
    let columns = [
        ("format", "2", "1"),
        ("partitions", "32", "64"),
        ("stock_shards", "128", "256"),
        ("placement_hash", "'md5'", "'fnv1a64-be128'"),
    ];
    for (column, other, own) in columns {
        let mut door = place.side_door().await;
        door.execute(&format!("UPDATE meta SET {column} = {other}")).await;
        let error = Journal::open(&place.database).await.unwrap_err();
        assert!(matches!(error, JournalError::Mismatch { .. }), "{column}: {error:?}");
        assert!(Reader::open(&place.database, 1).await.is_err());
        door.execute(&format!("UPDATE meta SET {column} = {own}")).await;
    }
    place.open().await.close().await;
}

async fn reading_nothing_says_so(place: Place) {
    let error = Reader::open(&place.database, 1).await.unwrap_err();
    assert!(matches!(error, JournalError::Absent), "{error:?}");
    if let Database::Sqlite { dir } = &place.database {
        assert!(!dir.exists(), "looking creates nothing");
    }
}
