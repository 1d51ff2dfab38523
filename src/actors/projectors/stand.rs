//! Where a follower stands, and how much of that its cursors say.
//!
//! Most of what a follower passes is not its business: of a sale's twenty events the catalogue needs none. Cursors that
//! only passed such events are written once in a while; after the next start they are passed again.

use std::time::Duration;

use souk_core::ids::Partition;
use tokio::time::Instant;

use crate::store::read::Advance;

/// How long cursors may lag behind while nothing that they pass is needed.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Positions by partition.
#[derive(Debug)]
pub(super) struct Stand {
    read: Vec<u64>,
    written: Vec<u64>,
    /// When the cursors were last read or written.
    since: Instant,
}

impl Stand {
    /// Where the cursors stand.
    pub(super) fn at(written: Vec<u64>) -> Self {
        Stand { read: written.clone(), written, since: Instant::now() }
    }

    /// What was read.
    pub(super) fn read(&self) -> &[u64] {
        &self.read
    }

    /// So much has been read.
    pub(super) fn pass(&mut self, advances: &[Advance]) {
        advance(&mut self.read, advances);
    }

    /// Whether the cursors have lagged behind for long enough.
    pub(super) fn is_due(&self) -> bool {
        self.read != self.written && self.since.elapsed() >= WRITE_EVERY
    }

    /// The steps from where the cursors stand to what was read.
    pub(super) fn unwritten(&self) -> Vec<Advance> {
        let steps = self.written.iter().zip(&self.read).zip(0..);
        let moved = steps.filter(|((from, to), _)| from != to);
        moved
            .map(|((from, to), partition)| Advance { partition: Partition(partition), from: *from, to: *to })
            .collect()
    }

    /// The cursors say it, too.
    pub(super) fn is_written(&mut self) {
        self.written.clone_from(&self.read);
        self.since = Instant::now();
    }
}

/// Moves the positions by these steps.
pub(super) fn advance(positions: &mut [u64], advances: &[Advance]) {
    for advance in advances {
        if let Some(position) = positions.get_mut(usize::from(advance.partition.0)) {
            *position = advance.to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn cursors_that_lag_are_due_after_a_while_and_take_all_steps_at_once() {
        let mut stand = Stand::at(vec![3, 0, 7]);
        assert!(!stand.is_due(), "nothing was read");
        stand.pass(&[Advance { partition: Partition(1), from: 0, to: 2 }]);
        stand.pass(&[Advance { partition: Partition(1), from: 2, to: 5 }]);
        stand.pass(&[Advance { partition: Partition(2), from: 7, to: 8 }]);
        assert_eq!(stand.read(), [3, 5, 8]);
        assert!(!stand.is_due());
        tokio::time::advance(WRITE_EVERY).await;
        assert!(stand.is_due());
        let steps = [(1, 0, 5), (2, 7, 8)];
        let steps = steps.map(|(partition, from, to)| Advance { partition: Partition(partition), from, to });
        assert_eq!(stand.unwritten(), steps);
        stand.is_written();
        assert!(!stand.is_due());
        assert_eq!(stand.unwritten(), []);
    }
}
