//! The demo market: a small lively marketplace for whoever looks at souk for the first time.
//!
//! It is made by code from a seed and nothing else, and goes the way everything goes: vendors apply and are approved,
//! products are submitted and listed, stock is received, shoppers pay with the test bank, vendors ship. Ids and names
//! of commands derive from the seed, so a founding that was cut short is simply done again: what was done is told
//! again, what was not is done.

mod draw;
mod found;
mod ids;
mod marker;
mod opening;
mod orders;
mod plan;
mod words;

pub use found::{Ground, Progress, found};
pub use ids::key_id;
pub use marker::{Marker, MarkerError};
pub use opening::{Opened, OtherSeed, open};
pub use orders::{Fate, Order};
pub use plan::{Offer, Plan, Product, Vendor};

/// The seed when none is given.
pub const SEED: u64 = 7;
