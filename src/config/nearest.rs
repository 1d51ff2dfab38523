//! Which key somebody may have meant.

/// The known key nearest to the given one. `None` only when none is known.
pub(super) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known.into_iter().min_by_key(|key| distance(given, key))
}

/// Letters to change. A key in the wrong section, or without one, is nearer than any other spelling.
fn distance(given: &str, key: &str) -> usize {
    let leaf = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let belongs = key.strip_prefix(given).is_some_and(|rest| rest.starts_with('.'));
    if belongs || leaf(given) == leaf(key) { 1 } else { 1 + strsim::damerau_levenshtein(given, key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_mistakes() {
        let known =
            ["server.addr", "server.key_file", "market.currency", "market.tax_rate", "checkout.hold_ttl_ms"];
        for (given, meant) in [
            ("server.adr", "server.addr"),
            ("sever.addr", "server.addr"),
            ("addr", "server.addr"),
            ("checkout.currency", "market.currency"),
            ("checkout.hold_ttl", "checkout.hold_ttl_ms"),
            ("market.tax.rate", "market.tax_rate"),
            ("server", "server.addr"),
        ] {
            assert_eq!(nearest(given, known), Some(meant), "{given}");
        }
        assert_eq!(nearest("x", []), None);
    }
}
