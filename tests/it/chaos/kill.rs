//! `kill -9` at random moments, while clients buy.

use std::time::Duration;

use super::market::Market;
use super::scenario::{Dice, Done, On, cycles, run};

const CLIENTS: u64 = 8;
/// The longest that a server lives after it has told somebody something.
const LIVES_MS: u64 = 1_200;
/// Kills between two readings of the whole journal.
const VERIFY_EVERY: u32 = 25;

#[test]
fn a_server_that_is_killed_at_random_moments_loses_nothing_on_sqlite() {
    killed(On::Sqlite);
}

#[test]
fn a_server_that_is_killed_at_random_moments_loses_nothing_on_postgres() {
    killed(On::Postgres);
}

fn killed(on: On) {
    let Some(backend) = on.open("kill") else { return };
    run("kill", "kill -9 at random moments under load", on, || async move {
        let market = Market::found(backend).await;
        let (mut load, mut dice, cycles) = (market.load(CLIENTS), Dice::thrown(), cycles(3, 200));
        for cycle in 1..=cycles {
            let served = market.serve().await;
            let before = market.deeds.count();
            load.serve_at(&served.addr);
            market.told_more(before, 1).await;
            // The moment itself: nothing is waited for.
            tokio::time::sleep(Duration::from_millis(dice.below(LIVES_MS))).await;
            served.kill().await;
            load.is_content();
            if cycle % VERIFY_EVERY == 0 {
                market.verify().await;
                println!("{on}: {cycle} kills, {} facts", market.deeds.count());
            }
        }
        let served = market.serve().await;
        let facts = market.end(served, load).await;
        Done { cycles, facts, remark: String::new() }
    });
}
