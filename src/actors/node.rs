//! A node: everything the host actors of one process share, and the routes between them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use ractor::{Actor, ActorCell};
use souk_core::any::Effect;
use souk_core::ask::{Ask, AskAnswer, AskId};
use souk_core::checkout::Checkout;
use souk_core::family::Family;
use souk_core::ids::StreamId;
use souk_core::inventory::{Inventory, Published};
use souk_core::journal::{EffectId, Epoch, Origin};
use souk_core::machine::Machine;
use souk_core::order::Order;
use souk_core::payment::Payment;
use souk_core::person::Person;
use souk_core::product::Product;
use souk_core::time::Timestamp;
use souk_core::vendor::Vendor;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::journal::{Journal, WriterHealth};

use super::admission::Admission;
use super::directory::Directory;
use super::handle::Handle;
use super::message::HostMessage;
use super::outbox::{self, Outbox, Outside, Work};
use super::pulse::{ActorPulse, KindOverview};
use super::supervisor::{Supervisor, SupervisorMessage};
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

/// A machine that the node hosts.
pub trait Hosted: Machine {
    /// Whether its actors may sleep when nobody writes to them.
    const SLEEPS: bool;

    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn kind(node: &Node) -> &Kind<Self>;

    #[doc(hidden)]
    fn publish_to(node: &Node, stream: StreamId, epoch: Epoch, published: Self::Published);

    /// An actor has ended before it had published everything.
    #[doc(hidden)]
    fn ended_untold(_: &Node, _: StreamId) {}
}

/// The actors of one kind of machine.
pub(super) struct Kind<M: Hosted> {
    pub(super) directory: Directory<M>,
    supervisor: OnceLock<ActorCell>,
    /// Actors of this kind that were loaded anew after a failure.
    restarts: AtomicU64,
}

impl<M: Hosted> Kind<M> {
    fn new() -> Self {
        Kind { directory: Directory::new(), supervisor: OnceLock::new(), restarts: AtomicU64::new(0) }
    }

    fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    fn overview(&self, kind: &'static str, busiest: usize) -> KindOverview {
        KindOverview { restarts: self.restarts(), ..self.directory.overview(kind, busiest) }
    }

    async fn supervise(&self, node: &Arc<Node>) -> Result<(), ractor::SpawnErr> {
        let (actor, _) = Supervisor::<M>::spawn(None, Supervisor::new(), Arc::downgrade(node)).await?;
        let actor: ractor::ActorRef<SupervisorMessage> = actor;
        let _ = self.supervisor.set(actor.get_cell());
        Ok(())
    }

    pub(super) fn supervisor(&self) -> ActorCell {
        match self.supervisor.get() {
            Some(cell) => cell.clone(),
            None => unreachable!("supervisors are started before the node is handed out"),
        }
    }

    fn sweep(&self, idle: Duration) {
        if M::SLEEPS {
            self.directory.sweep(idle);
        }
    }
}

/// One process's actors.
pub struct Node {
    journal: Journal,
    clock: Clock,
    admission: Admission,
    timers: mpsc::UnboundedSender<SetTimer>,
    stock: Kind<Inventory>,
    vendors: Kind<Vendor>,
    products: Kind<Product>,
    checkouts: Kind<Checkout>,
    payments: Kind<Payment>,
    orders: Kind<Order>,
    persons: Kind<Person>,
    families: Kind<Family>,
    outbox: Outbox,
    /// Says that the node is ending, to those that reach outside.
    stop: watch::Sender<bool>,
    lanes: Mutex<Vec<JoinHandle<()>>>,
    stock_view: StockView,
    changes: Changes,
    traps: Traps,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}

impl Hosted for Inventory {
    // A shard's state is large and always wanted.
    const SLEEPS: bool = false;

    #[allow(private_interfaces)]
    fn kind(node: &Node) -> &Kind<Self> {
        &node.stock
    }

    fn publish_to(node: &Node, _: StreamId, epoch: Epoch, published: Published) {
        node.stock_view.publish(epoch, &published);
        for (sku, ..) in published.stock {
            node.changes.count(sku.0);
        }
    }

    fn ended_untold(node: &Node, stream: StreamId) {
        if let StreamId::Stock(shard) = stream {
            node.stock_view.forget(shard);
        }
        node.changes.count_all();
    }
}

impl Hosted for Product {
    const SLEEPS: bool = true;

    #[allow(private_interfaces)]
    fn kind(node: &Node) -> &Kind<Self> {
        &node.products
    }

    fn publish_to(node: &Node, stream: StreamId, _: Epoch, (): ()) {
        if let StreamId::Product(product) = stream {
            node.changes.count(product.0);
        }
    }

    fn ended_untold(node: &Node, stream: StreamId) {
        Self::publish_to(node, stream, Epoch::default(), ());
    }
}

/// Machines whose actors come and go, and that publish nothing.
macro_rules! hosted_on_demand {
    ($($machine:ty => $kind:ident),* $(,)?) => {
        $(impl Hosted for $machine {
            const SLEEPS: bool = true;

            #[allow(private_interfaces)]
            fn kind(node: &Node) -> &Kind<Self> {
                &node.$kind
            }

            fn publish_to(_: &Node, _: StreamId, _: Epoch, (): ()) {}
        })*
    };
}

hosted_on_demand! {
    Vendor => vendors,
    Checkout => checkouts,
    Payment => payments,
    Order => orders,
    Person => persons,
    Family => families,
}

/// Does the same with the kind of machine that a stream belongs to.
macro_rules! for_kind_of {
    ($stream:expr, $machine:ident => $then:expr, else $other:expr) => {
        match $stream {
            StreamId::Stock(_) => {
                type $machine = Inventory;
                $then
            }
            StreamId::Vendor(_) => {
                type $machine = Vendor;
                $then
            }
            StreamId::Product(_) => {
                type $machine = Product;
                $then
            }
            StreamId::Checkout(_) => {
                type $machine = Checkout;
                $then
            }
            StreamId::Payment(_) => {
                type $machine = Payment;
                $then
            }
            StreamId::Order(_) => {
                type $machine = Order;
                $then
            }
            StreamId::Person(_) => {
                type $machine = Person;
                $then
            }
            StreamId::Family(_) => {
                type $machine = Family;
                $then
            }
            StreamId::Account(_) | StreamId::Limited(_) => $other,
        }
    };
}

/// Does the same with every kind, in the order in which they are drained: what asks before what is asked.
macro_rules! for_all_kinds {
    ($node:expr, $kind:ident => $then:expr) => {{
        let $kind = &$node.checkouts;
        $then;
        let $kind = &$node.payments;
        $then;
        let $kind = &$node.orders;
        $then;
        let $kind = &$node.products;
        $then;
        let $kind = &$node.vendors;
        $then;
        let $kind = &$node.stock;
        $then;
        let $kind = &$node.persons;
        $then;
        let $kind = &$node.families;
        $then;
    }};
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
            traps: Traps::default(),
        });
        for_all_kinds!(node, kind => kind.supervise(&node).await?);
        let weak = Arc::downgrade(&node);
        let sweeper = Sweeper::new(Weak::clone(&weak), Arc::clone(&outside.vault));
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
        M::kind(self).restarts.fetch_add(1, Ordering::Relaxed);
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
