//! A host with a journal that makes appends durable when it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;

use crate::any::AnyOutcome;
use crate::ask::{Ask, AskAnswer, AskId};
use crate::host::{
    Action, Answer, Host, Input, KnownReply, Loaded, Look, REPEATS_KEPT_MS, Request, Seen, WayBack,
};
use crate::ids::{CheckoutId, HoldId, LocationId, MovementId, SkuId, StreamId};
use crate::inventory::{self, Command, Inventory, Movement};
use crate::journal::{Append, Epoch, Incarnation, Origin, Recorded, Refusal, WakeChange};
use crate::machine::{CommandId, CommandKey, Machine};
use crate::time::Timestamp;

impl WayBack for () {}
impl WayBack for &'static str {}
/// Of the tests of whole sales.
impl WayBack for u128 {}

pub const SKU: SkuId = SkuId(1);
pub const MINUTE: i64 = 60_000;

pub fn shard() -> StreamId {
    StreamId::Stock(SKU.shard())
}

pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub fn key(id: u128) -> CommandKey {
    CommandKey { id: CommandId(id), fingerprint: id + 1000 }
}

pub fn hold_id(n: u32) -> HoldId {
    HoldId { checkout: CheckoutId(7), n }
}

/// Claims one unit until `deadline`.
pub fn hold(n: u32, deadline: i64) -> Command {
    let deadline = at(deadline);
    let request = inventory::Request::Hold { hold: hold_id(n), sku: SKU, quantity: 1, deadline, pin: None };
    Command::Hold { asked: 1, request }
}

pub fn receive(n: u128, quantity: u32) -> Command {
    let movement = MovementId(n);
    Command::Receive(Movement { movement, sku: SKU, location: LocationId::MAIN, quantity })
}

/// Everything that is durable of one stream.
#[derive(Clone, Debug, Default)]
pub struct Durable<M: Machine> {
    pub events: Vec<Recorded>,
    pub replies: BTreeMap<CommandId, (CommandKey, Timestamp, AnyOutcome)>,
    pub wake: Option<Timestamp>,
    pub snapshot: Option<(u64, M::State)>,
}

enum Sent<M: Machine> {
    Append(Box<Append>),
    Snapshot(u64, M::State),
}

pub struct Rig<M: Machine> {
    pub host: Host<M, &'static str>,
    pub durable: Durable<M>,
    stream: StreamId,
    queue: VecDeque<Sent<M>>,
    now: i64,
    starts: u64,
    snapshots_every: u64,
    /// The last one that the host asked for.
    look: Option<Look>,
}

impl Rig<Inventory> {
    /// A shard with so many units, durable, at time 0.
    pub fn with_units(quantity: u32) -> Self {
        let mut rig = Rig::new(shard());
        rig.command("open", None, Command::open(SKU));
        rig.command("receive", None, receive(1, quantity));
        rig.settle();
        rig
    }
}

impl<M: Machine> Rig<M> {
    pub fn new(stream: StreamId) -> Self {
        let host = Host::load(stream, Epoch(1), Incarnation(1), Loaded::default()).unwrap();
        let durable = Durable { events: Vec::new(), replies: BTreeMap::new(), wake: None, snapshot: None };
        let (queue, snapshots_every) = (VecDeque::new(), M::SNAPSHOT_EVERY);
        let mut rig = Rig { host, durable, stream, queue, now: 0, starts: 1, snapshots_every, look: None };
        rig.step(Input::Tick);
        rig
    }

    pub fn snapshots_every(&mut self, events: u64) {
        self.snapshots_every = events;
        self.restart();
    }

    /// Sets the clock.
    pub fn clock(&mut self, millis: i64) -> &mut Self {
        self.now = millis;
        self
    }

    /// Steps the host and says what it wants done.
    pub fn step(&mut self, input: Input<M, &'static str>) -> Vec<String> {
        let mut actions = Vec::new();
        self.host.step(at(self.now), input, &mut actions);
        let lines = actions.iter().map(line).collect();
        for action in actions {
            match action {
                Action::Append(append) => self.queue.push_back(Sent::Append(Box::new(append))),
                Action::Snapshot(snapshot) => {
                    self.queue.push_back(Sent::Snapshot(snapshot.seq, snapshot.state));
                }
                Action::LookUp { look, .. } => self.look = Some(look),
                _ => {}
            }
        }
        lines
    }

    pub fn command(
        &mut self,
        port: &'static str,
        key: Option<CommandKey>,
        command: M::Command,
    ) -> Vec<String> {
        self.step(Input::Command(Request {
            command,
            key,
            seen: Seen::Perhaps,
            origin: Origin::default(),
            port,
        }))
    }

    /// The same, when the journal was asked for the name and does not know it.
    pub fn new_command(&mut self, port: &'static str, key: CommandKey, command: M::Command) -> Vec<String> {
        let key = Some(key);
        let seen = self.look.map_or(Seen::Never, Seen::NotWhenLooked);
        self.step(Input::Command(Request { command, key, seen, origin: Origin::default(), port }))
    }

    pub fn tick(&mut self) -> Vec<String> {
        self.step(Input::Tick)
    }

    pub fn ask(&mut self, ask: Ask) -> Vec<String> {
        self.step(Input::Ask(ask, Origin::default()))
    }

    pub fn answer(&mut self, id: AskId, answer: AskAnswer) -> Vec<String> {
        self.step(Input::Answer(id, answer, Origin::default()))
    }

    /// How many appends are on their way.
    pub fn in_flight(&self) -> usize {
        self.queue.iter().filter(|sent| matches!(sent, Sent::Append(_))).count()
    }

    /// The next `count` appends become durable together; says what the host then lets out.
    pub fn write(&mut self, count: usize) -> Vec<String> {
        let mut ordinal = 0;
        for _ in 0..count {
            ordinal = self.write_next().expect("so many appends are on their way");
        }
        let position = self.durable.events.len() as u64;
        self.step(Input::Durable { ordinal, position })
    }

    /// Everything on its way becomes durable.
    pub fn settle(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while self.in_flight() > 0 {
            lines.extend(self.write(self.in_flight()));
        }
        while let Some(Sent::Snapshot(seq, state)) = self.queue.pop_front() {
            self.durable.snapshot = Some((seq, state));
        }
        lines
    }

    fn write_next(&mut self) -> Option<u64> {
        loop {
            match self.queue.pop_front()? {
                Sent::Snapshot(seq, state) => {
                    assert!(seq <= self.durable.events.len() as u64, "a snapshot of what is not durable");
                    self.durable.snapshot = Some((seq, state));
                }
                Sent::Append(append) => {
                    self.insert(&append);
                    return Some(append.id.ordinal);
                }
            }
        }
    }

    fn insert(&mut self, append: &Append) {
        assert_eq!(append.expected_seq, self.durable.events.len() as u64);
        for event in &append.events {
            let seq = self.durable.events.len() as u64 + 1;
            self.durable.events.push(Recorded {
                partition: append.partition,
                position: seq,
                stream: append.stream,
                seq,
                epoch: append.epoch,
                append_id: append.id,
                at: append.at,
                origin: append.origin,
                event: event.clone(),
            });
        }
        for (key, outcome) in &append.replies {
            let before = self.durable.replies.insert(key.id, (*key, append.at, outcome.clone()));
            assert!(before.is_none(), "one reply per request");
        }
        match append.wake {
            WakeChange::Keep => {}
            WakeChange::Set(at) => self.durable.wake = Some(at),
            WakeChange::Clear => self.durable.wake = None,
        }
    }

    /// What the journal would say to a host that starts now.
    pub fn loaded(&self) -> Loaded<M> {
        let from = self.durable.snapshot.as_ref().map_or(0, |(seq, _)| *seq as usize);
        let recent = |at: &Timestamp| self.now - at.as_millis() <= REPEATS_KEPT_MS;
        Loaded {
            snapshot: self.durable.snapshot.clone(),
            events: self.durable.events[from..].to_vec(),
            replies: self
                .durable
                .replies
                .values()
                .filter(|(_, at, _)| recent(at))
                .map(|(key, at, outcome)| {
                    let outcome = M::stored_outcome(outcome).unwrap();
                    KnownReply { key: *key, at: *at, outcome }
                })
                .collect(),
            has_older_replies: self.durable.replies.values().any(|(_, at, _)| !recent(at)),
            wake: self.durable.wake,
            last: self.durable.events.last().map(|last| (last.position, last.at)),
        }
    }

    /// The process ends: what is not durable is gone. The stream is loaded anew; says what it wants done at once.
    pub fn restart(&mut self) -> Vec<String> {
        self.queue.clear();
        self.starts += 1;
        self.host = Host::load(self.stream, Epoch(1), Incarnation(self.starts), self.loaded())
            .unwrap()
            .with_snapshots_every(self.snapshots_every);
        self.tick()
    }

    pub fn refuse(&mut self) -> Vec<String> {
        self.step(Input::Refused(Refusal::WrongSeq))
    }
}

/// Leaves out what a test is not about.
pub fn without(lines: Vec<String>, what: &[&str]) -> Vec<String> {
    lines.into_iter().filter(|line| !what.iter().any(|prefix| line.starts_with(prefix))).collect()
}

fn line<M: Machine>(action: &Action<M, &'static str>) -> String {
    match action {
        Action::Append(append) => {
            let wake = match append.wake {
                WakeChange::Keep => String::new(),
                WakeChange::Set(at) => format!(" wake {}", at.as_millis()),
                WakeChange::Clear => " wake off".to_owned(),
            };
            let replies = if append.replies.is_empty() { "" } else { " reply" };
            format!("append {}+{}{replies}{wake}", append.expected_seq, append.events.len())
        }
        Action::Snapshot(snapshot) => format!("snapshot {}", snapshot.seq),
        Action::Reply { port, answer, position } => format!("{port}: {} @{position}", said(answer)),
        Action::LookUp { port, .. } => format!("{port}: look it up"),
        Action::Show { port, seq, .. } => format!("{port}: state at {seq}"),
        Action::Ask { ask, .. } => format!("ask {}.{}", ask.id.seq, ask.id.n),
        Action::AnswerAsk { id, answer, seq, .. } => format!("answer {}: {} @{seq}", id.seq, short(answer)),
        Action::Effect { id, .. } => format!("effect {id:?}"),
        Action::Publish(view) => format!("view {view:?}"),
        Action::Timer(Some(at)) => format!("timer {}", at.as_millis()),
        Action::Timer(None) => "timer off".to_owned(),
        Action::Passivate => "passivate".to_owned(),
        Action::Fail(refusal) => format!("fail {refusal:?}"),
    }
}

fn said<M: Machine>(answer: &Answer<M>) -> String {
    let outcome = |outcome: &Result<M::Reply, M::Rejection>| match outcome {
        Ok(reply) => format!("yes {}", short(reply)),
        Err(rejection) => format!("no {}", short(rejection)),
    };
    match answer {
        Answer::Fresh(fresh) => outcome(fresh),
        Answer::Repeated(before) => format!("again {}", outcome(before)),
        Answer::KeyReused => "key reused".to_owned(),
        Answer::InFlight => "in flight".to_owned(),
    }
}

/// The variant's name alone.
fn short(value: &impl Debug) -> String {
    format!("{value:?}").split([' ', '{']).next().unwrap_or_default().to_owned()
}
