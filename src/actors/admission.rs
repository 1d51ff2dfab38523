//! Admission: how much work from outside may be under way.
//!
//! Mailboxes are unbounded, so the bound is here: a permit is taken before a message is sent, travels in it, and
//! is given back when the journal has answered. Orders between machines need none: they belong to work that was
//! admitted, and refusing them would leave it half done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// No permit is left; try again after a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overloaded {
    /// When to try again.
    pub retry_after_ms: u64,
}

/// Permits for commands from outside.
#[derive(Clone, Debug)]
pub struct Admission {
    permits: Arc<Semaphore>,
    capacity: usize,
    shut: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
}

impl Admission {
    /// Lets `capacity` commands be under way at once.
    pub fn new(capacity: usize) -> Self {
        Admission {
            permits: Arc::new(Semaphore::new(capacity)),
            capacity,
            shut: Arc::new(AtomicBool::new(false)),
            closed: Arc::new(AtomicBool::new(false)),
        }
    }

    /// A permit, or a refusal at once.
    ///
    /// # Errors
    /// When as much as is allowed is under way, or the journal cannot take anything at the moment.
    pub fn admit(&self) -> Result<OwnedSemaphorePermit, Overloaded> {
        if self.shut.load(Ordering::Relaxed) || self.closed.load(Ordering::Relaxed) {
            return Err(Overloaded { retry_after_ms: 1_000 });
        }
        self.admit_reader()
    }

    /// The same for one who only looks: also while the journal takes nothing.
    ///
    /// # Errors
    /// When as much as is allowed is under way.
    pub fn admit_reader(&self) -> Result<OwnedSemaphorePermit, Overloaded> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| Overloaded { retry_after_ms: 100 })
    }

    /// Shuts or opens the door for new work; what is under way goes on.
    pub fn set_shut(&self, shut: bool) {
        self.shut.store(shut, Ordering::Relaxed);
    }

    /// Shuts it for good, whatever becomes of the journal: the server ends.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Commands under way.
    pub fn in_flight(&self) -> usize {
        self.capacity.saturating_sub(self.permits.available_permits())
    }
}
