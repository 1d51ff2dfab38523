//! The file in which the bank remembers: one JSON record per line, forced to disk before anything of it is said.
//!
//! A thread of its own writes what has come together since the last time and forces it to disk once for all of it.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tokio::sync::{Notify, watch};

use super::error::BankError;
use super::record::Record;

/// The log's name in the data directory.
pub const LOG_FILE: &str = "test-bank.log";

/// Records that may wait for the disk together; also the most that one write carries.
const BATCH_MAX: usize = 1_024;

/// How far the file has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Written {
    UpTo(u64),
    /// Nothing more can be written; what was not written by then may or may not be there.
    Failed(u64),
}

#[derive(Debug)]
struct Line {
    text: String,
    number: u64,
    /// Whether somebody waits for it to be on disk.
    urgent: bool,
}

/// The log of a bank that runs.
#[derive(Debug)]
pub(super) struct Log {
    written: watch::Receiver<Written>,
    /// The last record that somebody waits for.
    promised: AtomicU64,
    /// `None` for a bank that forgets.
    writer: Option<(mpsc::Sender<Line>, JoinHandle<()>)>,
}

impl Log {
    /// A log that keeps nothing.
    pub fn none() -> Self {
        let (_, written) = watch::channel(Written::UpTo(u64::MAX));
        Log { written, promised: AtomicU64::new(0), writer: None }
    }

    /// Opens the file of this path, or creates it, and returns what is in it. `stirred` is notified whenever more
    /// has reached the disk.
    pub fn open(path: &Path, stirred: Arc<Notify>) -> Result<(Self, Vec<Record>), BankError> {
        let mut file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(BankError::file("open the test bank's log", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BankError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => {
                return Err(BankError::file("lock the test bank's log", path)(source));
            }
        }
        let read = BankError::file("read the test bank's log", path);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(read)?;
        let whole = whole_lines(&bytes);
        let records = parse(&bytes[..whole], path)?;
        // A line that a crash cut short was never answered for. What is kept was perhaps never forced to disk
        // either, and will now be built upon; the directory's entry may be as new as the file.
        file.set_len(whole as u64)
            .and_then(|()| file.sync_all())
            .and_then(|()| sync_directory(path))
            .map_err(BankError::file("prepare the test bank's log", path))?;
        Ok((Self::start(file, path, records.len() as u64, stirred)?, records))
    }

    pub(super) fn start(file: File, path: &Path, last: u64, stirred: Arc<Notify>) -> Result<Self, BankError> {
        let (tell, written) = watch::channel(Written::UpTo(last));
        let (sender, lines) = mpsc::channel();
        let thread = Thread { file, path: path.to_owned(), tell, stirred };
        let thread = std::thread::Builder::new()
            .name("test-bank-log".to_owned())
            .spawn(move || thread.run(&lines))
            .map_err(BankError::file("start the thread that writes", path))?;
        Ok(Log { written, promised: AtomicU64::new(last), writer: Some((sender, thread)) })
    }

    /// Adds a record. Without `urgent` it goes to disk with the next one that somebody waits for.
    pub fn append(&self, record: &Record, number: u64, urgent: bool) {
        let Some((sender, _)) = &self.writer else { return };
        if urgent {
            self.promised.store(number, Ordering::Relaxed);
        }
        // A record is plain data and always has a text. If it had none, the line would be refused at the next start:
        // an empty one never is written, and nothing after it is told.
        let text = serde_json::to_string(record).unwrap_or_default();
        // The thread ends before this log does only if the disk has failed, which `is_durable` then says.
        let _ = sender.send(Line { text, number, urgent });
    }

    /// The last urgent record. Whoever adds records under one lock and reads this under it may wait for it.
    pub fn promised(&self) -> u64 {
        self.promised.load(Ordering::Relaxed)
    }

    /// Waits until record `number` is on disk; false when that cannot be known any more.
    pub async fn is_durable(&self, number: u64) -> bool {
        let mut written = self.written.clone();
        let reached = written.wait_for(|written| match written {
            Written::UpTo(at) => *at >= number,
            Written::Failed(_) => true,
        });
        reached.await.is_ok_and(|written| matches!(*written, Written::UpTo(_)))
    }

    /// The last record that is on disk.
    pub fn written(&self) -> u64 {
        match *self.written.borrow() {
            Written::UpTo(at) | Written::Failed(at) => at,
        }
    }
}

impl Drop for Log {
    /// Writes what waits and gives the file up, so that it can be opened again at once.
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.writer.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

struct Thread {
    file: File,
    path: PathBuf,
    tell: watch::Sender<Written>,
    stirred: Arc<Notify>,
}

impl Thread {
    fn run(mut self, lines: &mpsc::Receiver<Line>) {
        let mut lazy = false;
        while let Ok(first) = lines.recv() {
            let mut batch = vec![first];
            batch.extend(lines.try_iter().take(BATCH_MAX - 1));
            let urgent = batch.iter().any(|line| line.urgent);
            let last = batch.last().map_or(0, |line| line.number);
            if let Err(error) = self.write(&batch, urgent) {
                let path = self.path.display();
                tracing::error!(%error, %path, "the test bank cannot write its log; every call is unknown from now on");
                self.tell.send_modify(|written| {
                    if let Written::UpTo(at) = *written {
                        *written = Written::Failed(at);
                    }
                });
                return;
            }
            lazy = !urgent;
            if urgent {
                self.tell.send_replace(Written::UpTo(last));
                self.stirred.notify_one();
            }
        }
        if lazy && let Err(error) = self.file.sync_data() {
            tracing::warn!(%error, "the test bank's last acknowledgements may be lost; those notices come again");
        }
    }

    fn write(&mut self, batch: &[Line], urgent: bool) -> std::io::Result<()> {
        let mut bytes = Vec::with_capacity(batch.iter().map(|line| line.text.len() + 1).sum());
        for line in batch {
            if line.text.is_empty() {
                return Err(std::io::Error::new(ErrorKind::InvalidData, "a record has no text"));
            }
            bytes.extend_from_slice(line.text.as_bytes());
            bytes.push(b'\n');
        }
        self.file.write_all(&bytes)?;
        if urgent { self.file.sync_data() } else { Ok(()) }
    }
}

/// Reads a log without disturbing the server that writes it; empty when there is none.
///
/// # Errors
/// When the file cannot be read or holds what no test bank writes.
pub fn read(path: &Path) -> Result<Vec<Record>, BankError> {
    match std::fs::read(path) {
        Ok(bytes) => parse(&bytes[..whole_lines(&bytes)], path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(BankError::file("read the test bank's log", path)(error)),
    }
}

fn whole_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

fn parse(bytes: &[u8], path: &Path) -> Result<Vec<Record>, BankError> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    (1..)
        .zip(lines)
        .map(|(line, text)| {
            serde_json::from_slice(text).map_err(|source| BankError::Damaged {
                path: path.to_owned(),
                line,
                source,
            })
        })
        .collect()
}

/// A new file is there after a crash only when its directory was forced to disk too.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    if let Some(dir) = path.parent() {
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        File::open(dir)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
