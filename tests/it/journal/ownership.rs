//! Who may write: leases, epochs, a second server.

use std::collections::BTreeSet;

use souk::journal::{Journal, JournalError, OutcomeSink, Settings, StartError, WriterHealth};
use souk_core::ids::{PARTITIONS, Partition};
use souk_core::journal::{Incarnation, Refusal};

use super::hosts::{HandHost, assert_gapless, shard};
use super::place::{BOUND, Place, on_both, run_on_postgres, run_on_sqlite, settings, until};

on_both!(
    a_partition_taken_over_is_fenced,
    nothing_of_an_old_owner_is_written_after_a_take_over,
    a_writer_whose_whole_group_was_fenced_is_well_again,
    incarnations_never_repeat,
    a_restart_owns_everything_under_a_new_term,
);

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    run_on_sqlite(refused_second);
}

#[test]
fn a_standby_takes_over_and_the_old_owner_is_fenced() {
    run_on_postgres(standby);
}

#[test]
fn an_owner_that_closes_hands_over_at_once() {
    run_on_postgres(hand_over);
}

#[test]
fn a_take_over_waits_for_the_commit_under_way() {
    run_on_postgres(commit_under_way);
}

#[test]
fn an_owner_notices_a_take_over_without_writing() {
    run_on_postgres(noticed);
}

pub fn take_over(partition: Partition) -> String {
    format!("UPDATE leases SET epoch = epoch + 1, owner = 999 WHERE partition = {}", partition.0)
}

async fn a_partition_taken_over_is_fenced(place: Place) {
    let journal = place.open().await;
    let mut lost = HandHost::start(&journal, shard(1)).await;
    let mut sibling = HandHost::start(&journal, shard(65)).await;
    let mut kept = HandHost::start(&journal, shard(2)).await;
    for host in [&mut lost, &mut sibling, &mut kept] {
        host.send(&journal, 1).await;
        host.all_durable().await;
    }
    let mut door = place.side_door().await;
    door.execute(&take_over(shard(1).partition())).await;
    // In one group with an append of another partition, which must get through.
    door.block_writes().await;
    kept.send(&journal, 1).await;
    lost.send(&journal, 1).await;
    kept.send(&journal, 1).await;
    door.execute("ROLLBACK").await;
    assert_eq!(kept.all_durable().await, 3);
    assert_eq!(lost.refused().await, (Refusal::Fenced, 0));
    assert_eq!(sibling.refused().await, (Refusal::Fenced, 0), "every host of the partition is told");
    assert!(!journal.lease().is_held(shard(1).partition()));
    assert!(journal.lease().is_held(shard(2).partition()));
    let (sink, _outcomes) = OutcomeSink::channel();
    assert_eq!(journal.start(shard(1), sink).await.unwrap_err(), StartError::NotOwner);
    assert_eq!(assert_gapless(&journal).await, 5);
    journal.close().await;
}

async fn nothing_of_an_old_owner_is_written_after_a_take_over(place: Place) {
    let journal = place.open().await;
    let partition = shard(1).partition();
    let mut host = HandHost::start(&journal, shard(1)).await;
    let mut door = place.side_door().await;
    let mut rest = Vec::new();
    for round in 0..200 {
        host.send(&journal, 1).await;
        if round == 100 {
            // The take-over as another server does it: the lease first, then the tail.
            door.begin().await;
            door.execute(&take_over(partition)).await;
            door.execute("COMMIT").await;
            let tail = format!("SELECT MAX(position) FROM events WHERE partition = {}", partition.0);
            rest.push(door.number(&tail).await);
        }
    }
    let (refusal, durable) = host.refused().await;
    assert_eq!(refusal, Refusal::Fenced);
    let tail = journal.reader().last_position(partition).await.unwrap();
    assert_eq!(tail as i64, rest[0], "the tail that the new owner saw is the tail");
    assert!(durable <= tail);
    journal.close().await;
}

/// The door is shut while a group waits. When nothing of it is left to be written, it must open all the same: nobody who
/// could write anything is let in before.
async fn a_writer_whose_whole_group_was_fenced_is_well_again(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    let mut health = journal.writer().health();
    let mut door = place.side_door().await;
    door.begin().await;
    door.execute(&take_over(shard(1).partition())).await;
    host.send(&journal, 1).await;
    let degraded = health.wait_for(|health| matches!(health, WriterHealth::Degraded { .. }));
    tokio::time::timeout(BOUND, degraded).await.expect("it says so").expect("it lives");
    door.execute("COMMIT").await;
    assert_eq!(host.refused().await, (Refusal::Fenced, 0));
    let well = health.wait_for(|health| *health == WriterHealth::Healthy);
    tokio::time::timeout(BOUND, well).await.expect("it is well again").expect("it lives");
    journal.close().await;
}

async fn incarnations_never_repeat(place: Place) {
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let journal = place.open().await;
        for n in 0..5 {
            let host = HandHost::start(&journal, shard(n)).await;
            assert!(seen.insert(host.started.incarnation), "{:?}", host.started);
        }
        journal.close().await;
    }
    assert_eq!(seen.first(), Some(&Incarnation((1 << 32) + 1)));
    assert_eq!(seen.last(), Some(&Incarnation((3 << 32) + 5)));
}

async fn a_restart_owns_everything_under_a_new_term(place: Place) {
    let mut epoch = souk_core::journal::Epoch(0);
    for round in 1..=3 {
        let journal = place.open().await;
        assert_eq!(journal.lease().held().len(), usize::from(PARTITIONS));
        let mut host = HandHost::start(&journal, shard(1)).await;
        assert!(host.started.epoch > epoch);
        epoch = host.started.epoch;
        assert_eq!(journal.lease().epoch(shard(1).partition()), Some(epoch));
        host.send(&journal, 1).await;
        assert_eq!(host.all_durable().await, round, "positions go on where they stood");
        journal.close().await;
    }
}

async fn refused_second(place: Place) {
    let journal = place.open().await;
    let error = Journal::open(&place.database).await.unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("in use by another souk server") && said.contains("stop that one"), "{said}");
    journal.close().await;
    place.open().await.close().await;
}

async fn standby(place: Place) {
    let first = place.open().await;
    let mut host = HandHost::start(&first, shard(1)).await;
    host.send(&first, 3).await;
    host.all_durable().await;

    let second = Journal::open_with(&place.database, settings()).await.unwrap();
    assert!(!second.lease().is_owner(), "a second server stands by");
    let (sink, _outcomes) = OutcomeSink::channel();
    assert_eq!(second.start(shard(1), sink).await.unwrap_err(), StartError::NotOwner);

    // The first one stops renewing, as if it were stuck, but its writer lives on.
    let zombie = first.writer().clone();
    let lease = first.lease().clone();
    drop(first);
    tokio::time::timeout(BOUND, second.lease().wait_until_owner()).await.expect("the leases lapse");
    assert!(!lease.is_owner(), "the old owner stopped believing before the new one began");

    let mut new = HandHost::start(&second, shard(1)).await;
    assert_eq!(new.seq, 3);
    assert!(new.started.epoch > host.started.epoch);
    let append = host.append(1);
    zombie.write(souk::journal::ToWrite::append(&append).unwrap()).await.unwrap();
    assert_eq!(host.refused().await, (Refusal::Fenced, 0));
    new.send(&second, 1).await;
    assert_eq!(new.all_durable().await, 4);
    assert_eq!(assert_gapless(&second).await, 4);
    second.close().await;
}

async fn hand_over(place: Place) {
    let mut slow = settings();
    slow.lease = BOUND * 10;
    let first = Journal::open_with(&place.database, slow).await.unwrap();
    first.lease().wait_until_owner().await;
    let second = Journal::open_with(&place.database, settings()).await.unwrap();
    assert!(!second.lease().is_owner());
    first.close().await;
    tokio::time::timeout(BOUND, second.lease().wait_until_owner()).await.expect("it need not wait");
    second.close().await;
}

/// Between the comparison of the epochs and the commit nobody can change them.
async fn commit_under_way(place: Place) {
    let patient = Settings { lease: 10 * BOUND, ..settings() };
    let journal = Journal::open_with(&place.database, patient).await.unwrap();
    journal.lease().wait_until_owner().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    let mut door = place.side_door().await;
    door.begin().await;
    // Lets the comparison through and stops the insert: somebody else is about to have its row.
    door.execute(&format!(
        "INSERT INTO events (partition, position, stream, seq, epoch, kind, version, append_id, principal, \
         recorded_at, payload, checksum, chain) VALUES (1, 1, '{}', 1, 1, '', 1, '', '', 0, '', '', '')",
        shard(1)
    ))
    .await;
    host.send(&journal, 1).await;
    let stopped = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO events%'";
    until("the insert waits", async || place.number(stopped).await == 1).await;
    let free = "SELECT COUNT(*) FROM (SELECT 1 FROM leases WHERE partition = 1 FOR UPDATE SKIP LOCKED) free";
    assert_eq!(place.number(free).await, 0, "the lease cannot be taken");
    let others = "SELECT COUNT(*) FROM (SELECT 1 FROM leases FOR UPDATE SKIP LOCKED) free";
    assert_eq!(place.number(others).await, 63, "the others can");
    door.execute("ROLLBACK").await;
    host.all_durable().await;
    journal.close().await;
}

async fn noticed(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    place.side_door().await.execute("UPDATE leases SET epoch = epoch + 1, owner = 999").await;
    assert_eq!(host.refused().await, (Refusal::Fenced, 0));
    until("the lease is known to be lost", async || !journal.lease().is_owner()).await;
    journal.close().await;
}
