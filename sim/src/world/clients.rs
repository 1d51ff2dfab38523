//! People who want something, and keep asking until they know.

use std::collections::BTreeMap;
use std::rc::Rc;

use souk_core::any::AnyOutcome;
use souk_core::ask::{Ask, AskAnswer, AskId, AskRequest};
use souk_core::ids::{SkuId, StreamId};
use souk_core::inventory::{self, Command, Rejection};
use souk_core::machine::{CommandId, CommandKey};

use super::bus::Message;
use super::cuts::End;
use super::{Happening, World};
use crate::kind::{AnyCommand, AnyState, CallId};
use crate::oracle::{Call, Wish};
use crate::people::{Errand, Next, Outcome, Person, Scene, everybody};
use crate::plan::Plan;
use crate::rng::Rng;
use crate::schedule::MS;
use crate::stats::Situation;

/// What a client hears.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Told(AnyOutcome),
    KeyReused,
    Shown(Rc<AnyState>),
}

#[derive(Debug)]
struct Waiting {
    stream: StreamId,
    wish: Wish,
    errand: Errand,
    call: CallId,
    first_base: u64,
    tries: u32,
}

/// Somebody with a way to reach the nodes.
#[derive(Debug)]
pub(crate) struct Client {
    person: Box<dyn Person>,
    /// The node that answered last, as far as this client knows.
    node: usize,
    /// Counts what it wanted.
    number: u64,
    waiting: Option<Waiting>,
    /// The first try of each ask.
    asks: BTreeMap<AskId, CallId>,
    content: bool,
    /// Looks again when something is sold.
    idle: bool,
}

impl Client {
    /// The operator, then everybody else.
    pub fn all(plan: &Plan, rng: &mut Rng) -> Vec<Client> {
        let client = |person| Client {
            person,
            node: 0,
            number: 0,
            waiting: None,
            asks: BTreeMap::new(),
            content: false,
            idle: false,
        };
        everybody(plan, rng).into_iter().map(client).collect()
    }

    /// The stream it speaks for.
    pub fn speaks_for(&self) -> Option<StreamId> {
        self.person.speaks_for()
    }

    /// Whether it waits for a hold of this.
    pub fn wants(&self, sku: SkuId) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.errand.holds() == Some(sku))
    }

    /// How many errands it has been on.
    pub fn errands(&self) -> u64 {
        self.number
    }

    /// Whether it has got everything it wanted.
    pub fn is_content(&self) -> bool {
        self.content
    }
}

impl World {
    pub(super) fn client_goes_on(&mut self, client: usize) {
        let now = crate::database::clock(self.now);
        let (open, plan, sold) = (self.open_for_business, &self.plan, &self.sold[..]);
        let refused = &self.refused[..];
        let who = &mut self.clients[client];
        if who.waiting.is_some() {
            return;
        }
        if self.options.without.errand(client, who.number + 1) {
            who.content = true;
            return;
        }
        let next = who.person.next(&Scene { now, open, plan, sold, refused }, &mut self.rng);
        who.content = matches!(next, Next::Idle | Next::Content);
        match next {
            // Until something is sold there is nothing to do.
            Next::Idle => self.clients[client].idle = true,
            Next::Rest(pause) => {
                let pause = if self.healed { pause.min(1_000 * MS) } else { pause };
                self.schedule.push(self.now + pause.max(1), Happening::Go(client));
            }
            Next::Content => {}
            Next::Want(errand) => self.want(client, *errand),
            Next::AtTheBank(payment, ok) => {
                self.trace(|| format!("client {client} is at the bank for {payment}: {ok}"));
                self.bank.shopper_acts(payment, ok, self.now, &mut self.rng);
                self.bank_stirs();
                self.schedule.push(self.now + MS, Happening::Go(client));
            }
        }
    }

    /// Something was sold: whoever waits for that looks soon.
    pub(super) fn wake_idle_clients(&mut self) {
        for client in 0..self.clients.len() {
            if std::mem::take(&mut self.clients[client].idle) {
                self.clients[client].content = false;
                let soon = self.within(50 * MS);
                self.schedule.push(self.now + soon, Happening::Go(client));
            }
        }
    }

    fn want(&mut self, client: usize, errand: Errand) {
        let who = &mut self.clients[client];
        who.number += 1;
        let number = who.number;
        let (stream, wish) = match &errand {
            Errand::Read(sku) => (StreamId::Stock(sku.shard()), Wish::Read),
            Errand::Order { command, named, sku } => {
                let stream = StreamId::Stock(sku.shard());
                let key = named.then(|| key_of(client, number));
                (stream, Wish::Command(AnyCommand::Stock(command.clone()), key))
            }
            Errand::Misuse { of } => self.misused(*of, number),
            Errand::Give { to, command } => {
                (*to, Wish::Command(command.clone(), Some(key_of(client, number))))
            }
            Errand::Look(stream) => (*stream, Wish::Read),
            Errand::Ask { asked, checkout, request, sku } => {
                let id = AskId { stream: StreamId::Checkout(*checkout), seq: *asked, n: 0 };
                let to = StreamId::Stock(sku.shard());
                (to, Wish::Ask(Ask { id, to, request: AskRequest::Stock(request.clone()) }))
            }
        };
        let first_base = self.database.seq(stream);
        let waiting = Waiting { stream, wish, errand, call: 0, first_base, tries: 0 };
        self.clients[client].waiting = Some(waiting);
        self.try_once(client);
    }

    /// A name that somebody has used for a shard, on another body. Only there: a name goes to exactly one stream,
    /// which is for whoever makes names to see to.
    fn misused(&self, of: usize, number: u64) -> (StreamId, Wish) {
        let named = self.calls.iter().filter(|call| call.client == of).find_map(|call| match &call.wish {
            Wish::Command(_, Some(key)) => Some((call.stream, *key)),
            _ => None,
        });
        let on_sale = |stream: &StreamId| {
            self.plan.skus.iter().copied().find(|sku| StreamId::Stock(sku.shard()) == *stream)
        };
        let home = StreamId::Stock(self.plan.skus[0].shard());
        match named.and_then(|(stream, key)| on_sale(&stream).map(|sku| (stream, key, sku))) {
            None => (home, Wish::Read),
            Some((stream, key, sku)) => {
                let key = CommandKey { fingerprint: u128::from(number), ..key };
                (stream, Wish::Command(AnyCommand::Stock(Command::open(sku)), Some(key)))
            }
        }
    }

    /// One try to reach somebody who answers.
    fn try_once(&mut self, client: usize) {
        let who = &mut self.clients[client];
        let Some(waiting) = &mut who.waiting else { return };
        let call = Call {
            client,
            number: who.number,
            stream: waiting.stream,
            wish: waiting.wish.clone(),
            base: self.database.seq(waiting.stream),
            first_base: waiting.first_base,
            answer_lost: false,
        };
        let id = self.calls.len();
        waiting.call = id;
        waiting.tries += 1;
        let tries = waiting.tries;
        let message = match &waiting.wish {
            Wish::Ask(ask) => {
                who.asks.entry(ask.id).or_insert(id);
                Message::Ask(ask.clone())
            }
            _ => Message::Request(id),
        };
        self.trace(|| format!("client {client} sends {id}: {:?}", call.wish));
        self.calls.push(call);
        let node = self.clients[client].node;
        self.send(End::People, node, message);
        // Whoever was told nothing so often waits for longer.
        let patience = (self.within(200 * MS) + 20 * MS) * u64::from(tries.min(10));
        self.schedule.push(self.now + patience, Happening::Timeout(client, id));
    }

    pub(super) fn client_waited(&mut self, client: usize, call: CallId) {
        if self.clients[client].waiting.as_ref().is_none_or(|waiting| waiting.call != call) {
            return;
        }
        if self.rng.chance(500) {
            self.clients[client].node = self.any_node();
        }
        let who = &mut self.clients[client];
        let Some(waiting) = &who.waiting else { return };
        if !self.healed && who.person.gives_up(&waiting.errand, &mut self.rng) {
            who.waiting = None;
            self.saw(Situation::GivenUpUnknown);
            return self.client_goes_on(client);
        }
        self.try_once(client);
    }

    pub(super) fn client_hears(&mut self, client: usize, number: u64, said: Said) {
        let who = &self.clients[client];
        let Some(waiting) = who.waiting.as_ref().filter(|_| who.number == number) else { return };
        let (tries, misuse) = (waiting.tries, matches!(waiting.errand, Errand::Misuse { .. }));
        let is_given = matches!(waiting.errand, Errand::Give { .. });
        self.trace(|| format!("client {client} hears {said:?}"));
        if tries > 1 && self.calls.iter().any(|call| same(call, client, number) && call.answer_lost) {
            self.saw(Situation::AnswerLostThenRetried);
        }
        let outcome = match said {
            Said::Told(AnyOutcome::Stock(outcome)) if !is_given => Outcome::Told(outcome),
            Said::Told(outcome) => Outcome::Heard(outcome),
            Said::Shown(state) => Outcome::Shown(state),
            Said::KeyReused => {
                if misuse {
                    self.saw(Situation::KeyReused);
                }
                Outcome::NameTaken
            }
        };
        self.client_knows(client, outcome);
    }

    /// An answer to an ask leaves its host.
    pub(super) fn client_asked(
        &mut self,
        node: usize,
        client: usize,
        id: AskId,
        answer: AskAnswer,
        seq: u64,
    ) {
        let Some(call) = self.clients[client].asks.get(&id).copied() else { return };
        self.oracle.ask_answered(&self.calls[call], &answer, seq, &self.database);
        let outcome = match answer {
            AskAnswer::Stock(inventory::Answer::Done(reply)) => Ok(reply),
            AskAnswer::Stock(inventory::Answer::Refused(rejection)) => Err(rejection),
            _ => {
                self.saw(Situation::StaleOrder);
                Err(Rejection::Stale)
            }
        };
        let number = self.calls[call].number;
        self.send_answer(node, client, number, Said::Told(AnyOutcome::Stock(outcome)), Some(call));
    }

    fn client_knows(&mut self, client: usize, outcome: Outcome) {
        let Some(waiting) = self.clients[client].waiting.take() else { return };
        if let Outcome::Told(Err(Rejection::OutOfStock { available: 0 })) = &outcome {
            self.saw(Situation::LastUnitRefused);
        }
        let who = &mut self.clients[client];
        match who.person.hears(&waiting.errand, outcome, &mut self.rng) {
            Ok(false) => {}
            Ok(true) => {
                self.open_for_business = true;
                // Until now there may have been nothing to fear.
                self.crash_in.is_none().then(|| self.draw_crash());
            }
            Err(what) => self.oracle.complain(|| format!("people: client {client} {what}")),
        }
        let pause = self.within(20 * MS);
        self.schedule.push(self.now + pause, Happening::Go(client));
    }
}

fn same(call: &Call, client: usize, number: u64) -> bool {
    call.client == client && call.number == number
}

fn key_of(client: usize, number: u64) -> CommandKey {
    let id = CommandId(((client as u128) << 64) | u128::from(number));
    CommandKey { id, fingerprint: id.0.wrapping_mul(31) + 7 }
}
