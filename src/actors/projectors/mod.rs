//! Projectors: tail the journal and fill the read models of `src/store/read/` and the search index. Beside them goes the
//! walker (`standings.rs`), which follows the journal likewise and tells products how their vendors stand.
//!
//! A projection has one cursor per partition, which is written with its rows in one transaction. Nothing is assumed
//! of the order between streams: each stream's events are folded by its own machine, up to the last one the cursor
//! covers, and rows of an older seq never overwrite newer ones. So rows are a function of the journal and the
//! cursors, and a projector that is killed, doubled or rebuilt comes to the same.

mod current;
mod fold;
mod follow;
mod ledger;
mod progress;
mod rows;
mod search;
mod stand;
mod standings;
mod windows;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use souk_core::ids::{PARTITIONS, Partition};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::actors::Node;
use crate::adapters::search::Search;
use crate::journal::{JournalError, Reader};
use crate::store::read::{Projection, ReadModels};

pub use follow::Projector;
pub use progress::Progress;
pub use search::{Indexer, IndexingError};

use standings::{WalkError, Walker};

/// After the journal has grown: more will have come in a moment, and one transaction can take it all.
const GATHER: Duration = Duration::from_millis(20);
/// The same of the search index, whose commits cost more than a transaction: no more than about two a second.
const GATHER_DOCUMENTS: Duration = Duration::from_millis(500);
/// How often to look when nobody says that the journal has grown.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The first pause after an error, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// How long a step may take before it is given up and begun anew: a database over a network may fall silent without an
/// end. Far longer than a step over the slowest disk.
const STEP_WITHIN: Duration = Duration::from_secs(120);
/// How long the last step may take once everything ends.
const LAST_STEP_WITHIN: Duration = Duration::from_secs(10);

/// The positions a projection has reached, by partition.
type Reached = watch::Receiver<Vec<u64>>;

/// The running projectors of a process, and its walker. They end with this.
#[derive(Debug)]
pub struct Projectors {
    reader: Reader,
    reached: Vec<(Projection, Reached)>,
    /// The same of the search index, when there is one.
    indexed: Option<Reached>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Projectors {
    /// Starts one per projection, one for the search index when there is one, and the walker.
    pub fn start(node: &Arc<Node>, models: &ReadModels, search: Option<&Search>) -> Self {
        let (reader, writer) = (node.journal().reader(), node.journal().writer());
        let stop = watch::Sender::new(false);
        let mut tasks = Vec::new();
        let reached = Projection::ALL
            .into_iter()
            .map(|projection| {
                let (tell, reached) = watch::channel(vec![0; usize::from(PARTITIONS)]);
                let projector = Projector::new(projection, reader.clone(), models.clone());
                tasks.push(tokio::spawn(run(projector, writer.grown(), stop.subscribe(), tell)));
                (projection, reached)
            })
            .collect();
        let indexed = search.map(|search| {
            let (tell, reached) = watch::channel(vec![0; usize::from(PARTITIONS)]);
            let indexer = Indexer::new(reader.clone(), search.clone());
            tasks.push(tokio::spawn(run(indexer, writer.grown(), stop.subscribe(), tell)));
            reached
        });
        let walker = Walker::new(reader.clone(), models.clone(), node.handle());
        let (tell, _) = watch::channel(Vec::new());
        tasks.push(tokio::spawn(run(walker, writer.grown(), stop.subscribe(), tell)));
        Projectors { reader: reader.clone(), reached, indexed, stop, tasks }
    }

    /// Waits until a projection contains this position of a partition; `false` when it does not within `patience`.
    pub async fn wait_for(
        &self,
        projection: Projection,
        partition: Partition,
        position: u64,
        patience: Duration,
    ) -> bool {
        self.progress().wait_for(projection, partition, position, patience).await
    }

    /// For those who only want to know how far it is.
    pub fn progress(&self) -> Progress {
        Progress::new(self.reached.clone(), self.indexed.clone())
    }

    /// Waits until every projection, and the search index, contains all that is in the journal now; `false` when one
    /// does not within `patience`.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn caught_up(&self, patience: Duration) -> Result<bool, JournalError> {
        let ends = self.reader.ends().await?;
        let deadline = tokio::time::Instant::now() + patience;
        for reached in self.reached.iter().map(|(_, reached)| reached).chain(&self.indexed) {
            let mut reached = reached.clone();
            let there = reached.wait_for(|reached| reached.iter().zip(&ends).all(|(at, end)| at >= end));
            if !matches!(tokio::time::timeout_at(deadline, there).await, Ok(Ok(_))) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Ends them; what they had under way is done or undone whole.
    pub async fn close(mut self) {
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            let _ = task.await;
        }
    }
}

/// What follows the journal a step at a time.
trait Follower: Send {
    /// Why a step failed.
    type Error: fmt::Display;
    /// How long is waited for more after the journal has grown.
    const GATHER: Duration;

    fn name(&self) -> &'static str;
    fn next(&mut self) -> impl Future<Output = Result<bool, Self::Error>> + Send;
    fn positions(&self) -> Option<&[u64]>;
    /// Drops what it remembers: a step was given up in the middle.
    fn start_over(&mut self);
}

impl Follower for Projector {
    type Error = JournalError;
    const GATHER: Duration = GATHER;

    fn name(&self) -> &'static str {
        self.projection().name()
    }

    async fn next(&mut self) -> Result<bool, JournalError> {
        self.step().await
    }

    fn positions(&self) -> Option<&[u64]> {
        self.reached()
    }

    fn start_over(&mut self) {
        self.forget();
    }
}

impl Follower for Indexer {
    type Error = IndexingError;
    const GATHER: Duration = GATHER_DOCUMENTS;

    fn name(&self) -> &'static str {
        "search"
    }

    async fn next(&mut self) -> Result<bool, IndexingError> {
        self.step().await
    }

    fn positions(&self) -> Option<&[u64]> {
        self.reached()
    }

    fn start_over(&mut self) {
        self.forget();
    }
}

impl Follower for Walker {
    type Error = WalkError;
    const GATHER: Duration = GATHER;

    fn name(&self) -> &'static str {
        "standings"
    }

    async fn next(&mut self) -> Result<bool, WalkError> {
        self.step().await
    }

    fn positions(&self) -> Option<&[u64]> {
        self.reached()
    }

    fn start_over(&mut self) {
        self.forget();
    }
}

/// Follows until it is told to stop, or nobody is left to tell.
async fn run<F: Follower>(
    mut follower: F,
    mut grown: watch::Receiver<u64>,
    mut stop: watch::Receiver<bool>,
    reached: watch::Sender<Vec<u64>>,
) {
    let mut pause = PAUSES.0;
    loop {
        grown.mark_unchanged();
        let mut stopping = stop.clone();
        let too_long = async {
            let _ = stopping.wait_for(|stop| *stop).await;
            tokio::time::sleep(LAST_STEP_WITHIN).await;
        };
        let stepped = tokio::select! {
            stepped = tokio::time::timeout(STEP_WITHIN, follower.next()) => stepped,
            () = too_long => {
                tracing::warn!(follower = follower.name(), "its last step does not end; it is done at the next start");
                return;
            }
        };
        let stepped = match stepped {
            Ok(stepped) => stepped.map_err(|error| error.to_string()),
            Err(_) => {
                follower.start_over();
                Err("no answer in time".to_owned())
            }
        };
        let wait = match stepped {
            Ok(more) => {
                pause = PAUSES.0;
                if let Some(positions) = follower.positions() {
                    reached.send_replace(positions.to_vec());
                }
                if more { None } else { Some(LOOK_EVERY) }
            }
            Err(error) => {
                tracing::warn!(follower = follower.name(), %error, "could not follow the journal; trying again");
                // An error is waited out whatever grows meanwhile.
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(PAUSES.1);
                None
            }
        };
        let next = async {
            let Some(wait) = wait else { return };
            if let Ok(Ok(())) = tokio::time::timeout(wait, grown.changed()).await {
                tokio::time::sleep(F::GATHER).await;
            } else if grown.has_changed().is_err() {
                // The writer has ended: nothing grows here any more, but the journal may elsewhere.
                tokio::time::sleep(wait).await;
            }
        };
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = next => {}
        }
    }
}
