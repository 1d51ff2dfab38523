//! Failures to show who somebody is: counted one by one, each after its delay.

use std::collections::BTreeMap;

use crate::person::lock::Place;
use crate::time::Timestamp;

const DAY_MS: i64 = 86_400_000;
/// Networks that are told apart.
const NETWORKS: usize = 32;

/// An account's failures by place: how many, and when the last one was.
#[derive(Clone, Debug, Default)]
pub(super) struct Tries(BTreeMap<Place, (u32, Timestamp)>);

impl Tries {
    /// Whether this failure follows from those before it.
    pub(super) fn failed(&mut self, at: Place, count: u32, now: Timestamp) -> bool {
        self.0.retain(|_, (count, last)| now < last.plus_millis(delay_ms(*count) + DAY_MS));
        let follows = match self.0.insert(at, (count, now)) {
            None => count == 5,
            Some((before, last)) => {
                count == before.saturating_add(1) && now >= last.plus_millis(delay_ms(before))
            }
        };
        let networks = self.0.keys().filter(|place| matches!(place, Place::Network(_))).count();
        follows && networks <= NETWORKS
    }

    /// Whether there was something to forget, and its delay was over.
    pub(super) fn unlocked(&mut self, at: Place, now: Timestamp) -> bool {
        let known = self.0.remove(&at);
        known.is_some_and(|(count, last)| {
            let over = last.plus_millis(delay_ms(count));
            (over..over.plus_millis(DAY_MS)).contains(&now)
        })
    }

    /// A letter has brought another password.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// Half a minute after the fifth, twice as long after each, an hour at most.
fn delay_ms(count: u32) -> i64 {
    (5..count.min(30)).fold(30_000, |delay: i64, _| (delay * 2).min(3_600_000))
}
