//! souk: a marketplace server. Many vendors, one storefront, one till, one binary.
//!
//! Layers, each importing only what stands before it:
//! `souk_core ← {clock, config, in_use, kill_point, telemetry} ← tenants ← {journal, store, adapters} ← actors ←
//! people ← {demo, http, replay} ← app ← cli`. `tests/it/architecture.rs` checks the arrows.

pub mod actors;
pub mod adapters;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod http;
mod in_use;
pub mod journal;
pub mod kill_point;
pub mod people;
pub mod replay;
pub mod store;
pub mod telemetry;
pub mod tenants;
