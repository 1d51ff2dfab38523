//! Many histories without a planted bug: none breaks a promise, and together they are not too tame.

use souk_sim::{Moment, Options, Situation, Step, run, seeds};

/// Enough for every situation to come up, and for a process to end at every step of a sale, in a few seconds.
const SEEDS: u64 = 4_000;

#[test]
fn no_history_breaks_a_promise_and_every_situation_occurs() {
    let stats = seeds(1, SEEDS, &Options::default()).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{stats}");
    assert_eq!(stats.missing(), [] as [Situation; 0], "these histories are too tame");
    let never = stats.crashes.missing();
    assert_eq!(never, [] as [(Step, Moment); 0], "no process ever ended at these steps of a sale");
    assert_eq!(stats.runs, SEEDS);
}

#[test]
fn a_seed_is_a_history() {
    for seed in 1..=100 {
        let once = run(seed, &Options::default()).unwrap_or_else(|failure| panic!("{failure}"));
        let twice = run(seed, &Options::default()).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(
            (once.digest, once.steps, once.events),
            (twice.digest, twice.steps, twice.events),
            "{seed}"
        );
    }
}
