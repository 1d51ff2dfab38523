//! What goes wrong with processes and connections, and the end of it.

use souk_core::ids::StreamId;
use souk_core::journal::{AppendId, Incarnation};

use super::clients::Client;
use super::node::{Local, Node};
use super::{Happening, PATIENCE, REST_MAX, World};
use crate::database::{Process, TransactionId, clock};
use crate::kind::AnyAction;
use crate::schedule::{MS, Micros};
use crate::stats::Situation;
use crate::steps::{self, Moment};

impl World {
    pub(super) fn draw_crash(&mut self) {
        let mean = self.plan.steps_per_crash;
        self.crash_in = (mean > 0 && !self.is_calm()).then(|| self.rng.range(1, 2 * mean));
    }

    /// What this host is about to send to the writer does these steps.
    pub(super) fn begin_steps(&mut self, node: usize, actions: &[AnyAction]) {
        for action in actions {
            let AnyAction::Append(append) = action else { continue };
            let taken = steps::of(append);
            if !taken.is_empty() {
                self.may_crash_soon();
                self.nodes[node].steps.insert(append.id, (append.stream, taken));
            }
        }
    }

    /// Steps of sales are rare among all that a node does: now and then its end is near when it takes one.
    fn may_crash_soon(&mut self) {
        let chance = self.plan.shop.as_ref().map_or(0, |shop| shop.crash_at_step);
        if self.strikes("crash soon", chance) {
            self.crash_in = Some(self.rng.range(1, 25));
        }
    }

    /// Of a step that is durable nobody has been told yet: now and then nobody will be.
    pub(super) fn ends_before_answer(&mut self, node: usize, incarnation: Incarnation, ordinal: u64) -> bool {
        let durable = AppendId { incarnation, ordinal: 0 }..=AppendId { incarnation, ordinal };
        let chance = self.plan.shop.as_ref().map_or(0, |shop| shop.crash_at_step);
        let ends = self.nodes[node].steps.range(durable).next().is_some()
            && self.strikes("crash before answer", chance);
        if ends {
            self.crash(node);
        }
        ends
    }

    /// Whoever waited for these appends has been told.
    pub(super) fn end_steps(&mut self, node: usize, incarnation: Incarnation, ordinal: u64) {
        let told = AppendId { incarnation, ordinal: 0 }..=AppendId { incarnation, ordinal };
        let told: Vec<AppendId> = self.nodes[node].steps.range(told).map(|(id, _)| *id).collect();
        for id in told {
            self.nodes[node].steps.remove(&id);
        }
    }

    /// Called before every step of a node: it may end right here.
    pub(super) fn may_crash(&mut self, node: usize) -> bool {
        let Some(steps) = &mut self.crash_in else { return false };
        *steps -= 1;
        if *steps > 0 {
            return false;
        }
        self.draw_crash();
        let ends = self.strikes_now("crash");
        if ends {
            self.crash(node);
        }
        ends
    }

    /// Nothing is under way but what the bank will tell in some days: the shop closes, and opens again by then.
    pub(super) fn close_until(&mut self, at: Micros) {
        self.trace(|| "the shop closes for some days".to_owned());
        for node in 0..self.nodes.len() {
            self.end_process(node);
            self.schedule.push(at - self.plan.lease, Happening::Start(node));
        }
        self.tired_at += at - self.now;
        self.schedule.push(at + 1_000 * MS, Happening::End);
    }

    fn crash(&mut self, node: usize) {
        let wanted = self.last_units_wanted(node);
        if wanted {
            self.saw(Situation::LastUnitWantedByTwoAsOwnerEnded);
        }
        self.end_process(node);
        let back = self.within(self.plan.lease);
        self.schedule.push(self.now + back, Happening::Start(node));
    }

    fn end_process(&mut self, node: usize) {
        self.trace(|| format!("node {node} ends"));
        let process = self.process(node);
        if self.has_unsettled_host(node) {
            self.saw(Situation::CrashBeforeDurable);
        }
        for (append, (_, steps)) in std::mem::take(&mut self.nodes[node].steps) {
            let durable = self.database.has(append);
            let moment = if durable { Moment::BeforeAnswer } else { Moment::BeforeDurable };
            for step in steps {
                self.trace(|| format!("   ({step:?} {moment:?})"));
                self.stats.crashes.saw(step, moment);
            }
        }
        for lot in std::mem::take(&mut self.nodes[node].taking) {
            self.database.stop_taking_over(process, lot);
        }
        self.nodes[node] = Node::new(process.life + 1);
        if self.leave_transactions(process) {
            self.saw(Situation::CrashInTransaction);
        }
    }

    /// Whether two want the last unit of something that this node owns.
    fn last_units_wanted(&self, node: usize) -> bool {
        self.plan.skus.iter().any(|sku| {
            let own = self.serves(node, StreamId::Stock(sku.shard()));
            let wanting = || {
                let direct = self.clients.iter().filter(|client| client.wants(*sku)).count();
                direct + self.oracle.checkouts_that_hold(*sku)
            };
            own && self.oracle.available(*sku) == 1 && wanting() >= 2
        })
    }

    /// The connections of a process are gone; the database finds out in its own time, and what had been sent may
    /// still arrive. Says whether there were any.
    pub(super) fn leave_transactions(&mut self, process: Process) -> bool {
        let open = self.database.transactions_of(process);
        for id in &open {
            let (noticed, landed) = (self.within(self.plan.lease), self.rng.chance(300));
            self.schedule.push(self.now + noticed, Happening::LostTransaction(*id, landed));
        }
        !open.is_empty()
    }

    pub(super) fn start(&mut self, node: usize) {
        if self.nodes[node].up {
            return;
        }
        self.trace(|| format!("node {node} starts"));
        self.nodes[node].up = true;
        let skew = self.plan.skew_max_ms;
        self.nodes[node].skew_ms = self.rng.range(0, 2 * skew as u64) as i64 - skew;
        let process = self.process(node);
        self.later(process, 1, Local::Watch);
    }

    /// The node stops for a good part of a lease, or for longer than one.
    pub(super) fn pause(&mut self, node: usize, at_least: u64) {
        if self.is_calm() || !self.nodes[node].up {
            return;
        }
        let length = self.plan.lease * at_least / 4 + self.within(2 * self.plan.lease);
        if !self.strikes_now("pause") {
            return;
        }
        self.nodes[node].paused_until = self.now + length;
        // A machine that was asleep may wake with another idea of the time.
        let skew = self.plan.skew_max_ms;
        let before = self.nodes[node].skew_ms;
        self.nodes[node].skew_ms = self.rng.range(0, 2 * skew as u64) as i64 - skew;
        if self.nodes[node].skew_ms < before {
            self.saw(Situation::ClockWentBack);
        }
        self.trace(|| format!("node {node} stops for {} ms", length / MS));
        self.plan_wakes(node);
    }

    pub(super) fn idle_transaction(&mut self, id: TransactionId) {
        let Some(touched) = self.database.touched(id) else { return };
        let ends = touched + self.plan.idle_in_transaction;
        if ends > self.now {
            return self.schedule.push(ends, Happening::IdleTransaction(id));
        }
        self.saw(Situation::EndedWhileIdle);
        self.database.end(id);
    }

    /// `landed`: the COMMIT had been on its way, if the transaction had come so far.
    pub(super) fn lost_transaction(&mut self, id: TransactionId, landed: bool) {
        if landed {
            self.make_durable(id);
        }
        self.database.end(id);
    }

    /// Whether a fault of this kind happens here, so many times in a thousand.
    pub(super) fn strikes(&mut self, what: &'static str, per_mille: u64) -> bool {
        per_mille > 0 && !self.is_calm() && self.rng.chance(per_mille) && self.strikes_now(what)
    }

    /// A fault is about to happen. Each has a number, and a tape may leave some of them out.
    pub(super) fn strikes_now(&mut self, what: &'static str) -> bool {
        self.faults += 1;
        let (number, happens) = (self.faults, !self.options.without.fault(self.faults));
        self.trace(|| format!("fault {number}: {what}{}", if happens { "" } else { " (left out)" }));
        happens
    }

    pub(super) fn heal(&mut self) {
        self.trace(|| "no more faults".to_owned());
        self.healed = true;
        self.cuts.clear();
        self.crash_in = None;
        for node in 0..self.nodes.len() {
            // Deferred happenings come when they were deferred to; that is soon enough.
            self.nodes[node].paused_until = self.nodes[node].paused_until.min(self.now + self.plan.lease);
        }
        self.schedule.push(self.now + 100 * MS, Happening::Look);
    }

    pub(super) fn look(&mut self) {
        if let Some(client) = self.clients.iter().find(|client| !client.is_content()) {
            if self.now > self.plan.troubled_until + PATIENCE {
                let what = format!("quiet: {client:?} never got what it wants");
                return self.oracle.complain(|| what);
            }
            return self.schedule.push(self.now + 100 * MS, Happening::Look);
        }
        // Every deadline passes, every lease that nobody renews lapses, and due wakes are read several times over.
        let longest = self.plan.ttl_max_ms as i64 + 2 * self.plan.skew_max_ms;
        let rest = longest as u64 * MS + 4 * self.plan.lease + 5 * self.plan.wakes_every + 1_000 * MS;
        self.trace(|| format!("everybody is content at {:?}", clock(self.now)));
        self.tired_at = self.now + REST_MAX;
        self.schedule.push(self.now + rest, Happening::End);
    }

    /// Whether nothing is due, nobody waits, and the outside has nothing to do or to tell.
    pub(super) fn is_at_rest(&self) -> bool {
        self.database.first_wake(|_| true).is_none()
            && self.database.outbox().next().is_none()
            && self.bank.is_at_rest(self.now)
            && self.clients.iter().all(Client::is_content)
    }
}
