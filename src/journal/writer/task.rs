//! The writer's loop.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use souk_core::ids::{PARTITIONS, Partition, StreamId};
use souk_core::journal::{Incarnation, Refusal};
use souk_core::sequencer::{Group, Sequencer};
use tokio::sync::{mpsc, oneshot, watch};

use crate::kill_point::{self, Side};

use super::super::backend::{Backend, Fault, Tail};
use super::super::lease::Lease;
use super::super::newest::Filling;
use super::super::now;
use super::super::offer::{Chains, Offer, Sent};
use super::super::wire::EncodedSnapshot;
use super::{Message, OutcomeSink, Settled, StartError, Started, WriterHealth};

const PAUSE_FIRST: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Ends the loop.
enum Stop {
    Closed(oneshot::Sender<()>),
    Fatal,
}

struct Host {
    incarnation: Incarnation,
    sink: OutcomeSink,
    /// The last group it was told of, so that it is told once per group.
    told: u64,
}

/// The writer as it runs.
pub(in crate::journal) struct Task {
    backend: Backend,
    sequencer: Sequencer,
    chains: Chains,
    hosts: HashMap<StreamId, Host>,
    lease: Lease,
    /// Makes incarnations unique over the journal's life: this start's number and a counter.
    next_incarnation: u64,
    newest: Filling,
    health: watch::Sender<WriterHealth>,
    grown: watch::Sender<u64>,
    groups: u64,
}

impl Task {
    pub(in crate::journal) fn new(backend: Backend, lease: Lease, start: u32, newest: Filling) -> Self {
        Task {
            backend,
            sequencer: Sequencer::new(),
            chains: Chains::new(),
            hosts: HashMap::new(),
            lease,
            next_incarnation: u64::from(start) << 32,
            newest,
            health: watch::Sender::new(WriterHealth::Healthy),
            grown: watch::Sender::new(0),
            groups: 0,
        }
    }

    /// How it is, and how many groups became durable.
    pub(super) fn tells(&self) -> (watch::Receiver<WriterHealth>, watch::Receiver<u64>) {
        (self.health.subscribe(), self.grown.subscribe())
    }

    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Message>, group_max: usize) {
        let mut batch = Vec::with_capacity(group_max);
        while queue.recv_many(&mut batch, group_max).await > 0 {
            // Whoever was just told of the last group is about to send: let them, so that the first of them does not
            // travel alone and make the others wait for a whole group.
            tokio::task::yield_now().await;
            while batch.len() < group_max
                && let Ok(message) = queue.try_recv()
            {
                batch.push(message);
            }
            match self.take(&mut batch).await {
                Ok(()) => {}
                Err(Stop::Fatal) => return,
                Err(Stop::Closed(answer)) => {
                    self.health.send_replace(WriterHealth::Closed);
                    self.backend.close().await;
                    let _ = answer.send(());
                    return;
                }
            }
        }
        self.health.send_replace(WriterHealth::Closed);
        self.backend.close().await;
    }

    /// Settles the decisions of a batch together, then answers the rest of it: a barrier that is answered later
    /// than it came is still one.
    async fn take(&mut self, batch: &mut Vec<Message>) -> Result<(), Stop> {
        let mut group = Group::default();
        let mut snapshots = Vec::new();
        let mut rest = Vec::new();
        for message in batch.drain(..) {
            match message {
                Message::Append(append) => {
                    self.sequencer.place_next(&mut group, append);
                }
                Message::Snapshot(snapshot) => {
                    if self.sequencer.is_open(snapshot.stream, snapshot.incarnation) {
                        snapshots.push(*snapshot);
                    }
                }
                other => rest.push(other),
            }
        }
        self.settle(group, snapshots).await?;
        for message in rest {
            match message {
                Message::Start { stream, sink, answer } => {
                    // Nobody waits for it any more: nothing starts.
                    if !answer.is_closed() {
                        let _ = answer.send(self.start(stream, sink));
                    }
                }
                Message::End { stream, incarnation } => {
                    self.sequencer.end(stream, incarnation);
                    if self.hosts.get(&stream).is_some_and(|host| host.incarnation == incarnation) {
                        self.hosts.remove(&stream);
                    }
                }
                Message::Own { tails, answer } => {
                    self.own(tails);
                    let _ = answer.send(());
                }
                Message::Lose { partitions } => {
                    partitions.into_iter().for_each(|partition| self.fence(partition))
                }
                Message::Upkeep { upkeep, answer } => {
                    let done = match self.backend.upkeep(&upkeep).await {
                        Ok(rows) => Ok(rows),
                        Err(Fault::Fatal(reason)) => return Err(self.fatal(reason)),
                        Err(Fault::Failed { reason, .. } | Fault::Conflict(reason)) => Err(reason),
                        Err(Fault::Fenced(_)) => Err("the partition has another owner".to_owned()),
                    };
                    let _ = answer.send(done);
                }
                Message::Close { answer } => return Err(Stop::Closed(answer)),
                Message::Append(_) | Message::Snapshot(_) => {}
            }
        }
        Ok(())
    }

    fn start(&mut self, stream: StreamId, sink: OutcomeSink) -> Result<Started, StartError> {
        let epoch = self.sequencer.epoch(stream.partition()).ok_or(StartError::NotOwner)?;
        self.next_incarnation += 1;
        let incarnation = Incarnation(self.next_incarnation);
        self.sequencer.start(stream, incarnation);
        if let Some(old) = self.hosts.insert(stream, Host { incarnation, sink, told: 0 }) {
            old.sink.send(Settled::Refused(Refusal::Closed));
        }
        Ok(Started { incarnation, epoch })
    }

    fn own(&mut self, tails: Vec<Tail>) {
        for tail in tails {
            self.fence(tail.partition);
            self.sequencer.own(tail.partition, tail.epoch, tail.position);
            self.chains.set(tail.partition, tail.chain);
            self.newest.own(tail.partition, tail.position);
        }
    }

    /// The partition has another owner.
    fn fence(&mut self, partition: Partition) {
        self.lease.lose(partition);
        self.newest.lose(partition);
        for (stream, incarnation) in self.sequencer.lose(partition) {
            self.refuse(stream, incarnation, Refusal::Fenced);
        }
    }

    fn refuse(&mut self, stream: StreamId, incarnation: Incarnation, refusal: Refusal) {
        if self.hosts.get(&stream).is_some_and(|host| host.incarnation == incarnation)
            && let Some(host) = self.hosts.remove(&stream)
        {
            host.sink.send(Settled::Refused(refusal));
        }
    }

    async fn settle(&mut self, mut group: Group<Sent>, snapshots: Vec<EncodedSnapshot>) -> Result<(), Stop> {
        let refused = std::mem::take(&mut group.refused);
        if !group.placed.is_empty() || !snapshots.is_empty() {
            self.offer(group, snapshots).await?;
        }
        // After the rest: a host hears first what of it is durable.
        for (id, stream, refusal) in refused {
            self.refuse(stream, id.incarnation, refusal);
        }
        Ok(())
    }

    fn build(&self, group: Group<Sent>, snapshots: Vec<EncodedSnapshot>) -> Offer {
        Offer::build(group, snapshots, |partition| self.sequencer.epoch(partition), &self.chains)
    }

    /// Offers a group until it is known what has become of it. Only then is anybody told anything.
    async fn offer(&mut self, group: Group<Sent>, snapshots: Vec<EncodedSnapshot>) -> Result<(), Stop> {
        let mut offer = self.build(group, snapshots);
        // Appends of a group in which something was not acceptable: each is offered alone, once.
        let mut singles = VecDeque::new();
        loop {
            if let Some(appends) = self.offer_until_known(offer).await? {
                singles.extend(appends);
            }
            offer = loop {
                let Some(append) = singles.pop_front() else { return Ok(()) };
                let mut group = Group::default();
                if self.sequencer.place_next(&mut group, append) {
                    break self.build(group, Vec::new());
                }
                for (id, stream, refusal) in group.refused {
                    self.refuse(stream, id.incarnation, refusal);
                }
            };
        }
    }

    /// Returns the appends of a group that cannot be written as a whole.
    async fn offer_until_known(&mut self, mut offer: Offer) -> Result<Option<Vec<Sent>>, Stop> {
        let mut in_doubt = false;
        let mut pause = PAUSE_FIRST;
        loop {
            let kinds = || offer.events().map(|row| row.event.kind);
            kill_point::pass(Side::Before, kinds());
            let fault = match self.backend.write(&offer).await {
                Ok(()) => {
                    kill_point::pass(Side::After, kinds());
                    self.durable(offer);
                    return Ok(None);
                }
                Err(fault) => fault,
            };
            // Something stands in the way. If the group may have been committed before, it may be the group itself.
            if in_doubt && matches!(fault, Fault::Fenced(_) | Fault::Conflict(_)) {
                match self.backend.holds(&offer).await {
                    Ok(true) => {
                        self.durable(offer);
                        return Ok(None);
                    }
                    Ok(false) => in_doubt = false,
                    Err(Fault::Fatal(reason)) => return Err(self.fatal(reason)),
                    Err(_) => {
                        self.wait(&mut pause).await;
                        continue;
                    }
                }
            }
            match fault {
                Fault::Fenced(partitions) => {
                    tracing::warn!(?partitions, "another server has taken these partitions over");
                    // The database has answered. It may be that nothing of the group is left to show that.
                    self.healthy();
                    partitions.iter().for_each(|partition| self.fence(*partition));
                    offer = offer.without(&partitions, |it| self.sequencer.epoch(it), &self.chains);
                    if offer.is_empty() {
                        return Ok(None);
                    }
                }
                Fault::Conflict(reason) => {
                    self.healthy();
                    return Ok(self.give_back(offer, &reason));
                }
                Fault::Failed { doubtful, reason } => {
                    in_doubt |= doubtful;
                    tracing::warn!(doubtful, reason, "a group was not written; it is offered again");
                    self.health.send_modify(|health| *health = health.after_failure(doubtful, reason, now()));
                    self.wait(&mut pause).await;
                }
                Fault::Fatal(reason) => return Err(self.fatal(reason)),
            }
        }
    }

    /// Nothing of the offer was written. One append alone is the guilty one; of several, all but the guilty one
    /// will get through by themselves.
    fn give_back(&mut self, offer: Offer, reason: &str) -> Option<Vec<Sent>> {
        let alone = offer.group.placed.len() <= 1;
        let appends = self.sequencer.abandon(offer.group);
        if !alone {
            return Some(appends);
        }
        for append in appends {
            tracing::error!(stream = %append.stream, append = ?append.id, reason, "the database refused an append");
            self.sequencer.refuse(append.stream, append.id);
            self.refuse(append.stream, append.id.incarnation, Refusal::WrongSeq);
        }
        None
    }

    fn durable(&mut self, offer: Offer) {
        self.healthy();
        self.sequencer.commit(&offer.group);
        for (partition, chain) in offer.tails() {
            self.chains.set(partition, chain);
        }
        self.newest.add(&offer);
        self.groups += 1;
        // From the end, so that a host hears only of the last of its appends.
        for placed in offer.group.placed.iter().rev() {
            let id = placed.append.id;
            if let Some(host) = self.hosts.get_mut(&placed.append.stream)
                && host.incarnation == id.incarnation
                && host.told != self.groups
            {
                host.told = self.groups;
                host.sink.send(Settled::Durable { ordinal: id.ordinal, position: placed.last_position });
            }
        }
        for (stream, incarnation) in offer.group.closed {
            self.refuse(stream, incarnation, Refusal::Closed);
        }
        self.grown.send_replace(self.groups);
    }

    fn healthy(&mut self) {
        self.health.send_if_modified(|health| {
            let recovered = *health != WriterHealth::Healthy;
            if recovered {
                tracing::info!("the journal is being written again");
                *health = WriterHealth::Healthy;
            }
            recovered
        });
    }

    async fn wait(&self, pause: &mut Duration) {
        tokio::time::sleep(*pause).await;
        *pause = (*pause * 2).min(PAUSE_MAX);
    }

    fn fatal(&mut self, reason: String) -> Stop {
        // Nobody may go on answering from memory while the process ends.
        (0..PARTITIONS).map(Partition).for_each(|partition| self.lease.lose(partition));
        tracing::error!(
            reason,
            "the database can no longer be trusted; the server must exit and start again"
        );
        self.health.send_replace(WriterHealth::Fatal { reason });
        Stop::Fatal
    }
}
