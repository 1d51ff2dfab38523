//! Owning: renewing, watching, taking over, stepping down, and waking what is due.

use souk_core::ids::StreamId;
use souk_core::journal::Epoch;
use souk_core::planted::{self, Bug};

use super::World;
use super::cuts::End;
use super::node::{Local, Mail, Node, Term};
use crate::database::{Lot, Renewed, TakeOver, when};
use crate::schedule::{MS, Micros};
use crate::stats::Situation;

impl World {
    /// By its own clock an owner stops before the database would let another one begin.
    fn good_for(&self) -> Micros {
        self.plan.lease * 4 / 5
    }

    /// Every lease that this node holds is renewed, in one statement.
    pub(super) fn renew(&mut self, node: usize) {
        if self.nodes[node].terms.is_empty() {
            self.nodes[node].renews = false;
            return;
        }
        let process = self.process(node);
        let good_until = self.now + self.good_for();
        let heard = !self.is_cut(End::Database, End::Node(node));
        let mut blocked = false;
        if !self.is_cut(End::Node(node), End::Database) {
            let terms: Vec<(Lot, u64)> =
                self.nodes[node].terms.iter().map(|(lot, term)| (*lot, term.epoch)).collect();
            for (lot, epoch) in terms {
                let renewed = self.database.renew(process, lot, epoch, self.now, self.plan.lease);
                match renewed {
                    // It was renewed, or is lost, and its owner does not know.
                    _ if !heard => {}
                    Renewed::Yes => {
                        self.nodes[node].terms.insert(lot, Term { epoch, good_until });
                    }
                    Renewed::Blocked => blocked = true,
                    Renewed::Lost => self.step_down(node, lot),
                }
            }
        }
        let pause = if blocked { MS } else { self.plan.lease / 3 };
        self.later(process, pause, Local::Renew);
    }

    /// Somebody else owns these partitions. Whatever was under way there comes to nothing, or is the database's to
    /// know.
    pub(super) fn step_down(&mut self, node: usize, lot: Lot) {
        self.trace(|| format!("node {node} steps down from {lot:?}"));
        let database = &self.database;
        let stays = |stream: StreamId| database.lot(stream.partition()) != lot;
        let Node { terms, slots, writer, views, in_hand, steps, .. } = &mut self.nodes[node];
        terms.remove(&lot);
        slots.retain(|stream, _| stays(*stream));
        views.retain(|sku, _| stays(StreamId::Stock(sku.shard())));
        in_hand.retain(|id| stays(id.stream));
        steps.retain(|_, (stream, _)| stays(*stream));
        for partition in database.partitions(lot) {
            writer.sequencer.lose(partition);
        }
    }

    /// A node looks whether a lease has lapsed that it could take.
    pub(super) fn watch(&mut self, node: usize) {
        let process = self.process(node);
        let lots: Vec<Lot> = self.database.lots().collect();
        // Where nodes share partitions, each wants its part, and more only when nobody else does.
        let part = lots.len().div_ceil(self.nodes.len());
        let mut owned = self.nodes[node].terms.len() + self.nodes[node].taking.len();
        for lot in &lots {
            let held = self.nodes[node].terms.contains_key(lot) || self.nodes[node].taking.contains(lot);
            if held || !self.reaches_database(node) {
                continue;
            }
            let Some(lapsed_for) = self.database.lapsed_for(*lot, self.now) else { continue };
            if lots.len() == 1 || (owned < part && self.rng.chance(500)) || lapsed_for > self.plan.lease / 2 {
                owned += 1;
                self.nodes[node].taking.insert(*lot);
                self.later(process, 1, Local::TakeOver(*lot, false));
            }
        }
        // As long as a lease is good there is nothing to take.
        let others = lots.iter().filter(|lot| !self.nodes[node].terms.contains_key(lot));
        let good_for = others.map(|lot| self.database.good_for(*lot, self.now)).min();
        let pause = good_for.unwrap_or(self.plan.lease / 2).max(self.plan.lease / 8);
        let pause = pause + self.within(self.plan.lease / 8);
        self.later(process, pause, Local::Watch);
    }

    pub(super) fn take_over(&mut self, node: usize, lot: Lot, waited: bool) {
        let process = self.process(node);
        if !self.reaches_database(node) {
            // The statement may have gone through; then nobody knows until the lease lapses.
            if !self.is_cut(End::Node(node), End::Database) {
                self.database.take_over(process, lot, self.now, self.plan.lease);
            }
            return self.give_up_taking(node, lot);
        }
        match self.database.take_over(process, lot, self.now, self.plan.lease) {
            TakeOver::Waits => {
                if !waited {
                    self.saw(Situation::TakeOverWaited);
                }
                self.later(process, MS, Local::TakeOver(lot, true));
            }
            TakeOver::Contended | TakeOver::NotLapsed => self.give_up_taking(node, lot),
            TakeOver::Done(epoch) => {
                self.trace(|| format!("node {node} takes {lot:?} over in epoch {epoch}"));
                if epoch > 1 {
                    self.saw(Situation::TakenOver);
                }
                let now = self.now;
                let owns = |other: &Node| other.up && other.terms.contains_key(&lot);
                if self.nodes.iter().any(|other| owns(other) && other.paused_until > now) {
                    self.saw(Situation::TakenOverWhilePaused);
                }
                if self.nodes.iter().any(|other| owns(other) && other.paused_until <= now) {
                    self.saw(Situation::TwoBelieveToOwn);
                }
                let reading = self.within(self.plan.load_max);
                self.later(process, reading, Local::Own(lot, epoch, self.now));
            }
        }
    }

    fn give_up_taking(&mut self, node: usize, lot: Lot) {
        let process = self.process(node);
        self.database.stop_taking_over(process, lot);
        self.nodes[node].taking.remove(&lot);
    }

    /// Only now, when nobody else can write any more, is the tail read.
    pub(super) fn own(&mut self, node: usize, lot: Lot, epoch: u64, asked_at: Micros) {
        let process = self.process(node);
        if !self.reaches_database(node) {
            return self.later(process, 10 * MS, Local::Own(lot, epoch, asked_at));
        }
        self.nodes[node].taking.remove(&lot);
        let good_until = asked_at + self.good_for();
        self.nodes[node].terms.insert(lot, Term { epoch, good_until });
        for partition in self.database.partitions(lot) {
            let last = self.database.position(partition);
            self.nodes[node].writer.sequencer.own(partition, Epoch(epoch), last);
        }
        let Node { renews, reads_rows, .. } = &mut self.nodes[node];
        let goes_on = (*renews, *reads_rows);
        (*renews, *reads_rows) = (true, true);
        if !goes_on.0 {
            self.later(process, 1, Local::Renew);
        }
        self.later(process, 1, Local::Rows(!goes_on.1));
        self.plan_wakes(node);
        self.plan_projection(node);
    }

    /// Due wakes are read every so often; when no row will be due before, reading would only show that.
    pub(super) fn plan_wakes(&mut self, node: usize) {
        if self.nodes[node].terms.is_empty() {
            return;
        }
        let own =
            |stream: StreamId| self.nodes[node].terms.contains_key(&self.database.lot(stream.partition()));
        let Some(first) = self.database.first_wake(own) else { return };
        let due = when(first.plus_millis(-self.nodes[node].skew_ms)).max(self.now + 1);
        let at = due.next_multiple_of(self.plan.wakes_every);
        if self.nodes[node].wakes_at.is_none_or(|planned| at < planned || planned <= self.now) {
            self.nodes[node].wakes_at = Some(at);
            let process = self.process(node);
            self.later(process, at - self.now, Local::Wakes(at));
        }
    }

    pub(super) fn wakes(&mut self, node: usize, at: Micros) {
        if self.nodes[node].wakes_at != Some(at) {
            return;
        }
        self.nodes[node].wakes_at = None;
        if self.reaches_database(node) {
            for stream in self.database.due(self.wall(node)) {
                if self.serves(node, stream) {
                    self.put(node, stream, Mail::Tick);
                }
            }
        }
        self.plan_wakes(node);
    }

    /// Whether the node may speak for this stream.
    pub(super) fn serves(&self, node: usize, stream: StreamId) -> bool {
        let lot = self.database.lot(stream.partition());
        let good = |term: &Term| self.now < term.good_until || planted::is(Bug::LeaseNotWatched);
        self.nodes[node].terms.get(&lot).is_some_and(good)
    }

    /// Whether it believes to own the stream and may not speak for it.
    pub(super) fn is_silent(&self, node: usize, stream: StreamId) -> bool {
        let lot = self.database.lot(stream.partition());
        self.nodes[node].terms.contains_key(&lot) && !self.serves(node, stream)
    }
}
