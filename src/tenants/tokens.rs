//! Tokens that the server signed: whoever has one may use that cart, or see that order, or do once what a letter asks of
//! them. A shopper without an account has nothing else.
//!
//! A token is `souk_cart_ID_BUYER_SIGNATURE`, `souk_order_ID_BUYER_SIGNATURE`, or `souk_verify_PERSON_NUMBER_SIGNATURE`,
//! `souk_reset_…` or `souk_invite_VENDOR_NUMBER_SIGNATURE` of a letter. The signature covers the purpose, so that a cart's token never opens an order under another
//! name, and cannot be guessed: 128 bits that only the server's secret yields. Nothing is stored: a token ends with its
//! cart or order, and whether a letter's is spent its person knows.

use std::fmt;

use hmac::Mac as _;
use souk_core::ids::{BuyerId, CheckoutId, OrderId, UserId, VendorId};
use souk_core::person;

use super::base32;
use super::scope::BuyerScope;
use super::server_key::ServerKey;

const CART: Purpose = Purpose { prefix: "souk_cart_", signed: "souk/1/cart token" };
const ORDER: Purpose = Purpose { prefix: "souk_order_", signed: "souk/1/order token" };
const VERIFY: Purpose = Purpose { prefix: "souk_verify_", signed: "souk/1/verify token" };
const INVITATION: Purpose = Purpose { prefix: "souk_invite_", signed: "souk/1/invitation token" };
const RESET: Purpose = Purpose { prefix: "souk_reset_", signed: "souk/1/reset token" };
/// Bytes of the signature.
const SIGNATURE: usize = 16;

struct Purpose {
    prefix: &'static str,
    signed: &'static str,
}

/// A signed token's text. Whoever reads it may use it: shown to its owner only, never logged.
#[derive(Clone)]
pub struct SignedToken(String);

impl SignedToken {
    pub(super) fn of(text: String) -> Self {
        SignedToken(text)
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SignedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedToken(***)")
    }
}

/// Not a token that this server signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this token was not made by this shop, or it is incomplete: use the whole token as it was given")]
pub struct TokenRefused;

impl ServerKey {
    /// The token to a cart, and to the order that it becomes.
    pub fn cart_token(&self, checkout: CheckoutId, buyer: BuyerId) -> SignedToken {
        self.token(&CART, checkout.0, buyer.0)
    }

    /// The token to an order, and to nothing else.
    pub fn order_token(&self, order: OrderId, buyer: BuyerId) -> SignedToken {
        self.token(&ORDER, order.0, buyer.0)
    }

    /// The token of a person's letter with this number.
    pub fn letter_token(&self, purpose: person::Purpose, person: UserId, number: u32) -> SignedToken {
        self.token(of_letter(purpose), person.0, u128::from(number))
    }

    /// Whose letter a token is of, and its number.
    ///
    /// # Errors
    /// When this server did not sign it for this purpose.
    pub fn open_letter_token(
        &self,
        purpose: person::Purpose,
        text: &str,
    ) -> Result<(UserId, u32), TokenRefused> {
        let (person, number) = self.opened(of_letter(purpose), text).ok_or(TokenRefused)?;
        Ok((UserId(person), u32::try_from(number).map_err(|_| TokenRefused)?))
    }

    /// The token of a vendor's invitation with this number.
    pub fn invitation_token(&self, vendor: VendorId, number: u32) -> SignedToken {
        self.token(&INVITATION, vendor.0, u128::from(number))
    }

    /// Whose invitation a token is of, and its number.
    ///
    /// # Errors
    /// When this server did not sign it.
    pub fn open_invitation(&self, text: &str) -> Result<(VendorId, u32), TokenRefused> {
        let (vendor, number) = self.opened(&INVITATION, text).ok_or(TokenRefused)?;
        Ok((VendorId(vendor), u32::try_from(number).map_err(|_| TokenRefused)?))
    }

    /// What a token opens.
    ///
    /// # Errors
    /// When this server did not sign it.
    pub fn open_token(&self, text: &str) -> Result<BuyerScope, TokenRefused> {
        let opened = |purpose: &Purpose| self.opened(purpose, text);
        if let Some((key, buyer)) = opened(&CART) {
            return Ok(BuyerScope::of_checkout(BuyerId(buyer), CheckoutId(key)));
        }
        let (key, buyer) = opened(&ORDER).ok_or(TokenRefused)?;
        Ok(BuyerScope::of_order(BuyerId(buyer), OrderId(key)))
    }

    fn token(&self, purpose: &Purpose, first: u128, second: u128) -> SignedToken {
        let (first, second) = (first.to_be_bytes(), second.to_be_bytes());
        let signature = self.mac(purpose.signed, &[&first, &second]).finalize().into_bytes();
        let part = base32::encode;
        SignedToken(format!(
            "{}{}_{}_{}",
            purpose.prefix,
            part(&first),
            part(&second),
            part(&signature[..SIGNATURE])
        ))
    }

    fn opened(&self, purpose: &Purpose, text: &str) -> Option<(u128, u128)> {
        let mut parts = text.strip_prefix(purpose.prefix)?.split('_');
        let first: [u8; 16] = base32::decode(parts.next()?)?;
        let second: [u8; 16] = base32::decode(parts.next()?)?;
        let signature: [u8; SIGNATURE] = base32::decode(parts.next()?)?;
        if parts.next().is_some() {
            return None;
        }
        // In constant time: how long a wrong signature takes must not tell how much of it was right.
        self.mac(purpose.signed, &[&first, &second]).verify_truncated_left(&signature).ok()?;
        Some((u128::from_be_bytes(first), u128::from_be_bytes(second)))
    }
}

fn of_letter(purpose: person::Purpose) -> &'static Purpose {
    match purpose {
        person::Purpose::Verify => &VERIFY,
        person::Purpose::Reset => &RESET,
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
        assert_eq!(format!("{cart:?}"), "SignedToken(***)");
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
    fn letters_of_older_releases_stay_good() {
        // Worked out by hand from RFC 2104, not by this code.
        use person::Purpose::{Reset, Verify};
        let verify =
            "souk_verify_00000000000000000000000005_00000000000000000000000006_79h6e61mzfws6qz8r2w22ms5k4";
        let reset =
            "souk_reset_00000000000000000000000005_00000000000000000000000006_3k1pyeajwg9rmh5azzvc239e86";
        assert_eq!(KEY.letter_token(Verify, UserId(5), 6).expose(), verify);
        assert_eq!(KEY.letter_token(Reset, UserId(5), 6).expose(), reset);
    }

    #[test]
    fn a_letter_s_token_is_of_one_person_number_and_purpose() {
        use person::Purpose::{Reset, Verify};
        let token = KEY.letter_token(Verify, UserId(5), 6);
        assert_eq!(KEY.open_letter_token(Verify, token.expose()), Ok((UserId(5), 6)));
        assert_eq!(KEY.open_letter_token(Reset, token.expose()), Err(TokenRefused));
        let renamed = token.expose().replace("souk_verify_", "souk_reset_");
        assert_eq!(KEY.open_letter_token(Reset, &renamed), Err(TokenRefused));
        let cart = KEY.cart_token(CheckoutId(5), BuyerId(6));
        let renamed = cart.expose().replace("souk_cart_", "souk_verify_");
        assert_eq!(KEY.open_letter_token(Verify, &renamed), Err(TokenRefused));
        assert_eq!(KEY.open_token(token.expose()), Err(TokenRefused));
        let invitation = KEY.invitation_token(VendorId(5), 6);
        assert_eq!(KEY.open_invitation(invitation.expose()), Ok((VendorId(5), 6)));
        assert_eq!(KEY.open_invitation(&token.expose().replace("verify", "invite")), Err(TokenRefused));
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
