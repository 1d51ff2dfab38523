//! The disk under SQLite fails: a call that forces to disk, a write, for good or for a while; or it is only slow.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use super::market::Market;
use super::scenario::{Dice, Done, On, cycles, is_long, leave_out, run};
use super::tracer::{Tracer, is_missing, journal_files};
use crate::served::Served;

const CLIENTS: u64 = 6;
/// How long a server may take to meet its fault, and to end.
const ENDS_WITHIN: Duration = Duration::from_secs(90);
/// As the program says that its journal cannot be trusted any more.
const FATAL: i32 = 70;
/// Faults are among this many calls of the journal's thread.
const AMONG: u64 = 120;

#[test]
fn a_disk_that_cannot_force_to_disk_ends_the_server_and_no_more_on_sqlite() {
    let what = "fsync fails with EIO at the n-th call of the journal";
    ends_it("sync_fails", what, "fsync,fdatasync:error=EIO", journal_files);
}

#[test]
fn a_disk_that_cannot_write_ends_the_server_and_no_more_on_sqlite() {
    let what = "a write fails with EIO at the n-th call of the journal";
    ends_it("write_fails", what, "pwrite64:error=EIO", journal_files);
}

#[test]
fn a_disk_that_cannot_force_anything_to_disk_ends_the_server_and_no_more_on_sqlite() {
    let what = "fsync fails with EIO at the n-th call of every thread, whatever the file";
    ends_it("all_syncs_fail", what, "fsync,fdatasync:error=EIO", |_| Vec::new());
}

fn ends_it(name: &str, what: &str, fault: &'static str, files: fn(&Path) -> Vec<PathBuf>) {
    // In every test run one of the three.
    if !On::Sqlite.is_wanted() || (name != "sync_fails" && !is_long()) {
        return;
    }
    if let Some(reason) = is_missing() {
        return leave_out(name, what, On::Sqlite, &reason);
    }
    let Some(backend) = On::Sqlite.open(name) else { return };
    run(name, what, On::Sqlite, || async move {
        let market = Market::found(backend).await;
        let (mut load, mut dice, cycles) = (market.load(CLIENTS), Dice::thrown(), cycles(2, 100));
        let mut at_start = 0;
        for cycle in 1..=cycles {
            // The first calls one after the other, since a start has few; then any.
            let n = if cycle % 2 == 1 { u64::from(cycle).div_ceil(2) } else { 1 + dice.below(AMONG) };
            let tracer = Tracer::of(&format!("{fault}:when={n}+"), &files(&market.dir()));
            let Some(mut served) = Served::start_by(&tracer.by, &market.dir(), &market.environment).await
            else {
                // Before it served anybody.
                at_start += 1;
                continue;
            };
            load.serve_at(&served.addr);
            let ended = timeout(ENDS_WITHIN, served.ended()).await;
            let ended = ended.unwrap_or_else(|_| panic!("call {n} fails, and it goes on\n{}", market.log()));
            assert_eq!(ended.code(), Some(FATAL), "call {n}\n{}", market.log());
            load.is_content();
        }
        let served = market.serve().await;
        load.serve_at(&served.addr);
        market.told_more(market.deeds.count(), 5).await;
        let facts = market.end(served, load).await;
        Done { cycles, facts, remark: format!("{at_start} before the server served anybody") }
    });
}

#[test]
fn a_disk_that_is_full_for_a_few_writes_is_waited_for_on_sqlite() {
    let (name, what) = ("no_space", "some writes of the journal fail with ENOSPC");
    if !On::Sqlite.is_wanted() {
        return;
    }
    if let Some(reason) = is_missing() {
        return leave_out(name, what, On::Sqlite, &reason);
    }
    let Some(backend) = On::Sqlite.open(name) else { return };
    run(name, what, On::Sqlite, || async move {
        let market = Market::found(backend).await;
        let (mut load, mut dice, cycles) = (market.load(CLIENTS), Dice::thrown(), cycles(1, 50));
        for _ in 0..cycles {
            // Behind the start, which is not repeated by itself.
            // And far: calls are counted thread by thread, a failed group is written anew by a thread of its own, and what is
            // counted there must not come so far again.
            let first = 400 + dice.below(4 * AMONG);
            let fault = format!("pwrite64:error=ENOSPC:when={first}..{}", first + 4);
            let tracer = Tracer::of(&fault, &journal_files(&market.dir()));
            let served = Served::start_by(&tracer.by, &market.dir(), &market.environment).await;
            let mut served = served.unwrap_or_else(|| panic!("{fault}: it ends\n{}", market.log()));
            load.serve_at(&served.addr);
            // It has come by when a group was offered again, and it is over when more is told.
            let again = "a group was not written; it is offered again";
            market.until_it_logs(again).await;
            market.told_more(market.deeds.count(), 10).await;
            assert!(!served.has_ended(), "{fault}: it ended\n{}", market.log());
            load.is_content();
            served.kill().await;
            market.forget_the_log();
        }
        let served = market.serve().await;
        let facts = market.end(served, load).await;
        Done { cycles, facts, remark: String::new() }
    });
}

#[test]
fn a_slow_disk_makes_everything_slower_and_refuses_nothing_on_sqlite() {
    let (name, what) = ("slow_disk", "every fsync takes 50 ms to 2 s");
    if !On::Sqlite.is_wanted() {
        return;
    }
    if let Some(reason) = is_missing() {
        return leave_out(name, what, On::Sqlite, &reason);
    }
    let Some(backend) = On::Sqlite.open(name) else { return };
    run(name, what, On::Sqlite, || async move {
        let mut market = Market::found(backend).await;
        // As in production: nothing is given up because the disk takes seconds.
        market.set("SOUK_CHECKOUT__HOLD_TTL_MS", 120_000);
        market.set("SOUK_CHECKOUT__ATTEMPT_CARD_MS", 300_000);
        market.set("SOUK_CHECKOUT__PAY_ANSWER_MS", 10_000);
        let load = market.load_of(4, &["card_success"]);
        let delays: &[u32] = if cycles(1, 4) == 1 { &[100] } else { &[50, 200, 1_000, 2_000] };
        for delay_ms in delays {
            let fault = format!("fsync,fdatasync:delay_exit={}", delay_ms * 1_000);
            let tracer = Tracer::of(&fault, &[]);
            let served = Served::start_by(&tracer.by, &market.dir(), &market.environment).await;
            let mut served = served.unwrap_or_else(|| panic!("{fault}: it ends\n{}", market.log()));
            load.serve_at(&served.addr);
            market.told_more(market.deeds.count(), 25).await;
            assert!(!served.has_ended(), "{fault}: it ended\n{}", market.log());
            served.kill().await;
        }
        let served = market.serve().await;
        let facts = market.end(served, load).await;
        assert_eq!(market.deeds.unsold(), 0, "refused although the disk was only slow\n{}", market.log());
        Done { cycles: delays.len() as u32, facts, remark: "every sale became an order".to_owned() }
    });
}
