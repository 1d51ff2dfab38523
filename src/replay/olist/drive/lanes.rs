//! Doing something to each of many, so many at once.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Drive;

/// How far a replay is, for a progress bar.
#[derive(Debug, Default)]
pub struct Progress {
    /// What is being done.
    pub phase: Mutex<&'static str>,
    /// Of so many things.
    pub total: AtomicU64,
    /// So many are done.
    pub done: AtomicU64,
}

impl Drive {
    /// Does something to each, and collects what came of it in their order.
    pub(super) async fn all<T, R, F>(
        self: &Arc<Self>,
        phase: &'static str,
        things: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        each: impl Fn(Arc<Drive>, T) -> F,
    ) -> anyhow::Result<Vec<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: Future<Output = anyhow::Result<R>> + Send + 'static,
    {
        let things = things.into_iter();
        *self.progress.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
        self.progress.total.store(things.len() as u64, Ordering::Relaxed);
        self.progress.done.store(0, Ordering::Relaxed);
        let lanes = Arc::new(Semaphore::new(self.concurrency));
        let mut tasks = JoinSet::new();
        let mut results = BTreeMap::new();
        for (at, thing) in things.enumerate() {
            let lane = Arc::clone(&lanes).acquire_owned().await?;
            let work = each(Arc::clone(self), thing);
            let progress = Arc::clone(&self.progress);
            tasks.spawn(async move {
                let result = work.await;
                progress.done.fetch_add(1, Ordering::Relaxed);
                drop(lane);
                result.map(|result| (at, result))
            });
            while let Some(ended) = tasks.try_join_next() {
                let (at, result) = ended??;
                results.insert(at, result);
            }
        }
        while let Some(ended) = tasks.join_next().await {
            let (at, result) = ended??;
            results.insert(at, result);
        }
        Ok(results.into_values().collect())
    }
}
