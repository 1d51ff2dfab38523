//! A payment driven by hand: facts in, news and calls out.

mod properties;
mod scripts;

use crate::any::{AnyEvent, Effect};
use crate::ask::{Ask, AskAnswer, AskId, AskRequest};
use crate::checkout;
use crate::ids::{CheckoutId, OrderId, PaymentId, StreamId};
use crate::journal::EffectId;
use crate::machine::{Ctx, EventMeta, Machine, Outcome, Reply as Replied};
use crate::money::{Currency, Money};
use crate::time::Timestamp;

use super::*;

pub(super) const CHECKOUT: CheckoutId = CheckoutId(77);
pub(super) const PAYMENT: PaymentId = PaymentId { checkout: CHECKOUT, attempt: 1 };
pub(super) const EVERY_MS: i64 = 1_000;
pub(super) const LATE_MS: i64 = 259_200_000;
pub(super) const UNTIL: Timestamp = Timestamp::from_millis(600_000);

pub(super) fn brl(minor: i64) -> Money {
    Money::new(minor, Currency::BRL)
}

pub(super) fn refund_id(n: u32) -> RefundId {
    RefundId { order: OrderId(CHECKOUT.0), n }
}

pub(super) fn key(kind: CallKind) -> String {
    kind.key(PAYMENT)
}

pub(super) fn look_up(kind: CallKind) -> String {
    format!("{}/lookup", kind.key(PAYMENT))
}

/// A payment with its history.
pub(super) struct Run {
    pub state: State,
    pub events: Vec<(EventMeta, Event)>,
    pub calls: Vec<ProviderCall>,
    pub closed: Vec<EffectId>,
    pub now: Timestamp,
}

impl Run {
    /// A payment of 100.00 by card that has just been created.
    pub fn new() -> Self {
        let intent = Intent {
            payment: PAYMENT,
            amount: brl(10_000),
            method: Method::Card { token: "tok".to_owned() },
            limits: Limits { attempt_until: UNTIL, look_up_every_ms: EVERY_MS, late_money_ms: LATE_MS },
        };
        let creation = first(intent);
        let mut run = Run {
            state: Payment::initial(StreamId::Payment(PAYMENT)),
            events: Vec::new(),
            calls: Vec::new(),
            closed: Vec::new(),
            now: Timestamp::ZERO,
        };
        let events = creation.events.into_iter().filter_map(|event| match event {
            AnyEvent::Payment(event) => Some(event),
            _ => None,
        });
        let events: Vec<Event> = events.collect();
        run.take(events, creation.effects);
        run
    }

    fn ctx(&self) -> Ctx {
        Ctx {
            stream: StreamId::Payment(PAYMENT),
            now: self.now,
            next_seq: self.events.len() as u64 + 1,
            key: None,
            principal: Default::default(),
        }
    }

    fn take(&mut self, events: Vec<Event>, effects: Vec<Effect>) {
        assert!(effects.is_empty() || !events.is_empty(), "an effect needs an event to be named by");
        for event in events {
            let meta = EventMeta { seq: self.events.len() as u64 + 1, at: self.now };
            Payment::apply(&mut self.state, meta, &event);
            self.events.push((meta, event));
        }
        for effect in effects {
            match effect {
                Effect::Payment(call) => self.calls.push(call),
                other => panic!("a payment does not {other:?}"),
            }
        }
    }

    /// What is due, then the command: as the host does it.
    pub fn command(&mut self, command: &Command) -> Outcome<Payment> {
        self.tick();
        let decision = Payment::decide(&self.state, command, &self.ctx())?;
        self.take(decision.events, decision.effects);
        self.closed.extend(decision.closes);
        match decision.reply {
            Replied::Now(reply) => Ok(reply),
            Replied::Parked => panic!("payments park nothing"),
        }
    }

    pub fn tick(&mut self) {
        let due = Payment::due(&self.state, &self.ctx());
        self.take(due.events, due.effects);
    }

    pub fn wait(&mut self, millis: i64) {
        self.now = self.now.plus_millis(millis);
        self.tick();
    }

    /// The provider says so by itself.
    pub fn notice(&mut self, fact: ProviderFact) {
        self.fact(None, String::new(), fact);
    }

    /// The call of this key ends.
    pub fn outcome(&mut self, kind: CallKind, fact: ProviderFact) {
        self.fact(Some(self.effect()), key(kind), fact);
    }

    /// The look-up of this call ends.
    pub fn looked_up(&mut self, kind: CallKind, fact: ProviderFact) {
        self.fact(Some(self.effect()), look_up(kind), fact);
    }

    fn effect(&self) -> EffectId {
        EffectId { stream: StreamId::Payment(PAYMENT), seq: self.events.len() as u64, n: 0 }
    }

    fn fact(&mut self, effect: Option<EffectId>, key: String, fact: ProviderFact) {
        let reply = self.command(&Command::Provider { effect, key, fact });
        assert_eq!(reply, Ok(Reply::Noted));
    }

    pub fn answer(&mut self, ask: AskId, answer: AskAnswer) {
        assert_eq!(self.command(&Command::Answered { ask, answer }), Ok(Reply::Noted));
    }

    /// What the checkout is being told, if anything.
    pub fn telling(&self) -> Option<(AskId, News)> {
        let mut moved = self.state.asks.iter().filter_map(|ask| match &ask.request {
            AskRequest::Checkout(checkout::Request::PaymentMoved { news, .. }) => {
                Some((ask.id, news.clone()))
            }
            _ => None,
        });
        let first = moved.next();
        assert_eq!(moved.next(), None, "the checkout is told two things at once");
        first
    }

    pub fn asks(&self) -> Vec<Ask> {
        self.state.asks.iter().cloned().collect()
    }

    /// The keys of all calls so far, in order.
    pub fn keys(&self) -> Vec<&str> {
        self.calls.iter().map(|call| call.key.as_str()).collect()
    }

    pub fn kinds(&self) -> Vec<&Event> {
        self.events.iter().map(|(_, event)| event).collect()
    }

    /// The state is nothing but its events, and survives a snapshot.
    pub fn check_fold(&self) {
        let mut folded = Payment::initial(StreamId::Payment(PAYMENT));
        for (meta, event) in &self.events {
            Payment::apply(&mut folded, *meta, event);
        }
        assert_eq!(folded, self.state);
        let text = serde_json::to_string(&self.state).expect("a state is serialisable");
        let back: State = serde_json::from_str(&text).expect("and comes back");
        assert_eq!(back, self.state);
    }
}
