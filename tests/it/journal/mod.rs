//! What a journal promises, on every backend it has: one suite, run on SQLite and on Postgres.

mod appends;
mod faults;
mod following;
mod golden;
mod hosts;
mod ownership;
mod place;
pub mod proxy;
mod reading;
mod tables;
mod unknown;
