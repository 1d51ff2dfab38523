//! A client's log of what it was told, one fact a line, for the check that nothing acknowledged is lost.
//!
//! Clients are killed in the middle of a line. Such a line was told to nobody who went on from there, so a line counts
//! from the moment its end is in the file: it is written with it in one piece, and half a line is cut off before more is
//! written behind it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use souk_core::verify::Told;

/// The log, open to be gone on with.
#[derive(Debug)]
pub struct AckLog {
    path: PathBuf,
    file: Mutex<File>,
    known: Vec<Told>,
}

impl AckLog {
    /// Opens the log, or begins one.
    ///
    /// # Errors
    /// When it cannot be read or written, or holds something else.
    pub fn open(path: &Path) -> anyhow::Result<AckLog> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let whole = whole_lines(&text);
        let known = parse(whole, path)?;
        let file = File::options().create(true).append(true).open(path);
        let file = file.and_then(|file| file.set_len(whole.len() as u64).map(|()| file));
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(AckLog { path: path.to_owned(), file: Mutex::new(file), known })
    }

    /// Reads a log that somebody else writes, perhaps at this moment.
    ///
    /// # Errors
    /// When it cannot be read, or holds something else.
    pub fn read(path: &Path) -> anyhow::Result<Vec<Told>> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        parse(whole_lines(&text), path)
    }

    /// What was in it when it was opened.
    pub fn known(&self) -> &[Told] {
        &self.known
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Logs it. To be called before anything else is asked for: what the file says was acknowledged before a kill.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn log(&self, told: &Told) -> anyhow::Result<()> {
        let line = format!("{told}\n");
        let written = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Without the half line that a kill left.
fn whole_lines(text: &str) -> &str {
    &text[..text.rfind('\n').map_or(0, |at| at + 1)]
}

fn parse(text: &str, path: &Path) -> anyhow::Result<Vec<Told>> {
    let told = |(at, line): (usize, &str)| {
        line.parse()
            .with_context(|| format!("{} line {}: {line:?} was told to nobody", path.display(), at + 1))
    };
    text.lines().enumerate().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use souk_core::ids::{CheckoutId, HoldId, OrderId};

    #[test]
    fn half_a_line_is_cut_off_before_more_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("acks");
        let held = |n| Told::Held(HoldId { checkout: CheckoutId(7), n });
        let log = AckLog::open(&path).unwrap();
        assert_eq!(log.known(), []);
        log.log(&held(1)).unwrap();
        drop(log);
        // Half of the name of hold 12: a name, too, but not one that anybody was told.
        let torn = format!("{}{}", fs::read_to_string(&path).unwrap(), held(1));
        fs::write(&path, &torn).unwrap();
        assert_eq!(AckLog::read(&path).unwrap(), [held(1)]);
        assert_eq!(fs::read_to_string(&path).unwrap(), torn, "reading changes nothing");
        let log = AckLog::open(&path).unwrap();
        assert_eq!(log.known(), [held(1)]);
        log.log(&Told::Placed(OrderId(8))).unwrap();
        assert_eq!(AckLog::read(&path).unwrap(), [held(1), Told::Placed(OrderId(8))]);
    }

    #[test]
    fn another_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("letter");
        fs::write(&path, "Dear reader,\nyours").unwrap();
        let error = AckLog::open(&path).unwrap_err();
        assert!(format!("{error:#}").contains("line 1"), "{error:#}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "Dear reader,\nyours");
    }
}
