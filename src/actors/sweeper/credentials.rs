//! What becomes of rows by which people are known, a day after they were put.
//!
//! A row is kept when its stream names it *now*: of a mail address, that somebody wants or has an account with it; of a
//! password, that it is the one that holds; of a sign-in, that it has not ended; of a second factor, that it waits to be
//! confirmed or holds; of a service key, that it was made; of an operator, that they are one; of a shopper, that the person
//! was shown to be them. Any other is dropped.

use souk_core::any::AnyEvent;
use souk_core::family;
use souk_core::ids::CredentialId;
use souk_core::journal::Recorded;
use souk_core::machine::{EventMeta, Machine as _};
use souk_core::person::{self, Person};
use souk_core::vendor;
use tokio::sync::watch;

use crate::actors::node::Node;
use crate::journal::{JournalError, Pool};
use crate::store::credentials::{self, Kind, Unnamed};

use super::{AGE_MS, BATCH, Swept, events_of};

/// A sign-in that began so long ago is over.
const FAMILIES_KEPT_MS: i64 = family::LASTS_MAX_MS + AGE_MS;

pub(super) async fn sweep(
    node: &Node,
    pool: &Pool,
    stop: &watch::Receiver<bool>,
) -> Result<Swept, JournalError> {
    let mut swept = Swept::default();
    let now = node.clock().now();
    let mut after: Option<Unnamed> = None;
    while !*stop.borrow() {
        let page = credentials::unnamed(pool, now.plus_millis(-AGE_MS), after.as_ref(), BATCH).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        for row in &page {
            match events_of(node, row.stream).await.map(|events| names(&events, row)) {
                Some(true) => {
                    credentials::keep(pool, row).await?;
                    if matches!(row.kind, Kind::Password | Kind::Totp | Kind::Recovery) {
                        credentials::remove_older(pool, row.kind, row.stream, &row.key).await?;
                    }
                    swept.kept += 1;
                }
                Some(false) => swept.forgotten += usize::from(credentials::forget(pool, row).await?),
                None => {}
            }
        }
    }
    let over = credentials::remove_before(pool, Kind::Family, now.plus_millis(-FAMILIES_KEPT_MS)).await?;
    swept.forgotten += usize::try_from(over).unwrap_or(usize::MAX);
    Ok(swept)
}

fn names(events: &[Recorded], row: &Unnamed) -> bool {
    match row.kind {
        Kind::Mail => !events.is_empty(),
        Kind::Password => {
            let holds = events.iter().filter_map(|recorded| recorded.event.credential()).next_back();
            holds.is_some_and(|credential| credential.to_string() == row.key)
        }
        Kind::Family => {
            let ended = |event: &AnyEvent| matches!(event, AnyEvent::Family(family::Event::Ended { .. }));
            !events.is_empty() && !events.iter().any(|recorded| ended(&recorded.event))
        }
        Kind::Key => events.iter().any(|recorded| {
            let AnyEvent::Vendor(vendor::Event::KeyMade { key, .. }) = &recorded.event else { return false };
            key.to_string() == row.key
        }),
        Kind::Operator => {
            let role = |event: &AnyEvent| match event {
                AnyEvent::Person(person::Event::OperatorSet { role }) => Some(*role),
                _ => None,
            };
            events.iter().filter_map(|recorded| role(&recorded.event)).next_back().flatten().is_some()
        }
        Kind::Buyer => events.iter().any(|recorded| {
            let AnyEvent::Person(person::Event::Adopted { buyer }) = &recorded.event else { return false };
            buyer.to_string() == row.key
        }),
        Kind::Totp | Kind::Recovery => {
            let mut state = Person::initial(row.stream);
            for recorded in events {
                let meta = EventMeta { seq: recorded.seq, at: recorded.at };
                if let AnyEvent::Person(event) = &recorded.event {
                    Person::apply(&mut state, meta, event);
                }
            }
            let names = |id: CredentialId| state.account.is_some_and(|account| account.factors.names(id));
            row.key.parse().is_ok_and(names)
        }
    }
}
