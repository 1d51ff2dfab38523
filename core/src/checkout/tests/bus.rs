//! Real hosts over a journal in memory, with everything between them late, doubled, lost or out of order.

use std::collections::{BTreeMap, VecDeque};

use crate::any::{AnyOutcome, Effect};
use crate::ask::{Ask, AskAnswer, AskId};
use crate::host::{Action, Answer, Host, Input, Request, Seen};
use crate::ids::StreamId;
use crate::inventory::Inventory;
use crate::journal::{Append, EffectId, Epoch, Incarnation, Origin};
use crate::machine::{CommandKey, Machine};
use crate::order::Order;
use crate::payment::{self, Payment, ProviderFact};
use crate::time::Timestamp;

use super::super::Checkout;
use super::bank::{Bank, Dice};
use super::log::Log;
use super::market;

/// How a reply finds its way back: the number of the command.
pub(super) type Port = u128;

/// A command from outside, to any machine.
#[derive(Clone, Debug)]
pub(super) enum AnyCommand {
    Checkout(super::super::Command),
    Payment(payment::Command),
    Stock(crate::inventory::Command),
}

/// Something on its way.
#[derive(Clone, Debug)]
enum Post {
    Ask(Ask),
    Answer(AskId, AskAnswer),
    /// The next append of this stream becomes durable.
    Commit(StreamId),
    Call(EffectId),
    Notice(StreamId, ProviderFact, bool),
}

#[derive(Debug)]
enum AnyHost {
    Checkout(Box<Host<Checkout, Port>>),
    Payment(Host<Payment, Port>),
    Stock(Host<Inventory, Port>),
    Order(Host<Order, Port>),
}

/// What a host wants done, whichever machine it runs.
enum Out {
    Append(Box<Append>),
    Ask(Ask),
    Answer(AskId, AskAnswer),
    Effect(EffectId),
    Reply(Port, Option<AnyOutcome>),
    Timer(Option<Timestamp>),
    Passivate,
}

/// How bad the world is, in percent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Faults {
    pub doubled: u64,
    pub lost: u64,
    pub crash: u64,
    pub sleep: u64,
    pub jump: u64,
}

impl Faults {
    pub const NONE: Faults = Faults { doubled: 0, lost: 0, crash: 0, sleep: 0, jump: 0 };
}

pub(super) struct Bus {
    pub now: Timestamp,
    pub dice: Dice,
    pub bank: Bank,
    pub faults: Faults,
    pub log: Log,
    pub replies: BTreeMap<Port, Option<AnyOutcome>>,
    hosts: BTreeMap<StreamId, AnyHost>,
    timers: BTreeMap<StreamId, Timestamp>,
    queued: BTreeMap<StreamId, VecDeque<Append>>,
    post: Vec<Post>,
    /// Notices that are repeated until they are heard.
    certain: Vec<Post>,
    incarnations: u64,
}

fn outs<M: Machine>(actions: Vec<Action<M, Port>>) -> Vec<Out> {
    let one = |action| {
        Some(match action {
            Action::Append(append) => Out::Append(Box::new(append)),
            Action::Ask { ask, .. } => Out::Ask(ask),
            Action::AnswerAsk { id, answer, .. } => Out::Answer(id, answer),
            Action::Effect { id, .. } => Out::Effect(id),
            Action::Reply { port, answer, .. } => match answer {
                Answer::Fresh(outcome) | Answer::Repeated(outcome) => {
                    Out::Reply(port, Some(M::store_outcome(&outcome)))
                }
                Answer::InFlight | Answer::KeyReused => Out::Reply(port, None),
            },
            Action::Timer(at) => Out::Timer(at),
            Action::Passivate => Out::Passivate,
            Action::Fail(refusal) => panic!("nothing is refused here: {refusal:?}"),
            Action::Show { .. } | Action::LookUp { .. } | Action::Snapshot(_) | Action::Publish(_) => {
                return None;
            }
        })
    };
    actions.into_iter().filter_map(one).collect()
}

/// One step of a host, of whichever machine; `$input` is built for each.
macro_rules! step {
    ($host:expr, $now:expr, $input:expr) => {
        match $host {
            AnyHost::Checkout(host) => one_step(host, $now, $input),
            AnyHost::Payment(host) => one_step(host, $now, $input),
            AnyHost::Stock(host) => one_step(host, $now, $input),
            AnyHost::Order(host) => one_step(host, $now, $input),
        }
    };
}

fn one_step<M: Machine>(host: &mut Host<M, Port>, now: Timestamp, input: Input<M, Port>) -> Vec<Out> {
    let mut actions = Vec::new();
    host.step(now, input, &mut actions);
    outs(actions)
}

fn request<M: Machine>(command: M::Command, key: Option<CommandKey>, port: Port) -> Input<M, Port> {
    Input::Command(Request { command, key, seen: Seen::Never, origin: Origin::default(), port })
}

impl Bus {
    pub fn new(seed: u64, faults: Faults) -> Self {
        Bus {
            now: Timestamp::from_millis(1_000),
            dice: Dice::new(seed),
            bank: Bank::default(),
            faults,
            log: Log::default(),
            replies: BTreeMap::new(),
            hosts: BTreeMap::new(),
            timers: BTreeMap::new(),
            queued: BTreeMap::new(),
            post: Vec::new(),
            certain: Vec::new(),
            incarnations: 0,
        }
    }

    fn load<M: Machine>(&mut self, stream: StreamId) -> Host<M, Port> {
        self.incarnations += 1;
        let incarnation = Incarnation(self.incarnations);
        let loaded = self.log.load(stream);
        Host::load(stream, Epoch(1), incarnation, loaded).expect("a stream holds its own machine's events")
    }

    fn awake(&mut self, stream: StreamId) {
        if self.hosts.contains_key(&stream) {
            return;
        }
        let host = match stream {
            StreamId::Checkout(_) => AnyHost::Checkout(Box::new(self.load(stream))),
            StreamId::Payment(_) => AnyHost::Payment(self.load(stream)),
            StreamId::Stock(_) => AnyHost::Stock(self.load(stream)),
            StreamId::Order(_) => AnyHost::Order(self.load(stream)),
            other => panic!("nobody lives at {other}"),
        };
        self.hosts.insert(stream, host);
        self.tick(stream);
    }

    fn tick(&mut self, stream: StreamId) {
        if let Some(host) = self.hosts.get_mut(&stream) {
            let outs = step!(host, self.now, Input::Tick);
            self.perform(stream, outs);
        }
    }

    fn perform(&mut self, stream: StreamId, outs: Vec<Out>) {
        for out in outs {
            match out {
                Out::Append(append) => {
                    self.queued.entry(stream).or_default().push_back(*append);
                    self.post.push(Post::Commit(stream));
                }
                Out::Ask(ask) => self.post.push(Post::Ask(ask)),
                Out::Answer(id, answer) => self.post.push(Post::Answer(id, answer)),
                Out::Effect(id) => self.post.push(Post::Call(id)),
                Out::Reply(port, outcome) => drop(self.replies.insert(port, outcome)),
                Out::Timer(Some(at)) => drop(self.timers.insert(stream, at)),
                Out::Timer(None) => drop(self.timers.remove(&stream)),
                Out::Passivate => self.forget(stream),
            }
        }
    }

    fn forget(&mut self, stream: StreamId) {
        self.hosts.remove(&stream);
        self.timers.remove(&stream);
        self.queued.remove(&stream);
    }

    pub fn command(&mut self, stream: StreamId, command: AnyCommand, key: Option<CommandKey>, port: Port) {
        self.awake(stream);
        let outs = match (self.hosts.get_mut(&stream), command) {
            (Some(AnyHost::Checkout(host)), AnyCommand::Checkout(command)) => {
                one_step(host, self.now, request(command, key, port))
            }
            (Some(AnyHost::Payment(host)), AnyCommand::Payment(command)) => {
                one_step(host, self.now, request(command, key, port))
            }
            (Some(AnyHost::Stock(host)), AnyCommand::Stock(command)) => {
                one_step(host, self.now, request(command, key, port))
            }
            (_, command) => panic!("{command:?} to {stream}"),
        };
        self.perform(stream, outs);
    }

    /// The checkout as its host sees it.
    pub fn checkout(&mut self, stream: StreamId) -> super::super::State {
        self.awake(stream);
        match self.hosts.get(&stream) {
            Some(AnyHost::Checkout(host)) => host.state().clone(),
            _ => panic!("{stream} is no checkout"),
        }
    }

    pub fn shard(&mut self, stream: StreamId) -> crate::inventory::State {
        self.awake(stream);
        match self.hosts.get(&stream) {
            Some(AnyHost::Stock(host)) => host.state().clone(),
            _ => panic!("{stream} is no shard"),
        }
    }

    pub fn open_asks(&mut self) -> Vec<Ask> {
        for stream in self.log.streams() {
            self.awake(stream);
        }
        let mut open = Vec::new();
        for host in self.hosts.values() {
            let asks = match host {
                AnyHost::Checkout(host) => Checkout::open_asks(host.state()),
                AnyHost::Payment(host) => Payment::open_asks(host.state()),
                AnyHost::Stock(_) => None,
                AnyHost::Order(host) => Order::open_asks(host.state()),
            };
            open.extend(asks.into_iter().flat_map(|asks| asks.iter().cloned()));
        }
        open
    }

    /// Lets one thing happen. `false` when nothing is on its way.
    pub fn deliver(&mut self) -> bool {
        self.collect_notices();
        self.misfortune();
        if self.post.is_empty() {
            return false;
        }
        let at = self.dice.roll(self.post.len() as u64) as usize;
        let post = self.post.swap_remove(at);
        let losable = !matches!(post, Post::Commit(_) | Post::Call(_) | Post::Notice(.., false));
        if losable && self.dice.percent(self.faults.lost) {
            return true;
        }
        if !matches!(post, Post::Commit(_)) && self.dice.percent(self.faults.doubled) {
            self.post.push(post.clone());
        }
        match post {
            Post::Ask(ask) => self.ask(ask),
            Post::Answer(id, answer) => {
                self.awake(id.stream);
                if let Some(host) = self.hosts.get_mut(&id.stream) {
                    let outs = step!(host, self.now, Input::Answer(id, answer.clone(), Origin::default()));
                    self.perform(id.stream, outs);
                }
            }
            Post::Commit(stream) => self.commit(stream),
            Post::Call(id) => self.call(id),
            Post::Notice(stream, fact, _) => {
                let command = payment::Command::Provider { effect: None, key: String::new(), fact };
                self.command(stream, AnyCommand::Payment(command), None, 0);
            }
        }
        true
    }

    fn collect_notices(&mut self) {
        for (payment, fact, may_get_lost) in std::mem::take(&mut self.bank.notices) {
            let notice = Post::Notice(StreamId::Payment(payment), fact, may_get_lost);
            if !may_get_lost {
                self.certain.push(notice.clone());
            }
            self.post.push(notice);
        }
    }

    fn ask(&mut self, ask: Ask) {
        if let Some(answer) = market::answer(&ask, &mut self.dice) {
            self.post.push(Post::Answer(ask.id, answer));
            return;
        }
        let to = ask.to;
        self.awake(to);
        if let Some(host) = self.hosts.get_mut(&to) {
            let outs = step!(host, self.now, Input::Ask(ask.clone(), Origin::default()));
            self.perform(to, outs);
        }
    }

    fn call(&mut self, id: EffectId) {
        let Some(Effect::Payment(call)) = self.log.outbox.get(&id).cloned() else {
            self.log.outbox.remove(&id);
            return;
        };
        let fact = self.bank.call(&call, self.now, &mut self.dice);
        let command = payment::Command::Provider { effect: Some(id), key: call.key, fact };
        self.command(id.stream, AnyCommand::Payment(command), None, 0);
    }

    fn commit(&mut self, stream: StreamId) {
        let Some(append) = self.queued.get_mut(&stream).and_then(VecDeque::pop_front) else { return };
        self.log.write(&append);
        for creation in &append.creates {
            self.forget(creation.stream);
        }
        let position = self.log.position(append.partition);
        let ordinal = append.id.ordinal;
        if let Some(host) = self.hosts.get_mut(&stream) {
            let outs = step!(host, self.now, Input::Durable { ordinal, position });
            self.perform(stream, outs);
        }
    }

    /// A host dies with what it had not written, or falls asleep.
    fn misfortune(&mut self) {
        let streams: Vec<StreamId> = self.hosts.keys().copied().collect();
        if streams.is_empty() {
            return;
        }
        let stream = streams[self.dice.roll(streams.len() as u64) as usize];
        if self.dice.percent(self.faults.crash) {
            self.forget(stream);
        } else if self.dice.percent(self.faults.sleep)
            && let Some(host) = self.hosts.get_mut(&stream)
        {
            let outs = step!(host, self.now, Input::Idle);
            self.perform(stream, outs);
        }
    }

    /// Time passes until the next thing is due. `false` when nothing is, for so long.
    pub fn pass_time(&mut self, at_most_ms: i64) -> bool {
        let asleep =
            self.log.wakes.iter().filter(|(stream, _)| !self.hosts.contains_key(stream)).map(|(_, at)| *at);
        let next = self.timers.values().copied().chain(asleep).chain(self.bank.next_deed()).min();
        let open: Vec<EffectId> = self.log.outbox.keys().copied().collect();
        let soon = next.is_some_and(|at| at.millis_since(self.now) <= at_most_ms);
        if !soon && open.is_empty() {
            return !self.bank.notices.is_empty();
        }
        let jump = if self.dice.percent(self.faults.jump) { self.dice.roll(40_000) as i64 } else { 0 };
        self.now = next.filter(|_| soon).map_or(self.now, |at| at.max(self.now)).plus_millis(jump);
        self.bank.catch_up(self.now);
        // Whoever works the outbox begins anew with every row that is open.
        self.post.extend(open.into_iter().map(Post::Call));
        let now = self.now;
        let due = |(stream, at): (&StreamId, &Timestamp)| (*at <= now).then_some(*stream);
        let mut streams: Vec<StreamId> = self.timers.iter().filter_map(due).collect();
        streams.extend(self.log.wakes.iter().filter_map(due));
        for stream in streams {
            self.awake(stream);
            self.tick(stream);
        }
        true
    }

    /// No more misfortune: everything that is under way comes to its end.
    pub fn come_to_rest(&mut self) {
        self.faults = Faults::NONE;
        // Whoever died before a notice was written gets it again.
        self.post.extend(self.certain.clone());
        for _ in 0..2_000_000 {
            if !self.deliver() && !self.pass_time(i64::MAX) {
                return;
            }
        }
        panic!("it never ends: {:?}, {:?}", self.timers, self.log.outbox);
    }
}
