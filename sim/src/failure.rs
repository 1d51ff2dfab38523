//! A history that went wrong.

use std::fmt;

use souk_core::planted::Bug;

use crate::plan::Plan;

/// What went wrong, and how to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The history's seed.
    pub seed: u64,
    /// The bug that was switched on.
    pub bug: Option<Bug>,
    /// When, in virtual milliseconds.
    pub at_ms: u64,
    /// Which promise does not hold.
    pub complaint: String,
    /// The conditions the seed had drawn.
    pub plan: Plan,
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
