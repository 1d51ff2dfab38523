//! Delays for whoever fails to show who they are: from the fifth failure on each is followed by a longer one.
//!
//! Failures are counted by *place*: by the network that a wrong password came from, which is known by a number that only the
//! server can work out, and by the account for whoever has shown one thing already (a password, a sign-in) and fails at the
//! next. The first failures are nobody's event: the server counts them in its memory. From the fifth on they are events, so
//! that a delay outlasts a crash and a take-over. Whoever is signed in stays so; a letter ends every delay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Failures that are followed by no delay.
pub const FREE_FAILURES: u32 = 4;
/// The delay after the first failure that is followed by one, in ms; then twice as long for each.
pub const DELAY_FIRST_MS: i64 = 30 * 1000;
/// The longest delay, in ms: an hour.
pub const DELAY_MAX_MS: i64 = 60 * 60 * 1000;
/// How long after its delay a failure is remembered, in ms: a day.
pub const REMEMBERED_MS: i64 = 24 * 60 * 60 * 1000;
/// Networks of one account that are told apart; all others share one place, so that a new network is no new allowance.
pub const NETWORKS_MAX: usize = 32;

/// Where failures are counted together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Place {
    /// A network, by a number that says nothing about it to anybody but the server.
    Network(u64),
    /// Every network that came when as many as are told apart were known.
    Elsewhere,
    /// Whoever has shown one thing and fails at the next, wherever they are.
    Shown,
}

/// Failures in one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failures {
    /// How many there were.
    pub count: u32,
    /// When the last one was.
    pub last_at: Timestamp,
}

impl Failures {
    /// One more, now. Those that are over do not count any more.
    pub fn one_more(before: Option<Self>, now: Timestamp) -> Self {
        let before = before.filter(|before| !before.is_over(now)).map_or(0, |before| before.count);
        Failures { count: before.saturating_add(1), last_at: now }
    }

    /// Until when nothing is tried.
    pub fn until(&self) -> Timestamp {
        self.last_at.plus_millis(delay_ms(self.count))
    }

    /// Until when nothing is tried, if that is not now.
    pub fn delays(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.until()).filter(|until| now < *until)
    }

    /// Whether they are forgotten.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.until().plus_millis(REMEMBERED_MS)
    }
}

/// The delay after so many failures.
pub fn delay_ms(failures: u32) -> i64 {
    match failures.checked_sub(FREE_FAILURES + 1) {
        None => 0,
        // So many doublings of half a minute are more than any bound.
        Some(doubled) => (DELAY_FIRST_MS << doubled.min(20)).min(DELAY_MAX_MS),
    }
}

/// The failures of an account that are events.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Locks {
    /// By network; never more than [`NETWORKS_MAX`].
    pub networks: BTreeMap<u64, Failures>,
    /// From all others.
    pub elsewhere: Option<Failures>,
    /// Of whoever had shown one thing.
    pub shown: Option<Failures>,
}

impl Locks {
    /// The place that counts for this one: a network has one of its own when it is known, or there is room.
    pub fn place(&self, place: Place, now: Timestamp) -> Place {
        let Place::Network(network) = place else { return place };
        let live = |failures: &Failures| !failures.is_over(now);
        if self.networks.get(&network).is_some_and(live) {
            return place;
        }
        let known = self.networks.values().filter(|failures| live(failures)).count();
        // As long as there is a place for all others a network that is not known belongs there, also when there is room again.
        if known >= NETWORKS_MAX || self.elsewhere.as_ref().is_some_and(live) {
            Place::Elsewhere
        } else {
            place
        }
    }

    /// What counts there.
    pub fn at(&self, place: Place, now: Timestamp) -> Option<Failures> {
        let failures = match self.place(place, now) {
            Place::Network(network) => self.networks.get(&network).copied(),
            Place::Elsewhere => self.elsewhere,
            Place::Shown => self.shown,
        };
        failures.filter(|failures| !failures.is_over(now))
    }

    /// Another failure in exactly this place. Whatever is over is forgotten with it.
    pub(super) fn fail(&mut self, place: Place, count: u32, now: Timestamp) {
        self.networks.retain(|_, failures| !failures.is_over(now));
        self.elsewhere = self.elsewhere.filter(|failures| !failures.is_over(now));
        self.shown = self.shown.filter(|failures| !failures.is_over(now));
        let failures = Failures { count, last_at: now };
        match place {
            Place::Network(network) => drop(self.networks.insert(network, failures)),
            Place::Elsewhere => self.elsewhere = Some(failures),
            Place::Shown => self.shown = Some(failures),
        }
    }

    /// Nothing counts there any more.
    pub(super) fn clear(&mut self, place: Place) {
        match place {
            Place::Network(network) => drop(self.networks.remove(&network)),
            Place::Elsewhere => self.elsewhere = None,
            Place::Shown => self.shown = None,
        }
    }
}
