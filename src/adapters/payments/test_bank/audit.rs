//! Whether the bank's log is what a bank's log must be: judged from the records alone, not by the books that wrote
//! them.

use std::collections::BTreeMap;
use std::fmt;

use souk_core::ids::PaymentId;
use souk_core::money::Money;
use souk_core::time::Timestamp;

use super::record::{Effect, EffectKind, Record, Request};

/// Money that moved, by which call.
#[derive(Clone, PartialEq, Debug)]
pub struct Moved {
    /// The number of the record.
    pub number: u64,
    /// Of which payment.
    pub payment: PaymentId,
    /// The key of the call that moved it, or that led to it later.
    pub key: String,
    /// How, and how much.
    pub effect: Effect,
}

/// The sums of one payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Totals {
    /// What was asked for.
    pub asked: Money,
    /// What was reserved.
    pub authorised: Money,
    /// What was taken.
    pub captured: Money,
    /// What was let go.
    pub voided: Money,
    /// What was given back.
    pub refunded: Money,
    /// When money was first taken.
    pub captured_at: Option<Timestamp>,
}

/// Something that must not be in a bank's log.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// The number of the record that shows it.
    pub number: u64,
    /// Of which payment.
    pub payment: PaymentId,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} of the bank, {}: {}", self.number, self.payment, self.what)
    }
}

/// What a log shows.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Audit {
    /// Every movement of money, in order.
    pub moved: Vec<Moved>,
    /// The sums of every payment.
    pub totals: BTreeMap<PaymentId, Totals>,
    /// What must not be.
    pub faults: Vec<Fault>,
}

/// Reads a log with suspicion: one effect per key, and no payment gives more than it has.
pub fn audit(records: &[Record]) -> Audit {
    let mut audit = Audit::default();
    let mut keys = BTreeMap::new();
    for (number, record) in (1..).zip(records) {
        audit.opened(record);
        let Some((payment, key, effect)) = record.effect() else { continue };
        if let Some(first) = keys.insert(key.to_owned(), number) {
            audit.fault(number, payment, format!("the key {key} moved money before, in record {first}"));
        }
        audit.move_money(number, payment, effect, record.at());
        audit.moved.push(Moved { number, payment, key: key.to_owned(), effect });
    }
    audit
}

impl Audit {
    fn opened(&mut self, record: &Record) {
        if let Record::Answered { payment, request: Request::Authorise { amount, .. }, .. } = record {
            self.totals.entry(*payment).or_insert_with(|| Totals::of(*amount));
        }
    }

    fn move_money(&mut self, number: u64, payment: PaymentId, effect: Effect, at: Option<Timestamp>) {
        let amount = effect.amount;
        let Some(totals) = self.totals.get_mut(&payment) else {
            self.fault(number, payment, format!("{amount} moved that nobody had asked to authorise"));
            return;
        };
        let side = match effect.kind {
            EffectKind::Authorise => &mut totals.authorised,
            EffectKind::Capture => &mut totals.captured,
            EffectKind::Void => &mut totals.voided,
            EffectKind::Refund => &mut totals.refunded,
        };
        match side.plus(amount) {
            Ok(sum) if amount.minor >= 0 => *side = sum,
            _ => {
                self.fault(number, payment, format!("{amount} cannot move in this payment"));
                return;
            }
        }
        if effect.kind == EffectKind::Capture {
            totals.captured_at = totals.captured_at.or(at);
        }
        let totals = *totals;
        let used = totals.captured.plus(totals.voided).unwrap_or(totals.captured);
        let rules = [
            (totals.authorised.minor > totals.asked.minor, "more was reserved than was asked for"),
            (totals.captured.minor > totals.asked.minor, "more was taken than was asked for"),
            (
                totals.authorised.minor > 0 && used.minor > totals.authorised.minor,
                "more was taken and let go than was reserved",
            ),
            (totals.refunded.minor > totals.captured.minor, "more was given back than was taken"),
        ];
        for (broken, what) in rules {
            if broken {
                self.fault(number, payment, what.to_owned());
            }
        }
    }

    fn fault(&mut self, number: u64, payment: PaymentId, what: String) {
        self.faults.push(Fault { number, payment, what });
    }
}

impl Totals {
    fn of(asked: Money) -> Self {
        let none = Money::zero(asked.currency);
        Totals { asked, authorised: none, captured: none, voided: none, refunded: none, captured_at: None }
    }
}
