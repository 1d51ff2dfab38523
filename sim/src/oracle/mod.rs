//! What must be true, checked whenever something becomes durable, leaves a host, or has come to rest.
//!
//! The oracle sees what no part of the world sees: everything. It keeps its own books and never looks into a host's
//! reasons. Its first complaint ends the history.

mod answers;
mod sale;
mod stock;

use std::collections::{BTreeMap, BTreeSet};

use souk_core::ask::{Ask, AskId};
use souk_core::ids::{LocationId, OrderId, SkuId, StreamId};
use souk_core::journal::{Incarnation, Recorded};
use souk_core::machine::CommandId;
use souk_core::time::Timestamp;
use souk_core::verify::{Told, Verifier};

use crate::bank::Bank;
use crate::database::{Database, Written};
use crate::kind::{AnySnapshot, AnyState, AnyView, stock_event};

pub use answers::{Call, Wish};
use stock::StockFacts;

/// See the module's text.
#[derive(Debug)]
pub struct Oracle {
    verifier: Verifier,
    /// The fold of everything durable, per stream.
    folds: BTreeMap<StreamId, AnyState>,
    /// The number of the last durable append of each start of a host.
    ordinals: BTreeMap<Incarnation, u64>,
    /// When the last event of each stream was decided.
    times: BTreeMap<StreamId, Timestamp>,
    /// The last start of a host that wrote to each stream.
    writers: BTreeMap<StreamId, Incarnation>,
    /// The newest snapshot of each stream, found right.
    snapshots: BTreeMap<StreamId, (u64, AnyState)>,
    stock: StockFacts,
    told: BTreeMap<CommandId, souk_core::any::AnyOutcome>,
    /// What machines asked each other, and where the one asked stood then.
    asked: BTreeMap<AskId, (Ask, u64)>,
    /// Orders that somebody was told of.
    placed: BTreeSet<OrderId>,
    complaint: Option<String>,
}

impl Oracle {
    /// Before the first event.
    pub fn new(locations: &[LocationId]) -> Self {
        Oracle {
            verifier: Verifier::new(),
            folds: BTreeMap::new(),
            ordinals: BTreeMap::new(),
            times: BTreeMap::new(),
            writers: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            stock: StockFacts::new(locations),
            told: BTreeMap::new(),
            asked: BTreeMap::new(),
            placed: BTreeSet::new(),
            complaint: None,
        }
    }

    /// What is wrong, if anything is.
    pub fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// Something is wrong. The first complaint is kept: what follows may only follow from it.
    pub fn complain(&mut self, what: impl FnOnce() -> String) {
        if self.complaint.is_none() {
            self.complaint = Some(what());
        }
    }

    fn demand(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.complain(what);
        }
    }

    /// An append has become durable.
    pub fn written(&mut self, written: &Written) {
        let Written { append, events, lease_epoch, wake } = written;
        self.demand(append.epoch.0 == *lease_epoch, || {
            format!(
                "fencing: {:?} of {} was written under epoch {} while the lease says {lease_epoch}",
                append.id, append.stream, append.epoch.0
            )
        });
        let last = self.ordinals.insert(append.id.incarnation, append.id.ordinal).unwrap_or_default();
        self.demand(append.id.ordinal == last + 1, || {
            format!("incarnations: append {} of {} landed after {last}", append.id.ordinal, append.stream)
        });
        let before = self.writers.insert(append.stream, append.id.incarnation);
        self.demand(before.is_none_or(|before| before <= append.id.incarnation), || {
            format!("incarnations: an older start of {} wrote after a newer one", append.stream)
        });
        for event in events {
            self.event(event);
        }
        let Some(state) = self.folds.get(&append.stream) else { return };
        let (deadline, waits) =
            (state.next_deadline(), state.open_asks().is_some_and(|asks| !asks.is_empty()));
        self.demand(!waits || wake.is_some(), || {
            format!("wakes: {} waits for answers and has no row", append.stream)
        });
        let Some(deadline) = deadline else { return };
        self.demand(wake.is_some_and(|wake| wake <= deadline), || {
            format!("wakes: {} must act at {deadline:?}, its row says {wake:?}", append.stream)
        });
    }

    fn event(&mut self, event: &Recorded) {
        self.verifier.event(event);
        if let Some(violation) = self.verifier.violations().first() {
            let what = format!("{violation:?}");
            self.complain(|| what);
        }
        let time = self.times.insert(event.stream, event.at).unwrap_or_default();
        self.demand(time <= event.at, || {
            format!("time: {} went back from {time:?} to {:?}", event.stream, event.at)
        });
        if !self.folds.contains_key(&event.stream)
            && let Some(initial) = AnyState::initial(event.stream)
        {
            self.folds.insert(event.stream, initial);
        }
        if let Some(state) = self.folds.get_mut(&event.stream) {
            state.apply(event);
        }
        if let Some(stock) = stock_event(&event.event) {
            self.stock.event(event, stock, &self.verifier);
        }
    }

    /// A snapshot has become durable: it contains what is durable and nothing else.
    pub fn snapshot(&mut self, snapshot: &AnySnapshot, durable: &[Recorded]) {
        let AnySnapshot { stream, seq, state, .. } = snapshot;
        let ahead = *seq > durable.len() as u64;
        self.demand(!ahead, || format!("snapshots: {stream} at {seq} contains more than is durable"));
        if ahead {
            return;
        }
        // From the last one that was found right, to spare the fold of everything.
        let base = self.snapshots.get(stream).filter(|(base, _)| base <= seq).cloned();
        let Some((from, mut fold)) = base.or_else(|| AnyState::initial(*stream).map(|state| (0, state)))
        else {
            return;
        };
        for event in &durable[from as usize..*seq as usize] {
            fold.apply(event);
        }
        self.demand(fold == *state, || format!("snapshots: {stream} at {seq} is not the fold of its events"));
        self.snapshots.insert(*stream, (*seq, fold));
    }

    /// A host was loaded behind its barrier: it knows exactly what is durable.
    pub fn loaded(
        &mut self,
        stream: StreamId,
        incarnation: Incarnation,
        state: &AnyState,
        seq: u64,
        durable: u64,
    ) {
        self.demand(seq == durable, || {
            format!("loading: {stream} was loaded at {seq}, durable is {durable}")
        });
        let empty = AnyState::initial(stream);
        let fold = self.folds.get(&stream).or(empty.as_ref());
        if fold != Some(state) {
            self.complain(|| {
                format!("loading: the state of {stream} at {seq} is not the fold of its events")
            });
        }
        self.stock.publisher(incarnation, seq);
    }

    /// Readers are shown something.
    pub fn published(&mut self, stream: StreamId, incarnation: Incarnation, view: &AnyView) {
        match view {
            AnyView::Stock(published) => {
                for (sku, available, open) in &published.stock {
                    if let Err(what) = self.stock.published(incarnation, *sku, *available, *open) {
                        self.complain(|| format!("views: {stream} {what}"));
                    }
                }
            }
        }
    }

    /// A host has nothing on its way and knows everything: its readers see the newest.
    pub fn settled(&mut self, stream: StreamId, views: &BTreeMap<SkuId, (i64, bool)>) {
        let own = views.iter().filter(|(sku, _)| StreamId::Stock(sku.shard()) == stream);
        if let Err(what) = self.stock.newest(own) {
            self.complain(|| format!("views: {what}"));
        }
    }

    /// A host may only sleep when everything it did is durable and everything it asked is answered. One that has
    /// another owner by now may not know what is asked.
    pub fn sleeps(&mut self, stream: StreamId, is_settled: bool, is_newest: bool) {
        self.demand(is_settled, || format!("sleep: {stream} sleeps while appends of it are under way"));
        let fold = self.folds.get(&stream).filter(|_| is_newest);
        let open = fold.and_then(|state| state.open_asks()?.iter().next().cloned());
        self.demand(open.is_none(), || format!("sleep: {stream} sleeps while {open:?} is unanswered"));
    }

    /// Faults are off and time has passed: nothing is left to do.
    pub fn quiet(&mut self, now: Timestamp, database: &Database, bank: &Bank) {
        let mut verifier = self.verifier.clone();
        for (id, effect) in database.effects() {
            verifier.effect(*id, effect);
        }
        for row in database.replies() {
            verifier.reply(row.key.id, row.stream, Some(database.seq(row.stream)), &row.outcome);
        }
        for (partition, position) in database.positions() {
            let cursor = database.projection.cursor(partition);
            verifier.cursor(partition, cursor);
            self.demand(cursor == position, || {
                format!("projections: {partition:?} ends at {position}, its rows at {cursor}")
            });
        }
        let (rows, anew) = (&database.projection.rows, database.projected_anew());
        self.demand(*rows == anew, || {
            format!("projections: rows say {rows:?}, the journal folds to {anew:?}")
        });
        for order in &self.placed {
            verifier.acknowledged(&Told::Placed(*order));
        }
        let report = verifier.finish();
        if let Some(violation) = report.violations.first() {
            self.complain(|| format!("{violation:?}"));
        }
        self.sales_have_ended(bank);
        if let Some(pending) = report.pending.first() {
            let row = database.wake(pending.stream);
            self.complain(|| {
                format!(
                    "quiet: at {now:?} {} in {} since {} until {:?}; its wake says {row:?}",
                    pending.what, pending.stream, pending.seq, pending.deadline
                )
            });
        }
        if let Some(stream) = database.due(now.plus_millis(-1_000)).first() {
            let row = database.wake(*stream);
            self.complain(|| format!("quiet: at {now:?} the wake of {stream} still says {row:?}"));
        }
        if let Some(hold) = self.stock.first_pinned() {
            self.complain(|| format!("quiet: {hold} is still pinned"));
        }
        if let Some((id, _)) = database.outbox().next() {
            let what = format!("quiet: {id:?} is still in the outbox");
            self.complain(|| what);
        }
    }
}
