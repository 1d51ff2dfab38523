//! Tokens that the server signed: whoever has one may use that cart, or see that order. A shopper without an
//! account has nothing else.
//!
//! A token is `souk_cart_ID_BUYER_SIGNATURE` or `souk_order_ID_BUYER_SIGNATURE`. The signature covers the
//! purpose, so that a cart's token never opens an order under another name, and cannot be guessed: 128 bits
//! that only the server's secret yields. Nothing is stored, and a token ends with its cart or order.

use std::fmt;

use hmac::Mac as _;
use souk_core::ids::{BuyerId, CheckoutId, OrderId};

use super::base32;
use super::scope::BuyerScope;
use super::server_key::ServerKey;

const CART: Purpose = Purpose { prefix: "souk_cart_", signed: "souk/1/cart token" };
const ORDER: Purpose = Purpose { prefix: "souk_order_", signed: "souk/1/order token" };
/// Bytes of the signature.
const SIGNATURE: usize = 16;

struct Purpose {
    prefix: &'static str,
    signed: &'static str,
}

/// A signed token's text. Whoever reads it may use it: shown to its shopper only, never logged.
#[derive(Clone)]
pub struct BuyerToken(String);

impl BuyerToken {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BuyerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BuyerToken(***)")
    }
}

/// Not a token that this server signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this token was not made by this shop, or it is incomplete: use the whole token as it was given")]
pub struct TokenRefused;

impl ServerKey {
    /// The token to a cart, and to the order that it becomes.
    pub fn cart_token(&self, checkout: CheckoutId, buyer: BuyerId) -> BuyerToken {
        self.token(&CART, checkout.0, buyer)
    }

    /// The token to an order, and to nothing else.
    pub fn order_token(&self, order: OrderId, buyer: BuyerId) -> BuyerToken {
        self.token(&ORDER, order.0, buyer)
    }

    /// What a token opens.
    ///
    /// # Errors
    /// When this server did not sign it.
    pub fn open_token(&self, text: &str) -> Result<BuyerScope, TokenRefused> {
        let opened = |purpose: &Purpose| self.opened(purpose, text);
        if let Some((key, buyer)) = opened(&CART) {
            return Ok(BuyerScope::of_checkout(buyer, CheckoutId(key)));
        }
        opened(&ORDER).map(|(key, buyer)| BuyerScope::of_order(buyer, OrderId(key))).ok_or(TokenRefused)
    }

    fn token(&self, purpose: &Purpose, key: u128, buyer: BuyerId) -> BuyerToken {
        let (key, buyer) = (key.to_be_bytes(), buyer.0.to_be_bytes());
        let signature = self.mac(purpose.signed, &[&key, &buyer]).finalize().into_bytes();
        let part = base32::encode;
        BuyerToken(format!(
            "{}{}_{}_{}",
            purpose.prefix,
            part(&key),
            part(&buyer),
            part(&signature[..SIGNATURE])
        ))
    }

    fn opened(&self, purpose: &Purpose, text: &str) -> Option<(u128, BuyerId)> {
        let mut parts = text.strip_prefix(purpose.prefix)?.split('_');
        let key: [u8; 16] = base32::decode(parts.next()?)?;
        let buyer: [u8; 16] = base32::decode(parts.next()?)?;
        let signature: [u8; SIGNATURE] = base32::decode(parts.next()?)?;
        if parts.next().is_some() {
            return None;
        }
        // In constant time: how long a wrong signature takes must not tell how much of it was right.
        self.mac(purpose.signed, &[&key, &buyer]).verify_truncated_left(&signature).ok()?;
        Some((u128::from_be_bytes(key), BuyerId(u128::from_be_bytes(buyer))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: ServerKey = ServerKey::from_bytes([1; 32]);

    #[test]
    fn a_token_opens_what_it_names_and_nothing_else() {
        let cart = KEY.cart_token(CheckoutId(5), BuyerId(6));
        let scope = KEY.open_token(cart.expose()).unwrap();
        assert_eq!(
            (scope.checkout(), scope.order(), scope.buyer()),
            (Some(CheckoutId(5)), OrderId(5), BuyerId(6))
        );
        let order = KEY.order_token(OrderId(5), BuyerId(6));
        let scope = KEY.open_token(order.expose()).unwrap();
        assert_eq!((scope.checkout(), scope.order(), scope.buyer()), (None, OrderId(5), BuyerId(6)));
        assert_eq!(format!("{cart:?}"), "BuyerToken(***)");
    }

    #[test]
    fn tokens_of_older_releases_stay_good() {
        // They are in mails. Worked out by hand from RFC 2104, not by this code.
        let cart =
            "souk_cart_00000000000000000000000005_00000000000000000000000006_65sd60ake6541sxgygdnp1f7wd";
        let order =
            "souk_order_00000000000000000000000005_00000000000000000000000006_0z2ktjd3afwqdxjwgt59s5y6v5";
        assert_eq!(KEY.cart_token(CheckoutId(5), BuyerId(6)).expose(), cart);
        assert_eq!(KEY.order_token(OrderId(5), BuyerId(6)).expose(), order);
    }

    #[test]
    fn nothing_else_opens() {
        let cart = KEY.cart_token(CheckoutId(5), BuyerId(6)).expose().to_owned();
        let order = KEY.order_token(OrderId(5), BuyerId(6)).expose().to_owned();
        assert!(ServerKey::from_bytes([2; 32]).open_token(&cart).is_err());
        let swapped = order.replace("souk_order_", "souk_cart_");
        for wrong in [
            "",
            "souk_cart_",
            &cart[..cart.len() - 1],
            &format!("{cart}0"),
            &format!("{cart}_0"),
            &cart.to_uppercase(),
            &swapped,
            "chk_00000000000000000000000005",
        ] {
            assert_eq!(KEY.open_token(wrong), Err(TokenRefused), "{wrong}");
        }
        // Every letter counts.
        for at in "souk_cart_".len()..cart.len() {
            let mut bytes = cart.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(KEY.open_token(&changed).is_err(), "{changed}");
        }
    }
}
