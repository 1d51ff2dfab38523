//! Markets: where something is sold, in which currency and language, with or without tax in the price.

use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money, MoneyError, Rate};

/// Names a market. `mkt_main` unless the operator makes others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MarketId(pub String);

impl MarketId {
    /// The market of a shop that has only one.
    pub fn main() -> Self {
        MarketId("mkt_main".to_owned())
    }

    /// Whether this is written as a market's name must be: `mkt_` and 1 to 60 lower-case letters, digits, `_` and
    /// `-`.
    pub fn is_valid(&self) -> bool {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        let name = self.0.strip_prefix("mkt_").unwrap_or_default();
        (1..=60).contains(&name.len()) && name.bytes().all(allowed)
    }
}

/// A market's facts, copied into every quote so that a later change rewrites no sale.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Market {
    /// Its name.
    pub id: MarketId,
    /// Where it delivers: ISO 3166 alpha-2.
    pub countries: Vec<String>,
    /// The one currency of its prices.
    pub currency: Currency,
    /// The language of its pages: BCP 47.
    pub locale: String,
    /// Whether prices contain the tax.
    pub prices_include_tax: bool,
    /// The tax on goods, when there is one.
    pub tax: Option<TaxRule>,
}

impl Market {
    /// The taxes on a line whose price, all units together and discounts off, is `line_total`. Rounded here, once,
    /// on the total: never per unit. A tax that rounds to nothing is a line all the same: it says the rate.
    ///
    /// # Errors
    /// When the line is in another currency than the market.
    pub fn tax_lines(&self, line_total: Money) -> Result<Vec<TaxLine>, MoneyError> {
        if line_total.currency != self.currency {
            return Err(MoneyError::CurrencyMismatch);
        }
        let included = self.prices_include_tax;
        let line = |rule: &TaxRule| TaxLine {
            jurisdiction: rule.jurisdiction.clone(),
            rate: rule.rate,
            amount: if included { line_total.contained(rule.rate) } else { line_total.share(rule.rate) },
            included,
        };
        Ok(self.tax.iter().map(line).collect())
    }
}

/// A tax on goods.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TaxRule {
    /// Whose tax.
    pub jurisdiction: String,
    /// How much.
    pub rate: Rate,
}

/// One tax on one line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TaxLine {
    /// Whose tax.
    pub jurisdiction: String,
    /// At which rate.
    pub rate: Rate,
    /// How much.
    pub amount: Money,
    /// Whether the line's price contains it, or it comes on top.
    pub included: bool,
}

impl TaxLine {
    /// What this tax adds to the line's price: nothing when the price contains it.
    pub fn on_top(&self) -> Money {
        if self.included { Money::zero(self.amount.currency) } else { self.amount }
    }
}

/// A text in several languages, by locale.
pub type LocalizedText = std::collections::BTreeMap<String, String>;

#[cfg(test)]
mod tests {
    use super::*;

    fn market(rate: Option<u32>, prices_include_tax: bool) -> Market {
        Market {
            id: MarketId::main(),
            countries: vec!["DE".to_owned()],
            currency: Currency::EUR,
            locale: "de-DE".to_owned(),
            prices_include_tax,
            tax: rate.map(|rate| TaxRule { jurisdiction: "DE".to_owned(), rate: Rate(rate) }),
        }
    }

    #[test]
    fn tax_of_a_line() {
        // rate, included, line total -> tax, on top
        for (rate, included, total, tax, on_top) in [
            (1900, true, 11_900, 1_900, 0),
            (1900, true, 100, 16, 0),
            (1900, false, 10_000, 1_900, 1_900),
            // 2.5 and -2.5 go away from zero.
            (500, false, 50, 3, 3),
            (500, false, -50, -3, -3),
            (700, false, 1, 0, 0),
            (0, false, 999, 0, 0),
            (0, true, 999, 0, 0),
            (10_000, true, 3, 2, 0),
            (1900, true, 0, 0, 0),
        ] {
            let lines =
                market(Some(rate), included).tax_lines(Money::new(total, Currency::EUR)).expect("euro");
            assert_eq!(lines.len(), 1);
            assert_eq!(lines[0].amount, Money::new(tax, Currency::EUR), "{rate} of {total}");
            assert_eq!(lines[0].on_top(), Money::new(on_top, Currency::EUR), "{rate} on {total}");
        }
    }

    #[test]
    fn three_units_are_taxed_as_one_line() {
        // 3 × 0.33: per unit 0.06 each would be 0.18, on the line it is 0.19.
        let line = Money::new(33, Currency::EUR).times(3).expect("small");
        let lines = market(Some(1900), false).tax_lines(line).expect("euro");
        assert_eq!(lines[0].amount.minor, 19);
    }

    #[test]
    fn no_rule_no_tax_and_no_foreign_money() {
        assert_eq!(market(None, true).tax_lines(Money::new(5, Currency::EUR)), Ok(Vec::new()));
        assert_eq!(
            market(None, true).tax_lines(Money::new(5, Currency::BRL)),
            Err(MoneyError::CurrencyMismatch)
        );
    }

    #[test]
    fn names_of_markets() {
        for (name, ok) in [
            ("mkt_main", true),
            ("mkt_de-2_b", true),
            ("mkt_", false),
            ("main", false),
            ("mkt_Main", false),
            ("mkt_a b", false),
        ] {
            assert_eq!(MarketId(name.to_owned()).is_valid(), ok, "{name}");
        }
        assert!(MarketId::main().is_valid());
    }
}
