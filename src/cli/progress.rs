//! Progress bars: on a terminal only, and on stderr, so that what is printed stays what came of it.

use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use tokio::task::JoinHandle;

use crate::replay::olist::drive::Progress;

/// How often a bar is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// A count of things whose number is not known before.
pub(super) fn counting(what: &'static str) -> Bar {
    let bar = ProgressBar::no_length();
    // The bar's own rate has four decimals.
    let rate = |state: &ProgressState, text: &mut dyn Write| {
        let _ = write!(text, "{:.0}/s", state.per_sec());
    };
    bar.set_style(style("{spinner} {prefix}: {human_pos}, {rate}").with_key("rate", rate));
    bar.set_prefix(what);
    Bar { bar, drawing: None }
}

/// A bar that follows a replay.
pub(super) fn replay(progress: Arc<Progress>) -> Bar {
    let bar = ProgressBar::new(0);
    bar.set_style(style("{prefix:<10} {wide_bar} {human_pos} of {human_len} {eta}"));
    let drawn = bar.clone();
    let drawing = tokio::spawn(async move {
        let mut shown = "";
        loop {
            let phase = *progress.phase.lock().unwrap_or_else(PoisonError::into_inner);
            if phase != shown {
                // What is left to do is estimated anew.
                drawn.reset();
                drawn.set_prefix(phase);
                shown = phase;
            }
            drawn.set_length(progress.total.load(Ordering::Relaxed));
            drawn.set_position(progress.done.load(Ordering::Relaxed));
            tokio::time::sleep(EVERY).await;
        }
    });
    Bar { bar, drawing: Some(drawing) }
}

fn style(template: &'static str) -> ProgressStyle {
    // Constant texts; a wrong one only costs the bar its look.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A bar; it vanishes when it is dropped.
pub(super) struct Bar {
    bar: ProgressBar,
    drawing: Option<JoinHandle<()>>,
}

impl Bar {
    /// So many more are done.
    pub(super) fn add(&self, done: u64) {
        self.bar.inc(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(drawing) = &self.drawing {
            drawing.abort();
        }
        self.bar.finish_and_clear();
    }
}
