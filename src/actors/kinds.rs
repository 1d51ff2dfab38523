//! The kinds of machines that a node hosts, and what is done with each of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ractor::{Actor, ActorCell};
use souk_core::checkout::Checkout;
use souk_core::family::Family;
use souk_core::ids::StreamId;
use souk_core::inventory::{self, Inventory};
use souk_core::journal::Epoch;
use souk_core::machine::Machine;
use souk_core::order::Order;
use souk_core::payment::Payment;
use souk_core::person::Person;
use souk_core::product::Product;
use souk_core::vendor::Vendor;

use super::directory::Directory;
use super::node::Node;
use super::pulse::KindOverview;
use super::supervisor::{Supervisor, SupervisorMessage};

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
    pub(super) fn new() -> Self {
        Kind { directory: Directory::new(), supervisor: OnceLock::new(), restarts: AtomicU64::new(0) }
    }

    pub(super) fn count_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    pub(super) fn overview(&self, kind: &'static str, busiest: usize) -> KindOverview {
        KindOverview { restarts: self.restarts(), ..self.directory.overview(kind, busiest) }
    }

    pub(super) async fn supervise(&self, node: &Arc<Node>) -> Result<(), ractor::SpawnErr> {
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

    pub(super) fn sweep(&self, idle: Duration) {
        if M::SLEEPS {
            self.directory.sweep(idle);
        }
    }
}

impl Hosted for Inventory {
    // A shard's state is large and always wanted.
    const SLEEPS: bool = false;

    #[allow(private_interfaces)]
    fn kind(node: &Node) -> &Kind<Self> {
        &node.stock
    }

    fn publish_to(node: &Node, _: StreamId, epoch: Epoch, published: inventory::Published) {
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
    Checkout => checkouts,
    Payment => payments,
    Order => orders,
}

/// Machines whose actors come and go, and that publish how they stand.
macro_rules! hosted_and_published {
    ($($machine:ty => $kind:ident, $view:ident);* $(;)?) => {
        $(impl Hosted for $machine {
            const SLEEPS: bool = true;

            #[allow(private_interfaces)]
            fn kind(node: &Node) -> &Kind<Self> {
                &node.$kind
            }

            fn publish_to(node: &Node, stream: StreamId, epoch: Epoch, published: Self::Published) {
                node.$view.publish(stream, epoch, published);
            }

            fn ended_untold(node: &Node, stream: StreamId) {
                node.$view.forget(stream);
            }
        })*
    };
}

hosted_and_published! {
    Vendor => vendors, teams;
    Person => persons, accounts;
    Family => families, sign_ins;
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

pub(super) use {for_all_kinds, for_kind_of};
