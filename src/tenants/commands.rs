//! Names of commands: how the repeat of a request is known, and what its things are called.

use std::str::FromStr;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use souk_core::ids::Principal;
use souk_core::machine::{CommandId, CommandKey};
use souk_core::time::Timestamp;

use super::scope::Tenant;
use super::server_key::ServerKey;

/// The longest key that is accepted.
pub const KEY_MAX: usize = 255;

/// A new id of something that no request's name is known of; later ones sort behind earlier ones.
///
/// # Errors
/// When the system gives no random bytes.
pub fn new_id(now: Timestamp) -> Result<u128, getrandom::Error> {
    let mut random = [0; 10];
    getrandom::fill(&mut random)?;
    let random = random.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
    // 48 bits of milliseconds last until the year 10889.
    let millis = u128::from(now.as_millis().max(0).unsigned_abs() & 0xffff_ffff_ffff);
    Ok(millis << 80 | random)
}

const COMMAND: &str = "souk/1/command";
const FINGERPRINT: &str = "souk/1/fingerprint";
const DERIVED_ID: &str = "souk/1/derived id";

/// What a caller names a request with (`Idempotency-Key`): 1 to 255 visible ASCII characters.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The text, without the quotes around it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Not a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidKey {
    /// There is nothing.
    #[error("Idempotency-Key is empty: send a new random text, such as a UUID, for every new request")]
    Empty,
    /// There is too much.
    #[error("Idempotency-Key is longer than {KEY_MAX} characters: send a short random text, such as a UUID")]
    TooLong,
    /// A character is not allowed.
    #[error(
        "Idempotency-Key has a character that is not visible ASCII: send letters, digits and signs without spaces"
    )]
    NotVisible,
    /// It begins with a quote and does not end as a quoted string does.
    #[error(
        "Idempotency-Key begins with a quote but is not one quoted string: close the quote, or send it bare"
    )]
    Quotes,
}

/// As the draft standard writes it, a quoted string (`"8e03978e-40d5"`), or bare, as most clients do. Both
/// spellings of a text are the same key.
impl FromStr for IdempotencyKey {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let key = if text.starts_with('"') { unquoted(text)? } else { text.to_owned() };
        if key.is_empty() {
            Err(InvalidKey::Empty)
        } else if key.len() > KEY_MAX {
            Err(InvalidKey::TooLong)
        } else if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(InvalidKey::NotVisible)
        } else {
            Ok(IdempotencyKey(key))
        }
    }
}

/// A string of RFC 8941: only `"` and `\` are escaped, and nothing follows.
fn unquoted(text: &str) -> Result<String, InvalidKey> {
    let mut chars = text.chars().skip(1);
    let mut key = String::new();
    loop {
        match chars.next().ok_or(InvalidKey::Quotes)? {
            '"' => break,
            '\\' => match chars.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return Err(InvalidKey::Quotes),
            },
            plain => key.push(plain),
        }
    }
    if chars.next().is_some() { Err(InvalidKey::Quotes) } else { Ok(key) }
}

impl ServerKey {
    /// The command that a request is. The same key of another tenant, principal or route is another command,
    /// and nobody can make two requests share one.
    pub fn command_id(
        &self,
        tenant: Tenant,
        principal: Principal,
        route: &str,
        key: &IdempotencyKey,
    ) -> CommandId {
        let tenant = match tenant {
            Tenant::Market => "market".to_owned(),
            Tenant::Vendor(vendor) => vendor.to_string(),
        };
        let principal = principal.to_string();
        let fields = [tenant.as_str(), &principal, route, key.as_str()].map(str::as_bytes);
        CommandId(self.mac_128(COMMAND, &fields))
    }

    /// What a request asks for, as a number: two that differ are two requests, however their bodies were
    /// spelled. Keyed, so that a stored one cannot be tried against guessed names and addresses.
    ///
    /// # Errors
    /// When the type cannot be written as JSON (a map whose keys are no texts).
    pub fn fingerprint<T: Serialize>(&self, request: &T) -> Result<u128, serde_json::Error> {
        let typed = serde_json::to_vec(request)?;
        Ok(self.mac_128(FINGERPRINT, &[&typed]))
    }

    /// Both.
    ///
    /// # Errors
    /// As [`ServerKey::fingerprint`].
    pub fn command_key<T: Serialize>(
        &self,
        tenant: Tenant,
        principal: Principal,
        route: &str,
        key: &IdempotencyKey,
        request: &T,
    ) -> Result<CommandKey, serde_json::Error> {
        let fingerprint = self.fingerprint(request)?;
        Ok(CommandKey { id: self.command_id(tenant, principal, route, key), fingerprint })
    }
}

/// The key of a thing that a command makes; `what` tells several things of one command apart (`"chk"`,
/// `"quo"`). A repeat makes the same thing, not a second one.
///
/// No secret is needed: the command's id is one that nobody outside can know or choose.
pub fn derived_id(command: CommandId, what: &str) -> u128 {
    let mut hash = Sha256::new();
    for field in [DERIVED_ID.as_bytes(), what.as_bytes()] {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    hash.update(command.0.to_be_bytes());
    hash.finalize().iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use souk_core::ids::VendorId;

    const KEY: ServerKey = ServerKey::from_bytes([1; 32]);

    fn key(text: &str) -> IdempotencyKey {
        text.parse().unwrap()
    }

    #[test]
    fn keys_bare_and_quoted() {
        let long = "x".repeat(255);
        for (given, read) in [
            ("8e03978e-40d5", Ok("8e03978e-40d5")),
            ("\"8e03978e-40d5\"", Ok("8e03978e-40d5")),
            (r#""a\"b\\c""#, Ok(r#"a"b\c"#)),
            (r"a\b", Ok(r"a\b")),
            ("a\"b", Ok("a\"b")),
            (long.as_str(), Ok(long.as_str())),
            (&format!("\"{long}\""), Ok(long.as_str())),
            ("", Err(InvalidKey::Empty)),
            ("\"\"", Err(InvalidKey::Empty)),
            (&format!("{long}x"), Err(InvalidKey::TooLong)),
            ("a b", Err(InvalidKey::NotVisible)),
            ("\"a b\"", Err(InvalidKey::NotVisible)),
            ("a\u{7f}", Err(InvalidKey::NotVisible)),
            ("é", Err(InvalidKey::NotVisible)),
            ("\"a", Err(InvalidKey::Quotes)),
            ("\"", Err(InvalidKey::Quotes)),
            ("\"a\"b", Err(InvalidKey::Quotes)),
            ("\"a\"; x=1", Err(InvalidKey::Quotes)),
            (r#""a\n""#, Err(InvalidKey::Quotes)),
            (r#""a\""#, Err(InvalidKey::Quotes)),
        ] {
            assert_eq!(
                given.parse::<IdempotencyKey>(),
                read.map(|text| IdempotencyKey(text.to_owned())),
                "{given}"
            );
        }
    }

    #[test]
    fn a_command_is_one_tenant_principal_route_and_key() {
        let id = |tenant, principal, route, text| KEY.command_id(tenant, principal, route, &key(text));
        let market = Tenant::Market;
        let first = id(market, Principal::Buyer(1), "POST /v1/store/carts", "k");
        assert_eq!(first, id(market, Principal::Buyer(1), "POST /v1/store/carts", "\"k\""));
        let others = [
            id(market, Principal::Buyer(2), "POST /v1/store/carts", "k"),
            id(market, Principal::Key(1), "POST /v1/store/carts", "k"),
            id(market, Principal::Buyer(1), "POST /v1/store/carts", "k2"),
            id(market, Principal::Buyer(1), "POST /v1/store/cartsk", "k"),
            id(Tenant::Vendor(VendorId(1)), Principal::Buyer(1), "POST /v1/store/carts", "k"),
            ServerKey::from_bytes([2; 32]).command_id(
                market,
                Principal::Buyer(1),
                "POST /v1/store/carts",
                &key("k"),
            ),
        ];
        assert!(others.iter().all(|other| *other != first));
    }

    #[test]
    fn names_do_not_change_between_releases() {
        // A stored reply is found by these: another value after an update would run a repeat a second time.
        // Worked out by hand from RFC 2104, not by this code.
        let tenant = Tenant::Vendor(VendorId(3));
        let id = KEY.command_id(tenant, Principal::Key(4), "POST /v1/vendor/products", &key("k"));
        assert_eq!(id.0, 0x656b_9197_c30b_e00e_b250_36db_1206_9647);
        assert_eq!(KEY.fingerprint(&(1, "x")).unwrap(), 0x784d_87b8_06c7_3d48_57d8_3dd5_ce32_9bc4);
        assert_eq!(derived_id(CommandId(7), "chk"), 0x8e93_fc36_49cf_7b41_9cd7_7ae4_45d8_1c23);
    }

    #[test]
    fn new_ids_sort_by_their_time_and_are_all_different() {
        let at = |millis| new_id(Timestamp::from_millis(millis)).unwrap();
        assert!(at(1) < at(2) && at(1_800_000_000_000) < at(1_800_000_000_001));
        assert_ne!(at(7), at(7));
        assert_eq!(at(-1) >> 80, 0);
    }

    #[test]
    fn a_fingerprint_is_of_what_is_asked_for() {
        #[derive(Serialize)]
        struct AddLine {
            sku: &'static str,
            quantity: u32,
        }
        let of = |quantity| KEY.fingerprint(&AddLine { sku: "sku_1", quantity }).unwrap();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert_ne!(
            of(1),
            ServerKey::from_bytes([2; 32]).fingerprint(&AddLine { sku: "sku_1", quantity: 1 }).unwrap()
        );
        let both = KEY
            .command_key(
                Tenant::Market,
                Principal::Buyer(1),
                "r",
                &key("k"),
                &AddLine { sku: "sku_1", quantity: 1 },
            )
            .unwrap();
        assert_eq!(both.fingerprint, of(1));
        assert_eq!(both.id, KEY.command_id(Tenant::Market, Principal::Buyer(1), "r", &key("k")));
    }

    #[test]
    fn things_of_one_command_differ_and_repeat() {
        let id = CommandId(42);
        assert_eq!(derived_id(id, "chk"), derived_id(id, "chk"));
        assert_ne!(derived_id(id, "chk"), derived_id(id, "buy"));
        assert_ne!(derived_id(id, "chk"), derived_id(CommandId(43), "chk"));
    }
}
