//! Service keys: `souk_svc_VENDOR_ID_SECRET`, what a vendor's programs act with.
//!
//! Whether a key is good and what it may do its vendor's machine says ([`souk_core::vendor::keys`]). Here is what proves a key:
//! the secret, of which a plain row has the SHA-256 beside the key's name for people. The secret is a function of this server's
//! secret and of the key's id, so that the request which makes a key may be repeated and is told the same.

use std::fmt;
use std::str::FromStr;

use hmac::Mac as _;
use souk_core::ids::{KeyId, VendorId};
use souk_core::time::Timestamp;
use souk_core::vendor::ServiceKey;
use subtle::ConstantTimeEq as _;

use super::base32;
use super::keys::{KeyError, KeyText, MalformedKey, SecretHash, checked};
use super::scope::VendorScope;
use super::server_key::ServerKey;

/// How every service key begins.
pub const PREFIX: &str = "souk_svc_";
/// What the secrets are hashed for.
const SECRET: &str = "souk/1/service key";
/// Bytes of the hash before the name.
const HASH: usize = 32;

/// What is stored of a service key, beside its id and its vendor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceKeyRow {
    /// SHA-256 of its secret.
    pub secret_hash: SecretHash,
    /// What people call it.
    pub name: String,
}

impl ServiceKeyRow {
    /// The bytes of the row.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.secret_hash.0, self.name.as_bytes()].concat()
    }

    /// A row as it is stored; `None` when it was damaged.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (hash, name) = bytes.split_first_chunk::<HASH>()?;
        let name = std::str::from_utf8(name).ok()?.to_owned();
        Some(ServiceKeyRow { secret_hash: SecretHash(*hash), name })
    }

    /// What the presented key may do now, when it is this one; `known` is what its vendor says of it.
    ///
    /// # Errors
    /// When it is another one, or is good no more. That is only told to those who have the secret.
    pub fn admit(
        &self,
        presented: &PresentedServiceKey,
        known: Option<&ServiceKey>,
        now: Timestamp,
    ) -> Result<VendorScope, ServiceKeyRefused> {
        // In constant time: how long a wrong secret takes must not tell how much of its hash was right.
        let right = SecretHash::of(&presented.secret).0.ct_eq(&self.secret_hash.0);
        if !bool::from(right) {
            return Err(ServiceKeyRefused::Wrong);
        }
        let known = known.ok_or(ServiceKeyRefused::Over)?;
        if !known.is_good(now) {
            return Err(ServiceKeyRefused::Over);
        }
        Ok(VendorScope::of_service_key(presented.vendor, presented.id, &known.scopes))
    }
}

/// A key that opens nothing. One that is not there at all must be told like [`ServiceKeyRefused::Wrong`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ServiceKeyRefused {
    /// It is not this key.
    #[error("this API key is not known here: check that it belongs to this server, or let an owner make one")]
    Wrong,
    /// It was, until it was revoked or ended.
    #[error("this API key was revoked or has ended: let an owner make another")]
    Over,
}

/// What a key's text begins with, before the secret: by this people know it again.
pub fn beginning(vendor: VendorId, id: KeyId) -> String {
    format!("{PREFIX}{}_{}", base32::encode(&vendor.0.to_be_bytes()), base32::encode(&id.0.to_be_bytes()))
}

impl ServerKey {
    /// The text and the row of a vendor's key. `id` must be one that names nothing else, and is no secret.
    ///
    /// # Errors
    /// When the name is empty, too long or not one line.
    pub fn service_key(
        &self,
        vendor: VendorId,
        id: KeyId,
        name: &str,
    ) -> Result<(KeyText, ServiceKeyRow), KeyError> {
        let name = checked(name)?.to_owned();
        let fields = [&vendor.0.to_be_bytes()[..], &id.0.to_be_bytes()[..]];
        let secret: [u8; 32] = self.mac(SECRET, &fields).finalize().into_bytes().into();
        let text = KeyText(format!("{}_{}", beginning(vendor, id), base32::encode(&secret)));
        Ok((text, ServiceKeyRow { secret_hash: SecretHash::of(&secret), name }))
    }
}

/// A service key as somebody sent it: well formed, not yet verified.
#[derive(Clone)]
pub struct PresentedServiceKey {
    vendor: VendorId,
    id: KeyId,
    secret: [u8; 32],
}

impl PresentedServiceKey {
    /// Whose it says that it is.
    pub fn vendor(&self) -> VendorId {
        self.vendor
    }

    /// Which.
    pub fn id(&self) -> KeyId {
        self.id
    }
}

impl fmt::Debug for PresentedServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedServiceKey({}, ***)", self.id)
    }
}

impl FromStr for PresentedServiceKey {
    type Err = MalformedKey;
    fn from_str(text: &str) -> Result<Self, MalformedKey> {
        let mut parts = text.strip_prefix(PREFIX).ok_or(MalformedKey::Prefix)?.split('_');
        let mut id = || parts.next().and_then(base32::decode).map(u128::from_be_bytes);
        let (Some(vendor), Some(key)) = (id(), id()) else { return Err(MalformedKey::Letters) };
        let secret = parts.next().and_then(base32::decode).ok_or(MalformedKey::Letters)?;
        if parts.next().is_some() {
            return Err(MalformedKey::Letters);
        }
        Ok(PresentedServiceKey { vendor: VendorId(vendor), id: KeyId(key), secret })
    }
}

#[cfg(test)]
mod tests {
    use souk_core::vendor::KeyScope;

    use super::*;
    use crate::tenants::policy::Power;

    const SERVER: ServerKey = ServerKey::from_bytes([1; 32]);
    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn known(ends_at: Option<Timestamp>) -> ServiceKey {
        let scopes = vec![KeyScope::OrdersRead];
        ServiceKey { scopes, made_at: Timestamp::ZERO, ends_at, successor: None }
    }

    #[test]
    fn a_key_opens_what_its_vendor_says_as_long_as_it_does() {
        let (text, row) = SERVER.service_key(VendorId(7), KeyId(8), " till ").unwrap();
        assert_eq!((text.expose().len(), row.name.as_str()), (PREFIX.len() + 26 + 1 + 26 + 1 + 52, "till"));
        assert_eq!(SERVER.service_key(VendorId(7), KeyId(8), "till").unwrap().0.expose(), text.expose());
        let presented: PresentedServiceKey = text.expose().parse().unwrap();
        assert_eq!((presented.vendor(), presented.id()), (VendorId(7), KeyId(8)));
        let scope = row.admit(&presented, Some(&known(None)), NOW).unwrap();
        assert_eq!((scope.vendor(), scope.principal()), (VendorId(7), KeyId(8).principal()));
        assert!(scope.has(Power::SeeOrders) && !scope.has(Power::Pack) && !scope.has(Power::SeeMoney));
        assert_eq!(row.admit(&presented, None, NOW), Err(ServiceKeyRefused::Over));
        assert_eq!(row.admit(&presented, Some(&known(Some(NOW))), NOW), Err(ServiceKeyRefused::Over));
        assert_eq!(ServiceKeyRow::of_bytes(&row.to_bytes()), Some(row));
        assert_eq!(ServiceKeyRow::of_bytes(&[0; 31]), None);
    }

    #[test]
    fn another_key_opens_nothing_and_none_shows_its_secret() {
        let (text, row) = SERVER.service_key(VendorId(7), KeyId(8), "a").unwrap();
        for (vendor, id, server) in [
            (VendorId(6), KeyId(8), SERVER),
            (VendorId(7), KeyId(9), SERVER),
            (VendorId(7), KeyId(8), ServerKey::from_bytes([2; 32])),
        ] {
            let (other, _) = server.service_key(vendor, id, "a").unwrap();
            let presented = other.expose().parse().unwrap();
            assert_eq!(row.admit(&presented, Some(&known(None)), NOW), Err(ServiceKeyRefused::Wrong));
        }
        let text = text.expose();
        let secret = &text[text.len() - 52..];
        let presented: PresentedServiceKey = text.parse().unwrap();
        assert!(!format!("{presented:?} {row:?}").contains(secret));
        for (given, why) in [
            ("", MalformedKey::Prefix),
            ("souk_ven_0", MalformedKey::Prefix),
            (&text[..text.len() - 1], MalformedKey::Letters),
            (&format!("{text}_0"), MalformedKey::Letters),
            (PREFIX, MalformedKey::Letters),
        ] {
            assert_eq!(given.parse::<PresentedServiceKey>().unwrap_err(), why, "{given}");
        }
        assert!(SERVER.service_key(VendorId(7), KeyId(8), "a\nb").is_err());
    }

    #[test]
    fn keys_of_older_releases_stay_good() {
        // Worked out by hand from RFC 2104, not by this code.
        let (text, _) = SERVER.service_key(VendorId(5), KeyId(6), "a").unwrap();
        let key = "souk_svc_00000000000000000000000005_00000000000000000000000006_\
                   0bj5db9sr82yvfadycthqkk1367n25ckf34r5mtgpvtgs4gxw5qm";
        assert_eq!(text.expose(), key);
    }
}
