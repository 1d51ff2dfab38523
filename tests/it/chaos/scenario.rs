//! One scenario: how often its fault is injected, and the line that it leaves in the table.

use std::fmt;
use std::io::Write as _;
use std::time::Instant;

use tokio::task::LocalSet;

use crate::servers::{Backend, skipped};

/// How many cycles, for those that are not content with the usual number.
const CYCLES: &str = "SOUK_TEST_CHAOS_CYCLES";
/// `long` for a run that has its time.
const LENGTH: &str = "SOUK_TEST_CHAOS_LENGTH";
/// `sqlite` or `postgres`, to leave the other one out.
const BACKEND: &str = "SOUK_TEST_CHAOS_BACKEND";
/// The file to which each scenario appends its line.
const TABLE: &str = "SOUK_TEST_CHAOS_TABLE";

/// How often the fault is injected: `short` times in every test run, `long` times where there is time, or as often as
/// somebody wants.
pub fn cycles(short: u32, long: u32) -> u32 {
    match std::env::var(CYCLES) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{CYCLES}={text:?} is no number")),
        Err(_) if is_long() => long,
        Err(_) => short,
    }
}

/// Whether the run has its time.
pub fn is_long() -> bool {
    std::env::var(LENGTH).is_ok_and(|length| length == "long")
}

/// What a scenario has come to.
pub struct Done {
    /// How often its fault was injected.
    pub cycles: u32,
    /// How many acknowledged facts were found again.
    pub facts: u64,
    /// What else is worth a word.
    pub remark: String,
}

/// The database under a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum On {
    Sqlite,
    Postgres,
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            On::Sqlite => "sqlite",
            On::Postgres => "postgres",
        })
    }
}

impl On {
    /// Whether this run is about it.
    pub fn is_wanted(self) -> bool {
        std::env::var(BACKEND).map_or(true, |wanted| wanted == self.to_string())
    }

    /// A database of its own; `None` when this run is not about it or, and said so, when there is no such server.
    pub fn open(self, name: &str) -> Option<Backend> {
        match self {
            _ if !self.is_wanted() => None,
            On::Sqlite => Some(Backend::sqlite()),
            On::Postgres => Backend::postgres(&format!("chaos {name} on Postgres")),
        }
    }
}

/// Runs a scenario and notes its line, however it ends.
pub fn run<F: Future<Output = Done>>(name: &str, fault: &str, on: On, body: impl FnOnce() -> F + Send) {
    let began = Instant::now();
    // On a thread of its own, so that a panic is seen here; with one thread for all clients, whose steps borrow.
    let ended = std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let (runtime, clients) = (runtime.expect("a runtime"), LocalSet::new());
            clients.block_on(&runtime, body())
        });
        running.join()
    });
    let seconds = began.elapsed().as_secs_f64();
    let line = match &ended {
        Ok(Done { cycles, facts, remark }) => {
            format!("{name}\t{fault}\t{on}\t{cycles}\t{facts}\tok\t{seconds:.0}\t{remark}\n")
        }
        Err(_) => format!("{name}\t{fault}\t{on}\t\t\tFAILED\t{seconds:.0}\t\n"),
    };
    note(&line);
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

/// Says that a scenario was left out, in the table and where the run's last lines repeat it.
pub fn leave_out(name: &str, fault: &str, on: On, reason: &str) {
    skipped(&format!("chaos {name} on {on}"), reason);
    note(&format!("{name}\t{fault}\t{on}\t\t\tskipped\t0\t{reason}\n"));
}

pub fn note(line: &str) {
    match std::env::var_os(TABLE) {
        Some(path) => {
            let file = std::fs::File::options().create(true).append(true).open(path);
            file.expect("the table").write_all(line.as_bytes()).expect("the table can be written");
        }
        None => print!("{line}"),
    }
}

/// Moments that differ from run to run, and can be had again: SplitMix64.
pub struct Dice(u64);

impl Dice {
    /// From the clock, and said, so that a failure names it.
    pub fn thrown() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        let seed = now.as_nanos() as u64;
        println!("dice: {seed}");
        Dice(seed)
    }

    pub fn of(seed: u64) -> Self {
        Dice(seed)
    }

    /// Less than `sides`.
    pub fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}
