//! souk: a marketplace server. Many vendors, one storefront, one till, one binary.
//!
//! Layers, each importing only what stands before it:
//! `souk_core ← journal ← actors ← cli`.

pub mod actors;
pub mod cli;
pub mod clock;
pub mod journal;
