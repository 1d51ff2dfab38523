//! Ids of everything in a plan, each a function of what the source calls it.

use sha2::{Digest, Sha256};
use souk_core::ids::{CheckoutId, MovementId, ParcelId, ProductId, SkuId, StreamId, VariantId, VendorId};
use souk_core::machine::CommandId;

/// The vendor of this seller.
pub fn vendor(seller: &str) -> VendorId {
    VendorId(hash("seller", seller))
}

/// The vendor that keeps the products of which no row says who sells them.
pub fn keeper() -> VendorId {
    VendorId(hash("keeper", ""))
}

/// The product.
pub fn product(product: &str) -> ProductId {
    ProductId(hash("product", product))
}

/// The one form that the product comes in.
pub fn variant(product: &str) -> VariantId {
    VariantId(hash("variant", product))
}

/// The vendor's offer of the product.
pub fn sku(product: ProductId, vendor: VendorId) -> SkuId {
    // Of ids, not of what the source says: those all have the same length, so no two pairs read the same.
    SkuId(hash("sku", &format!("{product}/{vendor}")))
}

/// The one receipt of all the stock that the plan has of an offer.
pub fn receipt(sku: SkuId) -> MovementId {
    MovementId(hash("receipt", &sku.to_string()))
}

/// The checkout (and the order) of this order, for whoever may choose it.
pub fn checkout(order: &str) -> CheckoutId {
    CheckoutId(hash("order", order))
}

/// Names a command, so that a resumed replay gives the same one again.
pub fn command(stream: StreamId, step: &str) -> CommandId {
    CommandId(hash("command", &format!("{stream}/{step}")))
}

/// The one parcel in which the vendor sends its part of this order.
pub fn parcel(order: &str, vendor: VendorId) -> ParcelId {
    ParcelId(hash("parcel", &format!("{vendor}/{order}")))
}

/// 128 bits of a hash without a key: the same on every machine, and nobody can make two things collide.
fn hash(kind: &str, source: &str) -> u128 {
    let digest = Sha256::digest(format!("olist/{kind}/{source}"));
    digest.iter().take(16).fold(0, |id, byte| (id << 8) | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_never_change() {
        // sha256 of "olist/seller/a", the first 16 bytes. Another value would make a resumed replay sell twice.
        assert_eq!(vendor("a").0, VENDOR_A);
        assert_ne!(vendor("a").0, product("a").0);
        assert_ne!(product("a").0, variant("a").0);
        assert_ne!(vendor("a"), keeper());
        assert_ne!(vendor(""), keeper());
        assert_ne!(sku(product("a"), vendor("b")), sku(product("b"), vendor("a")));
        assert_ne!(parcel("o", vendor("a")), parcel("o", vendor("b")));
        assert_ne!(receipt(sku(product("a"), vendor("b"))).0, sku(product("a"), vendor("b")).0);
        assert_eq!(checkout("o"), checkout("o"));
    }

    const VENDOR_A: u128 = 0x7cfe_371b_0e5d_9762_2455_fb1d_37f0_052a;
}
