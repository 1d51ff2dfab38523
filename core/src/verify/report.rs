//! What is promised, and what a verification found.

use std::collections::BTreeMap;
use std::fmt;

use crate::ids::StreamId;
use crate::time::Timestamp;

/// An invariant that souk promises. The numbers are those of `docs/INVARIANTS.md`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Invariant {
    /// `on_hand = received + restocked + adjusted − shipped ≥ 0`, per SKU and location.
    I1,
    /// `on_hand = available + held + allocated`, each ≥ 0.
    I2,
    /// Units on the lines of orders that stand never exceed the units that came.
    I3,
    /// Each hold ends exactly once; none is left past its deadline.
    I4,
    /// A SKU is in the one shard that its id names.
    I5,
    /// `(stream, seq)` unique and gapless from 1; positions gapless per partition.
    I6,
    /// Epochs never fall along a stream or a partition.
    I7,
    /// Whatever was acknowledged is in the journal.
    I8,
    /// Each row of the outbox belongs to an event, each call to the provider has a key of its own, and no
    /// projection is ahead of the journal.
    I10,
    /// What a stream's events fold to is what its snapshot says, and what books kept beside the machines say.
    I11,
    /// Each captured payment is exactly one order, or one refund.
    I12,
    /// An order names the holds of its lines; each was pinned before money was asked, and committed before souk took
    /// it. The units follow their lines.
    I13,
    /// Checkouts, payments, orders, accounts and sign-ins move along their edges only.
    I14,
    /// What is charged is what the pinned quote's lines come to.
    I15,
    /// Every ledger transaction balances, per currency.
    I17,
    /// All accounts together come to zero, per currency.
    I18,
    /// Per order, account and currency: what is posted is what prices and frozen rates say, and captured − refunded =
    /// payable + commission + tax + shipping.
    I19,
    /// Refunds, pending and done, never exceed what was captured, per payment and per line.
    I20,
    /// One reply per command, by the machine that it names, and nothing in it that the journal does not know.
    I24,
}

impl Invariant {
    /// All that are checked.
    pub const ALL: [Invariant; 19] = {
        use Invariant::*;
        [I1, I2, I3, I4, I5, I6, I7, I8, I10, I11, I12, I13, I14, I15, I17, I18, I19, I20, I24]
    };

    /// What it says, in one line.
    pub fn promise(self) -> &'static str {
        match self {
            Invariant::I1 => "on hand = received + restocked + adjusted - shipped, never below zero",
            Invariant::I2 => "on hand = available + held + allocated, each at least zero",
            Invariant::I3 => "units sold never exceed units that came",
            Invariant::I4 => "every hold ends exactly once, none outlives its deadline",
            Invariant::I5 => "every SKU is in one shard",
            Invariant::I6 => "streams and partitions are gapless and without repeats",
            Invariant::I7 => "no event is written under an older owner than the one before it",
            Invariant::I8 => "whatever was acknowledged is in the journal",
            Invariant::I10 => "outbox rows, provider keys and cursors belong to events, once each",
            Invariant::I11 => "events fold to what snapshots and the books beside them say",
            Invariant::I12 => "every captured payment is exactly one order or one refund",
            Invariant::I13 => "units are pinned before money is asked, committed before it is taken",
            Invariant::I14 => "checkouts, payments, orders and sign-ins move along their edges only",
            Invariant::I15 => "what is charged is what the pinned quote comes to",
            Invariant::I17 => "every ledger transaction balances",
            Invariant::I18 => "all accounts together come to zero",
            Invariant::I19 => "postings are what prices and frozen rates say, account by account",
            Invariant::I20 => "refunds never exceed what was captured",
            Invariant::I24 => "one reply per command, and it says what the journal says",
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

    pub(super) fn check(
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
