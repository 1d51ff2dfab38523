//! The only place that reads the wall clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use souk_core::time::Timestamp;

/// Tells the time; clones tell the same.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds that tests have let pass.
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        // A clock before 1970 is a broken machine; zero keeps every deadline in the future, so nothing is lost.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(millis).plus_millis(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Lets time pass at once, for tests that cannot wait for a deadline.
    pub fn advance(&self, millis: i64) {
        self.ahead_ms.fetch_add(millis, Ordering::Relaxed);
    }
}
