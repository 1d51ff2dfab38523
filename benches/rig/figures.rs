//! The figures of a bench, for the table that `cargo xtask bench` makes of many of them.

use std::fs::File;
use std::io::Write as _;
use std::sync::Mutex;

/// Names the file that figures go into. Without it they are only printed.
const FILE: &str = "SOUK_BENCH_FIGURES";

/// Writes a figure down. One that is measured in rounds is written once per round, under the same name.
pub fn figure(name: &str, value: f64, unit: &str) {
    static OPEN: Mutex<Option<File>> = Mutex::new(None);
    let Some(path) = std::env::var_os(FILE) else { return };
    let mut open = OPEN.lock().unwrap_or_else(|open| open.into_inner());
    if open.is_none() {
        *open = File::options().create(true).append(true).open(path).ok();
    }
    if let Some(file) = open.as_mut() {
        // The figure was printed already: without the table it is not lost.
        let _ = writeln!(file, "{name}\t{value}\t{unit}");
    }
}
