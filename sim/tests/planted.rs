//! A check that cannot fail proves nothing: each planted bug must be found, and soon.

use souk_sim::{Bug, Options, find, seeds};

/// What a bug may take at most. The rarest takes a few hundred.
const SEEDS_MAX: u64 = 2_000;

#[test]
fn every_planted_bug_is_found() {
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        match find(1, SEEDS_MAX, &Options { bug: Some(bug), ..Options::default() }) {
            Some((seeds, failure)) => {
                println!("{bug:?}: found after {seeds} seeds: {}", failure.complaint);
                let replay = format!("run --seed {} --bug {bug:?}", failure.seed);
                assert!(failure.replay().contains(&replay), "{}", failure.replay());
            }
            None => missed.push(bug),
        }
    }
    assert_eq!(missed, [] as [Bug; 0], "not found within {SEEDS_MAX} seeds");
}

#[test]
fn a_build_with_bugs_has_none_until_they_are_switched_on() {
    seeds(1, 200, &Options::default()).unwrap_or_else(|failure| panic!("{failure}"));
}
