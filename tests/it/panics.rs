//! Actors that panic, whatever they are doing: nothing that was acknowledged is lost, nothing happens twice, others are
//! served meanwhile, and everything comes to rest.

mod sales;
mod shards;
mod standings;

use std::sync::Arc;

use souk::actors::{Handling, Node, Trap};
use souk_core::ids::StreamId;

use crate::sales::until_async;

/// Both places of a kind. The second is the nastier one.
fn both(handling: Handling) -> [Trap; 2] {
    [Trap::Before(handling), Trap::After(handling)]
}

/// Sets a trap and waits until somebody came by and the actor was loaded anew.
async fn spring(node: &Arc<Node>, stream: StreamId, trap: Trap) {
    let before = node.restarts();
    node.set_trap(stream, trap);
    until_async(&format!("{stream} came by {trap:?}"), async || node.traps_waiting().is_empty()).await;
    until_async(&format!("{stream} was loaded anew"), async || node.restarts() > before).await;
}
