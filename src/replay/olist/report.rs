//! What a replay came to: for people, for programs, and held against what was expected.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use souk_core::money::Money;

use super::CURRENCY;
use super::expected::{Expected, Sums};

/// A replay's result. Amounts are integers of minor units; those of [`Sums`] up to `vendor_payable_minor` are as
/// placed, and what was cancelled stands beside them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Counts and sums.
    #[serde(flatten)]
    pub sums: Sums,
    /// Offered orders that were answered, per second.
    pub orders_per_second: u64,
    /// Half of them were answered within this many microseconds.
    pub p50_us: u64,
    /// All but one in a hundred were.
    pub p99_us: u64,
    /// Why orders were refused, and how many for each reason.
    pub refusals: BTreeMap<String, u64>,
}

/// A number that is not what it must be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// Which.
    pub field: &'static str,
    /// What it must be.
    pub expected: i128,
    /// What it is.
    pub found: i128,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let off = self.found.saturating_sub(self.expected);
        write!(f, "{}: {} expected, {} found ({off:+})", self.field, self.expected, self.found)
    }
}

impl Report {
    /// Puts in how long the answers took: `waits_us`, one per offered order, in `elapsed_us` altogether.
    pub fn set_speed(&mut self, mut waits_us: Vec<u64>, elapsed_us: u64) {
        waits_us.sort_unstable();
        self.p50_us = percentile(&waits_us, 50);
        self.p99_us = percentile(&waits_us, 99);
        let answered = waits_us.len() as u128 * 1_000_000;
        self.orders_per_second = u64::try_from(answered / u128::from(elapsed_us.max(1))).unwrap_or(u64::MAX);
    }

    /// Why orders were refused although everything that they need is in stock; `None` when none was.
    pub fn refused_in_vain(&self, expected: &Expected) -> Option<String> {
        if expected.is_scarce() || self.sums.orders_refused == 0 {
            return None;
        }
        let reasons: Vec<String> =
            self.refusals.iter().map(|(reason, refused)| format!("{reason} ({refused})")).collect();
        let refused = self.sums.orders_refused;
        Some(format!("{refused} orders refused although everything is in stock: {}", reasons.join(", ")))
    }

    /// Everything that is not as it must be: numbers that are not the expected ones, and numbers that contradict each
    /// other. Empty when all is well.
    pub fn check_against(&self, expected: &Expected) -> Vec<Difference> {
        let found = &self.sums;
        let mut differences = Vec::new();
        let mut must = |field, expected: i128, found: i128| {
            if expected != found {
                differences.push(Difference { field, expected, found });
            }
        };
        for ((field, expected), (_, found)) in expected.sums.named().into_iter().zip(found.named()) {
            must(field, expected, found);
        }
        let count = i128::from;
        let offered = count(found.orders_placed) + count(found.orders_refused);
        must("orders_placed + orders_refused", count(found.orders_offered), offered);
        let by_way = count(found.orders_plain) + count(found.orders_assisted);
        must("orders_plain + orders_assisted", count(found.orders_placed), by_way);
        let reasons = self.refusals.values().copied().map(i128::from).sum();
        must("refusals of every reason", count(found.orders_refused), reasons);
        let charged = i128::from(found.goods_minor) + i128::from(found.freight_minor);
        must("goods_minor + freight_minor", found.charged_minor.into(), charged);
        let parts = i128::from(found.commission_minor) + i128::from(found.vendor_payable_minor);
        must("commission_minor + vendor_payable_minor", found.charged_minor.into(), parts);
        let parts =
            i128::from(found.commission_reversed_minor) + i128::from(found.vendor_payable_reversed_minor);
        must("commission_reversed_minor + vendor_payable_reversed_minor", found.refunded_minor.into(), parts);
        let most = count(expected.units_received);
        must("items, at most what was received", most.min(count(found.items)), count(found.items));
        differences
    }
}

/// The smallest wait that `per_cent` of all waits do not exceed; 0 of none.
fn percentile(sorted: &[u64], per_cent: usize) -> u64 {
    let rank = (sorted.len() * per_cent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

impl fmt::Display for Report {
    /// One line per number: what, how much, of which unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sums = &self.sums;
        let count = |count: u64| (grouped(&count.to_string()), "");
        let money = |minor: i64| {
            let text = Money::new(minor, CURRENCY).to_string();
            (grouped(text.split(' ').next().unwrap_or_default()), CURRENCY.code())
        };
        let micros = |micros: u64| (grouped(&micros.to_string()), "µs");
        let mut rows: Vec<(String, (String, &str))> = Vec::new();
        let mut row = |label: &str, value| rows.push((label.to_owned(), value));
        row("orders offered", count(sums.orders_offered));
        row("orders without items", count(sums.orders_without_items));
        row("orders placed", count(sums.orders_placed));
        row("  plain", count(sums.orders_plain));
        row("  assisted", count(sums.orders_assisted));
        row("  split between vendors", count(sums.orders_split));
        row("orders refused", count(sums.orders_refused));
        for (reason, refused) in &self.refusals {
            row(&format!("  {reason}"), count(*refused));
        }
        row("vendor orders", count(sums.vendor_orders));
        row("items", count(sums.items));
        row("goods", money(sums.goods_minor));
        row("freight", money(sums.freight_minor));
        row("charged", money(sums.charged_minor));
        row("commission", money(sums.commission_minor));
        row("vendor payable", money(sums.vendor_payable_minor));
        row("parcels shipped", count(sums.parcels_shipped));
        row("parcels delivered", count(sums.parcels_delivered));
        row("orders cancelled", count(sums.orders_cancelled));
        row("  refunded", money(sums.refunded_minor));
        row("  commission reversed", money(sums.commission_reversed_minor));
        row("  vendor payable reversed", money(sums.vendor_payable_reversed_minor));
        row("orders per second", count(self.orders_per_second));
        row("half answered within", micros(self.p50_us));
        row("99 % answered within", micros(self.p99_us));
        let width =
            |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
        let labels = width(&mut rows.iter().map(|(label, _)| label.as_str()));
        let values = width(&mut rows.iter().map(|(_, (value, _))| value.as_str()));
        for (label, (value, unit)) in &rows {
            let line = format!("{label:<labels$}  {value:>values$} {unit}");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A number with its thousands apart, whatever stands before and behind them.
fn grouped(number: &str) -> String {
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, rest) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut text = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}
