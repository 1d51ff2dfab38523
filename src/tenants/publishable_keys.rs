//! Publishable keys: `pk_…`, by which pages of another origin may use the store in a browser.
//!
//! Such a key stands in the page for everybody to read, so it is no secret and opens nothing that an anonymous shopper may not do
//! anyway. What it says is which pages a browser may let read the answers.

use std::fmt;
use std::str::FromStr;

use souk_core::ids::PublishableKeyId;
use souk_core::market::MarketId;
use souk_core::time::Timestamp;
use url::Url;

/// The most origins of a key.
pub const ORIGINS_MAX: usize = 20;

/// Where a page comes from, as browsers say it: scheme, host and a port that is not the usual one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Origin(String);

impl Origin {
    /// As it is said in `Origin`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Not an origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "an origin is https:// and a host, such as https://shop.example, without a path; http:// only for localhost"
)]
pub struct InvalidOrigin;

impl FromStr for Origin {
    type Err = InvalidOrigin;
    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let url: Url = text.parse().map_err(|_| InvalidOrigin)?;
        let host = url.host_str().ok_or(InvalidOrigin)?;
        let is_here = host == "localhost" || host == "127.0.0.1" || host == "[::1]";
        if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
            return Err(InvalidOrigin);
        }
        let origin = url.origin().ascii_serialization();
        // Exactly as a browser will say it: anything else would never be found equal, and nobody would know why.
        if origin == text { Ok(Origin(origin)) } else { Err(InvalidOrigin) }
    }
}

/// A publishable key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublishableKey {
    /// The key itself.
    pub id: PublishableKeyId,
    /// What people call it.
    pub name: String,
    /// In which market its pages sell.
    pub market: MarketId,
    /// Where its pages come from.
    pub origins: Vec<Origin>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

impl PublishableKey {
    /// Whether it lets pages of this origin read.
    pub fn names(&self, origin: &str) -> bool {
        self.revoked_at.is_none() && self.origins.iter().any(|known| known.as_str() == origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_say_them() {
        for good in [
            "https://shop.example",
            "https://shop.example:8443",
            "http://localhost:3000",
            "http://127.0.0.1:3000",
            "https://xn--bcher-kva.example",
        ] {
            assert_eq!(good.parse::<Origin>().map(|origin| origin.to_string()), Ok(good.to_owned()));
        }
        for wrong in [
            "",
            "*",
            "null",
            "shop.example",
            "http://shop.example",
            "https://shop.example/",
            "https://shop.example:443",
            "https://SHOP.example",
            "https://shop.example/path",
            "https://user@shop.example",
            "https://bücher.example",
            "ftp://shop.example",
            "file:///etc/passwd",
            "javascript:alert(1)",
        ] {
            assert_eq!(wrong.parse::<Origin>(), Err(InvalidOrigin), "{wrong}");
        }
    }

    #[test]
    fn a_key_names_its_origins_until_it_is_revoked() {
        let mut key = PublishableKey {
            id: PublishableKeyId(1),
            name: "shop".to_owned(),
            market: MarketId::main(),
            origins: vec!["https://shop.example".parse().unwrap()],
            created_at: Timestamp::ZERO,
            revoked_at: None,
        };
        assert!(key.names("https://shop.example"));
        assert!(!key.names("https://shop.example.evil.example") && !key.names("null") && !key.names(""));
        key.revoked_at = Some(Timestamp::ZERO);
        assert!(!key.names("https://shop.example"));
    }
}
