//! Decimal numbers as people write them, read exactly: no floats near money.

use souk_core::money::{AMOUNT_MAX, Currency, Money, Rate};

/// Why a text is not a number that can be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecimalError {
    /// Nothing there.
    #[error("is empty: a number such as 58.90 must stand here")]
    Empty,
    /// Letters, signs, separators of thousands, a comma for the point.
    #[error("is not a plain number: write it as 58.90, with digits and at most one point")]
    NotPlain,
    /// Below zero.
    #[error("is negative: only numbers from zero can stand here")]
    Negative,
    /// It cannot be kept exactly.
    #[error("has more than {decimals} decimals: round it first, souk does not guess how")]
    TooFine {
        /// How many there may be.
        decimals: u32,
    },
    /// Beyond what can be handled.
    #[error("is too large: the largest that can stand here is {max}")]
    TooLarge {
        /// The largest.
        max: String,
    },
}

/// `text` times ten to the power of `decimals`, exactly. Zeros behind the last decimal that counts are no reason to
/// refuse a number; anything else there is.
///
/// # Errors
/// When the text is not a plain decimal number from zero, has more decimals, or is beyond `max` (of the result).
pub fn scaled(text: &str, decimals: u32, max: u64) -> Result<u64, DecimalError> {
    if text.is_empty() {
        return Err(DecimalError::Empty);
    }
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = text.strip_prefix('-') {
        // Only a number can be negative: `-` or `-x` is something else.
        let number = rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !rest.is_empty();
        return Err(if number { DecimalError::Negative } else { DecimalError::NotPlain });
    }
    if !digits(whole) || fraction.is_some_and(|part| !digits(part)) {
        return Err(DecimalError::NotPlain);
    }
    let fraction = fraction.unwrap_or_default().trim_end_matches('0');
    let missing =
        (decimals as usize).checked_sub(fraction.len()).ok_or(DecimalError::TooFine { decimals })?;
    let all = whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', missing));
    all.map(|byte| u64::from(byte - b'0'))
        .try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(digit))
        .filter(|value| *value <= max)
        .ok_or_else(|| DecimalError::TooLarge { max: written(max, decimals) })
}

/// An amount of `currency`, from zero.
///
/// # Errors
/// As [`scaled`].
pub fn amount(text: &str, currency: Currency) -> Result<Money, DecimalError> {
    let minor = scaled(text, currency.decimals(), AMOUNT_MAX.unsigned_abs())?;
    // AMOUNT_MAX is an i64, and `minor` is not beyond it.
    Ok(Money::new(i64::try_from(minor).unwrap_or(AMOUNT_MAX), currency))
}

/// A rate from a number of per cent, such as `10.00`: 0 to 100, in steps of a hundredth.
///
/// # Errors
/// As [`scaled`].
pub fn per_cent(text: &str) -> Result<Rate, DecimalError> {
    let points = scaled(text, 2, u64::from(Rate::ONE.0))?;
    Ok(Rate(u32::try_from(points).unwrap_or(Rate::ONE.0)))
}

fn written(value: u64, decimals: u32) -> String {
    let scale = 10u64.pow(decimals);
    if decimals == 0 {
        return value.to_string();
    }
    format!("{}.{:0width$}", value / scale, value % scale, width = decimals as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly_or_not_at_all() {
        for (text, decimals, value) in [
            ("58.90", 2, 5_890),
            ("58.9", 2, 5_890),
            ("58", 2, 5_800),
            ("58.900", 2, 5_890),
            ("0.85", 2, 85),
            ("0.00", 2, 0),
            ("0", 0, 0),
            ("007.01", 2, 701),
            ("6735.00", 2, 673_500),
            ("12.0", 0, 12),
            ("1.234", 3, 1_234),
        ] {
            assert_eq!(scaled(text, decimals, 1_000_000), Ok(value), "{text}");
        }
        for (text, error) in [
            ("", DecimalError::Empty),
            ("1,5", DecimalError::NotPlain),
            ("1.234,50", DecimalError::NotPlain),
            ("1,234.50", DecimalError::NotPlain),
            ("R$ 5", DecimalError::NotPlain),
            ("5.", DecimalError::NotPlain),
            (".5", DecimalError::NotPlain),
            ("1.2.3", DecimalError::NotPlain),
            ("1e3", DecimalError::NotPlain),
            ("+5", DecimalError::NotPlain),
            ("٣", DecimalError::NotPlain),
            ("NaN", DecimalError::NotPlain),
            ("-", DecimalError::NotPlain),
            ("-5.00", DecimalError::Negative),
            ("5.001", DecimalError::TooFine { decimals: 2 }),
            ("58.90000000000001", DecimalError::TooFine { decimals: 2 }),
            ("10000.01", DecimalError::TooLarge { max: "10000.00".to_owned() }),
            ("99999999999999999999999", DecimalError::TooLarge { max: "10000.00".to_owned() }),
        ] {
            assert_eq!(scaled(text, 2, 1_000_000), Err(error), "{text}");
        }
    }

    #[test]
    fn amounts_and_rates() {
        assert_eq!(amount("58.90", Currency::BRL), Ok(Money::new(5_890, Currency::BRL)));
        assert_eq!(amount("10000000000000.00", Currency::BRL).map(|money| money.minor), Ok(AMOUNT_MAX));
        assert!(amount("10000000000000.01", Currency::BRL).is_err());
        assert_eq!(per_cent("10.00"), Ok(Rate(1_000)));
        assert_eq!(per_cent("12.5"), Ok(Rate(1_250)));
        assert_eq!(per_cent("100"), Ok(Rate::ONE));
        assert_eq!(per_cent("100.01"), Err(DecimalError::TooLarge { max: "100.00".to_owned() }));
        assert_eq!(per_cent("0.001"), Err(DecimalError::TooFine { decimals: 2 }));
    }
}
