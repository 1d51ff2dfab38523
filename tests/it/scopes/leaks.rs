//! A thousand scopes over two connections, while futures are dropped at every place where they wait and reads fail in the
//! middle: nobody ever sees another's row, and nobody misses their own.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use souk::journal::{JournalError, migrate};
use souk::store::read::{Projection, ReadModels};
use souk_core::ids::VendorId;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::logins::Place;
use super::rows::{order, vendor_scope};

const SCOPES: u128 = 1_000;
const ROUNDS: u32 = 3;
/// More would mostly wait for a connection, and not for an answer on it.
const AT_ONCE: usize = 16;
/// Every so many-th vendor is owed more than fits into a sum, so that its statement fails.
const RICH: u128 = 5;

/// Whether this vendor's statement fails in the middle of its transaction.
fn is_rich(vendor: u128) -> bool {
    vendor.is_multiple_of(RICH)
}

/// What one vendor does: reads what is its own, gives up in the middle, asks for what fails, and reads again.
async fn live(models: Arc<ReadModels>, vendor: u128) -> [u32; 3] {
    let scope = vendor_scope(vendor);
    let own = if is_rich(vendor) { 2 } else { 1 };
    let [mut read, mut given_up, mut failed] = [0; 3];
    for round in 0..ROUNDS {
        let mut asked = Box::pin(models.vendor_orders(&scope, None, None, 100));
        // Dropped at any place where it waits, its answer there or not: however fast this machine is.
        let mut turns = if round == 1 { fastrand::u32(1..10) } else { u32::MAX };
        let seen = poll_fn(|context| {
            if turns == 0 {
                return Poll::Ready(None);
            }
            turns -= 1;
            asked.as_mut().poll(context).map(Some)
        })
        .await;
        drop(asked);
        match seen {
            Some(seen) => {
                let rows = seen.expect("an answer").items;
                assert!(
                    rows.iter().all(|row| row.vendor == VendorId(vendor)),
                    "{vendor} sees another's: {rows:?}"
                );
                assert_eq!(rows.len(), own, "{vendor} misses its own");
                read += 1;
            }
            None => given_up += 1,
        }
        if is_rich(vendor) && round == 1 {
            match models.statement(&scope).await {
                Err(JournalError::Database { doing, source }) => {
                    let code = source.as_database_error().and_then(|error| error.code());
                    assert_eq!(code.as_deref(), Some("22003"), "too large a sum, not: {doing}: {source}");
                    failed += 1;
                }
                other => panic!("no error: {other:?}"),
            }
        }
    }
    [read, given_up, failed]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_scopes_over_two_connections_leak_nothing() {
    let Some(place) = Place::make("a thousand scopes over two connections").await else { return };
    migrate::run(&place.roles).await.expect("migrated");
    let models = Arc::new(ReadModels::open(&place.roles, 2).await.expect("opened"));
    let mut orders = Vec::new();
    for vendor in 1..=SCOPES {
        let (parts, minor): (&[u128], i64) =
            if is_rich(vendor) { (&[vendor, vendor], i64::MAX) } else { (&[vendor], 100) };
        orders.push(order(vendor, vendor, parts, minor));
    }
    assert!(models.write(Projection::Orders, "test", orders, &[]).await.expect("written"));

    let (mut lives, room) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
    for vendor in 1..=SCOPES {
        let (models, room) = (Arc::clone(&models), Arc::clone(&room));
        lives.spawn(async move {
            let _place = room.acquire().await.expect("open");
            live(models, vendor).await
        });
    }
    let mut sums = [0; 3];
    while let Some(life) = lives.join_next().await {
        for (sum, count) in sums.iter_mut().zip(life.expect("no panic")) {
            *sum += count;
        }
    }
    let [read, given_up, failed] = sums;
    println!("{read} read, {given_up} given up, {failed} failed in the middle");
    assert_eq!(u128::from(failed), SCOPES / RICH);
    assert!(given_up > 100, "hardly any was given up: {given_up}");
    assert_eq!(u128::from(read + given_up), SCOPES * u128::from(ROUNDS));
    models.close().await;
}
