//! What a payment knows, and how an event changes it.

use serde::{Deserialize, Serialize};

use crate::ask::{Ask, AskId, AskRequest, OpenAsks};
use crate::ids::{PaymentId, StreamId};
use crate::machine::EventMeta;
use crate::money::Money;
use crate::planted::{self, Bug};
use crate::time::Timestamp;
use crate::{checkout, order};

use super::{
    Event, LATE_LOOK_UP_PAUSE_MAX_MS, LOOK_UP_PAUSE_MAX_MS, Limits, Method, News, OWN_REFUND_TRIES_MAX,
    RefundId,
};

/// What the checkout wants paid: fixed from the first event on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Intent {
    /// Which attempt.
    pub payment: PaymentId,
    /// How much.
    pub amount: Money,
    /// How.
    pub method: Method,
    /// Its limits.
    pub limits: Limits,
}

/// The furthest that the provider is known to have come. The order of the variants is the rule: a later one wins
/// whenever it is heard, an earlier one that comes late changes nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub enum Standing {
    /// Nothing was heard yet.
    #[default]
    Unknown,
    /// The shopper must act.
    ActionNeeded {
        /// Where.
        url: String,
    },
    /// It will be paid elsewhere.
    AwaitingPayment {
        /// With what.
        reference: String,
    },
    /// The money is reserved.
    Authorised,
    /// The provider said no.
    Failed {
        /// Its code.
        reason: String,
    },
    /// The reservation was let go.
    Voided,
    /// The money is here. Nothing takes that back; giving it back is a refund.
    Captured,
}

impl Standing {
    /// Whether hearing this changes anything. A second no does not: the code of the first one stands.
    pub(super) fn is_further_than(&self, known: &Standing) -> bool {
        !self.is_as_far_as(known) && self > known
    }

    /// Whether both are the same step, whatever address or reference goes with it.
    pub(super) fn is_as_far_as(&self, known: &Standing) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(known)
    }

    /// Whether this tells a new address or reference of the step that is known.
    pub(super) fn renews(&self, known: &Standing) -> bool {
        let open = matches!(self, Standing::ActionNeeded { .. } | Standing::AwaitingPayment { .. });
        open && self.is_as_far_as(known) && self != known
    }
}

/// The calls that move a payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CallKind {
    /// Reserve.
    Authorise,
    /// Take.
    Capture,
    /// Let go.
    Void,
    /// Give back.
    Refund(u32),
    /// Give back after all what the provider had declined to: which refund, and which try, from 2.
    RefundAgain(u32, u32),
}

impl CallKind {
    /// The provider's idempotency key of this call: a function of the payment and the operation, so that it is
    /// the same after every crash.
    pub fn key(self, payment: PaymentId) -> String {
        match self {
            CallKind::Authorise => format!("{payment}/authorise"),
            CallKind::Capture => format!("{payment}/capture"),
            CallKind::Void => format!("{payment}/void"),
            CallKind::Refund(n) => format!("{payment}/refund-{n}"),
            CallKind::RefundAgain(n, attempt) => format!("{payment}/refund-{n}-{attempt}"),
        }
    }
}

/// A call that was journalled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Call {
    /// Whether it has ended without telling what happened.
    pub unknown: bool,
}

/// Money that goes back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Refund {
    /// Its name.
    pub id: RefundId,
    /// How much.
    pub amount: Money,
    /// The latest call.
    pub call: Call,
    /// How often it was tried.
    pub tries: u32,
    /// The provider's code, when it has declined the latest try.
    pub failed: Option<String>,
    /// Whether it went through.
    pub done: bool,
}

impl Refund {
    /// Its latest call.
    pub fn kind(&self) -> CallKind {
        call_of(self.id, self.tries)
    }

    /// Whether it is under way.
    pub fn is_open(&self) -> bool {
        !self.done && self.failed.is_none()
    }

    /// Whether the payment will try it again by itself: only what nobody else could order anew.
    pub(super) fn is_to_be_retried(&self) -> bool {
        !self.done && self.failed.is_some() && self.id.n == 0 && self.tries < OWN_REFUND_TRIES_MAX
    }

    /// Whether one of its calls has this key.
    pub(super) fn was_called(&self, payment: PaymentId, key: &str) -> bool {
        (1..=self.tries).any(|attempt| call_of(self.id, attempt).key(payment) == key)
    }

    /// Whether its amount can be given back by no other refund.
    fn is_reserved(&self) -> bool {
        self.done || self.failed.is_none() || self.id.n == 0
    }
}

fn call_of(refund: RefundId, attempt: u32) -> CallKind {
    if attempt <= 1 { CallKind::Refund(refund.n) } else { CallKind::RefundAgain(refund.n, attempt) }
}

/// A payment's state.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// What is to be paid; `None` before the first event.
    pub intent: Option<Intent>,
    /// How far the provider has come.
    pub standing: Standing,
    /// The first call.
    pub authorise: Call,
    /// The call that takes the money, once it was asked for.
    pub capture: Option<Call>,
    /// The provider's code, when it would not take what it had reserved.
    pub capture_refused: Option<String>,
    /// Whether the checkout has given the attempt up.
    pub void_requested: bool,
    /// The call that lets the money go.
    pub void: Option<Call>,
    /// Whether the provider was found never to have heard of the payment.
    pub never_reached: bool,
    /// Until when it is asked all the same whether the first call has arrived; `None` before it was found so, and
    /// when that is over.
    pub late_until: Option<Timestamp>,
    /// Refunds, in the order they were asked for.
    pub refunds: Vec<Refund>,
    /// The highest seq of the checkout's asks.
    pub asked: u64,
    /// When the provider is asked next what has become of the payment.
    pub look_up_at: Option<Timestamp>,
    /// Look-ups since something was last heard.
    pub look_ups: u32,
    /// What the checkout was last told.
    pub told: Option<News>,
    /// Asks without an answer.
    pub asks: OpenAsks,
}

/// Tells the asks of one event apart.
const ASK_MOVED: u16 = 0;
const ASK_REFUNDED: u16 = 1;

impl State {
    /// Whether nothing that the checkout waits for can happen any more, short of money that comes after all.
    pub fn is_over(&self) -> bool {
        self.never_reached || self.standing >= Standing::Failed { reason: String::new() }
    }

    /// Whether money is here.
    pub fn is_captured(&self) -> bool {
        self.standing == Standing::Captured
    }

    /// What the payment has come to, as its checkout needs to know it. Nothing between the moment the attempt is
    /// given up and the moment the provider has let the money go.
    pub fn news(&self) -> Option<News> {
        match &self.standing {
            Standing::Captured => Some(News::Captured),
            Standing::Voided => Some(match &self.capture_refused {
                Some(reason) => News::Failed { reason: reason.clone() },
                None => News::Voided,
            }),
            Standing::Failed { reason } => Some(News::Failed { reason: reason.clone() }),
            _ if self.never_reached => Some(News::Failed { reason: "never_reached".to_owned() }),
            _ if self.is_unwanted() => None,
            Standing::Authorised => Some(News::Authorised),
            Standing::AwaitingPayment { reference } => {
                Some(News::AwaitingPayment { reference: reference.clone() })
            }
            Standing::ActionNeeded { url } => Some(News::ActionNeeded { url: url.clone() }),
            Standing::Unknown => None,
        }
    }

    /// Money that was given back or is on its way back, in minor units.
    pub fn refunded_minor(&self) -> i128 {
        let reserved = self.refunds.iter().filter(|refund| refund.is_reserved());
        reserved.map(|refund| i128::from(refund.amount.minor)).sum()
    }

    /// The refund of this name.
    pub fn refund(&self, id: RefundId) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.id == id)
    }

    /// Whether whatever is reserved must be let go.
    pub(super) fn is_unwanted(&self) -> bool {
        self.void_requested || self.never_reached || self.capture_refused.is_some()
    }

    /// Whether the provider has yet to say what the money itself has come to.
    pub(super) fn is_unsettled(&self) -> bool {
        match self.standing {
            Standing::Unknown => !self.never_reached,
            Standing::ActionNeeded { .. } | Standing::AwaitingPayment { .. } => true,
            Standing::Authorised => self.capture.is_some() || self.void.is_some(),
            Standing::Failed { .. } | Standing::Voided | Standing::Captured => false,
        }
    }

    /// Whether a call that never reached the provider may still do so.
    pub(super) fn is_watched(&self) -> bool {
        self.standing == Standing::Unknown && self.never_reached && self.late_until.is_some()
    }

    /// Whether the provider owes news: while it does, somebody looks up.
    fn waits_for_provider(&self) -> bool {
        self.is_unsettled() || self.is_watched() || self.has_refund_to_see_to()
    }

    pub(super) fn has_refund_to_see_to(&self) -> bool {
        self.refunds.iter().any(|refund| refund.is_open() || refund.is_to_be_retried())
    }

    /// The call of this key, if it was made.
    pub(super) fn call(&self, key: &str) -> Option<&Call> {
        let payment = self.intent.as_ref()?.payment;
        let is = |kind: CallKind| kind.key(payment) == key;
        match () {
            () if is(CallKind::Authorise) => Some(&self.authorise),
            () if is(CallKind::Capture) => self.capture.as_ref(),
            () if is(CallKind::Void) => self.void.as_ref(),
            () => self.refunds.iter().find(|refund| is(refund.kind())).map(|refund| &refund.call),
        }
    }

    fn call_mut(&mut self, key: &str) -> Option<&mut Call> {
        let payment = self.intent.as_ref()?.payment;
        let is = |kind: CallKind| kind.key(payment) == key;
        match () {
            () if is(CallKind::Authorise) => Some(&mut self.authorise),
            () if is(CallKind::Capture) => self.capture.as_mut(),
            () if is(CallKind::Void) => self.void.as_mut(),
            () => self.refunds.iter_mut().find(|refund| is(refund.kind())).map(|refund| &mut refund.call),
        }
    }

    pub(super) fn fold(&mut self, meta: EventMeta, event: &Event) {
        match event {
            Event::Created(intent) => self.intent = Some(intent.clone()),
            Event::ActionNeeded { url } => self.standing = Standing::ActionNeeded { url: url.clone() },
            Event::AwaitingPayment { reference } => {
                self.standing = Standing::AwaitingPayment { reference: reference.clone() };
            }
            Event::Authorised => self.standing = Standing::Authorised,
            Event::Failed { reason } => self.standing = Standing::Failed { reason: reason.clone() },
            Event::Voided => self.standing = Standing::Voided,
            Event::Captured => self.take_money(),
            Event::CaptureStarted { asked, .. } => {
                self.asked = *asked;
                self.capture = Some(Call::default());
                self.close_moved();
            }
            Event::CaptureRefused { reason } => self.capture_refused = Some(reason.clone()),
            Event::VoidRequested { asked } => {
                self.asked = *asked;
                self.void_requested = true;
                self.close_moved();
            }
            Event::VoidStarted { .. } => self.void = Some(Call::default()),
            Event::NeverReached => {
                self.never_reached = true;
                let late_ms = self.intent.as_ref().map_or(0, |intent| intent.limits.late_money_ms);
                if !planted::is(Bug::NeverReachedForgotten) {
                    self.late_until = Some(meta.at.plus_millis(late_ms));
                }
            }
            Event::NeverCame => self.late_until = None,
            Event::OutcomeUnknown { key } => self.set_unknown(key, true),
            Event::CallRepeated { key } => self.set_unknown(key, false),
            Event::LookUpStarted { .. } => self.look_ups = self.look_ups.saturating_add(1),
            Event::RefundStarted { refund, amount, .. } => self.start_refund(*refund, *amount),
            Event::Refunded { refund } => self.finish_refund(meta, *refund),
            Event::RefundFailed { refund, reason } => self.fail_refund(meta, *refund, reason),
            Event::RefundRetried { refund, .. } => {
                self.look_ups = self.look_ups.saturating_add(1);
                if let Some(refund) = self.refund_mut(*refund) {
                    refund.call = Call::default();
                    refund.failed = None;
                    refund.tries = refund.tries.saturating_add(1);
                }
            }
            Event::Told { ask } => {
                self.asks.close(ask);
            }
        }
        self.tell(meta);
        self.plan_look_up(meta, event);
    }

    /// Money is here, whatever was believed before; what was begun to avoid it has lost its meaning.
    fn take_money(&mut self) {
        self.standing = Standing::Captured;
        self.capture_refused = None;
        self.void = None;
        self.never_reached = false;
        self.late_until = None;
    }

    fn set_unknown(&mut self, key: &str, unknown: bool) {
        if let Some(call) = self.call_mut(key) {
            call.unknown = unknown;
        }
    }

    fn start_refund(&mut self, id: RefundId, amount: Money) {
        self.refunds.push(Refund { id, amount, call: Call::default(), tries: 1, failed: None, done: false });
        // The refund that a payment makes by itself is what its checkout answered.
        if id.n == 0 {
            self.close_moved();
        }
    }

    fn finish_refund(&mut self, meta: EventMeta, id: RefundId) {
        if let Some(refund) = self.refund_mut(id) {
            refund.done = true;
        }
        // Nobody asked for the refund that a payment makes by itself, so nobody is told.
        if id.n > 0 {
            let request = AskRequest::Order(order::Request::RefundMoved { refund: id });
            self.ask(meta, ASK_REFUNDED, StreamId::Order(id.order), request);
        }
    }

    fn fail_refund(&mut self, meta: EventMeta, id: RefundId, reason: &str) {
        if let Some(refund) = self.refund_mut(id) {
            refund.failed = Some(reason.to_owned());
        }
        if id.n > 0 {
            let request = AskRequest::Order(order::Request::RefundFailed { refund: id });
            self.ask(meta, ASK_REFUNDED, StreamId::Order(id.order), request);
        }
    }

    fn refund_mut(&mut self, id: RefundId) -> Option<&mut Refund> {
        self.refunds.iter_mut().find(|refund| refund.id == id)
    }

    /// What the checkout was told before has been overtaken.
    fn close_moved(&mut self) {
        self.asks.close_where(|ask| matches!(ask.request, AskRequest::Checkout(_)));
    }

    /// Tells the checkout whenever the payment has come to something else.
    fn tell(&mut self, meta: EventMeta) {
        let (Some(news), Some(intent)) = (self.news(), &self.intent) else { return };
        if self.told.as_ref() == Some(&news) {
            return;
        }
        let payment = intent.payment;
        self.told = Some(news.clone());
        self.close_moved();
        let request = AskRequest::Checkout(checkout::Request::PaymentMoved { payment, news });
        self.ask(meta, ASK_MOVED, StreamId::Checkout(payment.checkout), request);
    }

    fn ask(&mut self, meta: EventMeta, n: u16, to: StreamId, request: AskRequest) {
        let Some(payment) = self.intent.as_ref().map(|intent| intent.payment) else { return };
        let id = AskId { stream: StreamId::Payment(payment), seq: meta.seq, n };
        self.asks.insert(Ask { id, to, request });
    }

    fn plan_look_up(&mut self, meta: EventMeta, event: &Event) {
        if !self.waits_for_provider() {
            self.look_up_at = None;
            self.look_ups = 0;
            return;
        }
        match event {
            Event::Told { .. } | Event::VoidRequested { .. } if self.look_up_at.is_some() => return,
            // Waiting for the same thing for longer: the pause grows.
            Event::LookUpStarted { .. } | Event::OutcomeUnknown { .. } | Event::CallRepeated { .. } => {}
            Event::RefundFailed { .. } | Event::RefundRetried { .. } => {}
            _ => self.look_ups = 0,
        }
        let every =
            self.intent.as_ref().map_or(LOOK_UP_PAUSE_MAX_MS, |intent| intent.limits.look_up_every_ms);
        let longest = if self.is_watched() { LATE_LOOK_UP_PAUSE_MAX_MS } else { LOOK_UP_PAUSE_MAX_MS };
        let pause = every.max(1).saturating_mul(1 << self.look_ups.min(20));
        let next = meta.at.plus_millis(pause.min(longest.max(every)));
        // The last question comes when the time is over, and again until it is answered.
        let last = self.late_until.filter(|until| self.is_watched() && *until > meta.at);
        self.look_up_at = Some(last.map_or(next, |last| next.min(last)));
    }
}
