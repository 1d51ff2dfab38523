//! What a host knows of requests that it has answered, or is about to answer.

use std::collections::{BTreeMap, VecDeque};

use crate::journal::Incarnation;
use crate::machine::{CommandId, CommandKey, Machine, Outcome};
use crate::planted::{self, Bug};
use crate::time::Timestamp;

use super::io::Answer;

/// How long a host itself remembers what it answered; the journal remembers longer.
pub const REPEATS_KEPT_MS: i64 = 10 * 60 * 1000;

/// What is known of a request's name when it comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// It was made for this very request, which nobody was given yet.
    Never,
    /// It may have been used.
    Perhaps,
    /// The journal held no reply under it when its host had asked for this look.
    NotWhenLooked(Look),
}

/// A look into the journal, as the host that asked for it knows it again. What was answered since, that host still knows;
/// another one, or the same one much later, need not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    incarnation: Incarnation,
    at: Timestamp,
}

#[derive(Debug)]
struct Known<M: Machine> {
    fingerprint: u128,
    at: Timestamp,
    /// `None` while the answer is still to come.
    outcome: Option<Outcome<M>>,
}

/// The names of the last ten minutes, with their answers.
#[derive(Debug)]
pub(super) struct Repeats<M: Machine> {
    incarnation: Incarnation,
    /// On the heap: a leaf of the map has room for eleven, and most hosts know two.
    known: BTreeMap<CommandId, Box<Known<M>>>,
    /// When each was answered, and by which append.
    by_age: VecDeque<(Timestamp, u64, CommandId)>,
    /// How long each is known, in milliseconds.
    kept_ms: i64,
    /// Whether there are replies in the journal that are not known here.
    has_forgotten: bool,
}

impl<M: Machine> Repeats<M> {
    /// None yet, of this start of a host.
    pub(super) fn new(incarnation: Incarnation, has_older: bool) -> Self {
        Repeats {
            incarnation,
            known: BTreeMap::new(),
            by_age: VecDeque::new(),
            kept_ms: REPEATS_KEPT_MS,
            has_forgotten: has_older,
        }
    }

    /// Knows each for so many milliseconds.
    pub(super) fn keep_for(&mut self, millis: i64) {
        self.kept_ms = millis;
    }

    /// What a request of this name is told, when the name is known.
    pub(super) fn answer(&self, key: CommandKey) -> Option<Answer<M>> {
        let known = self.known.get(&key.id)?;
        if known.fingerprint != key.fingerprint && !planted::is(Bug::KeyBodyNotCompared) {
            return Some(Answer::KeyReused);
        }
        Some(match &known.outcome {
            Some(outcome) => Answer::Repeated(outcome.clone()),
            None => Answer::InFlight,
        })
    }

    /// Whether the name of a request that is not known cannot have been answered and forgotten. While one waits for its
    /// look, its double may be decided; that is known here until it is old itself.
    pub(super) fn is_new(&self, seen: Seen, now: Timestamp) -> bool {
        !self.has_forgotten
            || match seen {
                Seen::Never => true,
                Seen::Perhaps => false,
                Seen::NotWhenLooked(look) => {
                    let is_fresh =
                        look.incarnation == self.incarnation && now.millis_since(look.at) <= self.kept_ms;
                    is_fresh || planted::is(Bug::StaleLookBelieved)
                }
            }
    }

    /// A look into the journal that begins now.
    pub(super) fn look(&self, now: Timestamp) -> Look {
        Look { incarnation: self.incarnation, at: now }
    }

    /// Knows the name from now on; its answer, if there is one yet, is told by this append.
    pub(super) fn remember(
        &mut self,
        key: CommandKey,
        at: Timestamp,
        outcome: Option<Outcome<M>>,
        append: u64,
    ) {
        if outcome.is_some() {
            self.by_age.push_back((at, append, key.id));
        }
        self.known.insert(key.id, Box::new(Known { fingerprint: key.fingerprint, at, outcome }));
    }

    /// Nothing that the journal does not know yet, whatever the clock says: after a machine has slept for an hour, an
    /// answer may be old and still be on its way there. `durable` is the last append that is.
    pub(super) fn forget_old(&mut self, now: Timestamp, durable: u64) {
        while let Some((at, append, id)) = self.by_age.front().copied()
            && now.millis_since(at) > self.kept_ms
            && (append <= durable || planted::is(Bug::ForgottenBeforeDurable))
        {
            self.by_age.pop_front();
            self.has_forgotten = true;
            if self.known.get(&id).is_some_and(|known| known.at == at) {
                self.known.remove(&id);
            }
        }
    }
}
