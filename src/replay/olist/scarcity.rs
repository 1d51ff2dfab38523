//! How much of what the orders need is received at all.

use std::fmt;
use std::str::FromStr;

use super::decimal::{self, DecimalError};

/// Decimals that a share may be written with.
const DECIMALS: u32 = 9;
/// The whole, in units of the last decimal.
const WHOLE: u64 = 1_000_000_000;

/// The share of units that is received, exactly as it was written: `0.9` means that of all units in purchase order
/// every tenth is not. Other shares spread what is missing as evenly as whole units allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scarcity {
    missing: u64,
}

impl Scarcity {
    /// Everything is received.
    pub const NONE: Scarcity = Scarcity { missing: 0 };

    /// Whether the `n`-th unit (from 1) is received. The first n units lack exactly n times the missing share,
    /// rounded down.
    pub fn receives(self, n: u64) -> bool {
        let lacking = |units: u64| u128::from(units) * u128::from(self.missing) / u128::from(WHOLE);
        lacking(n) == lacking(n.saturating_sub(1))
    }
}

impl Default for Scarcity {
    fn default() -> Self {
        Scarcity::NONE
    }
}

/// The share that is received, as [`FromStr`] reads it.
impl fmt::Display for Scarcity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match WHOLE - self.missing {
            WHOLE => f.write_str("1"),
            0 => f.write_str("0"),
            received => f.write_str(format!("0.{received:09}").trim_end_matches('0')),
        }
    }
}

impl FromStr for Scarcity {
    type Err = DecimalError;
    /// From the share that is received: 0 to 1.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        decimal::scaled(text, DECIMALS, WHOLE).map(|received| Scarcity { missing: WHOLE - received })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(share: &str, units: u64) -> Vec<u64> {
        let scarcity: Scarcity = share.parse().expect("a share");
        (1..=units).filter(|n| !scarcity.receives(*n)).collect()
    }

    #[test]
    fn what_is_missing_is_spread_over_all_units() {
        assert_eq!(missing("0.9", 30), [10, 20, 30]);
        assert_eq!(missing("0.90", 30), [10, 20, 30]);
        assert_eq!(missing("0.75", 9), [4, 8]);
        assert_eq!(missing("0.5", 5), [2, 4]);
        assert_eq!(missing("0.4", 10), [2, 4, 5, 7, 9, 10]);
        assert_eq!(missing("0.85", 21), [7, 14, 20]);
        assert_eq!(missing("0.999999999", 1_000), [0; 0]);
        assert!(!"0.999999999".parse::<Scarcity>().expect("a share").receives(1_000_000_000));
        assert_eq!(missing("1", 100), [0; 0]);
        assert_eq!(missing("1.000", 100), [0; 0]);
        assert_eq!(missing("0", 3), [1, 2, 3]);
        assert_eq!(Scarcity::default(), "1".parse().expect("a share"));
    }

    #[test]
    fn a_share_is_written_as_it_is_read() {
        for (text, written) in [("0.90", "0.9"), ("1.0", "1"), ("0", "0"), ("0.000000001", "0.000000001")] {
            let scarcity: Scarcity = text.parse().expect("a share");
            assert_eq!(scarcity.to_string(), written);
            assert_eq!(written.parse(), Ok(scarcity));
        }
    }

    #[test]
    fn shares_beyond_the_whole_are_refused() {
        for bad in ["1.1", "2", "-0.1", "90%", "", "0.9f", "0.0000000001"] {
            assert!(bad.parse::<Scarcity>().is_err(), "{bad}");
        }
    }
}
