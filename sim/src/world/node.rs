//! A node: what one process knows, all of it gone when it ends.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use souk_core::ask::{Ask, AskAnswer, AskId};
use souk_core::host::{Look, Seen};
use souk_core::ids::{Partition, PaymentId, SkuId, StreamId};
use souk_core::journal::{AppendId, EffectId, Incarnation, Refusal};
use souk_core::payment::{self, ProviderFact};
use souk_core::time::Timestamp;

use super::World;
use super::writer::Writer;
use crate::database::{Lot, Process, TransactionId, clock};
use crate::kind::{AnyHost, CallId, Port};
use crate::schedule::Micros;
use crate::steps::Step;

/// What happens within a process.
#[derive(Debug)]
pub(crate) enum Local {
    /// A host takes the next message of its mailbox.
    Mail(StreamId),
    /// A timer of this start of a host fires.
    Timer(StreamId, Incarnation, Timestamp),
    /// Has this host been idle since then?
    Idle(StreamId, Incarnation),
    /// What the journal knows of a stream has been read.
    Loaded(StreamId, Incarnation),
    /// The supervisor builds a failed host anew.
    Rebuild(StreamId),
    /// The handler has looked into the journal for a request that its host sent back.
    LookedUp(CallId, Look),
    /// The writer tells a host that its appends up to this ordinal are durable, ending at this position.
    Settled(StreamId, Incarnation, u64, u64),
    /// The writer tells a host that an append was refused.
    Refused(StreamId, Incarnation, Refusal),
    /// The writer looks into its queue.
    Turn,
    /// The writer opens a transaction for the group under way.
    Begin,
    /// A transaction locks lease rows and compares epochs.
    Check(TransactionId),
    /// It inserts its rows.
    Insert(TransactionId),
    /// It sends COMMIT.
    Commit(TransactionId),
    /// COMMIT was answered.
    Committed(TransactionId),
    /// The connection was lost at COMMIT: its backend is ended before anything else.
    Terminate(TransactionId),
    /// The leases are renewed.
    Renew,
    /// It looks whether a lease has lapsed.
    Watch,
    /// A take-over goes on; whether it has waited.
    TakeOver(Lot, bool),
    /// The lot was taken over in this epoch, asked for at that time; the journal's tail has been read.
    Own(Lot, u64, Micros),
    /// Due wakes are read, as was planned for this time.
    Wakes(Micros),
    /// Open rows of the outbox are read; whether they are read again and again.
    Rows(bool),
    /// The lane hears what the bank says to this call, or that no answer came.
    Said(EffectId, PaymentId, String, ProviderFact),
    /// The lane has sent a mail.
    Mailed(EffectId),
    /// The projector reads what is new.
    Project,
    /// It writes a page of this partition, read from behind this position.
    Projected(Partition, u64),
    /// The lane has waited long enough for the record of this row's outcome.
    PutDown(EffectId),
}

/// A message in a mailbox.
#[derive(Debug)]
pub(crate) enum Mail {
    /// With what is known of its name.
    Request(CallId, Seen),
    Ask(Ask),
    AskAnswer(AskId, AskAnswer, (StreamId, u64)),
    /// What the bank said, to whom.
    Provider(Port, payment::Command),
    /// A row was carried out, and there is nothing to record.
    Worked(EffectId),
    Tick,
}

/// What the directory knows of a stream.
#[derive(Debug)]
pub(crate) struct Slot {
    pub mailbox: VecDeque<Mail>,
    pub stage: Stage,
    /// Nobody asked for it: a wake brought it.
    pub woken: bool,
}

#[derive(Debug)]
pub(crate) enum Stage {
    /// Waits until all earlier appends of the stream are settled.
    Barrier,
    /// The journal is being read.
    Reading(Incarnation),
    Live(Live),
}

#[derive(Debug)]
pub(crate) struct Live {
    pub host: Box<dyn AnyHost>,
    pub incarnation: Incarnation,
    pub timer: Option<Timestamp>,
    pub active_at: Micros,
}

/// What an owner knows of its ownership.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    pub epoch: u64,
    /// Its own clock says so, earlier than the database would.
    pub good_until: Micros,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub up: bool,
    pub life: u64,
    pub paused_until: Micros,
    /// How far the wall clock is off.
    pub skew_ms: i64,
    /// What it owns, as far as it knows.
    pub terms: BTreeMap<Lot, Term>,
    /// What it is taking over.
    pub taking: BTreeSet<Lot>,
    pub renews: bool,
    /// When due wakes are read next.
    pub wakes_at: Option<Micros>,
    pub reads_rows: bool,
    /// Its projector is about to look for what is new.
    pub projects: bool,
    pub slots: BTreeMap<StreamId, Slot>,
    pub writer: Writer,
    /// What readers on this node see.
    pub views: BTreeMap<SkuId, (i64, bool)>,
    /// Rows that the lanes have in hand.
    pub in_hand: BTreeSet<EffectId>,
    /// Steps of sales that were applied and have not been answered.
    pub steps: BTreeMap<AppendId, (StreamId, BTreeSet<Step>)>,
}

impl Node {
    pub fn new(life: u64) -> Self {
        Node {
            up: false,
            life,
            paused_until: 0,
            skew_ms: 0,
            terms: BTreeMap::new(),
            taking: BTreeSet::new(),
            renews: false,
            wakes_at: None,
            reads_rows: false,
            projects: false,
            slots: BTreeMap::new(),
            writer: Writer::default(),
            views: BTreeMap::new(),
            in_hand: BTreeSet::new(),
            steps: BTreeMap::new(),
        }
    }
}

impl World {
    pub(super) fn process(&self, node: usize) -> Process {
        Process { node, life: self.nodes[node].life }
    }

    /// The node's wall clock.
    pub(super) fn wall(&self, node: usize) -> Timestamp {
        clock(self.now).plus_millis(self.nodes[node].skew_ms)
    }

    pub(super) fn local(&mut self, process: Process, local: Local) {
        let node = process.node;
        if self.may_crash(node) {
            return;
        }
        match local {
            Local::Mail(stream) => self.mail(node, stream),
            Local::Timer(stream, incarnation, at) => self.timer(node, stream, incarnation, at),
            Local::Idle(stream, incarnation) => self.idle(node, stream, incarnation),
            Local::Loaded(stream, incarnation) => self.loaded(node, stream, incarnation),
            Local::LookedUp(call, look) => self.looked_up(node, call, look),
            Local::Rebuild(stream) => self.try_load(node, stream),
            Local::Settled(stream, incarnation, ordinal, position) => {
                self.settled(node, stream, incarnation, ordinal, position);
            }
            Local::Refused(stream, incarnation, refusal) => self.refused(node, stream, incarnation, refusal),
            Local::Turn => self.turn(node),
            Local::Begin => self.begin_transaction(node),
            Local::Check(id) => self.check(node, id),
            Local::Insert(id) => self.insert(node, id),
            Local::Commit(id) => self.commit(node, id),
            Local::Committed(id) => self.committed(node, id),
            Local::Terminate(id) => self.terminate(node, id),
            Local::Renew => self.renew(node),
            Local::Watch => self.watch(node),
            Local::TakeOver(lot, waited) => self.take_over(node, lot, waited),
            Local::Own(lot, epoch, asked_at) => self.own(node, lot, epoch, asked_at),
            Local::Wakes(at) => self.wakes(node, at),
            Local::Rows(again) => self.read_rows(node, again),
            Local::Said(id, payment, key, fact) => self.said(node, id, payment, key, fact),
            Local::Mailed(id) => self.mailed(node, id),
            Local::Project => self.project(node),
            Local::Projected(partition, from) => self.projected(node, partition, from),
            Local::PutDown(id) => {
                self.nodes[node].in_hand.remove(&id);
            }
        }
    }
}
