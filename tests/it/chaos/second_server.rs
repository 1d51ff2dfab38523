//! A second server on the same SQLite files refuses to start, and the first one does not even notice.

use super::market::Market;
use super::scenario::{Done, On, cycles, run};
use crate::served::Served;

const CLIENTS: u64 = 4;

#[test]
fn a_second_server_on_the_same_files_refuses_to_start_under_load_on_sqlite() {
    let Some(backend) = On::Sqlite.open("second_server") else { return };
    run("second_server", "a second server is started on the same files", On::Sqlite, || async move {
        let market = Market::found(backend).await;
        let (load, cycles) = (market.load(CLIENTS), cycles(2, 20));
        let mut served = market.serve().await;
        load.serve_at(&served.addr);
        for _ in 0..cycles {
            market.told_more(market.deeds.count(), 5).await;
            let dir = tempfile::tempdir().expect("a directory");
            // With the first one's data directory, and with one of its own on the same database.
            for dir in [market.dir().as_path(), dir.path()] {
                let second = Served::start(dir, &market.environment).await;
                assert!(second.is_none(), "it serves, too\n{}", market.log());
            }
            assert!(market.log().contains("in use by another souk server"), "{}", market.log());
            assert!(!served.has_ended(), "the first one ended\n{}", market.log());
        }
        let facts = market.end(served, load).await;
        Done { cycles, facts, remark: String::new() }
    });
}
