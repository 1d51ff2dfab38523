//! Many histories, on several threads: each is alone in its world, so only the counting is shared.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::failure::Failure;
use crate::options::Options;
use crate::stats::Stats;

/// Histories that one thread takes at once.
const CHUNK: u64 = 64;

/// Lives through so many histories, and says so now and then.
///
/// # Errors
/// The first that broke a promise; of several threads, the one with the lowest seed.
pub fn many(
    from: u64,
    count: u64,
    jobs: usize,
    options: &Options,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Stats, Box<Failure>> {
    let chunks = count.div_ceil(CHUNK);
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let shared = Mutex::new(Shared { sums: Sums::default(), failure: None });
    let work = || {
        loop {
            let chunk = next.fetch_add(1, Ordering::Relaxed);
            if chunk >= chunks || shared.lock().is_ok_and(|shared| shared.failure.is_some()) {
                return;
            }
            let first = from + chunk * CHUNK;
            let lived = crate::seeds(first, CHUNK.min(from + count - first), options);
            let Ok(mut shared) = shared.lock() else { return };
            match lived {
                Ok(stats) => shared.sums.add(chunk, stats),
                Err(failure) => {
                    let earlier = shared.failure.as_ref().is_none_or(|known| failure.seed < known.seed);
                    if earlier {
                        shared.failure = Some(failure);
                    }
                }
            }
            drop(shared);
            progress((done.fetch_add(1, Ordering::Relaxed) + 1).min(chunks) * CHUNK);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(work);
        }
    });
    let Shared { sums, failure } = shared.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    match failure {
        Some(failure) => Err(failure),
        None => Ok(sums.all),
    }
}

struct Shared {
    sums: Sums,
    failure: Option<Box<Failure>>,
}

/// Adds chunks up in their order, whatever order they come in: the digest must not depend on threads.
#[derive(Default)]
struct Sums {
    all: Stats,
    next: u64,
    waiting: std::collections::BTreeMap<u64, Stats>,
}

impl Sums {
    fn add(&mut self, chunk: u64, stats: Stats) {
        self.waiting.insert(chunk, stats);
        while let Some(stats) = self.waiting.remove(&self.next) {
            self.all.add(&stats);
            self.next += 1;
        }
    }
}
