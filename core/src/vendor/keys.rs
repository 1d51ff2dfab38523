//! A vendor's service keys: what its programs act with.
//!
//! A key has scopes, and each is one thing that it may do; it may end by itself, and it is rolled by making its successor while
//! the old one goes on for a while. Owners decide about keys; operators can, too. Of a key the machine knows the id, never the
//! secret: a hash of that lies in a plain row that is written before the event that names it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::KeyId;
use crate::machine::{Ctx, Decision};
use crate::time::Timestamp;

use super::{By, Event, Rejection, Reply, State, Vendor};

/// The most keys of a vendor that are good at the same time.
pub const KEYS_MAX: usize = 50;
/// The most keys that a vendor makes within a day.
pub const KEYS_A_DAY_MAX: usize = 200;
/// The longest that a key which ends by itself lasts, in ms: two years.
pub const LASTS_MAX_MS: i64 = 2 * 365 * DAY_MS;
/// The longest that a key goes on beside its successor, in ms: thirty days.
pub const OVERLAP_MAX_MS: i64 = 30 * DAY_MS;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// One thing that a key may do. What that allows is written in one place, `src/tenants/policy.rs`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum KeyScope {
    /// Look at products and offers.
    ProductsRead,
    /// Make and change them.
    ProductsWrite,
    /// Receive units and correct counts.
    StockWrite,
    /// Look at the own parts of orders.
    OrdersRead,
    /// Accept, ship and deliver them.
    OrdersPack,
    /// Cancel them.
    OrdersCancel,
    /// Look at what orders come to.
    MoneyRead,
}

impl KeyScope {
    /// All of them.
    pub const ALL: [KeyScope; 7] = [
        KeyScope::ProductsRead,
        KeyScope::ProductsWrite,
        KeyScope::StockWrite,
        KeyScope::OrdersRead,
        KeyScope::OrdersPack,
        KeyScope::OrdersCancel,
        KeyScope::MoneyRead,
    ];
}

/// A key that was neither revoked nor forgotten.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServiceKey {
    /// What it may do, in order, each once.
    pub scopes: Vec<KeyScope>,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it ends by itself; `None` when it does not.
    pub ends_at: Option<Timestamp>,
    /// The key that takes its place.
    pub successor: Option<KeyId>,
}

impl ServiceKey {
    /// Whether it opens anything at this time.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|ends_at| now < ends_at)
    }
}

/// An order about keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// There is to be a key.
    Make {
        /// Who says so.
        by: By,
        /// What it is called.
        key: KeyId,
        /// What it may do; at least one thing.
        scopes: Vec<KeyScope>,
        /// After how long it ends by itself, in ms; 1 to [`LASTS_MAX_MS`].
        lasts_ms: Option<i64>,
    },
    /// There is to be another in its place, which may do the same and lasts as long.
    Roll {
        /// Who says so.
        by: By,
        /// Which.
        key: KeyId,
        /// What the other is called.
        successor: KeyId,
        /// How long the old one goes on, in ms; 0 to [`OVERLAP_MAX_MS`].
        overlap_ms: i64,
    },
    /// It opens nothing any more.
    Revoke {
        /// Who says so.
        by: By,
        /// Which.
        key: KeyId,
    },
}

/// The keys that there are.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Keys {
    /// Those that were not revoked. Some may have ended; they are forgotten when the next one is made.
    pub known: BTreeMap<KeyId, ServiceKey>,
    /// When the first of the last ones was made, and how many within a day of it.
    pub lately: Option<(Timestamp, usize)>,
}

impl Keys {
    pub(super) fn fold(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::KeyMade { key, scopes, ends_at, replaces } => {
                self.known.retain(|_, known| known.is_good(at));
                if let Some(old) = replaces.and_then(|old| self.known.get_mut(&old)) {
                    old.successor = Some(*key);
                }
                let made =
                    ServiceKey { scopes: scopes.clone(), made_at: at, ends_at: *ends_at, successor: None };
                self.known.insert(*key, made);
                let within_a_day = self.lately.filter(|(first, _)| at < first.plus_millis(DAY_MS));
                self.lately = Some(within_a_day.map_or((at, 1), |(first, count)| (first, count + 1)));
            }
            Event::KeyEnds { key, at } => {
                if let Some(known) = self.known.get_mut(key) {
                    known.ends_at = Some(*at);
                }
            }
            Event::KeyRevoked { key } => {
                self.known.remove(key);
            }
            _ => {}
        }
    }

    /// A key under this name that is good now.
    fn good(&self, key: KeyId, now: Timestamp) -> Result<&ServiceKey, Rejection> {
        self.known.get(&key).filter(|known| known.is_good(now)).ok_or(Rejection::NoSuchKey)
    }

    /// Whether there may be one more.
    fn has_room(&self, now: Timestamp) -> bool {
        let good = self.known.values().filter(|known| known.is_good(now)).count();
        let lately = self.lately.filter(|(first, _)| now < first.plus_millis(DAY_MS));
        good < KEYS_MAX && lately.is_none_or(|(_, count)| count < KEYS_A_DAY_MAX)
    }
}

type Decided = Result<Decision<Vendor>, Rejection>;

pub(super) fn decide(state: &State, order: &Order, ctx: &Ctx) -> Decided {
    match order {
        Order::Make { by, key, scopes, lasts_ms } => {
            state.team.decides(*by)?;
            let mut sorted = scopes.clone();
            sorted.sort_unstable();
            sorted.dedup();
            if sorted.is_empty() || sorted.len() != scopes.len() {
                return Err(Rejection::InvalidScopes);
            }
            if lasts_ms.is_some_and(|lasts_ms| !(1..=LASTS_MAX_MS).contains(&lasts_ms)) {
                return Err(Rejection::InvalidTime);
            }
            let ends_at = lasts_ms.map(|lasts_ms| ctx.now.plus_millis(lasts_ms));
            make(state, (*key, sorted, ends_at, None), Vec::new(), ctx)
        }
        Order::Roll { by, key, successor, overlap_ms } => {
            state.team.decides(*by)?;
            let old = state.keys.good(*key, ctx.now)?;
            if !(0..=OVERLAP_MAX_MS).contains(overlap_ms) {
                return Err(Rejection::InvalidTime);
            }
            // A second successor would leave nobody knowing which one is meant to go on.
            if old.successor.is_some() {
                return Err(Rejection::KeyRolled);
            }
            let lasts_ms = old.ends_at.map(|ends_at| ends_at.millis_since(old.made_at));
            let ends_at = lasts_ms.map(|lasts_ms| ctx.now.plus_millis(lasts_ms));
            // Never longer than it would have gone on anyway.
            let over_at = ctx.now.plus_millis(*overlap_ms);
            let over_at = old.ends_at.map_or(over_at, |ends_at| ends_at.min(over_at));
            let ends = Event::KeyEnds { key: *key, at: over_at };
            make(state, (*successor, old.scopes.clone(), ends_at, Some(*key)), vec![ends], ctx)
        }
        Order::Revoke { by, key } => {
            state.team.decides(*by)?;
            if !state.keys.known.contains_key(key) {
                return Err(Rejection::NoSuchKey);
            }
            let reply = Reply::Key { vendor: state.id, key: *key, made_at: None, version: ctx.next_seq };
            Ok(Decision::of(vec![Event::KeyRevoked { key: *key }], reply))
        }
    }
}

type Made = (KeyId, Vec<KeyScope>, Option<Timestamp>, Option<KeyId>);

fn make(state: &State, (key, scopes, ends_at, replaces): Made, with: Vec<Event>, ctx: &Ctx) -> Decided {
    if state.keys.known.contains_key(&key) {
        return Err(Rejection::AlreadyExists);
    }
    // Also when one takes another's place: for a while both are good.
    if !state.keys.has_room(ctx.now) {
        return Err(Rejection::TooManyKeys);
    }
    let mut events = vec![Event::KeyMade { key, scopes, ends_at, replaces }];
    events.extend(with);
    let version = ctx.next_seq + events.len() as u64 - 1;
    Ok(Decision::of(events, Reply::Key { vendor: state.id, key, made_at: Some(ctx.now), version }))
}
