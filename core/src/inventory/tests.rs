//! Tables in one readable text form, and laws over random histories.

mod laws;
mod script;
mod tables;

use crate::ids::{SkuId, StreamId};

/// The `n`th SKU, all of one shard.
fn sku(n: usize) -> SkuId {
    (1..).map(SkuId).filter(|sku| StreamId::Stock(sku.shard()) == shard()).nth(n).unwrap()
}

/// A SKU of another shard.
fn foreign_sku() -> SkuId {
    (1..).map(SkuId).find(|sku| StreamId::Stock(sku.shard()) != shard()).unwrap()
}

fn shard() -> StreamId {
    StreamId::Stock(SkuId(1).shard())
}
