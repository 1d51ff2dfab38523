//! A check that cannot fail proves nothing: each planted bug must be found, and soon.

use std::num::NonZero;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use souk_sim::{Bug, Failure, Options, Tape, find, run, seeds, shrink};

/// What a bug may take at most: more histories than fit into the seconds below.
const SEEDS_MAX: u64 = 20_000;
/// How much of one core.
const SECONDS_MAX: f64 = 60.0;

#[test]
fn every_planted_bug_is_found() {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let search = || {
        while let Some(bug) = Bug::ALL.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            let before = core_seconds();
            let options = Options { bug: Some(bug), ..Options::default() };
            let result = find(1, SEEDS_MAX, &options);
            let seconds = core_seconds() - before;
            found.lock().unwrap_or_else(|found| panic!("{found}")).push((bug, seconds, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(search);
        }
    });
    let mut found = found.into_inner().unwrap_or_else(|found| panic!("{found}"));
    found.sort_by_key(|(bug, ..)| *bug);
    println!("| {:<22} | {:>5} | {:>7} | {:<12} |", "bug", "seeds", "seconds", "found by");
    println!("|{:-<24}|{:->6}:|{:->8}:|{:-<14}|", "", "", "", "");
    let mut missed = Vec::new();
    for (bug, seconds, result) in found {
        match result {
            Some((seeds, failure)) if seconds <= SECONDS_MAX => {
                let (bug, by) = (format!("{bug:?}"), failure.promise());
                println!("| {bug:<22} | {seeds:>5} | {seconds:>7.2} | {by:<12} |");
            }
            _ => missed.push((bug, seconds)),
        }
    }
    assert_eq!(missed, [], "not found within {SEEDS_MAX} seeds and {SECONDS_MAX} seconds");
}

#[test]
fn a_build_with_bugs_has_none_until_they_are_switched_on() {
    seeds(1, 200, &Options::default()).unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn a_failure_is_made_small_and_replays_from_its_tape() {
    for bug in [Bug::DoubleRelease, Bug::CaptureBeforeCommit, Bug::EpochWithoutLock] {
        let options = Options { bug: Some(bug), ..Options::default() };
        let failure = failure_of_many_errands(bug, &options);
        let (class, errands) = (failure.class(), wanted(&failure));
        let (tape, small) = shrink(failure, 400);
        assert!(wanted(&small) < errands, "{bug:?}: {} of {errands} errands are left", wanted(&small));
        let read: Tape = tape.to_string().parse().unwrap_or_else(|error| panic!("{error}"));
        let again = run(read.seed, &read.options()).err().map(|failure| failure.class());
        assert_eq!(again, Some(class), "{tape}");
    }
}

/// A tape that names the bug it found shows it: once the simulator draws otherwise, it may be another history.
#[test]
fn tapes_still_show_the_bugs_that_they_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regress");
    let mut shown = 0;
    for entry in std::fs::read_dir(folder).expect("tapes").map(|entry| entry.expect("an entry").path()) {
        let text = std::fs::read_to_string(&entry).expect("text");
        let is_tape = entry.extension().is_some_and(|ending| ending == "tape");
        if !is_tape || !text.contains("# planted ") {
            continue;
        }
        let tape: Tape = text.parse().unwrap_or_else(|error| panic!("{}: {error}", entry.display()));
        let named = tape.notes.iter().find_map(|note| note.strip_prefix("planted "));
        let bug = Bug::ALL.iter().copied().find(|bug| Some(format!("{bug:?}").as_str()) == named);
        assert!(bug.is_some(), "{} names no bug", entry.display());
        let options = Options { bug, ..tape.options() };
        assert!(
            run(tape.seed, &options).is_err(),
            "{} does not show its bug: record it anew",
            entry.display()
        );
        shown += 1;
    }
    assert!(shown > 0, "no tape names a bug");
}

/// One that leaves something to be left out.
fn failure_of_many_errands(bug: Bug, options: &Options) -> Box<Failure> {
    const MANY: u64 = 10;
    let mut from = 1;
    loop {
        let Some((_, failure)) = find(from, SEEDS_MAX, options) else { panic!("{bug:?} is not found") };
        if wanted(&failure) >= MANY {
            return failure;
        }
        from = failure.seed + 1;
    }
}

fn wanted(failure: &Failure) -> u64 {
    failure.errands.iter().sum()
}

/// What this thread has used of a core so far; where the system does not say, the time of day.
fn core_seconds() -> f64 {
    let used = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = used.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    nanos.map_or_else(wall_seconds, |nanos| nanos as f64 / 1e9)
}

fn wall_seconds() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}
