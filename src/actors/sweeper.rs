//! The sweeper: takes away what has had its time.
//!
//! **Replies** are kept for 30 days: that long a request may be repeated and is told the same.
//!
//! **The vault.** A person's data is put into the vault before the event that names the person; when that event
//! never came (a crash in between, a refusal), nobody would ask for the row again, and nobody could be told of it. So rows
//! that are older than a day are looked at: one whose stream names its subject is kept for good, any other is dropped.
//!
//! The stream is read from the journal, never a projection: a projection that lags, or is being rebuilt, would say of
//! everybody that nobody names them. A day is far longer than any request waits for its event. Each row is judged by the
//! owner of its stream's partition, so that nobody judges by a journal that has moved on.
//!
//! **Credentials**, likewise: see [`credentials`].

mod credentials;

use std::sync::{Arc, Weak};
use std::time::Duration;

use souk_core::ids::{StreamId, SubjectId};
use souk_core::journal::Recorded;
use tokio::sync::watch;

use crate::journal::{JournalError, Pool};
use crate::store::vault::{Forgotten, Vault, VaultError};

use super::node::Node;

/// How long a reply is kept.
const REPLIES_KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How old a row of the vault must be.
const AGE_MS: i64 = 24 * 60 * 60 * 1000;
/// Rows looked at between two marks.
const BATCH: u32 = 200;

/// What one sweep of the vault did.
#[derive(Clone, Copy, Default, Debug)]
struct Swept {
    kept: usize,
    forgotten: usize,
}

/// Sweeps until the node ends.
pub(super) struct Sweeper {
    node: Weak<Node>,
    vault: Arc<Vault>,
    plain: Pool,
}

impl Sweeper {
    pub(super) fn new(node: Weak<Node>, vault: Arc<Vault>, plain: Pool) -> Self {
        Sweeper { node, vault, plain }
    }

    pub(super) async fn run(self, first_after: Duration, every: Duration, mut stop: watch::Receiver<bool>) {
        let mut pause = first_after;
        loop {
            // Only a pause is cut off: a sweep that has dropped rows also scrubs.
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = every;
            let Some(node) = self.node.upgrade() else { return };
            prune_replies(&node).await;
            // What waits for a writer that cannot write may be older than a day.
            if !node.journal().writer().health().borrow().admits() {
                continue;
            }
            match credentials::sweep(&node, &self.plain, &stop).await {
                Ok(Swept { kept: 0, forgotten: 0 }) => {}
                Ok(Swept { kept, forgotten }) => tracing::info!(kept, forgotten, "credentials were swept"),
                Err(error) => {
                    tracing::warn!(%error, "credentials could not be swept; trying again at the next turn")
                }
            }
            // Last: it also wipes what dropped rows leave behind.
            match self.sweep(&node, &stop).await {
                Ok(Swept { kept: 0, forgotten: 0 }) => {}
                Ok(Swept { kept, forgotten }) => tracing::info!(kept, forgotten, "the vault was swept"),
                Err(error) => {
                    tracing::warn!(%error, "the vault could not be swept; trying again at the next turn")
                }
            }
        }
    }

    async fn sweep(&self, node: &Node, stop: &watch::Receiver<bool>) -> Result<Swept, VaultError> {
        let mut swept = Swept::default();
        let older_than = node.clock().now().plus_millis(-AGE_MS);
        let mut after = None;
        while !*stop.borrow() {
            let page = self.vault.forgotten_candidates(older_than, after.as_ref(), BATCH).await?;
            let Some(last) = page.last().copied() else { break };
            after = Some(last);
            let mut named: Vec<SubjectId> = Vec::new();
            for row in page {
                match is_named(node, &row).await {
                    Some(true) => named.push(row.subject),
                    Some(false) => swept.forgotten += usize::from(self.vault.forget(&row).await?),
                    None => {}
                }
            }
            self.vault.keep(&named).await?;
            swept.kept += named.len();
        }
        // Also when this one dropped nothing: an earlier one may have been killed before it came to this.
        self.vault.scrub().await?;
        Ok(swept)
    }
}

/// Only an owner prunes: what another writes may be repeated there.
async fn prune_replies(node: &Node) {
    if !node.journal().lease().is_owner() || !node.journal().writer().health().borrow().admits() {
        return;
    }
    let before = node.clock().now().plus_millis(-REPLIES_KEPT_MS);
    match node.journal().writer().prune_replies(before).await {
        Ok(0) => {}
        Ok(pruned) => tracing::info!(pruned, "replies of more than 30 days ago were dropped"),
        Err(error) => {
            tracing::warn!(%error, "old replies could not be dropped; trying again at the next turn")
        }
    }
}

/// Whether the row's stream names its subject; `None` as [`events_of`] says it.
async fn is_named(node: &Node, row: &Forgotten) -> Option<bool> {
    let events = events_of(node, row.stream).await?;
    Some(events.iter().any(|recorded| recorded.event.subject() == Some(row.subject)))
}

/// What a stream says, to judge a row by. `None` when that is not for this process to say, or cannot be said: the row stays
/// as it is.
async fn events_of(node: &Node, stream: StreamId) -> Option<Vec<Recorded>> {
    if !node.journal().is_owner(stream.partition()) {
        return None;
    }
    let events = node.journal().reader().stream(stream, 0).await;
    let told = |error: &JournalError| {
        tracing::warn!(%stream, %error, "whether it names a row cannot be said; looking again later");
    };
    events.inspect_err(told).ok()
}
