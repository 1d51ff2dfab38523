//! Replays of real marketplaces' orders through the actors.

mod acks;
pub mod olist;

pub use acks::AckLog;
