//! Names that can be shown and journalled, made of what the source has: categories and ids.

use souk_core::product::CODE_MAX;

/// How much of an id tells two things of one category apart for a person.
const SHORT_ID: usize = 8;
/// The name of the vendor that keeps what nobody ever sold.
pub(super) const KEEPER: &str = "Catalogue without vendor";
/// The code for "no category".
const NO_CATEGORY: &str = "uncategorised";

/// A product's title: `Garden chairs 0123abcd`.
pub(super) fn title(category: Option<&str>, id: &str) -> String {
    let between = |char: char| char == '_' || char.is_whitespace();
    let words: Vec<&str> =
        category.unwrap_or_default().split(between).filter(|word| !word.is_empty()).collect();
    let label = words.join(" ");
    let mut letters = label.chars();
    match letters.next() {
        Some(first) => format!("{}{} {}", first.to_uppercase(), letters.as_str(), short(id)),
        None => format!("Product {}", short(id)),
    }
}

/// A vendor's name.
pub(super) fn vendor(id: &str) -> String {
    format!("Vendor {}", short(id))
}

/// A category's code: lower-case letters, digits and `_`, as it may stand in a URL.
pub(super) fn category_code(category: Option<&str>) -> String {
    let mut code = String::new();
    for char in category.unwrap_or_default().chars() {
        let char = char.to_ascii_lowercase();
        if char.is_ascii_lowercase() || char.is_ascii_digit() {
            code.push(char);
        } else if !code.ends_with('_') {
            code.push('_');
        }
    }
    code.truncate(CODE_MAX);
    match code.trim_matches('_') {
        "" => NO_CATEGORY.to_owned(),
        code => code.to_owned(),
    }
}

fn short(id: &str) -> String {
    id.chars().take(SHORT_ID).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_and_codes_of_any_category() {
        for (category, title_of, code) in [
            (Some("garden_chairs"), "Garden chairs 0123abcd", "garden_chairs"),
            (Some("lamps_2"), "Lamps 2 0123abcd", "lamps_2"),
            (Some("  __Ação & Luz "), "Ação & Luz 0123abcd", "a_o_luz"),
            (Some("ß"), "SS 0123abcd", "uncategorised"),
            (Some("_"), "Product 0123abcd", "uncategorised"),
            (Some("_\u{a0}x\u{2003}"), "X 0123abcd", "x"),
            (Some(""), "Product 0123abcd", "uncategorised"),
            (None, "Product 0123abcd", "uncategorised"),
        ] {
            assert_eq!(title(category, "0123abcdef"), title_of);
            assert_eq!(category_code(category), code, "{category:?}");
        }
        assert_eq!(category_code(Some(&"a-".repeat(100))).len(), CODE_MAX - 1);
        assert_eq!(title(None, "äé"), "Product äé");
        assert_eq!(vendor("x"), "Vendor x");
    }
}
