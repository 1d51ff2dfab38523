//! The public Olist data set (orders of a real marketplace), read and turned into a plan of what to sell.
//!
//! Most of it is pure: it reads files and computes, and starts nothing. The same directory and options give the same
//! plan, id for id, on every machine and in every run, which is what lets a replay that was cut short go on with the
//! same keys.
//!
//! `table → read → plan → expected`; `drive` carries the plan out in a `shop`, and `run` remembers under which terms;
//! `report` compares what happened with what was expected. Nothing here knows a
//! particular row: any directory with files of the same form will do.

pub mod decimal;
pub mod drive;
pub mod expected;
pub mod ids;
mod names;
pub mod plan;
pub mod read;
pub mod report;
pub mod run;
pub mod scarcity;
pub mod shop;
mod table;
mod unpack;

#[cfg(test)]
mod tests;

use souk_core::money::Currency;

/// The currency of every amount in the data set.
pub const CURRENCY: Currency = Currency::BRL;
