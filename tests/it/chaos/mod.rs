//! Real servers that are sold from while something goes wrong: killed, frozen, cut off from their database, out of disk.
//! Afterwards every acknowledged word must be in the journal, every invariant must hold, and the bank must have moved
//! money once per key.
//!
//! `cargo test` runs a few cycles of each scenario; `cargo xtask chaos` asks for more and prints a table.

mod clients;
mod connection;
mod deeds;
mod disk_errors;
mod disk_full;
mod judgement;
mod kill;
mod load;
mod market;
mod own_postgres;
#[cfg(debug_assertions)]
mod panics;
mod postgres_stop;
pub mod scenario;
mod second_server;
mod standby;
mod tracer;
