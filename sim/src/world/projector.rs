//! Projectors: each node's follows the partitions that it owns, page by page.

use souk_core::ids::Partition;
use souk_core::planted::{self, Bug};

use super::World;
use super::node::Local;
use crate::schedule::MS;
use crate::stats::Situation;

impl World {
    /// There may be something new to project.
    pub(super) fn plan_projection(&mut self, node: usize) {
        if !self.nodes[node].projects && !self.nodes[node].terms.is_empty() {
            self.nodes[node].projects = true;
            let soon = self.within(20 * MS);
            self.later(self.process(node), soon, Local::Project);
        }
    }

    /// Reads the next page of every partition that has one.
    pub(super) fn project(&mut self, node: usize) {
        self.nodes[node].projects = false;
        let process = self.process(node);
        let lots: Vec<_> = self.nodes[node].terms.keys().copied().collect();
        let partitions = lots.into_iter().flat_map(|lot| self.database.partitions(lot));
        let behind = |partition: &Partition| {
            self.database.position(*partition) > self.database.projection.cursor(*partition)
        };
        for partition in partitions.filter(behind).collect::<Vec<_>>() {
            let from = self.database.projection.cursor(partition);
            let way = self.within(self.plan.write_max);
            self.later(process, way, Local::Projected(partition, from));
        }
    }

    /// Writes what was read behind this position: rows and cursor, or nothing.
    pub(super) fn projected(&mut self, node: usize, partition: Partition, from: u64) {
        let lost = !self.reaches_database(node) || self.strikes("rows rolled back", self.plan.roll_back);
        if !lost {
            let to = self.database.project(partition, from, self.plan.page_max);
            match to {
                None => self.saw(Situation::ProjectorsRaced),
                Some(to) if to < self.database.position(partition) => self.saw(Situation::ProjectedInPages),
                Some(_) => {}
            }
            if planted::is(Bug::ProjectionTwice) && self.strikes("crash between rows and cursor", 20) {
                self.database.forget_cursor(partition, from);
            }
        }
        let behind = self.database.position(partition) > self.database.projection.cursor(partition);
        if behind {
            self.plan_projection(node);
        }
    }
}
