//! The invariants, checked over a journal: one implementation for `souk verify` and the simulator.
//!
//! The verifier keeps its own, deliberately naive books beside the machines' fold: a mistake in `apply` must
//! not be able to hide itself. Invariants of one stream are checked at every prefix, those across streams over
//! the whole.

mod stock;
mod streams;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::any::AnyEvent;
use crate::ids::{HoldId, InvalidId, LocationId, SkuId, StreamId};
use crate::inventory::Level;
use crate::journal::Recorded;
use crate::time::Timestamp;

/// An invariant that souk promises. The numbers are those of `docs/INVARIANTS.md`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Invariant {
    /// `on_hand = received + restocked + adjusted − shipped ≥ 0`, per SKU and location.
    I1,
    /// `on_hand = available + held + allocated`, each ≥ 0.
    I2,
    /// Units promised (held, sold, shipped) never exceed units that came.
    I3,
    /// Each hold ends exactly once; none is left past its deadline.
    I4,
    /// `(stream, seq)` unique and gapless from 1; positions gapless per partition.
    I6,
    /// Epochs never fall along a stream or a partition.
    I7,
    /// Whatever was acknowledged is in the journal.
    I8,
}

impl Invariant {
    /// What it says, in one line.
    pub fn promise(self) -> &'static str {
        match self {
            Invariant::I1 => "on hand = received + restocked + adjusted - shipped, never below zero",
            Invariant::I2 => "on hand = available + held + allocated, each at least zero",
            Invariant::I3 => "units promised never exceed units that came",
            Invariant::I4 => "every hold ends exactly once, none outlives its deadline",
            Invariant::I6 => "streams and partitions are gapless and without repeats",
            Invariant::I8 => "whatever was acknowledged is in the journal",
            Invariant::I7 => "no event is written under an older owner than the one before it",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// An invariant that does not hold, and where.
#[derive(Clone, PartialEq, Debug)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// In which stream.
    pub stream: StreamId,
    /// At which event.
    pub seq: u64,
    /// What is wrong there.
    pub what: String,
}

/// Work that is under way and must end by itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Pending {
    /// Which invariant it concerns.
    pub invariant: Invariant,
    /// In which stream.
    pub stream: StreamId,
    /// Since which event.
    pub seq: u64,
    /// By when it must have ended.
    pub deadline: Timestamp,
    /// What it is.
    pub what: String,
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many facts were checked, per invariant.
    pub facts: BTreeMap<Invariant, u64>,
    /// What does not hold.
    pub violations: Vec<Violation>,
    /// What is still under way.
    pub pending: Vec<Pending>,
    /// How many events were read.
    pub events: u64,
    /// How many streams they belong to.
    pub streams: u64,
}

impl Report {
    /// Whether everything holds and nothing pending is past its deadline.
    pub fn is_green(&self, now: Timestamp) -> bool {
        self.violations.is_empty() && self.overdue(now).next().is_none()
    }

    /// Pending work whose deadline has passed.
    pub fn overdue(&self, now: Timestamp) -> impl Iterator<Item = &Pending> {
        self.pending.iter().filter(move |pending| pending.deadline < now)
    }

    fn check(
        &mut self,
        invariant: Invariant,
        holds: bool,
        at: (StreamId, u64),
        what: impl FnOnce() -> String,
    ) {
        *self.facts.entry(invariant).or_default() += 1;
        if !holds {
            self.violations.push(Violation { invariant, stream: at.0, seq: at.1, what: what() });
        }
    }
}

/// Something a client was told, as its own log has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// `held HOLD`
    Held(HoldId),
    /// `committed HOLD`
    Committed(HoldId),
    /// `undone HOLD`
    Undone(HoldId),
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Held(hold) => write!(f, "held {hold}"),
            Told::Committed(hold) => write!(f, "committed {hold}"),
            Told::Undone(hold) => write!(f, "undone {hold}"),
        }
    }
}

impl FromStr for Told {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (what, id) = text.split_once(' ').ok_or(InvalidId)?;
        match what {
            "held" => id.parse().map(Told::Held),
            "committed" => id.parse().map(Told::Committed),
            "undone" => id.parse().map(Told::Undone),
            _ => Err(InvalidId),
        }
    }
}

impl Told {
    /// The stream that must bear it out, as far as the id alone says.
    fn stream(&self) -> StreamId {
        match self {
            Told::Held(hold) | Told::Committed(hold) | Told::Undone(hold) => {
                StreamId::Checkout(hold.checkout)
            }
        }
    }
}

/// Reads a journal event by event, each partition in order.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    streams: streams::Streams,
    stock: stock::Stock,
    report: Report,
}

impl Verifier {
    /// A verifier that has read nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next event of its partition.
    pub fn event(&mut self, recorded: &Recorded) {
        self.report.events += 1;
        self.streams.event(recorded, &mut self.report);
        match &recorded.event {
            AnyEvent::Stock(event) => self.stock.event(recorded, event, &mut self.report),
        }
    }

    /// The findings so far, without the checks that need the whole journal. For checks after every event.
    pub fn violations(&self) -> &[Violation] {
        &self.report.violations
    }

    /// One location's units of a SKU, by the verifier's own books.
    pub fn level(&self, sku: SkuId, location: LocationId) -> Level {
        self.stock.level(sku, location)
    }

    /// All events have been read: does the journal bear out what a client was told?
    pub fn acknowledged(&mut self, told: &Told) {
        let borne_out = self.stock.bears_out(told);
        self.report.check(Invariant::I8, borne_out, (told.stream(), 0), || {
            format!("a client was told \"{told}\", the journal does not say so")
        });
    }

    /// All events have been read.
    pub fn finish(mut self) -> Report {
        self.report.streams = self.streams.count();
        self.stock.finish(&mut self.report);
        self.report
    }
}
