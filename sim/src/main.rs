//! `souk-sim`: histories one by one or many at once, tapes, and shrinking.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use souk_sim::{Bug, Failure, Options, Situation, Stats, Tape};

const USAGE: &str = "\
Lives through simulated histories.

Usage: souk-sim run --seed N [--bug NAME] [--trace]           one history; --trace prints everything that happens
       souk-sim seeds --from A --count N [--jobs J] [--bug NAME] [--tapes DIR]
                                                              many, until one breaks a promise: it is then shrunk
                                                              and written to DIR (target/sim) as a tape
       souk-sim replay FILE [--step] [--quiet]                plays a tape; --step waits for Enter before each event
       souk-sim shrink FILE                                   leaves more out of a tape that fails

Bugs need a build with `--features planted`:
";

/// A history is made of small things that come and go.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many shorter histories are tried to make a failure small.
const SHRINK_TRIES: usize = 2_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}{}", bugs());
        return ExitCode::SUCCESS;
    }
    match Order::parse(&args) {
        Ok(order) => order.carry_out(),
        Err(what) => {
            eprintln!("error: {what}\n\n{USAGE}{}", bugs());
            ExitCode::from(2)
        }
    }
}

fn bugs() -> String {
    Bug::ALL.iter().map(|bug| format!("  {bug:?}")).collect::<Vec<_>>().join("\n")
}

enum Order {
    Run { seed: u64, options: Options },
    Seeds { from: u64, count: u64, jobs: usize, tapes: PathBuf, options: Options },
    Replay { tape: Tape, options: Options },
    Shrink { file: PathBuf, tape: Tape },
}

impl Order {
    fn parse(args: &[String]) -> Result<Self, String> {
        let (what, mut rest) = args.split_first().ok_or("what?")?;
        let (mut from, mut count, mut file) = (None, None, None);
        let (mut jobs, mut tapes) = (1, PathBuf::from("target/sim"));
        let mut options = Options::default();
        let mut quiet = false;
        while let Some((flag, others)) = rest.split_first() {
            rest = others;
            match flag.as_str() {
                "--trace" => options.trace = true,
                "--step" => options.step = true,
                "--quiet" => quiet = true,
                name if !name.starts_with("--") => file = Some(PathBuf::from(name)),
                _ => {
                    let (value, others) = others.split_first().ok_or(format!("{flag} wants a value"))?;
                    rest = others;
                    let number = || value.parse::<u64>().map_err(|_| format!("{value} is not a number"));
                    match flag.as_str() {
                        "--seed" | "--from" => from = Some(number()?),
                        "--count" => count = Some(number()?),
                        "--jobs" => jobs = number()? as usize,
                        "--tapes" => tapes = PathBuf::from(value),
                        "--bug" => options.bug = Some(bug(value)?),
                        _ => return Err(format!("there is no {flag}")),
                    }
                }
            }
        }
        match what.as_str() {
            "run" => Ok(Order::Run { seed: from.ok_or("which seed?")?, options }),
            "seeds" => {
                let (from, count) = (from.ok_or("from which seed?")?, count.ok_or("how many?")?);
                Ok(Order::Seeds { from, count, jobs, tapes, options })
            }
            "replay" | "shrink" => {
                let file = file.ok_or("which tape?")?;
                let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
                let tape: Tape = text.parse()?;
                if tape.bug.is_some() && !cfg!(feature = "planted") {
                    return Err("the tape's bug needs a build with `--features planted`".to_owned());
                }
                if what == "shrink" {
                    return Ok(Order::Shrink { file, tape });
                }
                let options = Options { trace: !quiet, step: options.step, ..tape.options() };
                Ok(Order::Replay { tape, options })
            }
            other => Err(format!("there is no `{other}`")),
        }
    }

    fn carry_out(self) -> ExitCode {
        match self {
            Order::Run { seed, options } => told(souk_sim::run(seed, &options)),
            Order::Replay { tape, options } => told(souk_sim::run(tape.seed, &options)),
            Order::Shrink { file, tape } => match souk_sim::run(tape.seed, &tape.options()) {
                Ok(_) => {
                    println!("it does not fail");
                    ExitCode::SUCCESS
                }
                Err(failure) => keep(failure, tape.notes, &file),
            },
            Order::Seeds { from, count, jobs, tapes, options } => seeds(from, count, jobs, &tapes, &options),
        }
    }
}

fn seeds(from: u64, count: u64, jobs: usize, tapes: &std::path::Path, options: &Options) -> ExitCode {
    let start = Instant::now();
    let last_said = std::sync::atomic::AtomicU64::new(0);
    let progress = |done: u64| {
        let seconds = start.elapsed().as_secs();
        // A line every ten seconds is enough to see that it goes on, all night.
        let due = seconds / 10;
        if last_said.fetch_max(due, std::sync::atomic::Ordering::Relaxed) < due {
            let rate = done as f64 / start.elapsed().as_secs_f64();
            eprintln!("{done} of {count} histories, {rate:.0}/s");
        }
    };
    match souk_sim::many(from, count, jobs, options, &progress) {
        Ok(all) => {
            let took = start.elapsed().as_secs_f64();
            print!("{all}");
            rare(&all);
            println!("digest {:016x}, {took:.1} s, {:.0} histories/s", all.digest, all.runs as f64 / took);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            let file = tapes.join(format!("seed-{}.tape", failure.seed));
            keep(failure, Vec::new(), &file)
        }
    }
}

/// What never happened in so many histories: fewer would be too tame.
fn rare(all: &Stats) {
    let missing: Vec<Situation> = all.missing();
    if !missing.is_empty() {
        println!("never happened: {missing:?}");
    }
}

/// Makes a failure small, and writes it down.
fn keep(failure: Box<Failure>, notes: Vec<String>, file: &std::path::Path) -> ExitCode {
    eprintln!("making it small …");
    let (mut tape, small) = souk_sim::shrink(failure, SHRINK_TRIES);
    if !notes.is_empty() {
        tape.notes = notes;
    }
    let folder = file.parent().unwrap_or(std::path::Path::new("."));
    let kept = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(file, tape.to_string()));
    if let Err(error) = kept {
        eprintln!("error: {}: {error}", file.display());
    }
    let planted = if tape.bug.is_some() { " --features planted" } else { "" };
    eprintln!("{}\n\n{tape}", small.complaint);
    eprintln!("replay: cargo run -p souk-sim{planted} -- replay {} --step", file.display());
    ExitCode::FAILURE
}

fn told(lived: Result<Stats, Box<Failure>>) -> ExitCode {
    match lived {
        Ok(stats) => {
            print!("{stats}");
            println!("digest {:016x}", stats.digest);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn bug(name: &str) -> Result<Bug, String> {
    if !cfg!(feature = "planted") {
        return Err("this build has no bugs planted; build it with `--features planted`".to_owned());
    }
    let found = Bug::ALL.iter().copied().find(|bug| format!("{bug:?}") == name);
    found.ok_or(format!("there is no bug {name}"))
}
