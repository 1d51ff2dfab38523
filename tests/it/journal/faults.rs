//! A database that refuses: nothing is lost, nothing is doubled, nobody is told too early.

use souk::journal::{Journal, OutcomeSink, Settings, StartError, WriterHealth};
use souk_core::journal::WakeChange;

use super::hosts::{AT, HandHost, assert_gapless, shard};
use super::place::{BOUND, Place, on_both, run_on_sqlite, settings, until};

on_both!(positions_stay_gapless_after_a_rollback, a_closed_journal_takes_nothing);

#[test]
fn a_full_disk_shuts_admission_until_there_is_room() {
    run_on_sqlite(full_disk);
}

#[test]
fn a_damaged_file_ends_the_writer() {
    run_on_sqlite(damaged_file);
}

async fn positions_stay_gapless_after_a_rollback(place: Place) {
    let journal = place.open().await;
    let mut hosts = Vec::new();
    for n in 0..8 {
        hosts.push(HandHost::start(&journal, shard(n)).await);
        hosts[usize::from(n)].send(&journal, 2).await;
        hosts[usize::from(n)].all_durable().await;
    }
    let mut health = journal.writer().health();
    assert!(health.borrow().admits());
    let mut door = place.side_door().await;
    for _ in 0..2 {
        door.block_writes().await;
        for host in &mut hosts {
            host.send(&journal, 1).await;
            let mut append = host.append(1);
            append.wake = WakeChange::Set(AT);
            journal.append(append).await.unwrap();
        }
        let degraded = health.wait_for(|health| matches!(health, WriterHealth::Degraded { .. }));
        let told = tokio::time::timeout(BOUND, degraded).await.unwrap().unwrap().clone();
        assert!(!told.admits() && told.reason().is_some(), "{told:?}");
        for host in &mut hosts {
            assert_eq!(host.outcomes.try_next(), None, "nobody is told before it is durable");
        }
        door.execute("ROLLBACK").await;
        for host in &mut hosts {
            host.all_durable().await;
        }
        tokio::time::timeout(BOUND, health.wait_for(WriterHealth::admits)).await.unwrap().unwrap();
    }
    assert_eq!(assert_gapless(&journal).await, 8 * (2 + 2 * 2));
    journal.close().await;
}

async fn a_closed_journal_takes_nothing(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    for _ in 0..100 {
        host.send(&journal, 1).await;
    }
    journal.close().await;
    // What was sent before was settled first.
    assert_eq!(host.all_durable().await, 100);
    let append = host.append(1);
    assert!(journal.append(append).await.is_err());
    let (sink, _outcomes) = OutcomeSink::channel();
    assert_eq!(journal.start(shard(1), sink).await.unwrap_err(), StartError::WriterGone);
    assert_eq!(*journal.writer().health().borrow(), WriterHealth::Closed);
}

async fn full_disk(place: Place) {
    place.open().await.close().await;
    let mut door = place.side_door().await;
    door.execute("CREATE TABLE filler (bytes BLOB); INSERT INTO filler VALUES (zeroblob(2000000))").await;
    let pages = door.number("PRAGMA page_count").await;
    let limit = Settings { max_pages: Some(pages as u32 + 20), ..settings() };
    let journal = Journal::open_with(&place.database, limit).await.unwrap();

    let mut host = HandHost::start(&journal, shard(1)).await;
    let mut health = journal.writer().health();
    let mut sent = 0;
    while health.borrow_and_update().admits() {
        host.send(&journal, 10).await;
        sent += 10;
        assert!(sent < 100_000, "the limit does nothing");
        tokio::task::yield_now().await;
    }
    let reason = health.borrow().reason().unwrap();
    assert!(reason.contains("full"), "{reason}");
    door.execute("DROP TABLE filler").await;
    host.all_durable().await;
    until("admission opens again", async || health.borrow().admits()).await;
    assert_eq!(assert_gapless(&journal).await, sent);
    journal.close().await;
}

async fn damaged_file(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    for _ in 0..200 {
        host.send(&journal, 20).await;
    }
    host.all_durable().await;
    let mut door = place.side_door().await;
    door.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let file = place.sqlite_file();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[8192..].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    // The writer may have every page it needs in memory, until somebody else writes.
    door.execute("PRAGMA user_version = 7").await;

    host.send(&journal, 1).await;
    let fatal = journal.writer().fatal();
    let reason = tokio::time::timeout(BOUND, fatal).await.expect("the writer ends");
    assert!(reason.contains("malformed") || reason.contains("not a database"), "{reason}");
    assert!(!journal.lease().is_owner(), "nobody answers from memory any more");
    // The append has no outcome: it is neither durable nor refused.
    assert_eq!(host.outcomes.next().await, None);
    let append = host.append(1);
    assert!(journal.append(append).await.is_err());
}
