//! Clients that hang up in the middle, a bank that does not answer, doors that are full, a clock that jumps.

use std::time::Duration;

use tokio::time::Instant;

use super::market::Market;
use super::scenario::{Dice, Done, On, cycles, is_long, leave_out, run};
use crate::served::{ask, is_debug_build};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn clients_that_hang_up_at_any_moment_get_one_order_all_the_same_on_sqlite() {
    hang_up(On::Sqlite);
}

#[test]
fn clients_that_hang_up_at_any_moment_get_one_order_all_the_same_on_postgres() {
    hang_up(On::Postgres);
}

fn hang_up(on: On) {
    // In every test run on one database: what hangs up here is the same on both.
    if on == On::Postgres && !is_long() {
        return;
    }
    let Some(backend) = on.open("hang_up") else { return };
    run("hang_up", "clients hang up at random moments of any request", on, || async move {
        let market = Market::found(backend).await;
        let cycles = cycles(25, 2_000);
        let mut load = market.load(8);
        load.hangs_up();
        let served = market.serve().await;
        load.serve_at(&served.addr);
        market.times_hung_up(u64::from(cycles)).await;
        load.is_content();
        let facts = market.end(served, load).await;
        Done { cycles: market.deeds.hung_up() as u32, facts, remark: String::new() }
    });
}

#[test]
fn a_bank_that_does_not_answer_holds_nobody_else_up_on_sqlite() {
    let Some(backend) = On::Sqlite.open("bank") else { return };
    run("bank", "the bank is silent for seconds, and loses calls and answers", On::Sqlite, || async move {
        let mut market = Market::found(backend).await;
        // Sixty times as long for those whose answers are slow or lost.
        market.set("SOUK_PAYMENTS__TEST_BANK_DELAY_MS", 50);
        const HANGING: [&str; 4] =
            ["card_slow", "card_timeout_lost", "card_timeout_then_succeeded", "card_late_notice"];
        let mut hanging = market.load_of(8, &HANGING);
        let mut others = market.load_of(2, &["card_success"]);
        let served = market.serve().await;
        hanging.serve_at(&served.addr);
        others.serve_at(&served.addr);
        let cycles = cycles(5, 200);
        market.told_more(market.deeds.count(), 8 * u64::from(cycles)).await;
        hanging.is_content();
        others.is_content();
        others.settle().await;
        let facts = market.end(served, hanging).await;
        assert_eq!(market.deeds.unsold(), 0, "a good card was refused\n{}", market.log());
        Done { cycles, facts, remark: "every sale with a good card became an order".to_owned() }
    });
}

#[test]
fn doors_that_are_full_refuse_at_once_and_lose_nothing_on_sqlite() {
    let Some(backend) = On::Sqlite.open("full") else { return };
    run("full", "admission is full: two commands may be under way", On::Sqlite, || async move {
        let mut market = Market::found(backend).await;
        market.set("SOUK_ENGINE__ADMISSION", 2);
        let (mut load, wanted) = (market.load(16), cycles(20, 2_000));
        let served = market.serve().await;
        load.serve_at(&served.addr);
        let (mut refused, deadline) = (0, Instant::now() + 2 * PATIENCE);
        while refused < wanted {
            assert!(Instant::now() < deadline, "only {refused} were refused");
            let Ok(told) = ask(&served.addr, "POST", "/v1/store/carts", &[], "").await else {
                panic!("no answer\n{}", market.log());
            };
            match told.status {
                201 => {}
                429 => {
                    assert!(told.head.contains("retry-after: "), "{told:?}");
                    refused += 1;
                }
                _ => panic!("{told:?}"),
            }
        }
        load.is_content();
        let facts = market.end(served, load).await;
        Done { cycles: refused, facts, remark: "each with Retry-After".to_owned() }
    });
}

/// Minutes that the clock is wrong by, one after the other. At the end it is ahead of whatever was promised meanwhile.
const JUMPS_MIN: [i64; 8] = [60, 0, -60, 24 * 60, 1, -24 * 60, 5, 3 * 24 * 60];

#[test]
fn a_clock_that_jumps_loses_nothing_on_sqlite() {
    jumping_clock(On::Sqlite);
}

#[test]
fn a_clock_that_jumps_loses_nothing_on_postgres() {
    jumping_clock(On::Postgres);
}

fn jumping_clock(on: On) {
    let (name, what) = ("clock", "the server's clock jumps by minutes, an hour, a day, to and fro");
    if !on.is_wanted() || (on == On::Postgres && !is_long()) {
        return;
    }
    if !is_debug_build() {
        return leave_out(name, what, on, "only a debug build has a clock that can be told to jump");
    }
    let Some(backend) = on.open(name) else { return };
    run(name, what, on, || async move {
        let mut market = Market::found(backend).await;
        let file = market.dir().join("clock");
        let set = |minutes: i64| {
            // In one piece: the server reads it all the time.
            let fresh = file.with_extension("new");
            std::fs::write(&fresh, (minutes * 60_000).to_string()).expect("written");
            std::fs::rename(&fresh, &file).expect("put in place");
        };
        set(0);
        market.set("SOUK_CLOCK_FILE", file.display());
        let (mut load, mut dice, rounds) = (market.load(6), Dice::thrown(), cycles(1, 10));
        let served = market.serve().await;
        load.serve_at(&served.addr);
        let mut jumps = 0;
        for _ in 0..rounds {
            for minutes in JUMPS_MIN {
                market.told_more(market.deeds.count(), 3).await;
                tokio::time::sleep(Duration::from_millis(dice.below(200))).await;
                set(minutes);
                jumps += 1;
            }
            load.is_content();
        }
        let facts = market.end(served, load).await;
        Done { cycles: jumps, facts, remark: String::new() }
    });
}
