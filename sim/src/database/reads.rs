//! What projectors do to the read tables.

use souk_core::any::AnyEvent;
use souk_core::ids::Partition;
use souk_core::journal::Recorded;
use souk_core::order::{self, PlacedOrder};
use souk_core::planted::{self, Bug};

use super::Database;
use crate::projection::Tables;

impl Database {
    /// One transaction of a projector: so many events of a partition from behind this position on. Says up to where;
    /// `None` if another projector was faster.
    pub fn project(&mut self, partition: Partition, from: u64, most: usize) -> Option<u64> {
        let log = self.log.get(&partition).map_or(&[][..], Vec::as_slice);
        let first = log.partition_point(|(position, ..)| *position <= from);
        let page = &log[first..log.len().min(first + most)];
        let mut rows = self.projection.rows.clone();
        for (_, stream, seq) in page {
            let events = self.events(*stream);
            if let Some(event) = events.get(*seq as usize - 1) {
                rows.apply(event, placed(events));
            }
        }
        let read = page.last().map_or(from, |(position, ..)| *position);
        let to = if planted::is(Bug::ProjectionGap) { self.position(partition) } else { read };
        self.projection.write(partition, from, to, rows).then_some(to)
    }

    /// The cursor was not written with the rows.
    pub fn forget_cursor(&mut self, partition: Partition, back_to: u64) {
        let at = self.projection.cursor(partition);
        let rows = self.projection.rows.clone();
        self.projection.write(partition, at, back_to, rows);
    }

    /// What a projection of the whole journal says.
    pub fn projected_anew(&self) -> Tables {
        let mut rows = Tables::default();
        for events in self.streams.values() {
            events.iter().for_each(|event| rows.apply(event, placed(events)));
        }
        rows
    }

    /// Every partition that has events, with its last position.
    pub fn positions(&self) -> impl Iterator<Item = (Partition, u64)> {
        self.positions.iter().map(|(partition, position)| (*partition, *position))
    }
}

/// What an order's events begin with.
fn placed(events: &[Recorded]) -> Option<&PlacedOrder> {
    match &events.first()?.event {
        AnyEvent::Order(order::Event::Placed(placed)) => Some(placed),
        _ => None,
    }
}
