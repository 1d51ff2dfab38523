//! How far the projections of this process are.

use std::time::Duration;

use souk_core::ids::Partition;

use crate::store::read::Projection;

use super::Reached;

/// Tells how far each projection is; cheap to clone, and no reason for it to go on.
#[derive(Clone, Debug)]
pub struct Progress {
    reached: Vec<(Projection, Reached)>,
    /// The same of the search index, when there is one.
    indexed: Option<Reached>,
}

impl Progress {
    pub(super) fn new(reached: Vec<(Projection, Reached)>, indexed: Option<Reached>) -> Self {
        Progress { reached, indexed }
    }

    /// Waits until a projection contains this position of a partition; `false` when it does not within `patience`.
    pub async fn wait_for(
        &self,
        projection: Projection,
        partition: Partition,
        position: u64,
        patience: Duration,
    ) -> bool {
        let Some((_, reached)) = self.reached.iter().find(|(known, _)| *known == projection) else {
            return false;
        };
        wait_for(reached, partition, position, patience).await
    }

    /// The same of the search index; `false` when there is none.
    pub async fn wait_for_index(&self, partition: Partition, position: u64, patience: Duration) -> bool {
        match &self.indexed {
            Some(indexed) => wait_for(indexed, partition, position, patience).await,
            None => false,
        }
    }
}

async fn wait_for(reached: &Reached, partition: Partition, position: u64, patience: Duration) -> bool {
    let at = usize::from(partition.0);
    let mut reached = reached.clone();
    let there = reached.wait_for(|reached| reached.get(at).is_some_and(|at| *at >= position));
    matches!(tokio::time::timeout(patience, there).await, Ok(Ok(_)))
}
