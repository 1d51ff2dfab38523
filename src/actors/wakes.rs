//! Reads the journal's due wakes and ticks their streams, so that what must happen later happens whether or not
//! anybody comes back.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Weak;
use std::time::Duration;

use souk_core::ids::StreamId;
use tokio::sync::watch;
use tokio::time::Instant;

use super::node::Node;

/// How often the rows are read.
const EVERY: Duration = Duration::from_millis(500);
/// A row stays until its stream has rewritten it; it is not ticked again before this has passed.
const PATIENCE: Duration = Duration::from_secs(5);
/// Rows read at a time.
const BATCH: u32 = 1_000;

/// Reads until the node is gone, or told to end: then not on, since the journal is closed next.
pub(super) async fn run(node: Weak<Node>, mut stop: watch::Receiver<bool>) {
    let mut ticked: HashMap<StreamId, Instant> = HashMap::new();
    let mut round = tokio::time::interval(EVERY);
    round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = round.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let Some(node) = node.upgrade() else { return };
        let now = Instant::now();
        ticked.retain(|_, at| now.duration_since(*at) < PATIENCE);
        match node.journal().due_wakes(node.clock().now(), BATCH).await {
            Ok(due) => {
                for stream in due {
                    if let Entry::Vacant(slot) = ticked.entry(stream) {
                        slot.insert(now);
                        node.tick(stream);
                    }
                }
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "due wakes could not be read; trying again"
            ),
        }
    }
}
