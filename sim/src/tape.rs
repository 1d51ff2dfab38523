//! Tapes: a history, and what is left out of it.
//!
//! A seed alone is a whole history, and a long one. A tape names a seed and leaves out what does not matter: nodes,
//! people, the last things they wanted, kinds of faults, single faults. It is a text of one fact per line, made by
//! shrinking and read by `replay`; those of bugs that were found are kept, and replayed by a test.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use souk_core::planted::Bug;

use crate::options::Options;

/// What is left out of a history.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Without {
    /// Every node after so many.
    pub nodes_after: Option<usize>,
    /// These kinds of faults, by their [`names`](crate::plan::KINDS).
    pub kinds: BTreeSet<String>,
    /// These people; the operator is number 0.
    pub clients: BTreeSet<usize>,
    /// What these people want after so many errands.
    pub errands_after: BTreeMap<usize, u64>,
    /// Every fault after so many.
    pub faults_after: Option<u64>,
    /// These faults.
    pub faults: BTreeSet<u64>,
}

impl Without {
    /// Whether the fault of this number is left out.
    pub fn fault(&self, number: u64) -> bool {
        self.faults_after.is_some_and(|last| number > last) || self.faults.contains(&number)
    }

    /// Whether the errand of this number, of this person, is left out.
    pub fn errand(&self, client: usize, number: u64) -> bool {
        self.clients.contains(&client) || self.errands_after.get(&client).is_some_and(|last| number > *last)
    }
}

/// See the module's text.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tape {
    /// The history.
    pub seed: u64,
    /// The bug that was switched on.
    pub bug: Option<Bug>,
    /// What is left out of it.
    pub without: Without,
    /// What there is to say about it, line by line.
    pub notes: Vec<String>,
}

impl Tape {
    /// The options that play it.
    pub fn options(&self) -> Options {
        Options { bug: self.bug, without: self.without.clone(), ..Options::default() }
    }
}

impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "# {note}")?;
        }
        writeln!(f, "seed {}", self.seed)?;
        if let Some(bug) = self.bug {
            writeln!(f, "bug {bug:?}")?;
        }
        let without = &self.without;
        if let Some(nodes) = without.nodes_after {
            writeln!(f, "without nodes after {nodes}")?;
        }
        for kind in &without.kinds {
            writeln!(f, "without kind {kind}")?;
        }
        for client in &without.clients {
            writeln!(f, "without client {client}")?;
        }
        for (client, errands) in &without.errands_after {
            writeln!(f, "without errands of {client} after {errands}")?;
        }
        if let Some(faults) = without.faults_after {
            writeln!(f, "without faults after {faults}")?;
        }
        for fault in &without.faults {
            writeln!(f, "without fault {fault}")?;
        }
        Ok(())
    }
}

impl FromStr for Tape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut tape = Tape::default();
        let mut seed = None;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(note) = line.strip_prefix('#') {
                tape.notes.push(note.trim().to_owned());
                continue;
            }
            let wrong = || format!("a tape says nothing like `{line}`");
            let number = |word: &str| word.parse::<u64>().map_err(|_| wrong());
            let words: Vec<&str> = line.split_whitespace().collect();
            let without = &mut tape.without;
            match words[..] {
                ["seed", n] => seed = Some(number(n)?),
                ["bug", name] => {
                    let bug = Bug::ALL.iter().find(|bug| format!("{bug:?}") == name);
                    tape.bug = Some(*bug.ok_or_else(wrong)?);
                }
                ["without", "nodes", "after", n] => without.nodes_after = Some(number(n)? as usize),
                ["without", "kind", kind] => {
                    without.kinds.insert(kind.to_owned());
                }
                ["without", "client", n] => {
                    without.clients.insert(number(n)? as usize);
                }
                ["without", "errands", "of", client, "after", n] => {
                    without.errands_after.insert(number(client)? as usize, number(n)?);
                }
                ["without", "faults", "after", n] => without.faults_after = Some(number(n)?),
                ["without", "fault", n] => {
                    without.faults.insert(number(n)?);
                }
                _ => return Err(wrong()),
            }
        }
        tape.seed = seed.ok_or("a tape names its seed")?;
        Ok(tape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tape_reads_what_it_writes() {
        let tape = Tape {
            seed: 42,
            bug: Some(Bug::DoubleRelease),
            without: Without {
                nodes_after: Some(2),
                kinds: ["loss".to_owned()].into(),
                clients: [3, 5].into(),
                errands_after: [(1, 7)].into(),
                faults_after: Some(99),
                faults: [2, 8].into(),
            },
            notes: vec!["what it found".to_owned()],
        };
        assert_eq!(tape.to_string().parse(), Ok(tape));
        assert!("without seed 4".parse::<Tape>().is_err());
        assert!("without kind loss".parse::<Tape>().is_err(), "it must name its seed");
    }
}
