//! Admission: how much work from outside may be under way.
//!
//! Mailboxes are unbounded, so the bound is here: a permit is taken before a message is sent, travels in it, and
//! is given back when the journal has answered. Orders between machines need none: they belong to work that was
//! admitted, and refusing them would leave it half done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// No permit is left; try again after a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overloaded {
    /// When to try again.
    pub retry_after_ms: u64,
}

/// What admits a command. Clones are the same permit: it is back when the last of them is gone, or one gave it back.
#[derive(Clone, Debug)]
pub struct Permit(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Permit {
    fn of(permit: OwnedSemaphorePermit) -> Self {
        Permit(Arc::new(Mutex::new(Some(permit))))
    }

    /// Gives it back, whoever else has it.
    pub fn give_back(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

const FULL: Overloaded = Overloaded { retry_after_ms: 100 };
const SHUT: Overloaded = Overloaded { retry_after_ms: 1_000 };

/// Permits for commands from outside, and for those who look.
#[derive(Clone, Debug)]
pub struct Admission {
    permits: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    capacity: usize,
    shut: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
}

impl Admission {
    /// Lets `capacity` commands be under way at once.
    pub fn new(capacity: usize) -> Self {
        Admission {
            permits: Arc::new(Semaphore::new(capacity)),
            readers: Arc::new(Semaphore::new(capacity)),
            capacity,
            shut: Arc::new(AtomicBool::new(false)),
            closed: Arc::new(AtomicBool::new(false)),
        }
    }

    /// A permit, or a refusal at once.
    ///
    /// # Errors
    /// When as much as is allowed is under way, or the journal cannot take anything at the moment.
    pub fn admit(&self) -> Result<Permit, Overloaded> {
        if self.is_shut() {
            return Err(SHUT);
        }
        Arc::clone(&self.permits).try_acquire_owned().map(Permit::of).map_err(|_| FULL)
    }

    /// What a command would be told now, when none is admitted.
    pub fn refusal(&self) -> Option<Overloaded> {
        if self.is_shut() {
            return Some(SHUT);
        }
        (self.permits.available_permits() == 0).then_some(FULL)
    }

    fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Relaxed) || self.closed.load(Ordering::Relaxed)
    }

    /// A permit for one who only looks. There are as many again of those: looking goes on while the doors are full,
    /// or the journal takes nothing.
    ///
    /// # Errors
    /// When as many as are allowed look at once.
    pub fn admit_reader(&self) -> Result<Permit, Overloaded> {
        Arc::clone(&self.readers).try_acquire_owned().map(Permit::of).map_err(|_| FULL)
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
