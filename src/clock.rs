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
        Timestamp::from_millis(millis).plus_millis(self.ahead_ms.load(Ordering::Relaxed) + wrong_by_ms())
    }

    /// Lets time pass at once, for tests that cannot wait for a deadline.
    pub fn advance(&self, millis: i64) {
        self.ahead_ms.fetch_add(millis, Ordering::Relaxed);
    }
}

/// By how much a test wants the clock of a process to be wrong: the number in the file that `SOUK_CLOCK_FILE` names, read
/// anew every time, so that the clock can jump in both directions.
#[cfg(debug_assertions)]
fn wrong_by_ms() -> i64 {
    use std::path::PathBuf;
    use std::sync::OnceLock;
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let Some(file) = FILE.get_or_init(|| std::env::var_os("SOUK_CLOCK_FILE").map(PathBuf::from)) else {
        return 0;
    };
    std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}

/// Not at all.
#[cfg(not(debug_assertions))]
#[inline(always)]
fn wrong_by_ms() -> i64 {
    0
}
