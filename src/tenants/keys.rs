//! API keys that are made at souk's own command line: `souk_op_ID_SECRET` for operators, `souk_ven_ID_SECRET` for vendors.
//! Those that a vendor makes for its programs are [`super::service_keys`].
//!
//! The id finds the row, the secret proves the key. Of the secret only its SHA-256 is stored. A slow hash, as
//! for passwords, would add nothing: the secret is 256 random bits, so there is nothing to try.

use std::fmt;
use std::str::FromStr;

use hmac::Mac as _;
use sha2::{Digest as _, Sha256};
use souk_core::ids::{KeyId, VendorId};
use souk_core::time::Timestamp;
use subtle::ConstantTimeEq as _;

use super::base32;
use super::scope::{Access, OperatorScope, VendorScope};
use super::server_key::ServerKey;

/// The longest name of a key.
pub const NAME_MAX: usize = 100;

/// What the secrets of keys that derive from a name are hashed for.
const NAMED_SECRET: &str = "souk/1/named key";

const OPERATOR: &str = "souk_op_";
const VENDOR: &str = "souk_ven_";

/// Whose key it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The marketplace's operators'.
    Operator,
    /// A vendor's.
    Vendor(VendorId),
}

impl Role {
    fn prefix(self) -> &'static str {
        match self {
            Role::Operator => OPERATOR,
            Role::Vendor(_) => VENDOR,
        }
    }
}

/// A key as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRecord {
    /// Its name.
    pub id: KeyId,
    /// Whose it is.
    pub role: Role,
    /// What people call it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// SHA-256 of its secret.
    pub secret_hash: SecretHash,
}

/// SHA-256 of a key's secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    pub(super) fn of(secret: &[u8; 32]) -> Self {
        SecretHash(Sha256::digest(secret).into())
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(***)")
    }
}

/// A new key's text. Shown once, to whoever asked for it; it cannot be had again.
#[derive(Clone)]
pub struct KeyText(pub(super) String);

impl KeyText {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(***)")
    }
}

/// A key that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its name is not a line of text.
    #[error(
        "a key's name is 1 to {NAME_MAX} characters without line breaks, such as the name of whoever uses it"
    )]
    Name,
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Entropy(getrandom::Error),
}

/// Makes a key with a new secret.
///
/// # Errors
/// When the name is empty, too long or not one line.
pub fn issue(role: Role, name: &str, now: Timestamp) -> Result<(KeyText, KeyRecord), KeyError> {
    let name = checked(name)?;
    let (mut id, mut secret) = ([0; 16], [0; 32]);
    getrandom::fill(&mut id).map_err(KeyError::Entropy)?;
    getrandom::fill(&mut secret).map_err(KeyError::Entropy)?;
    Ok(made(role, name, id, &secret, now))
}

impl ServerKey {
    /// Makes a key that is a function of this server's secret and of `id`: the request that makes it may be repeated
    /// and is told the same. `id` must be one that names nothing else, and is no secret.
    ///
    /// # Errors
    /// As [`issue`].
    pub fn issue(
        &self,
        id: u128,
        role: Role,
        name: &str,
        now: Timestamp,
    ) -> Result<(KeyText, KeyRecord), KeyError> {
        let id = id.to_be_bytes();
        let secret: [u8; 32] = self.mac(NAMED_SECRET, &[&id]).finalize().into_bytes().into();
        Ok(made(role, checked(name)?, id, &secret, now))
    }
}

/// The name without the space around it.
///
/// # Errors
/// When it is empty, too long or not one line.
pub fn checked(name: &str) -> Result<&str, KeyError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(KeyError::Name);
    }
    Ok(name)
}

/// What is spelled and stored of a key.
fn made(role: Role, name: &str, id: [u8; 16], secret: &[u8; 32], now: Timestamp) -> (KeyText, KeyRecord) {
    let text = KeyText(format!("{}{}_{}", role.prefix(), base32::encode(&id), base32::encode(secret)));
    let record = KeyRecord {
        id: KeyId(u128::from_be_bytes(id)),
        role,
        name: name.to_owned(),
        created_at: now,
        revoked_at: None,
        secret_hash: SecretHash::of(secret),
    };
    (text, record)
}

/// A key as somebody sent it: well formed, not yet verified.
#[derive(Clone)]
pub struct PresentedKey {
    prefix: &'static str,
    id: KeyId,
    secret: [u8; 32],
}

impl PresentedKey {
    /// The row to look for.
    pub fn id(&self) -> KeyId {
        self.id
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedKey({}, ***)", self.id)
    }
}

/// Not written like a key. Never repeats what was sent: it may be one with a letter missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MalformedKey {
    /// It begins otherwise.
    #[error("an API key begins with {OPERATOR} or {VENDOR}: send it as `Authorization: Bearer KEY`")]
    Prefix,
    /// What follows is not an id and a secret.
    #[error(
        "this API key is incomplete or has a wrong letter: copy it whole, as it was shown when it was made"
    )]
    Letters,
}

impl FromStr for PresentedKey {
    type Err = MalformedKey;
    fn from_str(text: &str) -> Result<Self, MalformedKey> {
        let stripped = |prefix: &'static str| text.strip_prefix(prefix).map(|rest| (prefix, rest));
        let (prefix, rest) = stripped(OPERATOR).or_else(|| stripped(VENDOR)).ok_or(MalformedKey::Prefix)?;
        let (id, secret) = rest.split_once('_').ok_or(MalformedKey::Letters)?;
        let id = base32::decode(id).map(|id| KeyId(u128::from_be_bytes(id))).ok_or(MalformedKey::Letters)?;
        let secret = base32::decode(secret).ok_or(MalformedKey::Letters)?;
        Ok(PresentedKey { prefix, id, secret })
    }
}

/// A key that opens nothing. A key that is not there at all must be told like [`KeyRefused::Wrong`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyRefused {
    /// It is not this key.
    #[error(
        "this API key is not known here: check that it belongs to this server, or make one with `souk keys create`"
    )]
    Wrong,
    /// It was, until it was revoked. Only told to those who have the secret.
    #[error("this API key was revoked: make a new one with `souk keys create`")]
    Revoked,
}

impl KeyRecord {
    /// What the presented key may do, when it is this one.
    ///
    /// # Errors
    /// When it is another one, or was revoked.
    pub fn admit(&self, presented: &PresentedKey) -> Result<Access, KeyRefused> {
        // In constant time: how long a wrong secret takes must not tell how much of its hash was right.
        let right = SecretHash::of(&presented.secret).0.ct_eq(&self.secret_hash.0);
        if !bool::from(right) || presented.id != self.id || presented.prefix != self.role.prefix() {
            return Err(KeyRefused::Wrong);
        }
        if self.revoked_at.is_some() {
            return Err(KeyRefused::Revoked);
        }
        Ok(match self.role {
            Role::Operator => Access::Operator(OperatorScope::of_key(self.id.0)),
            Role::Vendor(vendor) => Access::Vendor(VendorScope::of_key(vendor, self.id.0)),
        })
    }
}

#[cfg(test)]
mod tests {
    use souk_core::ids::{InvalidId, Principal};

    use super::*;
    use crate::tenants::scope::Tenant;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn presented(text: &KeyText) -> PresentedKey {
        text.expose().parse().unwrap()
    }

    #[test]
    fn a_key_with_a_name_is_made_the_same_again_and_by_this_server_only() {
        let server = ServerKey::from_bytes([1; 32]);
        let issue =
            |server: &ServerKey, id| server.issue(id, Role::Operator, "till", Timestamp::ZERO).unwrap();
        let (text, record) = issue(&server, 7);
        let (again, same) = issue(&server, 7);
        assert_eq!((text.expose(), &record), (again.expose(), &same));
        assert_eq!(record.id, KeyId(7));
        assert!(record.admit(&text.expose().parse().unwrap()).is_ok());
        assert_ne!(issue(&server, 8).0.expose(), text.expose());
        let (foreign, _) = issue(&ServerKey::from_bytes([2; 32]), 7);
        assert!(record.admit(&foreign.expose().parse().unwrap()).is_err());
        assert!(server.issue(7, Role::Operator, " ", Timestamp::ZERO).is_err());
    }

    #[test]
    fn a_key_opens_what_it_was_made_for() {
        let (text, record) = issue(Role::Operator, " back office ", NOW).unwrap();
        assert_eq!(text.expose().len(), "souk_op_".len() + 26 + 1 + 52);
        assert_eq!(record.name, "back office");
        let key = presented(&text);
        assert_eq!(key.id(), record.id);
        let scope = record.admit(&key).unwrap().operator().unwrap();
        assert_eq!((scope.principal(), scope.tenant()), (Principal::Key(record.id.0), Tenant::Market));

        let vendor = VendorId(9);
        let (text, record) = issue(Role::Vendor(vendor), "shop", NOW).unwrap();
        assert!(text.expose().starts_with("souk_ven_"));
        let access = record.admit(&presented(&text)).unwrap();
        assert_eq!(access.operator(), None);
        let scope = access.vendor().unwrap();
        assert_eq!((scope.vendor(), scope.tenant()), (vendor, Tenant::Vendor(vendor)));
    }

    #[test]
    fn another_key_opens_nothing() {
        let (text, record) = issue(Role::Operator, "a", NOW).unwrap();
        let (other, _) = issue(Role::Operator, "b", NOW).unwrap();
        assert_eq!(record.admit(&presented(&other)), Err(KeyRefused::Wrong));
        // The right secret under another id, or for another role.
        let swapped = format!("{}{}", &other.expose()[..35], &text.expose()[35..]);
        assert_eq!(record.admit(&swapped.parse().unwrap()), Err(KeyRefused::Wrong));
        let promoted = KeyRecord { role: Role::Vendor(VendorId(1)), ..record.clone() };
        assert_eq!(promoted.admit(&presented(&text)), Err(KeyRefused::Wrong));

        let revoked = KeyRecord { revoked_at: Some(NOW), ..record };
        assert_eq!(revoked.admit(&presented(&text)), Err(KeyRefused::Revoked));
        assert_eq!(revoked.admit(&presented(&other)), Err(KeyRefused::Wrong));
    }

    #[test]
    fn malformed_keys_say_what_is_missing() {
        let (text, _) = issue(Role::Operator, "a", NOW).unwrap();
        let text = text.expose();
        for (given, why) in [
            ("", MalformedKey::Prefix),
            ("sk_live_123", MalformedKey::Prefix),
            ("souk_op_", MalformedKey::Letters),
            (&text[..text.len() - 1], MalformedKey::Letters),
            (&format!("{text}0"), MalformedKey::Letters),
            (&text.replace("souk_op_", "souk_op__"), MalformedKey::Letters),
            (&text.to_uppercase(), MalformedKey::Prefix),
        ] {
            assert_eq!(given.parse::<PresentedKey>().unwrap_err(), why, "{given}");
        }
    }

    #[test]
    fn secrets_are_never_printed() {
        let (text, record) = issue(Role::Operator, "a", NOW).unwrap();
        let secret = &text.expose()[35..];
        let printed = format!("{text:?} {record:?} {:?}", presented(&text));
        assert!(!printed.contains(secret), "{printed}");
        assert!(printed.contains(&record.id.to_string()));
        assert_eq!(record.id.to_string().parse(), Ok(record.id));
        assert_eq!("buy_00000000000000000000000000".parse::<KeyId>(), Err(InvalidId));
    }

    #[test]
    fn names_are_one_line() {
        for name in ["", "  ", "a\nb", &"x".repeat(101)] {
            assert!(matches!(issue(Role::Operator, name, NOW), Err(KeyError::Name)), "{name:?}");
        }
        assert!(issue(Role::Operator, &"é".repeat(100), NOW).is_ok());
    }
}
