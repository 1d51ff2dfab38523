//! Damage in rows, whatever they say, and in what stands beside the events.

use std::io::Write as _;

use souk::journal::Set;
use souk::journal::wire::{EncodedEffect, EncodedSnapshot, encode_effect};
use souk_core::any::{AnyEvent, Effect};
use souk_core::host::Snapshot;
use souk_core::ids::{OrderId, StreamId};
use souk_core::inventory::Inventory;
use souk_core::journal::Incarnation;
use souk_core::machine::{EventMeta, Machine};
use souk_core::money::{Currency, Money};
use souk_core::payment::{Operation, ProviderCall};
use tempfile::TempDir;

use super::rows::{execute, tables, take_out};
use super::{CHK, ORD, PAY, copy_of, history, named, shard, verify};

/// Runs SQL on the tables of one set, and says what the program then finds.
async fn after(history: &TempDir, set: Set, sql: &str) -> serde_json::Value {
    let dir = copy_of(history);
    execute(&mut tables(dir.path(), set).await, sql).await;
    let (green, report) = verify(dir.path(), &[]);
    assert!(!green, "{sql} is not noticed: {report}");
    report
}

fn damaged(report: &serde_json::Value) -> Vec<String> {
    let lines = report["damaged"].as_array().expect("a list");
    lines.iter().map(|line| line.as_str().expect("text").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_was_edited_a_broken_chain_and_a_gap_are_named() {
    let history = history().await;
    let place = format!("{PAY} seq 2 ");
    let edited = after(
        &history,
        Set::Journal,
        &format!("UPDATE events SET recorded_at = recorded_at + 1 WHERE stream = '{PAY}' AND seq = 2"),
    )
    .await;
    let lines = damaged(&edited);
    assert!(lines.iter().any(|line| line.starts_with(&place) && !line.contains("chain")), "{lines:?}");
    // What cannot be believed is not read, so it is missing.
    assert!(named(&edited, "I6", PAY).contains(&3), "{edited}");

    let unchained = format!("UPDATE events SET chain = zeroblob(32) WHERE stream = '{PAY}' AND seq = 2");
    let unchained = after(&history, Set::Journal, &unchained).await;
    let lines = damaged(&unchained);
    assert!(lines[0].starts_with(&place) && lines[0].contains("the chain is broken here"), "{lines:?}");
    assert_eq!(unchained["violations"], serde_json::json!([]), "what it says is right: {unchained}");

    let gap = format!("DELETE FROM events WHERE stream = '{PAY}' AND seq = 2");
    let gap = after(&history, Set::Journal, &gap).await;
    assert!(named(&gap, "I6", PAY).contains(&3), "{gap}");
    assert!(damaged(&gap).iter().any(|line| line.contains("the chain is broken here")), "{gap}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_order_that_is_gone_breaks_i8() {
    let history = history().await;
    let acks = history.path().join("acks");
    let mut file = std::fs::File::create(&acks).expect("a file");
    writeln!(file, "placed {}", OrderId(78)).expect("written");
    writeln!(file, "placed {}", OrderId(77)).expect("written");
    let (green, report) = verify(history.path(), &["--acks", acks.to_str().expect("a path")]);
    assert!(!green);
    // It names no event: there is none.
    assert_eq!(named(&report, "I8", StreamId::Order(OrderId(78))), [0], "{report}");
    assert!(named(&report, "I8", ORD).is_empty(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_to_the_outside_that_nobody_gave_and_a_cursor_ahead_break_i10() {
    let history = history().await;
    let row = |key: &str, seq: u64| {
        let StreamId::Payment(payment) = PAY else { panic!("a payment") };
        let amount = Money::new(1, Currency::EUR);
        let call = ProviderCall { payment, key: key.to_owned(), operation: Operation::Refund { amount } };
        let EncodedEffect { lane, kind, version, payload } =
            encode_effect(&Effect::Payment(call)).expect("a row");
        let partition = PAY.partition().0;
        format!(
            "INSERT INTO outbox VALUES ('{PAY}', {seq}, 0, {partition}, zeroblob(16), '{lane}', '{kind}', \
             {version}, '{payload}', 0, 0, NULL, 0, 0)"
        )
    };
    let foreign = after(&history, Set::Journal, &row("another", 2)).await;
    assert_eq!(named(&foreign, "I10", PAY), [2], "{foreign}");
    let beyond = after(&history, Set::Journal, &row("another", 99)).await;
    assert!(named(&beyond, "I10", PAY).contains(&99), "{beyond}");

    let partition = CHK.partition().0;
    let ahead = format!("UPDATE cursors SET position = position + 1000 WHERE partition = {partition}");
    let ahead = after(&history, Set::Read, &ahead).await;
    // It names a stream of the partition and no event: the cursor stands behind the last one.
    let by = StreamId::Stock(souk_core::ids::ShardNo(partition));
    assert!(named(&ahead, "I10", by).contains(&0), "{ahead}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_is_not_the_fold_breaks_i11() {
    let history = history().await;
    let stream = shard(1);
    let mut journal = tables(history.path(), Set::Journal).await;
    let mut state = Inventory::initial(stream);
    let mut seq = 0;
    for recorded in take_out(&mut journal).await {
        if let (true, AnyEvent::Stock(event)) = (recorded.stream == stream, &recorded.event) {
            Inventory::apply(&mut state, EventMeta { seq: recorded.seq, at: recorded.at }, event);
            seq = recorded.seq;
        }
    }
    let put = async |state: &<Inventory as Machine>::State, seq: u64| {
        let dir = copy_of(&history);
        let snapshot =
            Snapshot::<Inventory> { stream, incarnation: Incarnation(1), seq, state: state.clone() };
        let row = EncodedSnapshot::of(&snapshot).expect("a row");
        let insert =
            "INSERT INTO snapshots (stream, partition, seq, version, hash, state) VALUES (?, ?, ?, ?, ?, ?)";
        sqlx::query(insert)
            .bind(stream.to_string())
            .bind(i64::from(stream.partition().0))
            .bind(row.seq as i64)
            .bind(i64::from(row.version))
            .bind(row.hash.as_slice())
            .bind(row.state)
            .execute(&mut tables(dir.path(), Set::Journal).await)
            .await
            .expect("inserted");
        verify(dir.path(), &[])
    };
    let (green, report) = put(&state, seq).await;
    assert!(green, "what the events fold to is right: {report}");
    // A unit more than ever came.
    for known in state.skus.values_mut() {
        known.levels.values_mut().for_each(|level| level.on_hand += 1);
    }
    let (green, report) = put(&state, seq).await;
    assert!(!green);
    assert_eq!(named(&report, "I11", stream), [seq], "{report}");
    let (green, report) = put(&state, seq + 1).await;
    assert!(!green, "it contains what is not there");
    assert_eq!(named(&report, "I11", stream), [seq + 1], "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_reply_to_one_command_breaks_i24() {
    let history = history().await;
    // The table does not let in a second one as long as it is the table that it was.
    let sql = format!(
        "CREATE TABLE copied AS SELECT * FROM replies; DROP TABLE replies; ALTER TABLE copied RENAME TO replies; \
         INSERT INTO replies SELECT * FROM replies WHERE stream = '{CHK}' LIMIT 1"
    );
    let report = after(&history, Set::Journal, &sql).await;
    assert_eq!(named(&report, "I24", CHK), [0], "{report}");
}
