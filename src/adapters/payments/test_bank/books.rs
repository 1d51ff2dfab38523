//! What the bank knows and decides. No IO and no clock: a fold of its records, so that a restart changes nothing.

use std::collections::{BTreeSet, HashMap};

use souk_core::ids::PaymentId;
use souk_core::money::Money;
use souk_core::payment::{CallKind, Operation, ProviderCall, ProviderFact};
use souk_core::time::Timestamp;

use super::queue::Queue;
use super::record::{Effect, EffectKind, Record, Request, Said};
use super::settings::{Settings, later};
use super::token::{Delivery, Kind, REFUNDS_DECLINED, Token, Verdict};

/// What a declined refund is told.
const REFUND_DECLINED: &str = "refund_declined";

/// How long the caller waits for its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    Usual,
    Slow,
    /// Until the caller gives up.
    Silence,
}

/// What is to be done about a call: write the record, wait, answer.
#[derive(PartialEq, Debug)]
pub(super) struct Ruling {
    pub record: Option<Record>,
    pub fact: ProviderFact,
    pub wait: Wait,
}

/// Why a shopper's action is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ActionRefused {
    /// There is no such payment.
    #[error("the test bank knows no such payment: follow the link from the checkout")]
    UnknownPayment,
    /// The payment does not wait for its shopper: it never did, or is over.
    #[error(
        "this payment does not wait for its shopper any more: go back to the checkout to see how it stands"
    )]
    NotWaiting,
}

/// A payment as the bank sees it.
#[derive(Clone, Debug)]
struct Account {
    asked: Money,
    /// The key of the call that opened it.
    key: String,
    token: Option<&'static Token>,
    standing: Said,
    reserved: i64,
    captured: i64,
    refunded: i64,
    /// How many refunds were declined because of the token.
    refunds_declined: u32,
    /// What the shopper's action came to.
    acted: Option<bool>,
    /// When the slip will be paid.
    slip_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Answered {
    payment: PaymentId,
    request: Request,
    said: Said,
}

#[derive(Debug)]
pub(super) struct Books {
    settings: Settings,
    /// The number of the last record.
    written: u64,
    /// The time of the last record: a clock that goes back does not take the bank with it.
    last_at: Timestamp,
    accounts: HashMap<PaymentId, Account>,
    calls: HashMap<String, Answered>,
    lost: BTreeSet<String>,
    /// Slips that will be paid, and when.
    slips: BTreeSet<(Timestamp, PaymentId)>,
    pub notices: Queue,
}

impl Books {
    pub fn new(settings: Settings) -> Self {
        Books {
            settings,
            written: 0,
            last_at: Timestamp::ZERO,
            accounts: HashMap::new(),
            calls: HashMap::new(),
            lost: BTreeSet::new(),
            slips: BTreeSet::new(),
            notices: Queue::default(),
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// `now`, or the time of the last record if that is later.
    pub fn not_before(&self, now: Timestamp) -> Timestamp {
        now.max(self.last_at)
    }

    /// What a payment waits for its shopper to pass.
    pub fn action(&self, payment: PaymentId) -> Option<Money> {
        let account = self.accounts.get(&payment)?;
        matches!(account.standing, Said::ActionNeeded { .. }).then_some(account.asked)
    }

    pub fn rule(&self, call: &ProviderCall, now: Timestamp) -> Ruling {
        let answer = |fact| Ruling { record: None, fact, wait: Wait::Usual };
        let request = match (&call.operation, Request::of(&call.operation)) {
            (Operation::LookUp { of }, _) => return answer(self.look_up(call.payment, of)),
            (_, None) => return answer(ProviderFact::Nothing),
            (_, Some(request)) => request,
        };
        if let Some(known) = self.calls.get(&call.key) {
            let same = known.payment == call.payment && known.request == request;
            return answer(if same { known.said.fact() } else { Said::failed("key_reused").fact() });
        }
        let (at, payment, key) = (now, call.payment, call.key.clone());
        let token = self.accounts.get(&payment).map_or_else(|| request.token(), |account| account.token);
        let delivery = token.map_or(Delivery::Plain, |token| token.delivery);
        if delivery == Delivery::CallLost && !self.lost.contains(&key) {
            let record = Some(Record::Lost { at, payment, key });
            return Ruling { record, fact: ProviderFact::Unknown, wait: Wait::Silence };
        }
        let Some((said, effect)) = self.carry_out(call, &request) else {
            return answer(ProviderFact::Nothing);
        };
        let (fact, wait) = match delivery {
            Delivery::AnswerLost | Delivery::NoticeLate => (ProviderFact::Unknown, Wait::Silence),
            Delivery::Slow => (said.fact(), Wait::Slow),
            Delivery::Plain | Delivery::CallLost | Delivery::NoticeTwice => (said.fact(), Wait::Usual),
        };
        Ruling { record: Some(Record::Answered { at, payment, key, request, said, effect }), fact, wait }
    }

    /// How things stand now. A look-up of the calls that make, take or let go a reservation tells how the payment
    /// stands, one of a refund what has become of that refund.
    fn look_up(&self, payment: PaymentId, of: &str) -> ProviderFact {
        let Some(account) = self.accounts.get(&payment) else { return ProviderFact::Nothing };
        let main = [CallKind::Authorise, CallKind::Capture, CallKind::Void];
        if main.iter().any(|kind| kind.key(payment) == of) {
            return account.standing.fact();
        }
        let known = self.calls.get(of).filter(|call| call.payment == payment);
        known.map_or(ProviderFact::Nothing, |call| call.said.fact())
    }

    /// What a call comes to that nobody made before. What cannot be, because the payment has moved on, is answered
    /// with where the payment stands. `None`: there is no such payment, and nothing to remember of the call.
    fn carry_out(&self, call: &ProviderCall, request: &Request) -> Option<(Said, Option<Effect>)> {
        let refuse = |reason| Some((Said::failed(reason), None));
        let Some(account) = self.accounts.get(&call.payment) else {
            return matches!(request, Request::Authorise { .. })
                .then(|| self.authorise(call.payment, request));
        };
        let move_money = |said, kind, minor| {
            let amount = Money::new(minor, account.asked.currency);
            Some((said, Some(Effect { kind, amount })))
        };
        match request {
            Request::Authorise { .. } => refuse("payment_exists"),
            Request::Capture { amount } | Request::Refund { amount } if amount.minor <= 0 => {
                refuse("invalid_amount")
            }
            Request::Capture { amount } | Request::Refund { amount }
                if amount.currency != account.asked.currency =>
            {
                refuse("currency_mismatch")
            }
            Request::Capture { amount } => match account.standing {
                Said::Authorised if amount.minor > account.reserved => refuse("amount_too_large"),
                Said::Authorised if account.verdict() == Some(Verdict::RefuseCapture) => {
                    refuse("capture_declined")
                }
                Said::Authorised => move_money(Said::Captured, EffectKind::Capture, amount.minor),
                _ => Some((account.standing.clone(), None)),
            },
            Request::Void => match account.standing {
                Said::Authorised | Said::ActionNeeded { .. } | Said::AwaitingPayment { .. } => {
                    move_money(Said::Voided, EffectKind::Void, account.reserved)
                }
                _ => Some((account.standing.clone(), None)),
            },
            Request::Refund { amount } => {
                let left = account.captured - account.refunded;
                match account.standing {
                    Said::Captured if account.declines_refund() => refuse(REFUND_DECLINED),
                    Said::Captured if amount.minor > left => refuse("refund_exceeds_captured"),
                    Said::Captured => {
                        let said = Said::Refunded { key: call.key.clone() };
                        move_money(said, EffectKind::Refund, amount.minor)
                    }
                    _ => refuse("not_captured"),
                }
            }
        }
    }

    fn authorise(&self, payment: PaymentId, request: &Request) -> (Said, Option<Effect>) {
        let Request::Authorise { amount, method, .. } = request else {
            return (Said::failed("invalid_call"), None);
        };
        if amount.minor <= 0 {
            return (Said::failed("invalid_amount"), None);
        }
        let Some(token) = request.token() else { return (Said::failed("unknown_token"), None) };
        if !method.takes(token) {
            return (Said::failed("token_of_another_method"), None);
        }
        let effect = |kind| Some(Effect { kind, amount: *amount });
        match (token.kind, token.verdict) {
            (_, Verdict::Decline) => (Said::failed("declined"), None),
            (_, Verdict::AskShopper) => (Said::ActionNeeded { url: self.settings.action_url(payment) }, None),
            (Kind::Card, _) => (Said::Authorised, effect(EffectKind::Authorise)),
            (Kind::Instant, _) => (Said::Captured, effect(EffectKind::Capture)),
            (Kind::PayLater, _) => (Said::AwaitingPayment { reference: format!("slip-{payment}") }, None),
        }
    }

    /// The shopper acts at the bank's page. `None`: it has been done before, with the same result.
    pub fn act(&self, payment: PaymentId, ok: bool, now: Timestamp) -> Result<Option<Record>, ActionRefused> {
        let account = self.accounts.get(&payment).ok_or(ActionRefused::UnknownPayment)?;
        if account.acted == Some(ok) {
            return Ok(None);
        }
        if !matches!(account.standing, Said::ActionNeeded { .. }) {
            return Err(ActionRefused::NotWaiting);
        }
        let effect = ok.then_some(Effect { kind: EffectKind::Authorise, amount: account.asked });
        Ok(Some(Record::Acted { at: now, payment, key: account.key.clone(), ok, effect }))
    }

    /// When the next slip is paid.
    pub fn next_slip_at(&self) -> Option<Timestamp> {
        self.slips.first().map(|(at, _)| *at)
    }

    /// A slip whose time has come.
    pub fn due_slip(&self, now: Timestamp) -> Option<Record> {
        let (at, payment) = self.slips.first().filter(|(at, _)| *at <= now)?;
        let account = self.accounts.get(payment)?;
        let effect = Effect { kind: EffectKind::Capture, amount: account.asked };
        Some(Record::Paid { at: *at, payment: *payment, key: account.key.clone(), effect })
    }

    /// Takes a record in, and returns its number. The only way in which the books change.
    pub fn apply(&mut self, record: &Record) -> u64 {
        self.written += 1;
        self.last_at = record.at().map_or(self.last_at, |at| at.max(self.last_at));
        match record {
            Record::Answered { at, payment, key, request, said, effect } => {
                let opened = self.open(*at, *payment, key, request, said);
                let call = Answered { payment: *payment, request: request.clone(), said: said.clone() };
                self.calls.insert(key.clone(), call);
                self.count_declined_refund(*payment, request, said);
                if let Some(effect) = effect {
                    self.move_money(*payment, said.clone(), *effect);
                }
                if opened || effect.is_some() {
                    self.tell(*at, *payment, key, said);
                }
            }
            Record::Lost { key, .. } => {
                self.lost.insert(key.clone());
            }
            Record::Acted { at, payment, key, ok, effect } => {
                let said = if *ok { Said::Authorised } else { Said::failed("authentication_failed") };
                if let Some(account) = self.accounts.get_mut(payment) {
                    account.acted = Some(*ok);
                    account.standing = said.clone();
                }
                if let Some(effect) = effect {
                    self.move_money(*payment, said.clone(), *effect);
                }
                self.tell(*at, *payment, key, &said);
            }
            Record::Paid { at, payment, key, effect } => {
                self.drop_slip(*payment);
                self.move_money(*payment, Said::Captured, *effect);
                self.tell(*at, *payment, key, &Said::Captured);
            }
            Record::Acknowledged { notice, copy } => self.notices.acknowledged(*notice, *copy),
        }
        self.written
    }

    /// Opens the account of a payment that was not there; whether it did.
    fn open(&mut self, at: Timestamp, payment: PaymentId, key: &str, request: &Request, said: &Said) -> bool {
        let Request::Authorise { amount, .. } = request else { return false };
        if self.accounts.contains_key(&payment) {
            return false;
        }
        let account = Account {
            asked: *amount,
            key: key.to_owned(),
            token: request.token(),
            standing: said.clone(),
            reserved: 0,
            captured: 0,
            refunded: 0,
            refunds_declined: 0,
            acted: None,
            slip_at: None,
        };
        let awaits = matches!(said, Said::AwaitingPayment { .. });
        let slip_at = later(at, self.settings.pay_later_delay_ms);
        let slip_at = (awaits && account.verdict() != Some(Verdict::NeverPaid)).then_some(slip_at);
        self.slips.extend(slip_at.map(|at| (at, payment)));
        self.accounts.insert(payment, Account { slip_at, ..account });
        true
    }

    fn count_declined_refund(&mut self, payment: PaymentId, request: &Request, said: &Said) {
        let declined = matches!(request, Request::Refund { .. }) && *said == Said::failed(REFUND_DECLINED);
        if let Some(account) = self.accounts.get_mut(&payment).filter(|_| declined) {
            account.refunds_declined = account.refunds_declined.saturating_add(1);
        }
    }

    fn drop_slip(&mut self, payment: PaymentId) {
        let slip_at = self.accounts.get_mut(&payment).and_then(|account| account.slip_at.take());
        if let Some(at) = slip_at {
            self.slips.remove(&(at, payment));
        }
    }

    fn move_money(&mut self, payment: PaymentId, said: Said, effect: Effect) {
        let Some(account) = self.accounts.get_mut(&payment) else { return };
        let minor = effect.amount.minor;
        match effect.kind {
            EffectKind::Authorise => account.reserved = minor,
            EffectKind::Capture => {
                account.reserved = 0;
                account.captured = minor;
            }
            EffectKind::Void => account.reserved = 0,
            // A refund is no standing: the payment stays captured.
            EffectKind::Refund => {
                account.refunded = account.refunded.saturating_add(minor);
                return;
            }
        }
        account.standing = said;
        if effect.kind == EffectKind::Void && account.verdict() != Some(Verdict::PaidDespiteVoid) {
            self.drop_slip(payment);
        }
    }

    /// Sends the notice of the record that was just counted.
    fn tell(&mut self, at: Timestamp, payment: PaymentId, key: &str, said: &Said) {
        let token = self.accounts.get(&payment).and_then(|account| account.token);
        let soon = later(at, self.settings.notice_delay_ms);
        let late = later(at, self.settings.late_notice_delay_ms.max(self.settings.notice_delay_ms));
        let times: &[Timestamp] = match token.map_or(Delivery::Plain, |token| token.delivery) {
            Delivery::AnswerLost => return,
            Delivery::Plain | Delivery::CallLost | Delivery::Slow => &[soon],
            Delivery::NoticeLate => &[late],
            Delivery::NoticeTwice => &[soon, late],
        };
        self.notices.add(self.written, payment, key.to_owned(), said.fact(), times);
    }
}

impl Account {
    fn verdict(&self) -> Option<Verdict> {
        self.token.map(|token| token.verdict)
    }

    fn declines_refund(&self) -> bool {
        self.verdict() == Some(Verdict::DeclineRefund) && self.refunds_declined < REFUNDS_DECLINED
    }
}
