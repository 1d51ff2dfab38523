//! A connection that is lost at COMMIT: the same rows are offered again until it is known what became of them,
//! and they are in exactly once.

use std::time::Duration;

use souk::journal::{Database, Journal, Settings, Settled, WriterHealth};
use souk_core::journal::{Refusal, WakeChange};

use super::hosts::{AT, HandHost, assert_gapless, key, outcome, shard};
use super::place::{BOUND, Place, run_on_postgres, settings, until};
use super::proxy::{Cut, Proxy};

#[test]
fn a_commit_that_never_arrived_is_made_up_for() {
    run_on_postgres(|place| lost_commit(place, Cut::Before));
}

#[test]
fn a_commit_whose_answer_was_lost_is_recognised() {
    run_on_postgres(|place| lost_commit(place, Cut::After));
}

#[test]
fn a_server_that_falls_silent_at_commit_is_not_waited_for() {
    run_on_postgres(|place| lost_commit(place, Cut::Silence));
}

#[test]
fn whatever_becomes_of_lost_commits_each_append_is_in_once() {
    run_on_postgres(many_lost_commits);
}

#[test]
fn what_was_committed_before_a_take_over_is_told_as_durable() {
    run_on_postgres(|place| lost_then_taken_over(place, Cut::After));
}

#[test]
fn what_was_not_committed_before_a_take_over_is_told_as_fenced() {
    run_on_postgres(|place| lost_then_taken_over(place, Cut::Before));
}

#[test]
fn an_owner_without_a_database_stops_believing_in_its_lease() {
    run_on_postgres(vanished);
}

/// A journal whose connections go through a proxy.
async fn open(place: &Place, settings: Settings) -> (Journal, Proxy) {
    let Database::Postgres { url } = &place.database else { unreachable!("this test is about Postgres") };
    let (scheme, rest) = url.split_once("://").unwrap();
    let (login, rest) =
        rest.rsplit_once('@').map_or((String::new(), rest), |(login, rest)| (format!("{login}@"), rest));
    let (server, name) = rest.split_once('/').unwrap();
    let server = if server.contains(':') { server.to_owned() } else { format!("{server}:5432") };
    let proxy = Proxy::start(server);
    let url = format!("{scheme}://{login}127.0.0.1:{}/{name}", proxy.port);
    let journal = Journal::open_with(&Database::Postgres { url }, settings).await.unwrap();
    tokio::time::timeout(BOUND, journal.lease().wait_until_owner()).await.expect("the leases are taken");
    (journal, proxy)
}

async fn lost_commit(place: Place, cut: Cut) {
    // Only silence is noticed by waiting. A connection that is cut must not be: the half-dead session keeps its
    // locks for longer than this test may take, unless the writer ends it.
    let lease = if cut == Cut::Silence { settings().lease } else { 20 * BOUND };
    let (journal, proxy) = open(&place, Settings { lease, ..settings() }).await;
    let mut hosts = Vec::new();
    for n in 0..10 {
        hosts.push(HandHost::start(&journal, shard(n)).await);
    }
    // Without events a group cannot be recognised by them: once by its reply, once not at all.
    let mut quiet = HandHost::start(&journal, shard(100)).await;
    for (round, with_events) in [(1, true), (2, false), (3, true)] {
        let mut health = journal.writer().health();
        health.mark_unchanged();
        proxy.cut_next_commit(cut);
        let mut append = quiet.append(0);
        append.wake = WakeChange::Set(AT);
        append.replies = if round == 2 { vec![(key(1), outcome(1))] } else { Vec::new() };
        journal.append(append).await.unwrap();
        if with_events {
            for host in &mut hosts {
                host.send(&journal, 2).await;
            }
        }
        tokio::time::timeout(BOUND, health.wait_for(|health| matches!(health, WriterHealth::Unknown { .. })))
            .await
            .expect("the outcome is in doubt")
            .unwrap();
        quiet.all_durable().await;
        if with_events {
            for host in &mut hosts {
                host.all_durable().await;
            }
        }
        assert_eq!(proxy.cuts(), round);
        until("all is well again", async || journal.writer().health().borrow().admits()).await;
    }
    assert_eq!(assert_gapless(&journal).await, 2 * 10 * 2);
    assert_eq!(place.number("SELECT COUNT(*) FROM replies").await, 1);
    let old =
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    assert_eq!(place.number(old).await, 0, "no half-dead session is left");
    journal.close().await;
}

async fn many_lost_commits(place: Place) {
    let (journal, proxy) = open(&place, settings()).await;
    let mut hosts = Vec::new();
    for n in 0..8 {
        hosts.push(HandHost::start(&journal, shard(n)).await);
    }
    for round in 0..60 {
        proxy.cut_next_commit([Cut::During, Cut::Before, Cut::After][round % 3]);
        for host in &mut hosts {
            host.send(&journal, 1).await;
        }
        if round % 4 == 3 {
            for host in &mut hosts {
                host.all_durable().await;
            }
        }
    }
    for host in &mut hosts {
        if host.ordinal > 0 {
            host.send(&journal, 1).await;
            host.all_durable().await;
        }
    }
    assert!(proxy.cuts() >= 15, "{}", proxy.cuts());
    assert_eq!(assert_gapless(&journal).await, 8 * 61);
    journal.close().await;
}

async fn lost_then_taken_over(place: Place, cut: Cut) {
    let patient = Settings { lease: Duration::from_secs(60), ..settings() };
    let (journal, proxy) = open(&place, patient).await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    let mut other = HandHost::start(&journal, shard(2)).await;
    proxy.cut_next_commit(cut);
    host.send(&journal, 1).await;
    let mut health = journal.writer().health();
    let in_doubt = health.wait_for(|health| matches!(health, WriterHealth::Unknown { .. }));
    tokio::time::timeout(BOUND, in_doubt).await.expect("the outcome is in doubt").unwrap();
    // The half-dead session may still hold the lease row; the writer ends it.
    let take = "UPDATE leases SET epoch = epoch + 1, owner = 999 WHERE partition = 1";
    place.side_door().await.execute(take).await;
    match host.settled().await {
        Settled::Durable { ordinal, .. } => {
            assert_eq!(ordinal, 1);
            assert_eq!(place.number("SELECT COUNT(*) FROM events").await, 1);
        }
        Settled::Refused(refusal) => {
            assert_eq!((refusal, cut), (Refusal::Fenced, Cut::Before));
            assert_eq!(place.number("SELECT COUNT(*) FROM events").await, 0);
        }
    }
    other.send(&journal, 1).await;
    other.all_durable().await;
    journal.close().await;
}

async fn vanished(place: Place) {
    let (journal, proxy) = open(&place, Settings { lease: Duration::from_secs(5), ..settings() }).await;
    assert!(journal.lease().is_owner());
    proxy.go_silent();
    until("the lease is over by its own clock", async || !journal.lease().is_owner()).await;
    // The database does not know yet; nobody else may have begun before this.
    let lapsed = "SELECT COUNT(*) FROM leases WHERE expires_at <= (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint";
    assert_eq!(place.number(lapsed).await, 0, "it stopped before the lease lapsed");
    until("the lease lapses", async || place.number(lapsed).await == 64).await;
    let standby = place.open().await;
    assert!(standby.lease().is_owner());
    standby.close().await;
}
