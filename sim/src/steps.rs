//! The steps of a sale, and processes that end in the middle of one.

use std::collections::BTreeSet;
use std::fmt;

use souk_core::any::AnyEvent;
use souk_core::journal::Append;
use souk_core::{checkout, inventory, payment};

use crate::shop;

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $number:literal),+ $(,)?) => {
        /// What an append does for a sale, with the number it has in the design: the eight steps, then their undos.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Step {
            $($(#[$doc])* $name),+
        }

        impl Step {
            /// All of them.
            pub const ALL: &[Step] = &[$(Step::$name),+];

            /// Its number, or that of the step it undoes.
            pub fn number(self) -> u32 {
                match self {
                    $(Step::$name => $number),+
                }
            }
        }
    };
}

steps! {
    /// The checkout knows what it costs.
    Quoted = 1,
    /// It asks to hold every line.
    HoldsAsked = 2,
    /// It has every hold, the check is passed, and the payment is created with its first call.
    Checked = 3,
    /// A shard holds a line, pinned to the payment.
    Pinned = 4,
    /// The payment knows that the money is reserved.
    Authorised = 5,
    /// The checkout asks to commit every line.
    CommitsAsked = 6,
    /// A shard has committed a line.
    Committed = 6,
    /// The checkout asks the payment to take the money.
    CaptureAsked = 7,
    /// The payment calls for it.
    CaptureStarted = 7,
    /// The payment knows that it is here.
    Captured = 7,
    /// The order is placed.
    Placed = 8,
    /// The checkout gives the attempt up and asks to undo every hold.
    AttemptEnded = 2,
    /// A shard has released a line.
    Released = 4,
    /// The payment calls to let the money go.
    VoidStarted = 5,
    /// A shard has deallocated a line.
    Deallocated = 6,
    /// The payment calls to give money back.
    RefundStarted = 7,
}

/// When a process ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Moment {
    /// The step was applied in memory, and not durable.
    BeforeDurable,
    /// It was durable, and nobody had been told.
    BeforeAnswer,
}

impl Moment {
    /// Both.
    pub const ALL: [Moment; 2] = [Moment::BeforeDurable, Moment::BeforeAnswer];
}

/// How often a process ended at which step.
#[derive(Clone, Debug, Default)]
pub struct Crashes {
    counts: [Vec<u64>; 2],
}

impl Crashes {
    /// A process ended there.
    pub fn saw(&mut self, step: Step, moment: Moment) {
        let counts = &mut self.counts[moment as usize];
        counts.resize(Step::ALL.len(), 0);
        counts[step as usize] += 1;
    }

    /// How often one did.
    pub fn count(&self, step: Step, moment: Moment) -> u64 {
        self.counts[moment as usize].get(step as usize).copied().unwrap_or_default()
    }

    /// Where none ever did.
    pub fn missing(&self) -> Vec<(Step, Moment)> {
        let all = Step::ALL.iter().flat_map(|step| Moment::ALL.map(|moment| (*step, moment)));
        all.filter(|(step, moment)| self.count(*step, *moment) == 0).collect()
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Crashes) {
        for (step, moment) in Step::ALL.iter().flat_map(|step| Moment::ALL.map(|moment| (*step, moment))) {
            let more = other.count(step, moment);
            if more > 0 {
                self.saw(step, moment);
                self.counts[moment as usize][step as usize] += more - 1;
            }
        }
    }
}

impl fmt::Display for Crashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "a process ended at      before durable  before answer")?;
        for step in Step::ALL {
            let [durable, answer] = Moment::ALL.map(|moment| self.count(*step, moment));
            writeln!(f, "{:>3}  {:<18}{durable:>14} {answer:>14}", step.number(), format!("{step:?}"))?;
        }
        Ok(())
    }
}

/// The steps that this append takes.
pub fn of(append: &Append) -> BTreeSet<Step> {
    append.events.iter().filter_map(of_event).collect()
}

fn of_event(event: &AnyEvent) -> Option<Step> {
    Some(match event {
        AnyEvent::Checkout(event) => match event {
            checkout::Event::Quoted(_) => Step::Quoted,
            checkout::Event::PayStarted { .. } => Step::HoldsAsked,
            checkout::Event::HoldsTaken { .. } => Step::Checked,
            checkout::Event::CommitAsked { .. } => Step::CommitsAsked,
            checkout::Event::CaptureAsked { .. } => Step::CaptureAsked,
            checkout::Event::AttemptEnded { .. } => Step::AttemptEnded,
            checkout::Event::Placed(_) => Step::Placed,
            _ => return None,
        },
        AnyEvent::Payment(event) => match event {
            payment::Event::Authorised => Step::Authorised,
            payment::Event::CaptureStarted { .. } => Step::CaptureStarted,
            payment::Event::Captured => Step::Captured,
            payment::Event::VoidStarted { .. } => Step::VoidStarted,
            payment::Event::RefundStarted { .. } => Step::RefundStarted,
            _ => return None,
        },
        AnyEvent::Stock(event) => {
            let (hold, step) = match event {
                inventory::Event::Held { hold, pin: Some(_), .. } => (hold, Step::Pinned),
                inventory::Event::Committed { hold, .. } => (hold, Step::Committed),
                inventory::Event::Released { hold } => (hold, Step::Released),
                inventory::Event::Deallocated { hold } => (hold, Step::Deallocated),
                _ => return None,
            };
            return shop::is_machine(hold.checkout).then_some(step);
        }
        _ => return None,
    })
}
