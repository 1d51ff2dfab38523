//! Everything that is tested through more than one module: one binary, because linking is slow.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod actors;
mod architecture;
mod backup;
#[cfg(unix)]
mod chaos;
mod cli;
mod cli_replay;
mod cli_serve;
mod credentials;
mod damaged;
mod demo;
mod http;
mod journal;
#[cfg(unix)]
mod kept_out;
#[cfg(unix)]
mod kill_points;
mod killed;
#[cfg(debug_assertions)]
mod panics;
#[cfg(unix)]
mod planted_person;
mod projections;
mod sales;
mod scopes;
mod search;
#[cfg(unix)]
mod served;
mod servers;
#[cfg(unix)]
mod shopper;
#[cfg(unix)]
mod signed_in;
#[cfg(unix)]
mod successions;
mod traces;
mod vault;
