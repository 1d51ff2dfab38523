//! Ids of everything in a plan, each a function of what the source calls it. They name requests; the shop gives the
//! things that come of them ids of its own.

use sha2::{Digest, Sha256};
use souk_core::ids::{CheckoutId, ProductId, SkuId, VendorId};

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

/// The vendor's offer of the product.
pub fn sku(product: ProductId, vendor: VendorId) -> SkuId {
    // Of ids, not of what the source says: those all have the same length, so no two pairs read the same.
    SkuId(hash("sku", &format!("{product}/{vendor}")))
}

/// This order, and the cart that it is bought with.
pub fn checkout(order: &str) -> CheckoutId {
    CheckoutId(hash("order", order))
}

/// The operator of a replay into a server of its own.
pub fn operator_key() -> u128 {
    hash("operator", "")
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
        assert_ne!(vendor("a"), keeper());
        assert_ne!(vendor(""), keeper());
        assert_ne!(sku(product("a"), vendor("b")), sku(product("b"), vendor("a")));
        assert_ne!(operator_key(), keeper().0);
        assert_eq!(checkout("o"), checkout("o"));
    }

    const VENDOR_A: u128 = 0x7cfe_371b_0e5d_9762_2455_fb1d_37f0_052a;
}
