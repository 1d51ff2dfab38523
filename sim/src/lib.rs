//! Deterministic simulation of core machines and hosts under seeded faults.
//!
//! A seed is a whole history: one to five nodes, a model of the journal's database, a bus that loses, doubles and delays, a
//! bank with habits, and people who fight over the last unit. In half of them people deal with shards directly, in
//! the other half whole sales are made: quoted, held, paid, placed, sent, cancelled and given back. No thread, no clock, no await: everything happens in virtual time, so
//! the same seed gives the same history, and a failure prints the command that replays it. The hosts, the machines
//! and the sequencer are the very code that production runs; the verifier is the one behind `souk verify`.
//!
//! Each history has two parts. First there are faults: processes end at any step, nodes stop and go on without
//! knowing that they did, leases lapse, groups are refused, rolled back, or lost at COMMIT. Then there are none,
//! and everything that was promised for later must come to pass.

mod bank;
mod database;
mod failure;
mod kind;
mod many;
mod options;
mod oracle;
mod people;
mod plan;
mod projection;
mod rng;
mod schedule;
mod shop;
mod shrink;
mod stats;
mod steps;
mod tape;
mod world;

pub use failure::Failure;
pub use many::many;
pub use options::Options;
pub use plan::{KINDS, Plan};
pub use shop::Shop;
pub use shrink::shrink;
pub use souk_core::planted::Bug;
pub use stats::{Situation, Stats};
pub use steps::{Crashes, Moment, Step};
pub use tape::{Tape, Without};

use world::World;

/// Lives through the history of one seed.
///
/// # Errors
/// When a promise was broken.
pub fn run(seed: u64, options: &Options) -> Result<Stats, Box<Failure>> {
    #[cfg(feature = "planted")]
    souk_core::planted::plant(options.bug);
    World::new(options, seed).run(seed)
}

/// Lives through so many histories.
///
/// # Errors
/// The first that broke a promise.
pub fn seeds(from: u64, count: u64, options: &Options) -> Result<Stats, Box<Failure>> {
    let mut all = Stats::default();
    for seed in from..from + count {
        all.add(&run(seed, options)?);
    }
    Ok(all)
}

/// The first of so many seeds that finds the bug that is switched on, counted from 1.
pub fn find(from: u64, count: u64, options: &Options) -> Option<(u64, Box<Failure>)> {
    (1..=count).find_map(|n| run(from + n - 1, options).err().map(|failure| (n, failure)))
}
