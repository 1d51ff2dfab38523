//! Who gave a command.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{BuyerId, InvalidId, KeyId, UserId, parse_key};

/// Who gave a command. Part of every event's metadata.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Principal {
    /// souk itself: timers, asks between machines, sweepers.
    #[default]
    System,
    /// An API key, by its id.
    Key(u128),
    /// A shopper without an account, by the `buy_` id of the cart.
    Buyer(u128),
    /// A person who is signed in.
    Person(UserId),
}

impl KeyId {
    /// Whoever acts with this key.
    pub fn principal(self) -> Principal {
        Principal::Key(self.0)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Principal::System => f.write_str("system"),
            Principal::Key(key) => fmt::Display::fmt(&KeyId(*key), f),
            Principal::Buyer(key) => fmt::Display::fmt(&BuyerId(*key), f),
            Principal::Person(person) => fmt::Display::fmt(person, f),
        }
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Principal {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text == "system" {
            return Ok(Principal::System);
        }
        let key = parse_key(text.get(4..).ok_or(InvalidId)?)?;
        match &text[..4] {
            "key_" => Ok(Principal::Key(key)),
            "buy_" => Ok(Principal::Buyer(key)),
            "usr_" => Ok(Principal::Person(UserId(key))),
            _ => Err(InvalidId),
        }
    }
}

text_serde!(Principal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_survive_their_text_form() {
        let all = [Principal::System, Principal::Key(1), Principal::Buyer(2), Principal::Person(UserId(3))];
        for principal in all {
            assert_eq!(principal.to_string().parse(), Ok(principal));
        }
        assert_eq!(Principal::Person(UserId(3)).to_string(), UserId(3).to_string());
        assert!("ord_00000000000000000000000001".parse::<Principal>().is_err());
    }
}
