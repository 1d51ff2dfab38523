//! The rules of a payment: what its checkout and its order may ask, and what follows from an answer.

use crate::any::Effect;
use crate::ask::{AskAnswer, AskId, AskRequest};
use crate::checkout;
use crate::ids::OrderId;
use crate::journal::EffectId;
use crate::machine::{Ctx, Decision, Due, EventMeta, Reply as Replied};
use crate::order;
use crate::planted::{self, Bug};

use super::{
    Answer, CallKind, Command, Event, Intent, News, Operation, Payment, ProviderCall, RefundId, Rejection,
    Reply, Standing, State, facts, refunds,
};

type Decided = Result<Decision<Payment>, Rejection>;

/// A look-up is due: every call whose outcome matters is asked about.
pub(super) fn due(state: &State, ctx: &Ctx) -> Due<Payment> {
    if state.look_up_at.is_none_or(|at| at > ctx.now) {
        return Due::nothing();
    }
    let Some(mut draft) = Draft::of(state, ctx) else { return Due::nothing() };
    match draft.state.refunds.iter().find(|refund| refund.is_to_be_retried()).map(|refund| refund.id) {
        Some(refund) => draft.retry_refund(refund),
        None => draft.look_up(),
    }
    Due { events: draft.events, effects: draft.effects, resolves: Vec::new() }
}

pub(super) fn decide(state: &State, command: &Command, ctx: &Ctx) -> Decided {
    let draft = Draft::of(state, ctx).ok_or(Rejection::UnknownPayment)?;
    match command {
        Command::Capture { asked } => capture(draft, *asked),
        Command::Void { asked } => void(draft, *asked),
        Command::Refund { refund, amount } => refunds::refund(draft, *refund, *amount),
        Command::Provider { effect, key, fact } => facts::heard(draft, *effect, key, fact),
        Command::Answered { ask, answer } => answered(draft, *ask, answer),
    }
}

fn capture(mut draft: Draft, asked: u64) -> Decided {
    if asked < draft.state.asked {
        return Err(Rejection::Stale);
    }
    if let Some(news) = draft.last_news() {
        return draft.finish(Reply::Answer(Answer::Is(news)));
    }
    let state = &draft.state;
    if state.standing == Standing::Authorised && state.capture.is_none() && !state.is_unwanted() {
        let key = CallKind::Capture.key(draft.intent.payment);
        draft.happen(Event::CaptureStarted { key, asked });
        draft.call(CallKind::Capture);
    }
    draft.finish(Reply::Waiting)
}

fn void(mut draft: Draft, asked: u64) -> Decided {
    if asked < draft.state.asked {
        return Err(Rejection::Stale);
    }
    if let Some(news) = draft.last_news() {
        return draft.finish(Reply::Answer(Answer::Is(news)));
    }
    if !draft.state.void_requested {
        draft.happen(Event::VoidRequested { asked });
        draft.let_go();
        // What may or may not be reserved is looked up first.
        if draft.state.standing == Standing::Unknown && draft.state.authorise.unknown {
            draft.look_up();
        }
    }
    draft.finish(Reply::Waiting)
}

fn answered(mut draft: Draft, id: AskId, answer: &AskAnswer) -> Decided {
    let Some(ask) = draft.state.asks.get(&id) else { return draft.finish(Reply::Noted) };
    let about_money = match &ask.request {
        AskRequest::Checkout(checkout::Request::PaymentMoved { news, .. }) => *news == News::Captured,
        _ => false,
    };
    match answer {
        AskAnswer::Checkout(checkout::Answer::Refund) if about_money => give_all_back(&mut draft, id),
        AskAnswer::Checkout(_) | AskAnswer::Order(order::Answer::Noted) | AskAnswer::Stale => {
            draft.happen(Event::Told { ask: id });
        }
        // Nobody has decided yet: the ask stays open and is repeated.
        _ => {}
    }
    draft.finish(Reply::Noted)
}

/// No order wants the money: it goes back, all that has not gone back already.
fn give_all_back(draft: &mut Draft, ask: AskId) {
    let id = RefundId { order: OrderId(draft.intent.payment.checkout.0), n: 0 };
    match refunds::left(&draft.state) {
        Some(amount) if amount.minor > 0 && draft.state.refund(id).is_none() => {
            draft.start_refund(id, amount)
        }
        _ => draft.happen(Event::Told { ask }),
    }
}

/// A decision in the making: events take effect on a copy of the state, so that what follows from one sees it.
pub(super) struct Draft {
    pub state: State,
    pub intent: Intent,
    pub ctx: Ctx,
    pub events: Vec<Event>,
    pub effects: Vec<Effect>,
    pub closes: Vec<EffectId>,
}

impl Draft {
    fn of(state: &State, ctx: &Ctx) -> Option<Self> {
        let intent = state.intent.clone()?;
        let (events, effects, closes) = (Vec::new(), Vec::new(), Vec::new());
        Some(Draft { state: state.clone(), intent, ctx: *ctx, events, effects, closes })
    }

    pub fn happen(&mut self, event: Event) {
        let seq = self.ctx.next_seq + self.events.len() as u64;
        self.state.fold(EventMeta { seq, at: self.ctx.now }, &event);
        self.events.push(event);
    }

    pub fn finish(self, reply: Reply) -> Decided {
        Ok(Decision {
            events: self.events,
            creates: Vec::new(),
            effects: self.effects,
            closes: self.closes,
            reply: Replied::Now(reply),
            resolves: Vec::new(),
        })
    }

    /// What is final, as the checkout needs to know it.
    fn last_news(&self) -> Option<News> {
        if self.state.is_over() { self.state.news() } else { None }
    }

    /// Puts a call into the outbox; the event that journals its key has happened.
    pub fn call(&mut self, kind: CallKind) {
        let operation = match kind {
            CallKind::Authorise => {
                Operation::Authorise { amount: self.intent.amount, method: self.intent.method.clone() }
            }
            CallKind::Capture => Operation::Capture { amount: self.intent.amount },
            CallKind::Void => Operation::Void,
            CallKind::Refund(n) | CallKind::RefundAgain(n, _) => {
                match self.state.refunds.iter().find(|refund| refund.id.n == n) {
                    Some(refund) => Operation::Refund { amount: refund.amount },
                    None => return,
                }
            }
        };
        self.send(kind.key(self.intent.payment), operation);
    }

    fn send(&mut self, key: String, operation: Operation) {
        let payment = self.intent.payment;
        self.effects.push(Effect::Payment(ProviderCall { payment, key, operation }));
    }

    /// Makes a call again that did not happen: the same call, under the same key.
    pub fn repeat(&mut self, kind: CallKind) {
        self.happen(Event::CallRepeated { key: kind.key(self.intent.payment) });
        match kind {
            CallKind::Refund(n) | CallKind::RefundAgain(n, _) if planted::is(Bug::RefundKeyRegenerated) => {
                let refund = self.state.refunds.iter().find(|refund| refund.id.n == n);
                let Some(amount) = refund.map(|refund| refund.amount) else { return };
                let key = format!("{}-{}", kind.key(self.intent.payment), self.ctx.next_seq);
                self.send(key, Operation::Refund { amount });
            }
            CallKind::Authorise | CallKind::Capture if planted::is(Bug::CallKeyRegenerated) => {
                let amount = self.intent.amount;
                let operation = match kind {
                    CallKind::Capture => Operation::Capture { amount },
                    _ => Operation::Authorise { amount, method: self.intent.method.clone() },
                };
                self.send(format!("{}-{}", kind.key(self.intent.payment), self.ctx.next_seq), operation);
            }
            _ => self.call(kind),
        }
    }

    /// Lets go what is reserved, once nobody wants it and no capture is under way that may still take it.
    pub fn let_go(&mut self) {
        let state = &self.state;
        let reserved = match state.standing {
            Standing::ActionNeeded { .. } | Standing::AwaitingPayment { .. } | Standing::Authorised => true,
            Standing::Unknown | Standing::Failed { .. } | Standing::Voided | Standing::Captured => false,
        };
        let capturing = state.capture.is_some() && state.capture_refused.is_none();
        if reserved && state.is_unwanted() && state.void.is_none() && !capturing {
            self.start_void();
        }
    }

    pub fn start_void(&mut self) {
        self.happen(Event::VoidStarted { key: CallKind::Void.key(self.intent.payment) });
        self.call(CallKind::Void);
    }

    pub fn start_refund(&mut self, refund: RefundId, amount: crate::money::Money) {
        let kind = CallKind::Refund(refund.n);
        self.happen(Event::RefundStarted { refund, amount, key: kind.key(self.intent.payment) });
        self.call(kind);
    }

    /// The provider answers for ever under a key as it did first, so another try needs another key.
    fn retry_refund(&mut self, refund: RefundId) {
        let Some(known) = self.state.refund(refund) else { return };
        let kind = CallKind::RefundAgain(refund.n, known.tries.saturating_add(1));
        self.happen(Event::RefundRetried { refund, key: kind.key(self.intent.payment) });
        self.call(kind);
    }

    /// Asks the provider about everything that is open.
    fn look_up(&mut self) {
        let mut kinds = Vec::new();
        let state = &self.state;
        match () {
            () if state.is_watched() => kinds.push(CallKind::Authorise),
            () if !state.is_unsettled() => {}
            () if state.void.is_some() => kinds.push(CallKind::Void),
            () if state.capture.is_some() => kinds.push(CallKind::Capture),
            () => kinds.push(CallKind::Authorise),
        }
        kinds.extend(state.refunds.iter().filter(|refund| refund.is_open()).map(super::Refund::kind));
        let keys: Vec<String> = kinds.iter().map(|kind| kind.key(self.intent.payment)).collect();
        self.happen(Event::LookUpStarted { keys: keys.clone() });
        for key in keys {
            self.send(format!("{key}{}", facts::LOOK_UP), Operation::LookUp { of: key });
        }
    }
}
