//! `souk-sim run --seed N [--bug NAME] [--trace]` and `souk-sim seeds --from A --count N [--bug NAME]`.

use std::process::ExitCode;
use std::time::Instant;

use souk_sim::{Bug, Options, Stats};

const USAGE: &str = "\
Lives through simulated histories.

Usage: souk-sim run --seed N [--bug NAME] [--trace]      one history; --trace prints everything that happens
       souk-sim seeds --from A --count N [--bug NAME]    many, until one breaks a promise

Bugs need a build with `--features planted`:
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match Order::parse(&args) {
        Ok(order) => order.carry_out(),
        Err(what) => {
            let bugs: Vec<String> = Bug::ALL.iter().map(|bug| format!("  {bug:?}")).collect();
            eprintln!("error: {what}\n\n{USAGE}{}", bugs.join("\n"));
            ExitCode::from(2)
        }
    }
}

struct Order {
    from: u64,
    count: u64,
    options: Options,
}

impl Order {
    fn parse(args: &[String]) -> Result<Self, String> {
        let (what, mut rest) = args.split_first().ok_or("what?")?;
        let (mut from, mut count, mut options) = (None, None, Options::default());
        while let Some((flag, others)) = rest.split_first() {
            rest = others;
            if flag == "--trace" {
                options.trace = true;
                continue;
            }
            let (value, others) = others.split_first().ok_or(format!("{flag} wants a value"))?;
            rest = others;
            let number = || value.parse::<u64>().map_err(|_| format!("{value} is not a number"));
            match flag.as_str() {
                "--seed" | "--from" => from = Some(number()?),
                "--count" => count = Some(number()?),
                "--bug" => options.bug = Some(bug(value)?),
                _ => return Err(format!("there is no {flag}")),
            }
        }
        let count = match what.as_str() {
            "run" => Some(1),
            "seeds" => count,
            other => return Err(format!("there is no `{other}`")),
        };
        Ok(Order { from: from.ok_or("which seed?")?, count: count.ok_or("how many?")?, options })
    }

    fn carry_out(&self) -> ExitCode {
        let start = Instant::now();
        let mut all = Stats::default();
        for seed in self.from..self.from + self.count {
            match souk_sim::run(seed, &self.options) {
                Ok(stats) => all.add(&stats),
                Err(failure) => {
                    eprintln!("{failure}");
                    return ExitCode::FAILURE;
                }
            }
        }
        let took = start.elapsed().as_secs_f64();
        print!("{all}");
        println!("digest {:016x}, {took:.1} s, {:.0} histories/s", all.digest, all.runs as f64 / took);
        ExitCode::SUCCESS
    }
}

fn bug(name: &str) -> Result<Bug, String> {
    if !cfg!(feature = "planted") {
        return Err("this build has no bugs planted; build it with `--features planted`".to_owned());
    }
    let found = Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name);
    found.ok_or(format!("there is no bug {name}"))
}
