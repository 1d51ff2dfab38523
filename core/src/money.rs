//! Money: integer minor units of one ISO 4217 currency. Two currencies never add.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::planted::{self, Bug};

#[cfg(test)]
mod tests;

/// An ISO 4217 currency, by its three letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Currencies whose minor unit is not a hundredth (ISO 4217 list one). The few units of account with four
/// decimals (CLF, UYW) are nobody's price and are not told apart.
const NO_DECIMALS: [&[u8; 3]; 17] = [
    b"BIF", b"CLP", b"DJF", b"GNF", b"ISK", b"JPY", b"KMF", b"KRW", b"PYG", b"RWF", b"UGX", b"UYI", b"VND",
    b"VUV", b"XAF", b"XOF", b"XPF",
];
const THREE_DECIMALS: [&[u8; 3]; 7] = [b"BHD", b"IQD", b"JOD", b"KWD", b"LYD", b"OMR", b"TND"];

impl Currency {
    /// Brazilian real.
    pub const BRL: Currency = Currency(*b"BRL");
    /// Euro.
    pub const EUR: Currency = Currency(*b"EUR");

    /// Decimals of the minor unit: 0, 2 or 3.
    pub fn decimals(self) -> u32 {
        if NO_DECIMALS.contains(&&self.0) {
            0
        } else if THREE_DECIMALS.contains(&&self.0) {
            3
        } else {
            2
        }
    }

    /// The three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

/// Not three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidCurrency;

impl fmt::Display for InvalidCurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a currency is three capital letters")
    }
}

impl std::error::Error for InvalidCurrency {}

impl FromStr for Currency {
    type Err = InvalidCurrency;
    fn from_str(text: &str) -> Result<Self, InvalidCurrency> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidCurrency)?;
        if letters.iter().all(u8::is_ascii_uppercase) { Ok(Currency(letters)) } else { Err(InvalidCurrency) }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The largest amount souk handles, in minor units: far from any overflow of sums.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000_000;

/// An amount of one currency. May be negative (a posting, a difference).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Money {
    /// Minor units.
    pub minor: i64,
    /// Of this currency.
    pub currency: Currency,
}

/// Why two amounts cannot be combined.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum MoneyError {
    /// They are of different currencies.
    CurrencyMismatch,
    /// The result is beyond [`AMOUNT_MAX`].
    TooLarge,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MoneyError::CurrencyMismatch => "amounts of different currencies do not add",
            MoneyError::TooLarge => "the amount is larger than souk handles",
        })
    }
}

impl std::error::Error for MoneyError {}

impl Money {
    /// `minor` units of `currency`.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Money { minor, currency }
    }

    /// Nothing of `currency`.
    pub const fn zero(currency: Currency) -> Self {
        Money { minor: 0, currency }
    }

    /// The sum.
    ///
    /// # Errors
    /// When the currencies differ or the sum is too large.
    pub fn plus(self, other: Money) -> Result<Money, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch);
        }
        Money::checked(i128::from(self.minor) + i128::from(other.minor), self.currency)
    }

    /// The difference.
    ///
    /// # Errors
    /// As [`Money::plus`].
    pub fn minus(self, other: Money) -> Result<Money, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch);
        }
        Money::checked(i128::from(self.minor) - i128::from(other.minor), self.currency)
    }

    /// This much, `quantity` times.
    ///
    /// # Errors
    /// When the product is too large.
    pub fn times(self, quantity: u32) -> Result<Money, MoneyError> {
        Money::checked(i128::from(self.minor) * i128::from(quantity), self.currency)
    }

    /// The sum of many.
    ///
    /// # Errors
    /// As [`Money::plus`], on the way too: amounts that go beyond [`AMOUNT_MAX`] and come back are refused.
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Money>) -> Result<Money, MoneyError> {
        amounts.into_iter().try_fold(Money::zero(currency), Money::plus)
    }

    /// This share of the amount, rounded half away from zero. The result is never larger than the amount for
    /// rates up to one, so it cannot overflow there; larger rates saturate at [`AMOUNT_MAX`].
    pub fn share(self, rate: Rate) -> Money {
        self.fraction(rate.0, Rate::ONE.0)
    }

    /// What of this amount is `rate` on the rest of it, rounded half away from zero: the tax that a price with tax
    /// contains. 119.00 at 19 % contains 19.00. Never larger than the amount, whatever the rate.
    pub fn contained(self, rate: Rate) -> Money {
        // Saturating only beyond 429,000-fold rates, where the result is the amount within rounding either way.
        self.fraction(rate.0, Rate::ONE.0.saturating_add(rate.0))
    }

    /// `part / whole` of the amount; `whole` is never zero.
    fn fraction(self, part: u32, whole: u32) -> Money {
        let (part, whole) = (i128::from(part), i128::from(whole));
        let product = i128::from(self.minor) * part;
        // Twice the product plus (or minus) one whole, by twice the whole: a half is never lost to an odd whole.
        let half = if planted::is(Bug::RoundingLoss) { 0 } else { product.signum() * whole };
        let rounded = (2 * product + half) / (2 * whole);
        let limit = i128::from(AMOUNT_MAX);
        Money { minor: rounded.clamp(-limit, limit) as i64, currency: self.currency }
    }

    /// Splits the amount by weights so that the parts sum to the whole exactly: everyone gets the share rounded
    /// towards zero, the units left go to the largest remainders, ties to the first. All weights zero counts as
    /// equal. Without weights there is nobody to give to, and no part.
    pub fn split(self, weights: &[u64]) -> Vec<Money> {
        let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        let equal = total == 0;
        let total = if equal { weights.len() as u128 } else { total };
        let whole = u128::from(self.minor.unsigned_abs());
        let mut parts = Vec::with_capacity(weights.len());
        let mut remainders = Vec::with_capacity(weights.len());
        let mut left = whole;
        for (at, weight) in weights.iter().enumerate() {
            // Cannot overflow: 63 bits times 64 bits.
            let product = whole * if equal { 1 } else { u128::from(*weight) };
            parts.push(product / total);
            left -= product / total;
            remainders.push((std::cmp::Reverse(product % total), at));
        }
        remainders.sort_unstable();
        for ((_, at), _) in remainders.iter().zip(0..left) {
            parts[*at] += 1;
        }
        let sign = i128::from(self.minor.signum());
        parts
            .into_iter()
            .map(|part| Money { minor: (part as i128 * sign) as i64, currency: self.currency })
            .collect()
    }

    fn checked(minor: i128, currency: Currency) -> Result<Money, MoneyError> {
        if minor.unsigned_abs() > AMOUNT_MAX as u128 {
            return Err(MoneyError::TooLarge);
        }
        Ok(Money { minor: minor as i64, currency })
    }
}

impl fmt::Display for Money {
    /// `1234.50 BRL`: with the currency's decimals, a point, no grouping.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.currency.decimals();
        let scale = 10u64.pow(decimals);
        let sign = if self.minor < 0 { "-" } else { "" };
        let abs = self.minor.unsigned_abs();
        if decimals == 0 {
            return write!(f, "{sign}{abs} {}", self.currency);
        }
        write!(
            f,
            "{sign}{}.{:0width$} {}",
            abs / scale,
            abs % scale,
            self.currency,
            width = decimals as usize
        )
    }
}

/// A rate in basis points: 10,000 is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(pub u32);

impl Rate {
    /// The whole.
    pub const ONE: Rate = Rate(10_000);
}
