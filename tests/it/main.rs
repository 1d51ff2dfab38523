//! Everything that is tested through more than one module: one binary, because linking is slow.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod actors;
mod architecture;
mod demo;
mod http;
mod journal;
mod killed;
mod projections;
mod sales;
mod search;
mod servers;
