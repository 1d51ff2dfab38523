//! A history that went wrong.

use std::fmt;

use souk_core::planted::Bug;

use crate::plan::Plan;
use crate::tape::Without;

/// What went wrong, and how to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The history's seed.
    pub seed: u64,
    /// The bug that was switched on.
    pub bug: Option<Bug>,
    /// What was left out of the history.
    pub without: Without,
    /// When, in virtual milliseconds.
    pub at_ms: u64,
    /// Which promise does not hold.
    pub complaint: String,
    /// The conditions the seed had drawn.
    pub plan: Plan,
    /// How many faults there had been.
    pub faults: u64,
    /// How many errands each client had been on.
    pub errands: Vec<u64>,
}

impl Failure {
    /// The command that replays it.
    pub fn replay(&self) -> String {
        let seed = self.seed;
        match self.bug {
            None => format!("cargo run -p souk-sim -- run --seed {seed} --trace"),
            Some(bug) => {
                format!("cargo run -p souk-sim --features planted -- run --seed {seed} --bug {bug:?} --trace")
            }
        }
    }

    /// What kind of failure it is: the complaint without its numbers and names.
    pub fn class(&self) -> String {
        let plain = |word: &&str| word.chars().all(|c| c.is_ascii_alphabetic() || ".,:".contains(c));
        let invariant = self.complaint.split("invariant: ").nth(1).and_then(|rest| rest.split(',').next());
        match invariant {
            Some(invariant) => invariant.to_owned(),
            None => self.complaint.split_whitespace().filter(plain).take(6).collect::<Vec<_>>().join(" "),
        }
    }

    /// The promise that was broken, in one word.
    pub fn promise(&self) -> String {
        let class = self.class();
        class.split([':', ' ']).next().unwrap_or_default().to_owned()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} failed after {} virtual ms", self.seed, self.at_ms)?;
        writeln!(f, "  {}", self.complaint)?;
        writeln!(f, "{:#?}", self.plan)?;
        write!(f, "replay: {}", self.replay())
    }
}

impl std::error::Error for Failure {}
