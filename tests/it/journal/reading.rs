//! Coming back: loading, following, and reading everything without believing any of it.

use souk::journal::{Journal, audit};
use souk_core::host::{Loaded, Snapshot};
use souk_core::ids::{LocationId, MovementId, SkuId};
use souk_core::inventory::{Event, Inventory, Movement, State};
use souk_core::journal::Append;
use souk_core::machine::{EventMeta, Machine};

use super::hosts::{AT, HandHost, checkout, create, key, order, outcome, shard};
use super::place::{Place, on_both};

on_both!(
    a_snapshot_and_what_follows_is_the_whole,
    a_snapshot_that_cannot_be_trusted_is_ignored,
    a_snapshot_of_a_closed_host_is_dropped,
    a_load_finds_recent_replies_and_the_wake,
    a_tail_goes_on_where_it_stopped,
    an_audit_names_the_damaged_row,
);

fn received(host: &mut HandHost, n: u64) -> Append {
    let mut append = host.append(1);
    let movement = Movement {
        movement: MovementId(u128::from(n)),
        sku: SkuId(1),
        location: LocationId::MAIN,
        quantity: 1 + (n % 7) as u32,
    };
    append.events = vec![Event::Received(movement).into()];
    append
}

fn fold(loaded: &Loaded<Inventory>) -> (u64, State) {
    let (mut seq, mut state) = loaded.snapshot.clone().unwrap_or_else(|| (0, Inventory::initial(shard(1))));
    for recorded in &loaded.events {
        assert_eq!(recorded.seq, seq + 1);
        seq = recorded.seq;
        let event = Inventory::event(&recorded.event).unwrap();
        Inventory::apply(&mut state, EventMeta { seq, at: recorded.at }, event);
    }
    (seq, state)
}

async fn load(journal: &Journal) -> Loaded<Inventory> {
    journal.load::<Inventory>(shard(1), AT).await.unwrap()
}

async fn snapshot(journal: &Journal, host: &HandHost, state: State) {
    let snapshot = Snapshot::<Inventory> {
        stream: host.stream,
        incarnation: host.started.incarnation,
        seq: host.seq,
        state,
    };
    journal.snapshot(snapshot).await.unwrap();
}

async fn a_snapshot_and_what_follows_is_the_whole(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    assert_eq!(fold(&load(&journal).await).0, 0);
    let mut whole = Inventory::initial(shard(1));
    for n in 1..=60 {
        let append = received(&mut host, n);
        if let Some(event) = Inventory::event(&append.events[0]) {
            Inventory::apply(&mut whole, EventMeta { seq: n, at: AT }, event);
        }
        journal.append(append).await.unwrap();
        if n % 20 == 0 {
            snapshot(&journal, &host, whole.clone()).await;
        }
        if n == 50 {
            host.all_durable().await;
            let loaded = load(&journal).await;
            assert_eq!(loaded.snapshot.as_ref().map(|(seq, _)| *seq), Some(40));
            assert_eq!(loaded.events.len(), 10);
            assert_eq!(fold(&loaded), (50, whole.clone()));
        }
    }
    host.all_durable().await;
    // A barrier: the snapshot goes behind the appends.
    let host = HandHost::start(&journal, shard(1)).await;
    let loaded = load(&journal).await;
    assert_eq!(loaded.snapshot.as_ref().map(|(seq, _)| *seq), Some(60));
    assert_eq!(loaded.last, Some((60, AT)), "a snapshot does not hide where the stream stands");
    assert_eq!(fold(&loaded), (60, whole.clone()));

    // One that is not newer changes nothing.
    let older = HandHost { seq: 30, ..host };
    snapshot(&journal, &older, Inventory::initial(shard(1))).await;
    HandHost::start(&journal, shard(1)).await;
    assert_eq!(fold(&load(&journal).await), (60, whole));
    journal.close().await;
}

async fn a_snapshot_that_cannot_be_trusted_is_ignored(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    for n in 1..=10 {
        journal.append(received(&mut host, n)).await.unwrap();
    }
    host.all_durable().await;
    let (_, whole) = fold(&load(&journal).await);
    let spoil = [
        "UPDATE snapshots SET version = version + 1",
        "UPDATE snapshots SET state = replace(state, '1', '2')",
        "UPDATE snapshots SET seq = seq - 1",
        "UPDATE snapshots SET state = ''",
    ];
    for statement in spoil {
        let host = HandHost::start(&journal, shard(1)).await;
        snapshot(&journal, &host, whole.clone()).await;
        HandHost::start(&journal, shard(1)).await;
        assert!(load(&journal).await.snapshot.is_some());
        place.side_door().await.execute(statement).await;
        let loaded = load(&journal).await;
        assert_eq!(loaded.snapshot, None, "{statement}");
        assert_eq!(fold(&loaded), (10, whole.clone()));
        place.side_door().await.execute("DELETE FROM snapshots").await;
    }
    journal.close().await;
}

async fn a_snapshot_of_a_closed_host_is_dropped(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    host.send(&journal, 1).await;
    host.seq = 40;
    host.send(&journal, 1).await;
    // It contains an event that was refused.
    snapshot(&journal, &host, Inventory::initial(shard(1))).await;
    host.refused().await;
    HandHost::start(&journal, shard(1)).await;
    assert_eq!(load(&journal).await.snapshot, None);
    journal.close().await;
}

async fn a_load_finds_recent_replies_and_the_wake(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    for n in 0..5u32 {
        let mut append = host.append(1);
        append.at = AT.plus_millis(i64::from(n) * 5 * 60 * 1000);
        append.replies = vec![(key(u128::from(n)), outcome(i64::from(n)))];
        append.wake = souk_core::journal::WakeChange::Set(append.at);
        journal.append(append).await.unwrap();
    }
    host.all_durable().await;
    let now = AT.plus_millis(20 * 60 * 1000 + 1);
    let loaded = journal.load::<Inventory>(shard(1), now).await.unwrap();
    let known: Vec<u128> = loaded.replies.iter().map(|reply| reply.key.id.0).collect();
    assert_eq!(known, [3, 4], "those of the last ten minutes");
    assert_eq!(loaded.wake, Some(AT.plus_millis(20 * 60 * 1000)));
    assert_eq!(loaded.last, Some((5, AT.plus_millis(20 * 60 * 1000))));
    journal.close().await;
}

async fn a_tail_goes_on_where_it_stopped(place: Place) {
    let journal = place.open().await;
    let mut grown = journal.writer().grown();
    let partition = shard(1).partition();
    let mut hosts = [HandHost::start(&journal, shard(1)).await, HandHost::start(&journal, shard(65)).await];
    let mut elsewhere = HandHost::start(&journal, shard(2)).await;
    let (mut cursor, mut seen) = (0, Vec::new());
    for round in 0..10u64 {
        for host in &mut hosts {
            host.send(&journal, 3).await;
            elsewhere.send(&journal, 1).await;
            host.all_durable().await;
        }
        assert!(grown.has_changed().unwrap(), "whoever waits for more is told");
        grown.mark_unchanged();
        loop {
            let page = journal.reader().tail(partition, cursor, 4).await.unwrap();
            let Some(last) = page.last() else { break };
            cursor = last.position;
            seen.extend(page.into_iter().map(|recorded| recorded.position));
        }
        assert_eq!(cursor, (round + 1) * 6);
    }
    assert_eq!(seen, (1..=60).collect::<Vec<u64>>());
    assert_eq!(journal.reader().last_position(partition).await.unwrap(), 60);
    journal.close().await;
}

async fn an_audit_names_the_damaged_row(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, checkout(1)).await;
    let mut append = host.append(4);
    append.creates = vec![create(order(1), 2)];
    journal.append(append).await.unwrap();
    host.all_durable().await;
    journal.close().await;

    let audited = async || {
        let mut seen = 0;
        let damage = audit::read(&place.database, |_, _| seen += 1).await.unwrap();
        (seen, damage)
    };
    assert_eq!(audited().await, (6, vec![]));
    let mut door = place.side_door().await;
    let stream = checkout(1);
    let row = |seq: u64| format!("WHERE stream = '{stream}' AND seq = {seq}");
    door.execute(&format!("UPDATE events SET principal = 'key_00000000000000000000000001' {}", row(2))).await;
    let (seen, damage) = audited().await;
    assert_eq!((seen, damage.len()), (5, 1));
    assert!(damage[0].contains(&format!("{stream} seq 2 ")) && damage[0].contains("checksum"), "{damage:?}");
    let read = journal.reader().stream(stream, 0).await;
    assert!(read.is_err(), "nobody folds a damaged row");
    door.execute(&format!("UPDATE events SET principal = 'system' {}", row(2))).await;
    assert_eq!(audited().await, (6, vec![]));

    door.execute(&format!("DELETE FROM events {}", row(3))).await;
    let (seen, damage) = audited().await;
    assert_eq!((seen, damage.len()), (5, 1));
    assert!(damage[0].contains(&format!("{stream} seq 4 ")) && damage[0].contains("chain"), "{damage:?}");
}
