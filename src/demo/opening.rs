//! What a data directory holds when the demo is started on it, and what is done about it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use souk_core::ids::VendorId;

use super::SEED;
use super::found::{Ground, Progress, found};
use super::marker::Marker;
use super::plan::Plan;

/// What there is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Opened {
    /// The demo market of this seed.
    Demo {
        /// What it is made from.
        seed: u64,
        /// Whether it, or the rest of it, was founded just now.
        is_new: bool,
        /// One of its vendors, and that vendor's name.
        vendor: (VendorId, String),
        /// How many vendors, products and orders it was founded with.
        counts: [usize; 3],
    },
    /// Another market, which is left alone.
    Another,
}

/// The directory holds the demo market of another seed.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} holds the demo market of seed {known}: leave --seed out to open that one, or found the one of seed {seed} in \
     another directory with --data", dir.display()
)]
pub struct OtherSeed {
    dir: PathBuf,
    known: u64,
    seed: u64,
}

/// Founds the market when the directory holds none, goes on with one that was cut short, and leaves any other alone.
/// Without a seed it is that of the market that is there, or [`SEED`].
///
/// # Errors
/// When the directory holds the demo market of another seed, or founding fails.
pub async fn open(
    ground: &Ground,
    data_dir: &Path,
    seed: Option<u64>,
    progress: &Arc<Progress>,
) -> anyhow::Result<Opened> {
    let marker = match Marker::read(data_dir)? {
        Some(marker) => marker,
        None => {
            let ends = ground.node.journal().reader().ends().await?;
            if ends.iter().any(|end| *end > 0) {
                return Ok(Opened::Another);
            }
            let marker = Marker { seed: seed.unwrap_or(SEED), founded: false };
            // Before the first event, so that a founding that is cut short is known for one.
            marker.write(data_dir)?;
            marker
        }
    };
    if let Some(seed) = seed.filter(|seed| *seed != marker.seed) {
        return Err(OtherSeed { dir: data_dir.to_owned(), known: marker.seed, seed }.into());
    }
    let plan = Plan::new(marker.seed, &ground.market);
    let counts = [plan.vendors.len(), plan.products.len(), plan.orders.len()];
    let Some(vendor) = plan.vendors.first().map(|vendor| (vendor.id, vendor.name.clone())) else {
        bail!("a market without vendors");
    };
    if !marker.founded {
        found(ground, plan, progress).await?;
        Marker { founded: true, ..marker }.write(data_dir)?;
    }
    Ok(Opened::Demo { seed: marker.seed, is_new: !marker.founded, vendor, counts })
}
