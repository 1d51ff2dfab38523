//! One card and one place to be killed at: sold by a process that ends there, then by one that does not.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::books::Books;
use crate::served::{LOG, Served};
use crate::servers::Backend;
use crate::shopper::Shopper;

/// The longest that anything may take to come to rest.
const RESTS_WITHIN: Duration = Duration::from_secs(60);
/// How long a process may take to end that has been cut off already.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// As the system names the end of a process that aborts.
const ABORTED: i32 = 6;

/// What has become of a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// It was killed, and came to rest after the next start.
    Killed {
        /// Whether there is an order in the end.
        is_placed: bool,
    },
    /// The sale came to rest without ever passing there.
    NotReached,
}

/// Seconds instead of minutes and days.
fn settings(backend: &Backend, token: &str) -> Vec<(&'static str, String)> {
    // A slip that is never paid, or too late, is given up soon; the bank's notice comes after that.
    let (pay_later, notice) = match token {
        "pay_later_never" => (1_500, 100),
        "pay_later_despite_void" => (1_500, 3_000),
        _ => (8_000, 100),
    };
    let limits = [
        ("SOUK_CHECKOUT__HOLD_TTL_MS", 4_000),
        ("SOUK_CHECKOUT__ATTEMPT_CARD_MS", 8_000),
        ("SOUK_CHECKOUT__ATTEMPT_INSTANT_MS", 8_000),
        ("SOUK_CHECKOUT__ATTEMPT_PAY_LATER_MS", pay_later),
        ("SOUK_CHECKOUT__LOOK_UP_EVERY_MS", 200),
        ("SOUK_CHECKOUT__PAY_ANSWER_MS", 1_000),
        ("SOUK_PAYMENTS__TEST_BANK_DELAY_MS", 0),
        ("SOUK_PAYMENTS__NOTICE_DELAY_MS", notice),
        // On Postgres, where whoever was killed is waited for, and many servers share the connections.
        ("SOUK_DATABASE__LEASE_MS", 2_000),
        ("SOUK_DATABASE__READ_CONNECTIONS", 2),
    ];
    let limits = limits.into_iter().map(|(name, value)| (name, value.to_string()));
    limits.chain([("SOUK_DATABASE__URL", backend.url().to_owned())]).collect()
}

/// Sells without being killed; what happened says where a process can be killed at all.
pub async fn undisturbed(template: &Backend, token: &'static str) -> Books {
    let place = template.copy();
    let served = Served::start(place.data_dir(), &settings(&place, token)).await.expect("it serves");
    let mut shopper = Shopper::with(token);
    shopper.go_on(&served.addr).await.expect("it answers");
    let books = rest(&place, &shopper, token).await;
    served.kill().await;
    books
}

/// Sells with a kill at `point`, which is like `before:checkout.quoted`.
pub async fn killed_at(template: &Backend, token: &'static str, point: &str) -> Ended {
    let place = template.copy();
    let what = format!("{token} {point}");
    let mut shopper = Shopper::with(token);

    let mut environment = settings(&place, token);
    environment.push(("SOUK_KILL_AT", point.to_owned()));
    let mut served = Served::start(place.data_dir(), &environment).await.expect("no sale, no kill");
    let addr = served.addr.clone();
    let sale = async {
        if shopper.go_on(&addr).await.is_ok() {
            return Some(rest(&place, &shopper, &what).await);
        }
        None
    };
    let (_, name) = point.split_once(':').expect("a side");
    let status = tokio::select! {
        biased;
        status = served.ended() => status,
        books = sale => {
            if books.is_some_and(|books| !books.has(name)) {
                served.kill().await;
                return Ended::NotReached;
            }
            // Cut off, or its last deed was read between the commit and the end.
            timeout(ENDS_WITHIN, served.ended()).await.expect("it is ending")
        }
    };
    assert_eq!(status.signal(), Some(ABORTED), "{what}: ended by itself, {status}\n{}", log(&place));

    let served = Served::start(place.data_dir(), &settings(&place, token)).await.expect("it serves again");
    assert!(shopper.go_on(&served.addr).await.is_ok(), "{what}: no answer\n{}", log(&place));
    let books = rest(&place, &shopper, &what).await;
    served.kill().await;
    Ended::Killed { is_placed: books.orders == 1 }
}

/// Waits until nothing is under way any more, then everything must hold.
async fn rest(place: &Backend, shopper: &Shopper, what: &str) -> Books {
    let deadline = Instant::now() + RESTS_WITHIN;
    loop {
        let books = Books::read(place, shopper.order().as_deref()).await;
        // The partitions are read one after the other: what a running server does meanwhile may look wrong once.
        let under_way = books.under_way();
        let wrong = books.is_at_rest();
        if under_way.is_empty() && wrong.is_ok() {
            return books;
        }
        assert!(
            Instant::now() < deadline,
            "{what}: never came to rest\n{under_way:#?}\n{wrong:?}\n{}",
            log(place)
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn log(place: &Backend) -> String {
    std::fs::read_to_string(place.data_dir().join(LOG)).unwrap_or_default()
}
