//! Rows by which people are known: put before the event that names them, swept when none came or none names them any more.

use std::time::Duration;

use souk::actors::NodeOptions;
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::Database;
use souk::store::credentials::{self, Content, Credential, Kind};
use souk_core::family::{self, Audience, Begin, EndReason, Family, LASTS_MAX_MS, Method};
use souk_core::ids::{CredentialId, FamilyId, StreamId, SubjectId, UserId};
use souk_core::person::factors::Order;
use souk_core::person::{self, Person};

use crate::sales::{give, options, until_async};
use crate::servers::Backend;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

async fn open(backend: &Backend, clock: &Clock) -> Shop {
    let database: Database = backend.url().parse().expect("an address");
    let node = NodeOptions {
        sweep_after: Duration::ZERO,
        sweep_every: Duration::from_millis(20),
        ..NodeOptions::default()
    };
    let options = ShopOptions { node, letters: false, ..options() };
    Shop::open(&database, backend.data_dir(), clock.clone(), options).await.expect("the shop opens")
}

async fn put(shop: &Shop, kind: Kind, key: &str, stream: StreamId) -> bool {
    let row = Credential { stream, content: Content::from(key.as_bytes()) };
    credentials::put(&shop.plain, kind, key, &row, shop.node.clock().now()).await.expect("put")
}

async fn is_there(shop: &Shop, kind: Kind, key: &str) -> bool {
    credentials::find(&shop.plain, kind, key).await.expect("readable").is_some()
}

fn password(n: u128) -> (CredentialId, String) {
    (CredentialId(n), CredentialId(n).to_string())
}

async fn what_nobody_names_is_swept(backend: Backend) {
    let clock = Clock::system();
    let shop = open(&backend, &clock).await;
    let (person, nobody) = (StreamId::Person(UserId(1)), StreamId::Person(UserId(2)));
    let [live, over, never] = [1, 2, 3].map(FamilyId);

    // A person who has changed the password, and one who never came to be.
    assert!(put(&shop, Kind::Mail, "of 1", person).await);
    assert!(!put(&shop, Kind::Mail, "of 1", nobody).await, "an address is one person's");
    put(&shop, Kind::Mail, "of 2", nobody).await;
    let sign_up = person::Command::SignUp { mail: SubjectId(1) };
    give::<Person>(&shop.node, person, sign_up).await.expect("signed up");
    let [(old, old_key), (new, new_key), (_, lost_key)] = [1, 2, 3].map(password);
    for key in [&old_key, &new_key, &lost_key] {
        put(&shop, Kind::Password, key, person).await;
    }
    let verify = person::Command::Verify { token: 1, password: old };
    give::<Person>(&shop.node, person, verify).await.expect("verified");
    let change = person::Command::ChangePassword { old, new };
    give::<Person>(&shop.node, person, change).await.expect("changed");

    // A second factor: begun twice and confirmed, with codes that were never named.
    let [(begun, begun_key), (totp, totp_key), (_, lost_codes), (codes, codes_key)] =
        [4, 5, 6, 7].map(password);
    for (kind, key) in [
        (Kind::Totp, &begun_key),
        (Kind::Totp, &totp_key),
        (Kind::Recovery, &lost_codes),
        (Kind::Recovery, &codes_key),
    ] {
        put(&shop, kind, key, person).await;
    }
    for order in
        [Order::Begin { totp: begun }, Order::Begin { totp }, Order::Confirm { totp, step: 1, codes }]
    {
        give::<Person>(&shop.node, person, person::Command::Factor(order)).await.expect("done");
    }

    // Sign-ins: one that lives, one that is over, one that never began.
    for family in [live, over, never] {
        put(&shop, Kind::Family, &family.to_string(), StreamId::Family(family)).await;
    }
    let begin = Begin {
        person: UserId(1),
        round: 2,
        audience: Audience::Store,
        method: Method::Password,
        parent: None,
        idle_ms: LASTS_MAX_MS,
        lasts_ms: LASTS_MAX_MS,
    };
    for family in [live, over] {
        let begun = family::Command::Begin(begin);
        give::<Family>(&shop.node, StreamId::Family(family), begun).await.expect("begun");
    }
    let end = family::Command::End { reason: EndReason::SignedOut };
    give::<Family>(&shop.node, StreamId::Family(over), end).await.expect("over");

    clock.advance(DAY_MS - 60_000);
    put(&shop, Kind::Mail, "of 3", nobody).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(is_there(&shop, Kind::Mail, "of 2").await, "it is not a day old");
    clock.advance(120_000);
    let left = async || {
        let older_than = clock.now().plus_millis(-DAY_MS);
        credentials::unnamed(&shop.plain, older_than, None, 100).await.expect("readable").len()
    };
    until_async("swept", async || left().await == 0).await;
    for (kind, key, there) in [
        (Kind::Mail, "of 1", true),
        (Kind::Mail, "of 2", false),
        (Kind::Mail, "of 3", true),
        (Kind::Password, &old_key, false),
        (Kind::Password, &new_key, true),
        (Kind::Password, &lost_key, false),
        (Kind::Totp, &begun_key, false),
        (Kind::Totp, &totp_key, true),
        (Kind::Recovery, &lost_codes, false),
        (Kind::Recovery, &codes_key, true),
        (Kind::Family, &live.to_string(), true),
        (Kind::Family, &over.to_string(), false),
        (Kind::Family, &never.to_string(), false),
    ] {
        assert_eq!(is_there(&shop, kind, key).await, there, "{kind:?} {key}");
    }

    // A year later the sign-in is over in any case, and the account is not.
    clock.advance(LASTS_MAX_MS + DAY_MS);
    until_async("over", async || !is_there(&shop, Kind::Family, &live.to_string()).await).await;
    assert!(is_there(&shop, Kind::Mail, "of 1").await && is_there(&shop, Kind::Password, &new_key).await);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_nobody_names_are_swept_on_sqlite() {
    what_nobody_names_is_swept(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_nobody_names_are_swept_on_postgres() {
    if let Some(backend) = Backend::postgres("sweeping credentials on Postgres") {
        what_nobody_names_is_swept(backend).await;
    }
}
