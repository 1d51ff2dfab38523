//! Appends and groups: what goes in together, what is refused, what is told to whom.

use souk::journal::{EncodedAppend, OutboxRow, OutcomeSink, Settled, StoredReply, ToWrite, wire};
use souk_core::any::{Effect, Mail, OrderMail, OrderTemplate};
use souk_core::ids::{OrderId, Principal, SubjectId};
use souk_core::journal::{EffectId, Origin, Refusal, WakeChange};
use souk_core::machine::Creation;

use super::hosts::{AT, HandHost, assert_gapless, checkout, create, key, order, outcome, shard};
use super::place::{Place, on_both};

on_both!(
    everything_of_an_append_is_in,
    nothing_of_a_refused_append_is_in,
    the_rest_of_a_group_gets_through,
    a_seq_that_is_not_the_streams_is_refused,
    an_older_incarnation_is_refused,
    a_host_that_started_before_its_stream_existed_is_closed,
    an_early_host_without_a_stream_lives_on,
    the_start_of_a_host_is_a_barrier,
    a_host_is_told_once_per_group,
    a_reply_is_stored_once,
    wakes_follow_the_last_change,
    an_effect_is_worked_and_closed,
);

fn effect(host: &HandHost, seq: u64, n: u16) -> OutboxRow {
    let id = EffectId { stream: host.stream, seq, n };
    let effect = wire::EncodedEffect {
        lane: "mail".to_owned(),
        kind: "mail.test".to_owned(),
        version: 1,
        payload: "{}".to_owned(),
    };
    OutboxRow { stream: host.stream.to_string().into(), id, effect }
}

/// An append with one of everything: 2 events, a creation of 3 with an effect of its own, a reply, a wake, 2
/// effects.
fn rich(host: &mut HandHost, n: u128) -> EncodedAppend {
    let mut append = host.append(2);
    let (template, to) = (OrderTemplate::OrderPlaced, SubjectId(n));
    let mail = Mail::Order(OrderMail { template, to, order: OrderId(n) });
    append.creates = vec![Creation { effects: vec![Effect::Mail(mail)], ..create(order(n), 3) }];
    append.replies = vec![(key(n), outcome(7))];
    append.wake = WakeChange::Set(AT.plus_millis(500));
    append.origin =
        Origin { principal: Principal::Buyer(5), cause: Some((shard(3), 9)), trace: Some(0x1234) };
    let mut encoded = EncodedAppend::encode(&append).unwrap();
    encoded.outbox.extend([effect(host, host.seq, 0), effect(host, host.seq, 1)]);
    encoded
}

async fn everything_of_an_append_is_in(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, checkout(1)).await;
    let encoded = rich(&mut host, 1);
    journal.write(ToWrite::Append(Box::new(encoded))).await.unwrap();
    assert_eq!(host.all_durable().await, 5);

    let reader = journal.reader();
    let events = reader.stream(checkout(1), 0).await.unwrap();
    assert_eq!(events.iter().map(|e| (e.seq, e.position)).collect::<Vec<_>>(), [(1, 1), (2, 2)]);
    assert_eq!(events[0].origin.principal, Principal::Buyer(5));
    assert_eq!(events[0].origin.cause, Some((shard(3), 9)));
    assert_eq!(events[0].origin.trace, Some(0x1234));
    assert_eq!((events[0].at, events[0].epoch), (AT, host.started.epoch));
    assert_eq!(events[0].append_id.ordinal, 1);
    let created = reader.stream(order(1), 0).await.unwrap();
    assert_eq!(created.iter().map(|e| (e.seq, e.position)).collect::<Vec<_>>(), [(1, 3), (2, 4), (3, 5)]);
    let reply = reader.reply(key(1).id).await.unwrap().unwrap();
    assert_eq!(reply, StoredReply { stream: checkout(1), key: key(1), at: AT, outcome: outcome(7) });
    assert_eq!(reader.wake(checkout(1)).await.unwrap(), Some(AT.plus_millis(500)));
    assert_eq!(reader.wake(order(1)).await.unwrap(), Some(AT), "a created stream is due at once");
    let effects = reader.open_effects("mail", &[host.stream.partition()], AT, 10).await.unwrap();
    assert_eq!(effects.iter().map(|e| (e.id.seq, e.id.n)).collect::<Vec<_>>(), [(2, 0), (2, 1), (3, 0)]);
    journal.close().await;
}

async fn nothing_of_a_refused_append_is_in(place: Place) {
    let journal = place.open().await;
    let mut first = HandHost::start(&journal, checkout(1)).await;
    let encoded = rich(&mut first, 1);
    journal.write(ToWrite::Append(Box::new(encoded))).await.unwrap();
    first.all_durable().await;
    journal.close().await;

    // After a restart only the database knows that the order exists.
    let journal = place.open().await;
    let mut second = HandHost::start(&journal, checkout(1)).await;
    assert_eq!(second.seq, 2);
    let mut encoded = rich(&mut second, 1);
    encoded.replies[0].command_id = key(2).id.0.to_be_bytes();
    encoded.wake = WakeChange::Set(AT.plus_millis(9_999));
    journal.write(ToWrite::Append(Box::new(encoded))).await.unwrap();
    assert_eq!(second.refused().await, (Refusal::WrongSeq, 0));

    let reader = journal.reader();
    assert_eq!(reader.stream(checkout(1), 0).await.unwrap().len(), 2);
    assert_eq!(reader.stream(order(1), 0).await.unwrap().len(), 3);
    assert_eq!(reader.reply(key(2).id).await.unwrap(), None);
    assert_eq!(reader.wake(checkout(1)).await.unwrap(), Some(AT.plus_millis(500)));
    assert_eq!(place.number("SELECT COUNT(*) FROM outbox").await, 3);
    // What a created stream orders is that stream's own row: without it a payment would never call its provider.
    assert_eq!(place.number("SELECT COUNT(*) FROM outbox WHERE stream LIKE 'ord_%' AND seq = 3").await, 1);
    assert_eq!(assert_gapless(&journal).await, 5);
    journal.close().await;
}

async fn the_rest_of_a_group_gets_through(place: Place) {
    let journal = place.open().await;
    let mut earlier = HandHost::start(&journal, checkout(7)).await;
    let mut append = earlier.append(1);
    append.creates = vec![create(order(7), 1)];
    journal.append(append).await.unwrap();
    earlier.all_durable().await;
    journal.close().await;

    let journal = place.open().await;
    let mut hosts = Vec::new();
    for n in 0..40 {
        hosts.push(HandHost::start(&journal, shard(n)).await);
    }
    let mut guilty = HandHost::start(&journal, checkout(7)).await;
    let mut wrong = HandHost::start(&journal, shard(100)).await;
    // Keeps the writer busy, so that what follows is one group.
    let mut door = place.side_door().await;
    door.block_writes().await;
    hosts[0].send(&journal, 1).await;
    for host in &mut hosts {
        host.send(&journal, 2).await;
    }
    // Refused by the database: the order exists. What comes after it of the same host must not get in either.
    guilty.send(&journal, 1).await;
    let mut append = guilty.append(1);
    append.creates = vec![create(order(7), 1)];
    journal.append(append).await.unwrap();
    guilty.send(&journal, 1).await;
    // Refused by the writer itself.
    wrong.send(&journal, 1).await;
    wrong.seq += 5;
    wrong.send(&journal, 1).await;
    for host in &mut hosts {
        host.send(&journal, 1).await;
    }
    door.execute("ROLLBACK").await;

    for host in &mut hosts {
        host.all_durable().await;
    }
    assert_eq!(guilty.refused().await, (Refusal::WrongSeq, 1));
    assert_eq!(wrong.refused().await, (Refusal::WrongSeq, 1));
    assert_eq!(assert_gapless(&journal).await, 2 + 1 + 40 * 3 + 1 + 1);
    journal.close().await;
}

async fn a_seq_that_is_not_the_streams_is_refused(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    host.send(&journal, 3).await;
    host.all_durable().await;
    // The first append of a start: the writer has only the host's word for where the stream is.
    for wrong in [0, 2, 4, 9] {
        let mut host = HandHost::start(&journal, shard(1)).await;
        host.seq = wrong;
        host.send(&journal, 1).await;
        assert_eq!(host.refused().await, (Refusal::WrongSeq, 0), "expecting {wrong}");
    }
    let mut host = HandHost::start(&journal, shard(1)).await;
    host.send(&journal, 1).await;
    assert_eq!(host.all_durable().await, 4);
    // And a later one.
    host.seq += 1;
    host.send(&journal, 1).await;
    assert_eq!(host.refused().await, (Refusal::WrongSeq, 0));
    assert_eq!(assert_gapless(&journal).await, 4);
    journal.close().await;
}

async fn an_older_incarnation_is_refused(place: Place) {
    let journal = place.open().await;
    let mut old = HandHost::start(&journal, shard(1)).await;
    old.send(&journal, 1).await;
    old.all_durable().await;
    let mut new = HandHost::start(&journal, shard(1)).await;
    assert_eq!(old.refused().await, (Refusal::Closed, 0), "the old one hears of it at once");
    assert!(new.started.incarnation > old.started.incarnation);
    old.send(&journal, 1).await;
    old.send(&journal, 1).await;
    new.send(&journal, 1).await;
    assert_eq!(new.all_durable().await, 2);
    assert_eq!(assert_gapless(&journal).await, 2);

    // A failed append closes its incarnation: what was sent behind it is refused too, though its seq would fit.
    let mut failing = new;
    let good = failing.seq;
    failing.seq = 77;
    failing.send(&journal, 1).await;
    failing.seq = good;
    failing.send(&journal, 1).await;
    assert_eq!(failing.refused().await.0, Refusal::WrongSeq);
    assert_eq!(HandHost::start(&journal, shard(1)).await.seq, 2);
    journal.close().await;
}

async fn a_host_that_started_before_its_stream_existed_is_closed(place: Place) {
    let journal = place.open().await;
    let mut early = HandHost::start(&journal, order(1)).await;
    let mut creating = HandHost::start(&journal, checkout(1)).await;
    let mut append = creating.append(1);
    append.creates = vec![create(order(1), 1)];
    journal.append(append).await.unwrap();
    creating.all_durable().await;
    assert_eq!(early.refused().await, (Refusal::Closed, 0));
    assert_eq!(HandHost::start(&journal, order(1)).await.seq, 1);
    journal.close().await;
}

async fn an_early_host_without_a_stream_lives_on(place: Place) {
    let journal = place.open().await;
    let mut early = HandHost::start(&journal, order(1)).await;
    let mut creating = HandHost::start(&journal, checkout(1)).await;
    let mut append = creating.append(1);
    append.expected_seq = 5;
    append.creates = vec![create(order(1), 1)];
    journal.append(append).await.unwrap();
    assert_eq!(creating.refused().await, (Refusal::WrongSeq, 0));
    early.send(&journal, 1).await;
    early.all_durable().await;
    journal.close().await;
}

async fn the_start_of_a_host_is_a_barrier(place: Place) {
    let journal = place.open().await;
    for round in 1..=20u64 {
        let mut host = HandHost::start(&journal, shard(1)).await;
        for _ in 0..20 {
            host.send(&journal, 1).await;
        }
        // Not waited for: the next start must see all of it.
        let next = HandHost::start(&journal, shard(1)).await;
        assert_eq!(next.seq, round * 20);
    }
    assert_eq!(assert_gapless(&journal).await, 400);
    journal.close().await;
}

async fn a_host_is_told_once_per_group(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    let mut door = place.side_door().await;
    door.block_writes().await;
    host.send(&journal, 1).await;
    for _ in 0..50 {
        host.send(&journal, 1).await;
    }
    door.execute("ROLLBACK").await;
    let mut told = Vec::new();
    while told.last() != Some(&51) {
        match host.settled().await {
            Settled::Durable { ordinal, position } => {
                assert_eq!(ordinal, position);
                told.push(ordinal);
            }
            Settled::Refused(refusal) => panic!("{refusal:?}"),
        }
    }
    assert!(told.len() <= 51 && told.is_sorted(), "{told:?}");
    journal.close().await;
}

async fn a_reply_is_stored_once(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    // A refusal that depends on the state: a reply without events.
    let mut append = host.append(0);
    append.replies = vec![(key(1), outcome(3))];
    journal.append(append).await.unwrap();
    host.all_durable().await;
    let mut append = host.append(1);
    append.replies = vec![(key(1), outcome(4))];
    journal.append(append).await.unwrap();
    assert_eq!(host.refused().await, (Refusal::WrongSeq, 0));
    let reply = journal.reader().reply(key(1).id).await.unwrap().unwrap();
    assert_eq!(reply.outcome, outcome(3));
    assert_eq!(assert_gapless(&journal).await, 0);

    assert_eq!(journal.writer().prune_replies(AT).await.unwrap(), 0);
    assert_eq!(journal.writer().prune_replies(AT.plus_millis(1)).await.unwrap(), 1);
    assert_eq!(journal.reader().reply(key(1).id).await.unwrap(), None);
    journal.close().await;
}

async fn wakes_follow_the_last_change(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    let due = |journal: &souk::journal::Journal, at| {
        let reader = journal.reader().clone();
        async move { reader.due_wakes(&[shard(1).partition()], at, 10).await.unwrap().len() }
    };
    let mut door = place.side_door().await;
    door.block_writes().await;
    host.send(&journal, 1).await;
    // In one group: set, moved, cleared, set.
    let changes = [
        WakeChange::Set(AT),
        WakeChange::Set(AT.plus_millis(10)),
        WakeChange::Clear,
        WakeChange::Set(AT.plus_millis(20)),
        WakeChange::Keep,
    ];
    for wake in changes {
        let mut append = host.append(0);
        append.wake = wake;
        journal.append(append).await.unwrap();
    }
    door.execute("ROLLBACK").await;
    host.all_durable().await;
    assert_eq!(journal.reader().wake(shard(1)).await.unwrap(), Some(AT.plus_millis(20)));
    assert_eq!(due(&journal, AT.plus_millis(19)).await, 0);
    assert_eq!(due(&journal, AT.plus_millis(20)).await, 1);
    assert_eq!(
        journal.reader().due_wakes(&[shard(2).partition()], AT.plus_millis(99), 10).await.unwrap(),
        []
    );
    let mut append = host.append(0);
    append.wake = WakeChange::Clear;
    journal.append(append).await.unwrap();
    host.all_durable().await;
    assert_eq!(journal.reader().wake(shard(1)).await.unwrap(), None);
    journal.close().await;
}

async fn an_effect_is_worked_and_closed(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    let append = host.append(1);
    let mut encoded = EncodedAppend::encode(&append).unwrap();
    encoded.outbox = vec![effect(&host, 1, 0), effect(&host, 1, 1)];
    let ids = [encoded.outbox[0].id, encoded.outbox[1].id];
    journal.write(ToWrite::Append(Box::new(encoded))).await.unwrap();
    host.all_durable().await;

    let (reader, writer) = (journal.reader(), journal.writer());
    let partitions = [shard(1).partition()];
    let open = async |at| reader.open_effects("mail", &partitions, at, 10).await.unwrap();
    assert_eq!(open(AT).await.len(), 2);
    assert!(reader.open_effects("webhook", &partitions, AT, 10).await.unwrap().is_empty());
    writer.note_failure(ids[0], "no route to host", AT.plus_millis(1_000), false).await.unwrap();
    assert_eq!(open(AT).await.iter().map(|e| e.id).collect::<Vec<_>>(), [ids[1]]);
    let later = open(AT.plus_millis(1_000)).await;
    let failed = later.iter().find(|effect| effect.id == ids[0]).unwrap();
    assert_eq!((failed.attempts, failed.last_error.as_deref()), (1, Some("no route to host")));

    writer.note_failure(ids[0], "unknown mailbox", AT, true).await.unwrap();
    assert_eq!(open(AT.plus_millis(9_999)).await.len(), 1);
    let dead = reader.dead_effects(None, 10).await.unwrap();
    assert_eq!(dead.iter().map(|e| e.id).collect::<Vec<_>>(), [ids[0]]);
    assert!(reader.dead_effects(Some(&dead[0]), 10).await.unwrap().is_empty());
    assert!(writer.retry_dead(ids[0]).await.unwrap());
    assert!(!writer.retry_dead(ids[0]).await.unwrap(), "it lives already");

    let mut append = host.append(1);
    append.closes = ids.to_vec();
    journal.append(append).await.unwrap();
    host.all_durable().await;
    assert_eq!(place.number("SELECT COUNT(*) FROM outbox").await, 0);
    let (sink, _outcomes) = OutcomeSink::channel();
    journal.start(shard(2), sink).await.unwrap();
    journal.close().await;
}
