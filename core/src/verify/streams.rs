//! I6 and I7: order within streams and partitions.

use std::collections::BTreeMap;

use crate::ids::{Partition, StreamId};
use crate::journal::{Epoch, Recorded};

use super::{Invariant, Report};

#[derive(Clone, Debug, Default)]
pub(super) struct Streams {
    last: BTreeMap<StreamId, (u64, Epoch)>,
    partitions: BTreeMap<Partition, (u64, Epoch)>,
}

impl Streams {
    pub(super) fn event(&mut self, recorded: &Recorded, report: &mut Report) {
        let at = (recorded.stream, recorded.seq);
        let (seq, epoch) = self.last.get(&recorded.stream).copied().unwrap_or_default();
        report.check(Invariant::I6, recorded.seq == seq + 1, at, || {
            format!("seq {} follows seq {seq}", recorded.seq)
        });
        report.check(Invariant::I7, recorded.epoch >= epoch, at, || {
            format!("epoch {} after epoch {}", recorded.epoch.0, epoch.0)
        });
        self.last.insert(recorded.stream, (recorded.seq, recorded.epoch.max(epoch)));

        let (position, epoch) = self.partitions.get(&recorded.partition).copied().unwrap_or_default();
        report.check(Invariant::I6, recorded.position == position + 1, at, || {
            format!("position {} follows {position} in partition {}", recorded.position, recorded.partition.0)
        });
        report.check(Invariant::I6, recorded.partition == recorded.stream.partition(), at, || {
            format!("stream lies in partition {}", recorded.partition.0)
        });
        report.check(Invariant::I7, recorded.epoch >= epoch, at, || {
            format!(
                "epoch {} after epoch {} in partition {}",
                recorded.epoch.0, epoch.0, recorded.partition.0
            )
        });
        self.partitions.insert(recorded.partition, (recorded.position, recorded.epoch.max(epoch)));
    }

    /// The last seq of a stream; zero when it has no events.
    pub(super) fn last_seq(&self, stream: StreamId) -> u64 {
        self.last.get(&stream).map_or(0, |(seq, _)| *seq)
    }

    /// The last position of a partition; zero when it has no events.
    pub(super) fn last_position(&self, partition: Partition) -> u64 {
        self.partitions.get(&partition).map_or(0, |(position, _)| *position)
    }

    pub(super) fn count(&self) -> u64 {
        self.last.len() as u64
    }
}
