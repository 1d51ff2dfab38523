//! Postgres is stopped as hard as it can be while clients buy, and starts again; the server lives on.

use std::time::Duration;

use super::market::Market;
use super::own_postgres::OwnPostgres;
use super::scenario::{Dice, Done, On, cycles, leave_out, run};
use crate::servers::Backend;

const CLIENTS: u64 = 6;

#[test]
fn a_database_that_is_stopped_at_once_and_started_again_is_gone_back_to_on_postgres() {
    let (name, what) = ("postgres_stop", "Postgres: pg_ctl stop -m immediate under load, and start");
    if !On::Postgres.is_wanted() {
        return;
    }
    let mut postgres = match OwnPostgres::start() {
        Ok(postgres) => postgres,
        Err(reason) => return leave_out(name, what, On::Postgres, &reason),
    };
    run(name, what, On::Postgres, || async move {
        let market = Market::found(Backend::on_postgres(&format!("{}/postgres", postgres.server()))).await;
        let (mut load, mut dice, cycles) = (market.load(CLIENTS), Dice::thrown(), cycles(2, 50));
        let mut served = market.serve().await;
        load.serve_at(&served.addr);
        for _ in 0..cycles {
            market.told_more(market.deeds.count(), 3).await;
            // The moment itself: nothing is waited for.
            tokio::time::sleep(Duration::from_millis(dice.below(400))).await;
            postgres.stop_immediately();
            assert!(!served.has_ended(), "it ended\n{}", market.log());
            postgres.start_again();
            market.told_more(market.deeds.count(), 3).await;
            load.is_content();
            assert!(!served.has_ended(), "it ended\n{}", market.log());
        }
        let facts = market.end(served, load).await;
        drop(postgres);
        Done { cycles, facts, remark: "the server was never restarted".to_owned() }
    });
}
