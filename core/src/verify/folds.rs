//! I11: every stream is folded by its own machine, and what that comes to is what the books beside it say. A mistake in
//! `apply` cannot hide itself, and neither can one in these books.
//!
//! Folding never fails, whatever a damaged payload holds: `apply` counts with saturation. An event that belongs to
//! another machine is named and left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::checkout::{Checkout, PayingStep, Step};
use crate::family::Family;
use crate::ids::{LocationId, Partition, SkuId, StreamId};
use crate::inventory::{Inventory, Level};
use crate::journal::Recorded;
use crate::machine::{EventMeta, Machine};
use crate::order::{LineStage, Order, RefundStage};
use crate::payment::{Payment, Standing};
use crate::person::Person;
use crate::product::Product;
use crate::vendor::Vendor;

use super::checkouts::{Checkouts, Phase};
use super::orders::{BackStage, Orders, Stage};
use super::payments::{self, Payments};
use super::stock::Stock;
use super::{Invariant, Report};

/// One machine's state per stream that has not been read to its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Folds {
    states: BTreeMap<StreamId, AnyState>,
    /// Streams that were found to differ: what follows would only follow from it.
    differing: BTreeSet<StreamId>,
}

#[derive(Clone, Debug)]
enum AnyState {
    Stock(Box<<Inventory as Machine>::State>),
    Checkout(Box<<Checkout as Machine>::State>),
    Payment(Box<<Payment as Machine>::State>),
    Order(Box<<Order as Machine>::State>),
    Product(Box<<Product as Machine>::State>),
    Vendor(Box<<Vendor as Machine>::State>),
    Person(Box<<Person as Machine>::State>),
    Family(Box<<Family as Machine>::State>),
    /// No machine lives there yet.
    Nobody,
}

/// The books that folds are compared with.
pub(super) struct Books<'a> {
    pub(super) stock: &'a Stock,
    pub(super) checkouts: &'a Checkouts,
    pub(super) payments: &'a Payments,
    pub(super) orders: &'a Orders,
}

impl Folds {
    /// Folds an event that the books have read already. `place`: whose units it is about.
    pub(super) fn event(
        &mut self,
        recorded: &Recorded,
        place: Option<(SkuId, LocationId)>,
        books: &Books,
        report: &mut Report,
    ) {
        let at = (recorded.stream, recorded.seq);
        let state = self.states.entry(recorded.stream).or_insert_with(|| AnyState::initial(recorded.stream));
        let own = state.apply(recorded);
        report
            .check(Invariant::I11, own, at, || "an event of another machine lies in this stream".to_owned());
        if !own || self.differing.contains(&recorded.stream) {
            return;
        }
        let difference = state.difference(recorded.stream, place, books);
        if difference.is_some() {
            self.differing.insert(recorded.stream);
        }
        report.check(Invariant::I11, difference.is_none(), at, || difference.unwrap_or_default());
    }

    /// No more events of this partition will come.
    pub(super) fn forget(&mut self, partition: Partition) {
        self.states.retain(|stream, _| stream.partition() != partition);
    }
}

fn fold<M: Machine>(state: &mut M::State, recorded: &Recorded) -> bool {
    let Some(event) = M::event(&recorded.event) else { return false };
    M::apply(state, EventMeta { seq: recorded.seq, at: recorded.at }, event);
    true
}

impl AnyState {
    fn initial(stream: StreamId) -> Self {
        match stream {
            StreamId::Stock(_) => AnyState::Stock(Box::new(Inventory::initial(stream))),
            StreamId::Checkout(_) => AnyState::Checkout(Box::new(Checkout::initial(stream))),
            StreamId::Payment(_) => AnyState::Payment(Box::new(Payment::initial(stream))),
            StreamId::Order(_) => AnyState::Order(Box::new(Order::initial(stream))),
            StreamId::Product(_) => AnyState::Product(Box::new(Product::initial(stream))),
            StreamId::Vendor(_) => AnyState::Vendor(Box::new(Vendor::initial(stream))),
            StreamId::Person(_) => AnyState::Person(Box::new(Person::initial(stream))),
            StreamId::Family(_) => AnyState::Family(Box::new(Family::initial(stream))),
            StreamId::Account(_) | StreamId::Limited(_) => AnyState::Nobody,
        }
    }

    /// Whether it was an event of this machine.
    fn apply(&mut self, recorded: &Recorded) -> bool {
        match self {
            AnyState::Stock(state) => fold::<Inventory>(state, recorded),
            AnyState::Checkout(state) => fold::<Checkout>(state, recorded),
            AnyState::Payment(state) => fold::<Payment>(state, recorded),
            AnyState::Order(state) => fold::<Order>(state, recorded),
            AnyState::Product(state) => fold::<Product>(state, recorded),
            AnyState::Vendor(state) => fold::<Vendor>(state, recorded),
            AnyState::Person(state) => fold::<Person>(state, recorded),
            AnyState::Family(state) => fold::<Family>(state, recorded),
            AnyState::Nobody => false,
        }
    }

    /// Where the machine's state and the books say different things. Vendors and products keep none: what they
    /// promise is promised to checkouts and shards, and checked there.
    fn difference(
        &self,
        stream: StreamId,
        place: Option<(SkuId, LocationId)>,
        books: &Books,
    ) -> Option<String> {
        match (self, stream) {
            (AnyState::Stock(state), _) => {
                let (sku, location) = place?;
                let level = state.skus.get(&sku).and_then(|known| known.levels.get(&location));
                let level = level.copied().unwrap_or_default();
                let counted: Level = books.stock.level(sku, location);
                (level != counted).then(|| format!("{sku} at {location} is {level:?}, counted {counted:?}"))
            }
            (AnyState::Checkout(state), StreamId::Checkout(id)) => {
                let (step, phase) = (state.step(), books.checkouts.get(&id)?.phase);
                (!same_phase(step, phase))
                    .then(|| format!("the checkout is {step:?}, by the books {phase:?}"))
            }
            (AnyState::Payment(state), StreamId::Payment(id)) => {
                let counted = books.payments.seen(&id)?;
                let given_back: i128 = state
                    .refunds
                    .iter()
                    .filter(|refund| refund.done)
                    .map(|refund| i128::from(refund.amount.minor))
                    .sum();
                let folded = payments::Seen {
                    stage: stage_of(&state.standing),
                    never_reached: state.never_reached,
                    watched: state.late_until.is_some(),
                    given_back,
                };
                (folded != counted).then(|| format!("the payment is {folded:?}, by the books {counted:?}"))
            }
            (AnyState::Order(state), StreamId::Order(id)) => {
                let sold = books.orders.get(&id)?;
                let lines = state.lines.iter().map(|(number, line)| (*number, line_stage(line.stage)));
                let counted = sold.lines.iter().map(|(number, line)| (*number, line.stage));
                if !lines.eq(counted) {
                    return Some(format!("the lines are {:?}, by the books {:?}", state.lines, sold.lines));
                }
                let refunds = state.refunds.values().map(|refund| (refund.part, back_stage(refund.stage)));
                (!refunds.eq(books.orders.backs(id)))
                    .then(|| format!("the refunds are {:?}, the books say otherwise", state.refunds))
            }
            _ => None,
        }
    }
}

fn same_phase(step: Step, phase: Phase) -> bool {
    match phase {
        Phase::New => false,
        // What was asked is no step of its own: until it is answered the cart is a cart.
        Phase::Cart | Phase::Quoting => matches!(step, Step::Open | Step::Addressed | Step::ShippingChosen),
        Phase::Quoted => step == Step::Quoted,
        Phase::Holding => step == Step::Holding,
        Phase::Authorising => matches!(
            step,
            Step::Paying(PayingStep::Authorising | PayingStep::ActionNeeded | PayingStep::AwaitingPayment)
        ),
        Phase::Committing => step == Step::Paying(PayingStep::Committing),
        Phase::Capturing => step == Step::Paying(PayingStep::Capturing),
        Phase::Voiding => step == Step::Paying(PayingStep::Voiding),
        Phase::Placed => step == Step::Placed,
        Phase::Expired => step == Step::Expired,
        Phase::Failed => step == Step::Failed,
    }
}

fn stage_of(standing: &Standing) -> payments::Stage {
    use payments::Stage;
    match standing {
        Standing::Unknown => Stage::Created,
        Standing::ActionNeeded { .. } => Stage::ActionNeeded,
        Standing::AwaitingPayment { .. } => Stage::AwaitingPayment,
        Standing::Authorised => Stage::Authorised,
        Standing::Failed { .. } => Stage::Failed,
        Standing::Voided => Stage::Voided,
        Standing::Captured => Stage::Captured,
    }
}

fn line_stage(stage: LineStage) -> Stage {
    match stage {
        LineStage::Open => Stage::Open,
        LineStage::Shipped(_) => Stage::Shipped,
        LineStage::Delivered(_) => Stage::Delivered,
        LineStage::Cancelled => Stage::Cancelled,
    }
}

fn back_stage(stage: RefundStage) -> BackStage {
    match stage {
        RefundStage::Pending => BackStage::Pending,
        RefundStage::Done => BackStage::Done,
        RefundStage::Refused => BackStage::Refused,
        RefundStage::Replaced { .. } => BackStage::Replaced,
    }
}
