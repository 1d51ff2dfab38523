//! Owning: renewing, watching, taking over, stepping down, and waking what is due.

use souk_core::ids::{PARTITIONS, Partition};
use souk_core::journal::Epoch;

use super::World;
use super::node::{Local, Mail, Node, Term};
use super::writer::Writer;
use crate::database::{Renewed, TakeOver};
use crate::schedule::{MS, Micros};
use crate::stats::Situation;

impl World {
    /// By its own clock an owner stops before the database would let another one begin.
    fn good_for(&self) -> Micros {
        self.plan.lease * 4 / 5
    }

    pub(super) fn renew(&mut self, node: usize) {
        if self.nodes[node].term.is_none() {
            return;
        }
        let process = self.process(node);
        let good_until = self.now + self.good_for();
        match self.database.renew(process, self.now, self.plan.lease) {
            Renewed::Yes => {
                self.nodes[node].term = Some(Term { good_until });
                self.later(process, self.plan.lease / 3, Local::Renew);
            }
            Renewed::Blocked => self.later(process, MS, Local::Renew),
            Renewed::Lost => self.step_down(node),
        }
    }

    /// Somebody else owns the partitions. Whatever was under way comes to nothing, or is the database's to know.
    pub(super) fn step_down(&mut self, node: usize) {
        self.trace(|| format!("node {node} steps down"));
        let process = self.process(node);
        let Node { term, slots, writer, views, in_hand, steps, .. } = &mut self.nodes[node];
        *term = None;
        slots.clear();
        views.clear();
        in_hand.clear();
        steps.clear();
        *writer = Writer::default();
        self.leave_transactions(process);
        self.later(process, self.plan.lease / 4, Local::Watch);
    }

    pub(super) fn watch(&mut self, node: usize) {
        if self.nodes[node].term.is_some() {
            return;
        }
        let process = self.process(node);
        if self.database.has_lapsed(self.now) {
            self.later(process, 1, Local::TakeOver(false));
        } else {
            let pause = self.plan.lease / 8 + self.within(self.plan.lease / 8);
            self.later(process, pause, Local::Watch);
        }
    }

    pub(super) fn take_over(&mut self, node: usize, waited: bool) {
        let process = self.process(node);
        match self.database.take_over(process, self.now, self.plan.lease) {
            TakeOver::Waits => {
                if !waited {
                    self.saw(Situation::TakeOverWaited);
                }
                self.later(process, MS, Local::TakeOver(true));
            }
            TakeOver::Contended | TakeOver::NotLapsed => {
                self.database.stop_taking_over(process);
                self.later(process, self.plan.lease / 4, Local::Watch);
            }
            TakeOver::Done(epoch) => {
                self.trace(|| format!("node {node} takes over in epoch {epoch}"));
                if epoch > 1 {
                    self.saw(Situation::TakenOver);
                }
                let other = &self.nodes[1 - node];
                if other.up && other.paused_until > self.now && other.term.is_some() {
                    self.saw(Situation::TakenOverWhilePaused);
                }
                let reading = self.within(self.plan.load_max);
                self.later(process, reading, Local::Own(epoch, self.now));
            }
        }
    }

    /// Only now, when nobody else can write any more, is the tail read.
    pub(super) fn own(&mut self, node: usize, epoch: u64, asked_at: Micros) {
        let process = self.process(node);
        self.nodes[node].term = Some(Term { good_until: asked_at + self.good_for() });
        for partition in (0..PARTITIONS).map(Partition) {
            let last = self.database.position(partition);
            self.nodes[node].writer.sequencer.own(partition, Epoch(epoch), last);
        }
        self.later(process, 1, Local::Renew);
        self.later(process, 1, Local::Wakes);
        self.later(process, 1, Local::Rows);
    }

    pub(super) fn wakes(&mut self, node: usize) {
        if self.nodes[node].term.is_none() {
            return;
        }
        let process = self.process(node);
        self.later(process, self.plan.wakes_every, Local::Wakes);
        if !self.serves(node) {
            return;
        }
        for stream in self.database.due(self.wall(node)) {
            self.put(node, stream, Mail::Tick);
        }
    }
}
