//! Failures to show who somebody is, as this process remembers them: of accounts that there are and of those that there are
//! not, so that nobody learns from a delay which is which.
//!
//! An account's own memory ([`souk_core::person::lock`]) outlasts this one, and refuses on its own what this one has forgotten;
//! the answer is then that of a wrong password, as it is for whoever has no account.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;
use souk_core::ids::UserId;
use souk_core::person::lock::Failures;
use souk_core::time::Timestamp;

use super::PeopleError;

/// How many are remembered. Whoever wants to be forgotten must fail so many times under other names meanwhile.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(100_000).expect("not zero");

/// Whose failures are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Who {
    /// Whoever tries to sign in with a mail address, by its number, from a network.
    Mail(u128, Option<IpAddr>),
    /// Whoever has shown one thing of a person and must show another, wherever they are.
    Person(UserId),
}

pub(super) struct Tries(Mutex<LruCache<Who, Failures>>);

impl std::fmt::Debug for Tries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tries")
    }
}

/// A try. It counts as a failure before it is made, so that many at once are not more than one after the other, and whoever
/// hangs up has failed.
#[derive(Debug)]
#[must_use = "a try that came to something is forgotten or taken back"]
pub(super) struct Try<'a> {
    tries: &'a Tries,
    who: Who,
    before: Option<Failures>,
}

impl Tries {
    pub(super) fn new() -> Self {
        Tries(Mutex::new(LruCache::new(KEPT_MAX)))
    }

    /// Somebody tries to show who they are.
    ///
    /// # Errors
    /// [`PeopleError::Delayed`] when they must wait.
    pub(super) fn begin(&self, who: Who, now: Timestamp) -> Result<Try<'_>, PeopleError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.get(&who).copied();
        if let Some(until) = before.and_then(|before| before.delays(now)) {
            return Err(PeopleError::delayed(until, now));
        }
        known.put(who, Failures::one_more(before, now));
        Ok(Try { tries: self, who, before: before.filter(|before| !before.is_over(now)) })
    }

    /// Whoever tries with this address or is this person has failed nowhere.
    pub(super) fn forget(&self, person: UserId, mail: Option<u128>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of = |who: &Who| match *who {
            Who::Mail(number, _) => mail == Some(number),
            Who::Person(known) => known == person,
        };
        let all: Vec<Who> = known.iter().map(|(who, _)| *who).filter(is_of).collect();
        for who in all {
            known.pop(&who);
        }
    }
}

impl Try<'_> {
    /// Failures before this one.
    pub(super) fn earlier(&self) -> u32 {
        self.before.map_or(0, |before| before.count)
    }

    /// It has succeeded: what failed before is forgotten.
    pub(super) fn succeed(self) {
        self.tries.0.lock().unwrap_or_else(PoisonError::into_inner).pop(&self.who);
    }

    /// It was none: it failed by no fault of theirs, or did not come so far.
    pub(super) fn take_back(self) {
        let mut known = self.tries.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Others may have been begun meanwhile, and count on.
        let Some(failures) = known.get_mut(&self.who) else { return };
        failures.count = failures.count.saturating_sub(1);
        failures.last_at = self.before.map_or(failures.last_at, |before| before.last_at);
        if failures.count == 0 {
            known.pop(&self.who);
        }
    }
}

#[cfg(test)]
mod tests {
    use souk_core::person::lock::{DELAY_FIRST_MS, FREE_FAILURES, REMEMBERED_MS};

    use super::*;

    const ADA: Who = Who::Mail(1, None);
    const START: i64 = 1_000_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(START + millis)
    }

    fn wait_ms(told: Result<Try<'_>, PeopleError>) -> Option<u64> {
        match told {
            Ok(tried) => {
                drop(tried);
                None
            }
            Err(PeopleError::Delayed { retry_after_ms }) => Some(retry_after_ms),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_fifth_failure_delays_also_when_all_were_begun_at_once() {
        let tries = Tries::new();
        let all: Vec<_> = (0..10).map(|_| tries.begin(ADA, at(0))).collect();
        let begun = all.iter().flatten();
        assert_eq!(begun.map(Try::earlier).collect::<Vec<_>>(), [0, 1, 2, 3, FREE_FAILURES]);
        let wait = DELAY_FIRST_MS.unsigned_abs();
        assert_eq!(wait_ms(tries.begin(ADA, at(1_000))), Some(wait - 1_000));
        assert_eq!(wait_ms(tries.begin(Who::Mail(2, None), at(1_000))), None, "another address");
        let elsewhere = Who::Mail(1, "192.0.2.1".parse().ok());
        assert_eq!(wait_ms(tries.begin(elsewhere, at(1_000))), None, "another network");
        assert_eq!(wait_ms(tries.begin(ADA, at(DELAY_FIRST_MS))), None);
        assert_eq!(wait_ms(tries.begin(ADA, at(DELAY_FIRST_MS))), Some(2 * wait), "the sixth");
        assert_eq!(wait_ms(tries.begin(ADA, at(3 * DELAY_FIRST_MS + REMEMBERED_MS))), None);
        assert_eq!(wait_ms(tries.begin(ADA, at(3 * DELAY_FIRST_MS + REMEMBERED_MS))), None, "begun anew");
    }

    #[test]
    fn a_try_that_was_none_is_taken_back_and_one_that_succeeded_forgets_all() {
        let tries = Tries::new();
        for _ in 0..100 {
            tries.begin(ADA, at(0)).unwrap().take_back();
        }
        for _ in 0..FREE_FAILURES {
            drop(tries.begin(ADA, at(0)).unwrap());
        }
        tries.begin(ADA, at(0)).unwrap().take_back();
        tries.begin(ADA, at(0)).unwrap().succeed();
        for _ in 0..=FREE_FAILURES {
            drop(tries.begin(ADA, at(0)).unwrap());
        }
        // The sixth is taken back: the delay of the fifth is over, and stays so.
        tries.begin(ADA, at(DELAY_FIRST_MS)).unwrap().take_back();
        assert_eq!(wait_ms(tries.begin(ADA, at(DELAY_FIRST_MS))), None);
    }

    #[test]
    fn whoever_has_the_letter_has_failed_nowhere() {
        let tries = Tries::new();
        let (person, other) = (Who::Person(UserId(7)), Who::Mail(2, None));
        let elsewhere = Who::Mail(1, "192.0.2.1".parse().ok());
        for who in [ADA, elsewhere, person, other] {
            for _ in 0..=FREE_FAILURES {
                drop(tries.begin(who, at(0)).unwrap());
            }
        }
        tries.forget(UserId(7), Some(1));
        for who in [ADA, elsewhere, person] {
            assert_eq!(wait_ms(tries.begin(who, at(0))), None, "{who:?}");
        }
        assert!(wait_ms(tries.begin(other, at(0))).is_some());
    }
}
