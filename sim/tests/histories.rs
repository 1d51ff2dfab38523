//! Many histories without a planted bug: none breaks a promise, and together they are not too tame.

use std::num::NonZero;

use souk_sim::{Moment, Options, Situation, Step, many, run};

/// Enough for every situation to come up, and for a process to end at every step of a sale, in well under a minute.
const SEEDS: u64 = 6_000;

#[test]
fn no_history_breaks_a_promise_and_every_situation_occurs() {
    let jobs = std::thread::available_parallelism().map_or(1, NonZero::get);
    let stats =
        many(1, SEEDS, jobs, &Options::default(), &|_| {}).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{stats}");
    assert_eq!(stats.missing(), [] as [Situation; 0], "these histories are too tame");
    let never = stats.crashes.missing();
    assert_eq!(never, [] as [(Step, Moment); 0], "no process ever ended at these steps of a sale");
    assert_eq!(stats.runs, SEEDS);
}

#[test]
fn a_seed_is_a_history_on_any_number_of_threads() {
    let once = many(1, 200, 1, &Options::default(), &|_| {}).unwrap_or_else(|failure| panic!("{failure}"));
    let twice = many(1, 200, 3, &Options::default(), &|_| {}).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!((once.digest, once.steps, once.events), (twice.digest, twice.steps, twice.events));
}

#[test]
fn what_a_tape_leaves_out_does_not_happen() {
    let mut options = Options::default();
    options.without.faults_after = Some(0);
    options.without.nodes_after = Some(1);
    for seed in 1..=50 {
        let stats = run(seed, &options).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(
            stats.count(Situation::Panicked) + stats.count(Situation::CrashInTransaction),
            0,
            "{seed}"
        );
        assert_eq!(stats.count(Situation::OneNodeAlone), 1, "{seed}");
    }
}
