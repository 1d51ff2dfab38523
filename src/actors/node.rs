//! A node: everything the host actors of one process share, and the routes between them.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use souk_core::any::Effect;
use souk_core::ask::{Ask, AskAnswer, AskId};
use souk_core::checkout::Checkout;
use souk_core::family::{Family, SignIn};
use souk_core::ids::StreamId;
use souk_core::inventory::Inventory;
use souk_core::journal::{EffectId, Origin};
use souk_core::order::Order;
use souk_core::payment::Payment;
use souk_core::person::{Person, Standing};
use souk_core::product::Product;
use souk_core::time::Timestamp;
use souk_core::vendor::{self, Vendor};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::journal::{Journal, WriterHealth};

use super::admission::Admission;
use super::handle::Handle;
use super::kinds::{Hosted, Kind, for_all_kinds, for_kind_of};
use super::message::HostMessage;
use super::outbox::{self, Outbox, Outside, Work};
use super::published::Published;
use super::pulse::{ActorPulse, KindOverview};
use super::sweeper::Sweeper;
use super::timers::{self, SetTimer};
use super::trap::Traps;
use super::views::{Changes, StockView};
use super::wakes;

/// How a node behaves.
#[derive(Clone, Copy, Debug)]
pub struct NodeOptions {
    /// Commands from outside that may be under way at once.
    pub admission: usize,
    /// An actor that nobody has written to for this long may sleep.
    pub idle: Duration,
    /// How long after the start the vault is swept first: a server that has just started has more urgent things to do.
    pub sweep_after: Duration,
    /// The pause between two sweeps.
    pub sweep_every: Duration,
}

impl Default for NodeOptions {
    fn default() -> Self {
        NodeOptions {
            admission: 4_096,
            idle: Duration::from_secs(60),
            sweep_after: Duration::from_secs(60),
            sweep_every: Duration::from_secs(60 * 60),
        }
    }
}

/// One process's actors.
pub struct Node {
    journal: Journal,
    clock: Clock,
    admission: Admission,
    timers: mpsc::UnboundedSender<SetTimer>,
    pub(super) stock: Kind<Inventory>,
    pub(super) vendors: Kind<Vendor>,
    pub(super) products: Kind<Product>,
    pub(super) checkouts: Kind<Checkout>,
    pub(super) payments: Kind<Payment>,
    pub(super) orders: Kind<Order>,
    pub(super) persons: Kind<Person>,
    pub(super) families: Kind<Family>,
    outbox: Outbox,
    /// Says that the node is ending, to those that reach outside.
    stop: watch::Sender<bool>,
    lanes: Mutex<Vec<JoinHandle<()>>>,
    pub(super) stock_view: StockView,
    pub(super) changes: Changes,
    pub(super) teams: Published<vendor::Standing>,
    pub(super) accounts: Published<Standing>,
    pub(super) sign_ins: Published<SignIn>,
    traps: Traps,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}

impl Node {
    /// Starts the actors' surroundings on an open journal: supervisors, timers, the reader of wakes.
    ///
    /// # Errors
    /// When a supervisor cannot be spawned.
    pub async fn start(
        journal: Journal,
        clock: Clock,
        outside: Outside,
        options: NodeOptions,
    ) -> Result<Arc<Self>, ractor::SpawnErr> {
        let (timers, orders) = mpsc::unbounded_channel();
        let (outbox, work) = Outbox::new();
        let stock_view = StockView::new(journal.lease().clone());
        let teams = Published::new(journal.lease().clone());
        let accounts = Published::new(journal.lease().clone());
        let sign_ins = Published::new(journal.lease().clone());
        let node = Arc::new(Node {
            journal,
            clock,
            admission: Admission::new(options.admission),
            timers,
            stock: Kind::new(),
            vendors: Kind::new(),
            products: Kind::new(),
            checkouts: Kind::new(),
            payments: Kind::new(),
            orders: Kind::new(),
            persons: Kind::new(),
            families: Kind::new(),
            outbox,
            stop: watch::Sender::new(false),
            lanes: Mutex::default(),
            stock_view,
            changes: Changes::default(),
            teams,
            accounts,
            sign_ins,
            traps: Traps::default(),
        });
        for_all_kinds!(node, kind => kind.supervise(&node).await?);
        let weak = Arc::downgrade(&node);
        let sweeper = Sweeper::new(Weak::clone(&weak), Arc::clone(&outside.vault), outside.plain.clone());
        let mut lanes = outbox::spawn(&node, work, outside, &node.stop.subscribe());
        lanes.push(tokio::spawn(sweeper.run(
            options.sweep_after,
            options.sweep_every,
            node.stop.subscribe(),
        )));
        lanes.push(tokio::spawn(wakes::run(Weak::clone(&weak), node.stop.subscribe())));
        node.lanes.lock().unwrap_or_else(PoisonError::into_inner).extend(lanes);
        tokio::spawn(timers::run(Weak::clone(&weak), orders));
        tokio::spawn(sweep(Weak::clone(&weak), options.idle));
        tokio::spawn(watch_writer(weak));
        Ok(node)
    }

    /// Speaks to machines of one kind.
    pub fn handle<M: Hosted>(self: &Arc<Self>) -> Handle<M> {
        Handle::new(Arc::clone(self))
    }

    /// Speaks to stock shards.
    pub fn stock(self: &Arc<Self>) -> Handle<Inventory> {
        self.handle()
    }

    /// Free units as the shards last published them.
    pub fn stock_view(&self) -> &StockView {
        &self.stock_view
    }

    /// How often products and their stock have changed since the start.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// How vendors stand and who is in their teams, as their machines last published it.
    pub fn teams(&self) -> &Published<vendor::Standing> {
        &self.teams
    }

    /// How accounts stand, as their machines last published it.
    pub fn accounts(&self) -> &Published<Standing> {
        &self.accounts
    }

    /// How sign-ins stand, likewise.
    pub fn sign_ins(&self) -> &Published<SignIn> {
        &self.sign_ins
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Permits for work from outside.
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// How often an actor was loaded anew after a failure.
    pub fn restarts(&self) -> u64 {
        let mut restarts = 0;
        for_all_kinds!(self, kind => restarts += kind.restarts());
        restarts
    }

    /// How many host actors are awake.
    pub fn awake(&self) -> usize {
        let mut awake = 0;
        for_all_kinds!(self, kind => awake += kind.directory.awake());
        awake
    }

    /// Streams whose actors keep failing.
    pub fn quarantined(&self) -> Vec<StreamId> {
        let mut streams = Vec::new();
        for_all_kinds!(self, kind => streams.extend(kind.directory.quarantined()));
        streams
    }

    /// Lets a stream out of quarantine, after a person has looked. Returns whether it was in.
    pub fn release(self: &Arc<Self>, stream: StreamId) -> bool {
        let was_in =
            for_kind_of!(stream, M => <M as Hosted>::kind(self).directory.release(stream), else false);
        if was_in {
            tracing::info!(%stream, "released from quarantine");
            self.tick(stream);
        }
        was_in
    }

    /// How the actors do, by kind, with the busiest of each.
    pub fn overview(&self, busiest: usize) -> Vec<KindOverview> {
        vec![
            self.checkouts.overview("checkout", busiest),
            self.payments.overview("payment", busiest),
            self.orders.overview("order", busiest),
            self.products.overview("product", busiest),
            self.vendors.overview("vendor", busiest),
            self.stock.overview("stock", busiest),
            self.persons.overview("person", busiest),
            self.families.overview("family", busiest),
        ]
    }

    /// How one actor does; `None` when it sleeps. Looking does not wake it.
    pub fn pulse(&self, stream: StreamId) -> Option<ActorPulse> {
        for_kind_of!(stream, M => <M as Hosted>::kind(self).directory.pulse(stream), else None)
    }

    /// Ends everything in order: no new work, then every actor finishes what it was sent, then the journal
    /// writes what waits.
    pub async fn shut_down(&self) {
        self.admission.close();
        loop {
            for_all_kinds!(self, kind => kind.directory.drain().await);
            // What had been admitted may have come to a drained actor, and have started another.
            if self.admission.in_flight() == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.stop.send_replace(true);
        let lanes = std::mem::take(&mut *self.lanes.lock().unwrap_or_else(PoisonError::into_inner));
        for lane in lanes {
            let _ = lane.await;
        }
        self.journal.close().await;
    }

    /// Lets the stream's actor panic when it next comes by there, to show what a panic does.
    #[cfg(debug_assertions)]
    pub fn set_trap(&self, stream: StreamId, trap: super::Trap) {
        self.traps.set(stream, trap);
    }

    /// Traps that nobody has come by.
    #[cfg(debug_assertions)]
    pub fn traps_waiting(&self) -> Vec<(StreamId, super::Trap)> {
        self.traps.waiting()
    }

    pub(super) fn traps(&self) -> &Traps {
        &self.traps
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(super) fn count_restart<M: Hosted>(&self) {
        M::kind(self).count_restart();
    }

    pub(super) fn set_timer(&self, stream: StreamId, at: Option<Timestamp>) {
        let _ = self.timers.send((stream, at));
    }

    /// Wakes the stream's actor, if it sleeps, and lets it do what is due.
    pub(super) fn tick(self: &Arc<Self>, stream: StreamId) {
        for_kind_of!(stream, M => self.tell::<M>(stream, HostMessage::Tick), else not_hosted(stream));
    }

    pub(super) fn deliver_ask(self: &Arc<Self>, ask: Ask, origin: Origin) {
        let to = ask.to;
        for_kind_of!(to, M => self.tell::<M>(to, HostMessage::Ask(Box::new((ask, origin)))), else not_hosted(to));
    }

    pub(super) fn deliver_answer(self: &Arc<Self>, id: AskId, answer: AskAnswer, origin: Origin) {
        let to = id.stream;
        for_kind_of!(to, M => self.tell::<M>(to, HostMessage::Answer(Box::new((id, answer, origin)))), else not_hosted(to));
    }

    pub(super) fn effect_is_durable(&self, id: EffectId, effect: Effect, trace: Option<u128>) {
        let _ = self.outbox.offer(Work { id, effect, attempts: 0, trace });
    }

    /// An order to the outside world has been carried out, and its outcome is no event.
    pub(super) fn effect_is_done(self: &Arc<Self>, id: EffectId) {
        let to = id.stream;
        for_kind_of!(to, M => self.tell::<M>(to, HostMessage::Worked(id)), else not_hosted(to));
    }

    /// Sends without waiting. A stream in quarantine is told nothing: its askers ask again, later.
    fn tell<M: Hosted>(self: &Arc<Self>, stream: StreamId, message: HostMessage<M>) {
        if M::kind(self).directory.send(self, stream, message).is_err() {
            tracing::debug!(%stream, "in quarantine; not told");
        }
    }
}

/// Shuts the door for new work while the journal cannot take it, and ends the process when it must not go on:
/// after a failed fsync only a restart that reads what is really on disk knows the truth.
async fn watch_writer(node: Weak<Node>) {
    let Some(alive) = node.upgrade() else { return };
    let mut health = alive.journal.writer().health();
    drop(alive);
    loop {
        let now = health.borrow_and_update().clone();
        let Some(alive) = node.upgrade() else { return };
        match &now {
            WriterHealth::Healthy => alive.admission.set_shut(false),
            WriterHealth::Degraded { reason, .. } | WriterHealth::Unknown { reason, .. } => {
                tracing::warn!(reason, "the journal cannot be written; new work is refused until it can");
                alive.admission.set_shut(true);
            }
            WriterHealth::Fatal { reason } => {
                tracing::error!(reason, "the journal failed in a way that must not be retried; ending");
                std::process::exit(FATAL_EXIT);
            }
            WriterHealth::Closed => alive.admission.set_shut(true),
        }
        drop(alive);
        if health.changed().await.is_err() {
            if *health.borrow() == WriterHealth::Closed {
                return;
            }
            // Its task is gone without a word. Nothing is written any more, whatever this process believes.
            tracing::error!("the journal's writer has ended unexpectedly; ending");
            std::process::exit(FATAL_EXIT);
        }
    }
}

/// The exit code after a fault of the journal: a supervisor of the process starts it again.
const FATAL_EXIT: i32 = 70;

fn not_hosted(stream: StreamId) {
    tracing::warn!(%stream, "this version hosts no such machine; nothing was sent");
}

/// Offers sleep to idle actors, until the node is gone.
async fn sweep(node: Weak<Node>, idle: Duration) {
    let mut round = tokio::time::interval(idle.clamp(Duration::from_millis(10), Duration::from_secs(5)));
    loop {
        round.tick().await;
        let Some(node) = node.upgrade() else { return };
        for_all_kinds!(node, kind => kind.sweep(idle));
    }
}
