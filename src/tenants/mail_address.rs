//! Mail addresses of accounts, and how one is found again without being written down.

use std::fmt;
use std::str::FromStr;

use super::base32;
use super::server_key::ServerKey;

/// The longest address, in bytes (RFC 5321, §4.5.3.1.3, without the angle brackets).
pub const MAIL_MAX: usize = 254;
/// The longest part before the `@`, in bytes (RFC 5321, §4.5.3.1.1).
const LOCAL_MAX: usize = 64;

const INDEX: &str = "souk/1/mail index";

/// A mail address. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct MailAddress(String);

/// Not a mail address. Never repeats what was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a mail address is a name, an @ and a domain, without spaces, of at most {MAIL_MAX} bytes")]
pub struct InvalidMail;

impl MailAddress {
    /// In small letters, of ASCII only: two that differ in any other may be two people's, and whoever has one must not be able
    /// to take the other's place (U+212A is not a k).
    fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The address, as its owner writes it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailAddress(***)")
    }
}

/// Whether a letter arrives says more than any rule of spelling: this refuses only what no letter can be sent to, or what
/// would mean something else in a letter's head.
impl FromStr for MailAddress {
    type Err = InvalidMail;

    fn from_str(text: &str) -> Result<Self, InvalidMail> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidMail)?;
        let is_plain = |text: &str| {
            text.chars().all(|letter| {
                !letter.is_control() && !letter.is_whitespace() && !"\"(),:;<>@[\\]".contains(letter)
            })
        };
        let is_domain = domain.split('.').all(|label| !label.is_empty()) && domain.contains('.');
        let fits = text.len() <= MAIL_MAX && (1..=LOCAL_MAX).contains(&local.len());
        if fits && is_domain && is_plain(local) && is_plain(domain) {
            Ok(MailAddress(text.to_owned()))
        } else {
            Err(InvalidMail)
        }
    }
}

impl ServerKey {
    /// What finds an address again: the same for both spellings of a letter, and nothing that the address could be read
    /// from, or guessed, without this server's secret.
    pub fn mail_index(&self, mail: &MailAddress) -> String {
        use hmac::Mac as _;

        base32::encode(&self.mac(INDEX, &[mail.folded().as_bytes()]).finalize().into_bytes())
    }

    /// The same as a number, to count by.
    pub fn mail_number(&self, mail: &MailAddress) -> u128 {
        self.mac_128(INDEX, &[mail.folded().as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: ServerKey = ServerKey::from_bytes([1; 32]);

    #[test]
    fn addresses_that_letters_can_be_sent_to() {
        for good in ["ada@example.org", " ada@example.org ", "a.b+c@x.y.z", "jörg@exämple.de", "o'neil@a.b"]
        {
            assert!(good.parse::<MailAddress>().is_ok(), "{good}");
        }
        let long = format!("{}@example.org", "x".repeat(65));
        let longer = format!("ada@{}.org", "x".repeat(260));
        let one_line = "a@b.c\r\nBcc: d@e.f";
        for bad in
            ["", "ada", "ada@", "@b.c", "a@b", "a@.c", "a@b..c", "a b@c.d", "<a@b.c>", "a@b@c.d", one_line]
        {
            assert_eq!(bad.parse::<MailAddress>(), Err(InvalidMail), "{bad}");
        }
        assert!(long.parse::<MailAddress>().is_err() && longer.parse::<MailAddress>().is_err());
        assert_eq!(format!("{:?}", "a@b.c".parse::<MailAddress>().unwrap()), "MailAddress(***)");
    }

    #[test]
    fn an_address_is_found_by_a_keyed_hash_of_its_small_letters() {
        let index = |mail: &str| KEY.mail_index(&mail.parse().unwrap());
        // Worked out by hand from RFC 2104, not by this code: rows of older releases are found by it.
        assert_eq!(index("ada@example.org"), "0jvj4g4e44b8vjv6k6htgynk25ksqyjmgbt554mf32v8dfn6jkzx");
        assert_eq!(index("Ada@Example.ORG"), index("ada@example.org"));
        assert_ne!(index("ada@example.org"), index("ada@example.com"));
        assert_ne!(index("mi\u{212a}e@example.org"), index("mike@example.org"));
        assert_ne!(index("J\u{d6}RG@example.org"), index("j\u{f6}rg@example.org"));
        let other = ServerKey::from_bytes([2; 32]);
        assert_ne!(other.mail_index(&"ada@example.org".parse().unwrap()), index("ada@example.org"));
    }
}
