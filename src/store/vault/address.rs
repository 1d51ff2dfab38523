//! What is known about a person who buys: readable for whoever holds it, never printed.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A text about a person. Cannot be printed or serialised; wiped from memory when it is dropped.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Pii(Zeroizing<String>);

impl Pii {
    /// The text itself: for the one who needs it, never for an event, a log or a reply.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Pii {
    fn from(text: String) -> Self {
        Pii(Zeroizing::new(text))
    }
}

impl From<&str> for Pii {
    fn from(text: &str) -> Self {
        Pii::from(text.to_owned())
    }
}

impl fmt::Debug for Pii {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Who gets an order, and where. Not serialisable on purpose: nothing that writes events or replies can take it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Address {
    /// Who.
    pub name: Pii,
    /// Street and number.
    pub street: Pii,
    /// Postal code.
    pub postal_code: Pii,
    /// City.
    pub city: Pii,
    /// Country: ISO 3166 alpha-2.
    pub country: Pii,
    /// Where mails about the order go.
    pub email: Pii,
}

/// How an address is written before it is sealed. Fields may be added with a default, never renamed.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    name: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    street: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    postal_code: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    city: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    country: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    email: std::borrow::Cow<'a, str>,
}

impl Address {
    /// As bytes, to be sealed.
    pub(super) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        let wire = Wire {
            name: self.name.expose().into(),
            street: self.street.expose().into(),
            postal_code: self.postal_code.expose().into(),
            city: self.city.expose().into(),
            country: self.country.expose().into(),
            email: self.email.expose().into(),
        };
        // Roomy, so that growing seldom leaves an unwiped copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(1_024));
        serde_json::to_writer(&mut *bytes, &wire)?;
        Ok(bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let wire: Wire = serde_json::from_slice(bytes)?;
        Ok(Address {
            name: wire.name.into_owned().into(),
            street: wire.street.into_owned().into(),
            postal_code: wire.postal_code.into_owned().into(),
            city: wire.city.into_owned().into(),
            country: wire.country.into_owned().into(),
            email: wire.email.into_owned().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_is_printed() {
        let address = Address {
            name: "Ada Vaultmann".into(),
            street: "12 Secret Lane".into(),
            postal_code: "99998".into(),
            city: "Hiddenville".into(),
            country: "DE".into(),
            email: "ada@hidden.example".into(),
        };
        let printed = format!("{address:?} {:?} {:#?}", address.name, Some(&address));
        for secret in ["Ada", "Secret", "99998", "Hiddenville", "DE", "hidden.example"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }

    #[test]
    fn any_text_survives() {
        for text in
            ["", "Zoë \"Quote\" Ångström", "行政区 北京市", "a\\b\nc\td\u{0}", "🦀".repeat(500).as_str()]
        {
            let address = Address { name: text.into(), street: text.into(), ..Address::default() };
            let decoded = Address::decode(&address.encode().unwrap()).unwrap();
            assert!(decoded == address, "{text:?}");
        }
        assert!(Address::decode(b"{}").is_err());
    }
}
