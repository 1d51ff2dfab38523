//! One machine of any kind, run without a host.

use std::any::Any;

use crate::any::{AnyEvent, Effect};
use crate::ask::{Ask, AskAnswer, AskId};
use crate::ids::{Principal, StreamId};
use crate::machine::{Creation, Ctx, EventMeta, Machine, Outcome, Reply};
use crate::time::Timestamp;

/// What one step of a machine brought about.
#[derive(Default)]
pub(super) struct Happened {
    pub(super) events: Vec<AnyEvent>,
    pub(super) creates: Vec<Creation>,
    pub(super) effects: Vec<Effect>,
}

/// A machine whose kind does not matter.
pub(super) trait Actor: Any {
    fn seq(&self) -> u64;
    fn create(&mut self, events: &[AnyEvent], now: Timestamp);
    fn ask(&mut self, ask: &Ask, now: Timestamp) -> (AskAnswer, Happened);
    fn answer(&mut self, id: AskId, answer: AskAnswer, now: Timestamp) -> Happened;
    fn asks(&self) -> Vec<Ask>;
    fn tick(&mut self, now: Timestamp) -> Happened;
    fn as_any(&mut self) -> &mut dyn Any;
}

pub(super) struct Cell<M: Machine> {
    stream: StreamId,
    pub(super) state: M::State,
    seq: u64,
}

impl<M: Machine> Cell<M> {
    pub(super) fn new(stream: StreamId) -> Self {
        Cell { stream, state: M::initial(stream), seq: 0 }
    }

    fn ctx(&self, now: Timestamp) -> Ctx {
        Ctx { stream: self.stream, now, next_seq: self.seq + 1, key: None, principal: Principal::System }
    }

    fn apply(&mut self, events: Vec<M::Event>, now: Timestamp, happened: &mut Happened) {
        for event in events {
            self.seq += 1;
            M::apply(&mut self.state, EventMeta { seq: self.seq, at: now }, &event);
            happened.events.push(event.into());
        }
    }

    pub(super) fn run(
        &mut self,
        command: Option<&M::Command>,
        now: Timestamp,
    ) -> (Option<Outcome<M>>, Happened) {
        let mut happened = Happened::default();
        let due = M::due(&self.state, &self.ctx(now));
        self.apply(due.events, now, &mut happened);
        happened.effects = due.effects;
        let Some(command) = command else { return (None, happened) };
        match M::decide(&self.state, command, &self.ctx(now)) {
            Ok(decision) => {
                self.apply(decision.events, now, &mut happened);
                happened.creates = decision.creates;
                happened.effects.extend(decision.effects);
                match decision.reply {
                    Reply::Now(reply) => (Some(Ok(reply)), happened),
                    Reply::Parked => (None, happened),
                }
            }
            Err(rejection) => (Some(Err(rejection)), happened),
        }
    }
}

impl<M: Machine> Actor for Cell<M> {
    fn seq(&self) -> u64 {
        self.seq
    }

    fn create(&mut self, events: &[AnyEvent], now: Timestamp) {
        let events = events.iter().filter_map(M::event).cloned().collect();
        self.apply(events, now, &mut Happened::default());
    }

    fn ask(&mut self, ask: &Ask, now: Timestamp) -> (AskAnswer, Happened) {
        let command = M::command_of_ask(ask).unwrap();
        let (outcome, happened) = self.run(Some(&command), now);
        (M::answer_of(&outcome.unwrap()), happened)
    }

    fn answer(&mut self, id: AskId, answer: AskAnswer, now: Timestamp) -> Happened {
        let command = M::command_of_answer(id, answer).unwrap();
        self.run(Some(&command), now).1
    }

    fn asks(&self) -> Vec<Ask> {
        M::open_asks(&self.state).map(|asks| asks.iter().cloned().collect()).unwrap_or_default()
    }

    fn tick(&mut self, now: Timestamp) -> Happened {
        self.run(None, now).1
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
