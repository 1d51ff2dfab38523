//! Replays of real marketplaces' orders through the actors.

pub mod olist;
