//! What actors publish for readers that must not wait for them.

use std::collections::HashMap;
use std::sync::RwLock;

use souk_core::ids::SkuId;
use souk_core::inventory::Published;

/// Free units per SKU as the shards last published them, durable when they did.
#[derive(Debug, Default)]
pub struct StockView {
    skus: RwLock<HashMap<SkuId, (i64, bool)>>,
}

impl StockView {
    /// Free units of a SKU, zero when it is closed; `None` when no shard has spoken of it since the start.
    pub fn available(&self, sku: SkuId) -> Option<i64> {
        let skus = self.skus.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        skus.get(&sku).map(|(available, open)| if *open { *available } else { 0 })
    }

    /// Whether a SKU can be held; `None` when no shard has spoken of it since the start.
    pub fn is_open(&self, sku: SkuId) -> Option<bool> {
        let skus = self.skus.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        skus.get(&sku).map(|(_, open)| *open)
    }

    pub(super) fn publish(&self, published: Published) {
        let mut skus = self.skus.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (sku, available, open) in published.stock {
            skus.insert(sku, (available, open));
        }
    }
}
