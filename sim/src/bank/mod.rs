//! The model of a payment provider: says yes, no, or not yet; says nothing and has done it, or has not, or does it
//! later; and does what comes under one key once.
//!
//! It keeps a log of its deeds, and it is strict: whoever uses a key for something else, asks for the same money
//! under two keys, or gives back what was never taken has made a mistake, and the history ends.

mod account;
mod habit;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use souk_core::ids::PaymentId;
use souk_core::payment::{CallKind, Method, Operation, ProviderCall, ProviderFact};

use crate::rng::Rng;
use crate::schedule::{MS, Micros};

pub use account::{Account, Stands};
use habit::{Delivery, Habit, Verdict};

/// How late the latest notices are.
const DAYS_LATE: Micros = 3 * 24 * 60 * 60 * 1_000 * MS;
/// What is told later than this is told long after everything else.
const SOON: Micros = DAYS_LATE / 2;

/// Something the bank did, under which key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Deed {
    /// The key of the call that wanted it.
    pub key: String,
    /// Whose money it was.
    pub payment: PaymentId,
    /// What was done.
    pub what: &'static str,
}

/// Something the bank tells by itself, again and again until it is heard.
#[derive(Clone, Debug)]
pub struct Notice {
    /// About which payment.
    pub payment: PaymentId,
    /// About which call.
    pub key: String,
    /// What.
    pub fact: ProviderFact,
    /// When it is sent first.
    pub at: Micros,
    heard: bool,
    is_late: bool,
}

/// Something the bank does later.
#[derive(Debug)]
enum Late {
    /// What a call wanted.
    Call(ProviderCall),
    /// Takes what it has reserved.
    Take(PaymentId),
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct Bank {
    accounts: BTreeMap<PaymentId, Account>,
    /// What was answered under each key, and to what.
    answers: BTreeMap<String, (Operation, ProviderFact)>,
    unheard: BTreeSet<String>,
    /// Errors that are answered again under the same key, until when.
    errors: BTreeMap<String, Micros>,
    /// What is done later.
    later: Vec<(Micros, Late)>,
    notices: Vec<Notice>,
    deeds: Vec<Deed>,
    mistake: Option<String>,
    /// How long late things take at most.
    pub late_max: Micros,
}

impl Bank {
    /// Every payment it has heard of.
    pub fn accounts(&self) -> impl Iterator<Item = (&PaymentId, &Account)> {
        self.accounts.iter()
    }

    /// Everything it did.
    pub fn deeds(&self) -> &[Deed] {
        &self.deeds
    }

    /// A mistake of its callers.
    pub fn mistake(&mut self) -> Option<String> {
        self.mistake.take()
    }

    /// Everything it was asked is done, and everything it has to tell soon was heard.
    pub fn is_at_rest(&self, now: Micros) -> bool {
        let told = |notice: &Notice| notice.heard || notice.at > now + SOON;
        self.later.is_empty() && self.notices.iter().all(told)
    }

    /// When it next tells what it tells long afterwards.
    pub fn tells_long_after(&self, now: Micros) -> Option<Micros> {
        let unheard = self.notices.iter().filter(|notice| !notice.heard && notice.at > now + SOON);
        unheard.map(|notice| notice.at).min()
    }

    /// Whether the notice of this number is told days after what it tells.
    pub fn is_days_late(&self, number: usize) -> bool {
        self.notices.get(number).is_some_and(|notice| notice.is_late)
    }

    /// Whether the next call under this key is answered by an error that is kept.
    pub fn keeps_error(&self, key: &str, now: Micros) -> bool {
        self.errors.get(key).is_some_and(|until| *until > now)
    }

    /// The notice of this number, unless it was heard.
    pub fn notice(&self, number: usize) -> Option<&Notice> {
        self.notices.get(number).filter(|notice| !notice.heard)
    }

    /// Whose payment the notice of this number is about.
    pub fn about(&self, number: usize) -> PaymentId {
        self.notices[number].payment
    }

    /// How many notices there ever were.
    pub fn notices(&self) -> usize {
        self.notices.len()
    }

    /// The notice is recorded.
    pub fn acknowledge(&mut self, number: usize) {
        if let Some(notice) = self.notices.get_mut(number) {
            notice.heard = true;
        }
    }

    /// Whether this key was carried out before.
    pub fn knows(&self, key: &str) -> bool {
        self.answers.contains_key(key)
    }

    /// When it next does something late.
    pub fn next_deed(&self) -> Option<Micros> {
        self.later.iter().map(|(at, _)| *at).min()
    }

    /// Does what is due.
    pub fn catch_up(&mut self, now: Micros, rng: &mut Rng) {
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= now);
        self.later = later;
        let due: Vec<(Micros, Late)> = due;
        for (_, late) in due {
            match late {
                Late::Call(call) => drop(self.carry_out(&call, now, rng)),
                Late::Take(payment) => self.take(payment, now, rng),
            }
        }
    }

    fn take(&mut self, payment: PaymentId, now: Micros, rng: &mut Rng) {
        let Some(account) = self.accounts.get_mut(&payment) else { return };
        if !matches!(account.stands, Stands::Reserved | Stands::Released) {
            return;
        }
        account.stands = Stands::Taken;
        let key = CallKind::Authorise.key(payment);
        self.deeds.push(Deed { key: key.clone(), payment, what: "capture" });
        self.tell(payment, &key, ProviderFact::Captured, now, rng);
    }

    /// A call has arrived. `None`: no answer will come.
    pub fn call(&mut self, call: &ProviderCall, now: Micros, rng: &mut Rng) -> Option<ProviderFact> {
        if let Operation::LookUp { of } = &call.operation {
            return Some(self.look_up(call.payment, of));
        }
        let habit = match &call.operation {
            Operation::Authorise { method, .. } => Habit::of(method),
            _ => match self.habit(call.payment) {
                Some(habit) => habit,
                None => return Some(ProviderFact::Nothing),
            },
        };
        if self.keeps_error(&call.key, now) {
            return Some(ProviderFact::Unknown);
        }
        if let Some((operation, fact)) = self.answers.get(&call.key) {
            if *operation != call.operation {
                self.mistake = Some(format!("{} was {operation:?} and is now {call:?}", call.key));
            }
            return habit.answers(fact).then(|| fact.clone());
        }
        match habit.delivery {
            Delivery::Deaf if self.unheard.insert(call.key.clone()) => None,
            Delivery::Late | Delivery::LateAndSilent => {
                if self.unheard.insert(call.key.clone()) {
                    self.later.push((now + 1 + rng.below(self.late_max), Late::Call(call.clone())));
                }
                None
            }
            Delivery::ErrorDone | Delivery::ErrorKept if self.unheard.insert(call.key.clone()) => {
                self.errors.insert(call.key.clone(), now + 1 + rng.below(self.late_max));
                if habit.delivery == Delivery::ErrorDone {
                    self.carry_out(call, now, rng);
                }
                Some(ProviderFact::Unknown)
            }
            _ => {
                let fact = self.carry_out(call, now, rng);
                habit.answers(&fact).then_some(fact)
            }
        }
    }

    fn habit(&self, payment: PaymentId) -> Option<Habit> {
        self.accounts.get(&payment).map(|account| account.habit)
    }

    fn carry_out(&mut self, call: &ProviderCall, now: Micros, rng: &mut Rng) -> ProviderFact {
        let (fact, deed) = match &call.operation {
            Operation::Authorise { amount, method } => self.authorise(call, amount.minor, method),
            Operation::Capture { amount } => self.capture(call.payment, amount.minor),
            Operation::Void => self.void(call.payment, rng),
            Operation::Refund { amount } => self.refund(call, amount.minor),
            Operation::LookUp { .. } => return ProviderFact::Nothing,
        };
        self.answers.insert(call.key.clone(), (call.operation.clone(), fact.clone()));
        if let Some(what) = deed {
            self.deeds.push(Deed { key: call.key.clone(), payment: call.payment, what });
        }
        let told = deed.is_some() || matches!(call.operation, Operation::Authorise { .. });
        let takes = self.habit(call.payment).is_some_and(|habit| habit.verdict == Verdict::Takes);
        if takes && matches!(call.operation, Operation::Authorise { .. }) {
            self.later.push((now + 1 + rng.below(self.late_max), Late::Take(call.payment)));
        }
        let silent = self.habit(call.payment).is_some_and(Habit::is_silent);
        if told && !silent {
            self.tell(call.payment, &call.key, fact.clone(), now, rng);
        }
        fact
    }

    fn authorise(&mut self, call: &ProviderCall, asked: i64, method: &Method) -> Done {
        if self.accounts.contains_key(&call.payment) {
            self.mistake = Some(format!("{} is asked for a second time, by {}", call.payment, call.key));
            return (failed("payment_exists"), None);
        }
        let habit = Habit::of(method);
        let (stands, deed) = match (habit.verdict, method) {
            (Verdict::No, _) => (Stands::Declined, None),
            (_, Method::PayLater { .. }) => (Stands::Awaiting, None),
            (_, Method::Instant { .. }) => (Stands::Taken, Some("capture")),
            (Verdict::Ask, Method::Card { .. }) => (Stands::Challenged, None),
            (_, Method::Card { .. }) => (Stands::Reserved, Some("authorise")),
        };
        let is_slip = matches!(method, Method::PayLater { .. });
        let account = Account { stands, asked, refunds: BTreeMap::new(), habit, is_slip };
        let fact = account.fact();
        self.accounts.insert(call.payment, account);
        (fact, deed)
    }

    fn capture(&mut self, payment: PaymentId, amount: i64) -> Done {
        let Some(account) = self.accounts.get_mut(&payment) else { return (ProviderFact::Nothing, None) };
        if amount != account.asked {
            self.mistake = Some(format!("{amount} of {payment} are taken, {} were reserved", account.asked));
        }
        match account.stands {
            Stands::Reserved if account.habit.verdict == Verdict::NoCapture => {
                (failed("capture_refused"), None)
            }
            Stands::Reserved => {
                account.stands = Stands::Taken;
                (ProviderFact::Captured, Some("capture"))
            }
            _ => (account.fact(), None),
        }
    }

    fn void(&mut self, payment: PaymentId, rng: &mut Rng) -> Done {
        let Some(account) = self.accounts.get_mut(&payment) else { return (ProviderFact::Nothing, None) };
        match account.stands {
            Stands::Challenged | Stands::Awaiting | Stands::Reserved => {
                account.stands = Stands::Released;
                (ProviderFact::Voided, Some("void"))
            }
            Stands::Taken if rng.chance(500) => (failed("already_paid"), None),
            _ => (account.fact(), None),
        }
    }

    fn refund(&mut self, call: &ProviderCall, amount: i64) -> Done {
        let Some(account) = self.accounts.get_mut(&call.payment) else {
            return (ProviderFact::Nothing, None);
        };
        if amount <= 0 || amount > account.kept() {
            let kept = account.kept();
            self.mistake = Some(format!("{} gives back {amount}, the bank keeps {kept}", call.key));
            return (failed("refund_exceeds_captured"), None);
        }
        if account.habit.verdict == Verdict::KeepsStray && call.key == CallKind::Refund(0).key(call.payment) {
            return (failed("try_later"), None);
        }
        if account.habit.verdict == Verdict::KeepsFirst && call.key == CallKind::Refund(1).key(call.payment) {
            return (failed("declined"), None);
        }
        account.refunds.insert(call.key.clone(), amount);
        (ProviderFact::Refunded { key: call.key.clone() }, Some("refund"))
    }

    /// The shopper does at the bank's what is to be done there, or fails to.
    pub fn shopper_acts(&mut self, payment: PaymentId, ok: bool, now: Micros, rng: &mut Rng) {
        let Some(account) = self.accounts.get_mut(&payment) else { return };
        let despite = account.habit.verdict == Verdict::DespiteVoid && account.is_slip;
        let (stands, what) = match account.stands {
            Stands::Challenged if ok => (Stands::Reserved, "authorise"),
            Stands::Challenged => (Stands::Declined, "decline"),
            Stands::Awaiting if ok => (Stands::Taken, "capture"),
            Stands::Released if ok && despite => (Stands::Taken, "capture"),
            _ => return,
        };
        account.stands = stands;
        let fact = account.fact();
        let key = CallKind::Authorise.key(payment);
        self.deeds.push(Deed { key: key.clone(), payment, what });
        // Nobody looks up what he believes to be over, so money that comes after all is always told.
        self.tell(payment, &key, fact, now, rng);
    }

    fn tell(&mut self, payment: PaymentId, key: &str, fact: ProviderFact, now: Micros, rng: &mut Rng) {
        let delivery = self.habit(payment).map_or(Delivery::Plain, |habit| habit.delivery);
        let soon = now + 1 + rng.below(5_000);
        let late = now + 1 + rng.below(self.late_max);
        let times: &[Micros] = match delivery {
            Delivery::Twice => &[soon, late],
            Delivery::Silent | Delivery::Late | Delivery::LateAndSilent => &[late],
            Delivery::DaysLate => &[now + DAYS_LATE],
            Delivery::Plain | Delivery::Deaf | Delivery::ErrorDone | Delivery::ErrorKept => &[soon],
        };
        for at in times {
            let is_late = *at >= now + DAYS_LATE;
            self.notices.push(Notice {
                payment,
                key: key.to_owned(),
                fact: fact.clone(),
                at: *at,
                heard: false,
                is_late,
            });
        }
    }

    /// How things stand now.
    fn look_up(&self, payment: PaymentId, of: &str) -> ProviderFact {
        let Some(account) = self.accounts.get(&payment) else { return ProviderFact::Nothing };
        let main = [CallKind::Authorise, CallKind::Capture, CallKind::Void];
        if main.iter().any(|kind| kind.key(payment) == of) {
            return account.fact();
        }
        self.answers.get(of).map_or(ProviderFact::Nothing, |(_, fact)| fact.clone())
    }
}

/// What a call came to, and the deed, if there was one.
type Done = (ProviderFact, Option<&'static str>);

fn failed(reason: &str) -> ProviderFact {
    ProviderFact::Failed { reason: reason.to_owned() }
}
