//! Shrinking: leaves out of a failing history whatever it fails without.

use std::collections::BTreeSet;

use crate::failure::Failure;
use crate::options::Options;
use crate::plan::KINDS;
use crate::tape::{Tape, Without};

/// The smallest history found that fails for the same reason, as a tape, and how it fails. Tries at most so many.
pub fn shrink(failure: Box<Failure>, tries: usize) -> (Tape, Box<Failure>) {
    let wanted = failure.class();
    let without = failure.without.clone();
    let mut search = Search { wanted, tries, without, failure };
    loop {
        let before = search.without.clone();
        search.nodes();
        search.kinds();
        search.last_faults();
        search.clients();
        search.last_errands();
        search.single_faults();
        if search.without == before || search.tries == 0 {
            break;
        }
    }
    let Search { failure, mut without, .. } = search;
    // What lies behind the last fault says nothing.
    let last = without.faults_after.unwrap_or(u64::MAX).min(failure.faults);
    without.faults.retain(|number| *number <= last);
    let notes = vec![failure.complaint.lines().next().unwrap_or_default().to_owned()];
    (Tape { seed: failure.seed, bug: failure.bug, without, notes }, failure)
}

struct Search {
    wanted: String,
    tries: usize,
    without: Without,
    failure: Box<Failure>,
}

impl Search {
    /// Whether it fails for the same reason without this too; keeps it then.
    fn try_without(&mut self, change: impl FnOnce(&mut Without)) -> bool {
        let mut without = self.without.clone();
        change(&mut without);
        if self.tries == 0 || without == self.without {
            return false;
        }
        self.tries -= 1;
        let options = Options { bug: self.failure.bug, without: without.clone(), ..Options::default() };
        match crate::run(self.failure.seed, &options) {
            Err(failure) if failure.class() == self.wanted => {
                (self.without, self.failure) = (without, failure);
                true
            }
            _ => false,
        }
    }

    fn nodes(&mut self) {
        let fewer = 1..self.failure.plan.nodes;
        fewer.into_iter().any(|nodes| self.try_without(|without| without.nodes_after = Some(nodes)));
    }

    fn kinds(&mut self) {
        for kind in KINDS {
            self.try_without(|without| {
                without.kinds.insert((*kind).to_owned());
            });
        }
    }

    /// No more faults from some number on, the earlier the better.
    fn last_faults(&mut self) {
        let (mut low, mut high) = (0, self.failure.faults);
        while low < high {
            let last = low + (high - low) / 2;
            if self.try_without(|without| without.faults_after = Some(last)) {
                high = last
            } else {
                low = last + 1
            }
        }
    }

    fn clients(&mut self) {
        for client in (1..self.failure.errands.len()).rev() {
            self.try_without(|without| {
                without.clients.insert(client);
            });
        }
    }

    fn last_errands(&mut self) {
        for client in 0..self.failure.errands.len() {
            let (mut low, mut high) = (0, self.failure.errands[client]);
            while low < high && !self.without.clients.contains(&client) {
                let last = low + (high - low) / 2;
                let fails = self.try_without(|without| {
                    without.errands_after.insert(client, last);
                });
                if fails { high = last } else { low = last + 1 }
            }
        }
    }

    /// Chunks of faults, halved until they are single ones.
    fn single_faults(&mut self) {
        let left = |search: &Search| -> Vec<u64> {
            (1..=search.failure.faults).filter(|number| !search.without.fault(*number)).collect()
        };
        let mut size = left(self).len();
        while size > 0 && self.tries > 0 {
            for chunk in left(self).chunks(size) {
                let chunk: BTreeSet<u64> = chunk.iter().copied().collect();
                self.try_without(|without| without.faults.extend(chunk));
            }
            size /= 2;
        }
    }
}
