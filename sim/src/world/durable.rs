//! COMMIT, what may become of it, and who is told.

use std::collections::BTreeMap;

use souk_core::journal::{Append, Refusal};
use souk_core::planted::{self, Bug};
use souk_core::sequencer::Group;

use super::cuts::End;
use super::node::Local;
use super::writer::UnderWay;
use super::{Happening, World};
use crate::database::TransactionId;
use crate::schedule::MS;
use crate::stats::Situation;

impl World {
    pub(super) fn commit(&mut self, node: usize, id: TransactionId) {
        if self.carried(node, id).is_none() {
            return;
        }
        let process = self.process(node);
        if !self.database.is_open(id) {
            return self.rolled_back(node);
        }
        let answer = self.within(self.plan.write_max);
        let (there, back) = (End::Node(node), End::Database);
        let (there, back) = (self.is_cut(there, back), self.is_cut(back, there));
        if (there || back) && !self.is_calm() {
            return self.commit_cut(node, id, !there);
        }
        if !self.strikes("lost COMMIT", self.plan.unknown) {
            self.make_durable(id);
            return self.later(process, answer, Local::Committed(id));
        }
        // The connection breaks around the COMMIT: it had arrived; it arrives late; it never does.
        let fate = self.rng.below(3);
        self.trace(|| format!("the COMMIT of {id:?} is not answered (fate {fate})"));
        if fate == 0 {
            self.make_durable(id);
        } else {
            let late = self.within(4 * self.plan.write_max);
            if fate == 1 {
                self.saw(Situation::UnknownLandedLater);
            }
            self.schedule.push(self.now + late, Happening::LostTransaction(id, fate == 1));
        }
        let noticed = answer + self.within(2 * self.plan.write_max);
        self.later(process, noticed, Local::Terminate(id));
    }

    /// A planted bug: staged is not durable.
    pub(super) fn tell_hosts_too_early(&mut self, node: usize) {
        let process = self.process(node);
        let Some(under_way) = &self.nodes[node].writer.under_way else { return };
        let placed = &under_way.group.placed;
        let told: Vec<_> =
            placed.iter().map(|it| (it.append.stream, it.append.id, it.last_position)).collect();
        for (stream, id, position) in told {
            self.later(process, 1, Local::Settled(stream, id.incarnation, id.ordinal, position));
        }
    }

    /// The way to the database is closed, or only the way back: then the COMMIT arrives and nobody hears of it.
    fn commit_cut(&mut self, node: usize, id: TransactionId, arrives: bool) {
        self.saw(if arrives { Situation::CommitCutOnWayBack } else { Situation::CommitCutOnWay });
        if arrives {
            self.make_durable(id);
        }
        let noticed = self.within(4 * self.plan.write_max);
        self.later(self.process(node), noticed, Local::Terminate(id));
    }

    /// The way to the database was closed before COMMIT was sent. Its end of the connection notices later.
    pub(super) fn connection_lost(&mut self, node: usize, id: TransactionId) {
        let noticed = self.within(self.plan.lease);
        self.schedule.push(self.now + noticed, Happening::LostTransaction(id, false));
        self.rolled_back(node);
    }

    /// The same group is offered again only when nothing of the last offer can still move: its backend is ended,
    /// whatever it had come to.
    pub(super) fn terminate(&mut self, node: usize, id: TransactionId) {
        if self.carried(node, id).is_none() {
            return;
        }
        if !self.reaches_database(node) {
            return self.later(self.process(node), 10 * MS, Local::Terminate(id));
        }
        self.database.end(id);
        if planted::is(Bug::UnknownTakenForDone) {
            return self.committed(node, id);
        }
        if let Some(under_way) = &mut self.nodes[node].writer.under_way {
            under_way.unknown = true;
        }
        self.begin_transaction(node);
    }

    /// COMMIT has arrived.
    pub(super) fn make_durable(&mut self, id: TransactionId) {
        let Some((written, snapshots)) = self.database.commit(id) else { return };
        for written in &written {
            let append = &written.append;
            self.trace(|| format!("durable: {:?} of {} {:?}", append.id, append.stream, append.events));
            self.stats.events += written.events.len() as u64;
            self.stats.mix(append.id.incarnation.0);
            self.stats.mix(append.id.ordinal ^ (self.now << 16) ^ written.events.len() as u64);
            self.note(written);
            self.oracle.written(written);
        }
        for node in 0..self.nodes.len() {
            self.plan_wakes(node);
            self.plan_projection(node);
        }
        for snapshot in &snapshots {
            self.oracle.snapshot(snapshot, self.database.events(snapshot.stream));
            if self.strikes("damaged snapshot", self.plan.damage) {
                self.database.damage_snapshot(snapshot.stream);
            }
        }
    }

    /// The writer knows that the group is durable, and tells everybody whom it concerns.
    pub(super) fn committed(&mut self, node: usize, id: TransactionId) {
        if self.carried(node, id).is_none() {
            return;
        }
        let Some(UnderWay { group, .. }) = self.nodes[node].writer.under_way.take() else { return };
        self.is_durable(node, &group);
    }

    pub(super) fn is_durable(&mut self, node: usize, group: &Group<Append>) {
        let process = self.process(node);
        self.nodes[node].writer.sequencer.commit(group);
        let mut settled = BTreeMap::new();
        for placed in &group.placed {
            let append = &placed.append;
            settled.insert(append.stream, (append.id, placed.last_position));
        }
        if settled.len() > 1 {
            self.saw(Situation::GroupOfSeveralStreams);
        }
        for (stream, (id, position)) in settled {
            let told = Local::Settled(stream, id.incarnation, id.ordinal, position);
            self.later(process, 1, told);
        }
        for (stream, incarnation) in group.closed.clone() {
            self.saw(Situation::StartedTooEarly);
            self.refuse(node, stream, incarnation, Refusal::Closed);
        }
        self.done(node);
    }
}
