//! Places in what was found: a page begins behind the last document of the one before.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use souk_core::ids::ProductId;

use super::{Filter, Query};

/// A place behind a document: its rank and its id. Which documents match and how they rank depends on them and the
/// question alone, so a place stays good while the index changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Which of the words were looked for, a bit each: the first page may have left some out.
    pub(super) words: u16,
    /// Lower is better.
    pub(super) rank: u32,
    /// Which document.
    pub(super) id: ProductId,
    /// Of which question.
    question: u32,
}

/// Not a place that was told with this question.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the cursor is not one that this very question was answered with")]
pub struct InvalidPlace;

impl Place {
    pub(super) fn behind(query: &Query, words: u16, rank: u32, id: ProductId) -> Self {
        Place { words, rank, id, question: question(query) }
    }

    /// Reads the text of a place that was told with this question.
    ///
    /// # Errors
    /// When it is none, or one of another question.
    pub fn parse(text: &str, query: &Query) -> Result<Self, InvalidPlace> {
        let place: Place = text.parse()?;
        if place.question == question(query) { Ok(place) } else { Err(InvalidPlace) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}{:08x}{:08x}{:032x}", self.words, self.rank, self.question, self.id.0)
    }
}

impl FromStr for Place {
    type Err = InvalidPlace;
    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let hex = text.len() == 52 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !hex {
            return Err(InvalidPlace);
        }
        let number = |from: usize, to: usize| u32::from_str_radix(&text[from..to], 16);
        Ok(Place {
            words: number(0, 4).map_err(|_| InvalidPlace)? as u16,
            rank: number(4, 12).map_err(|_| InvalidPlace)?,
            question: number(12, 20).map_err(|_| InvalidPlace)?,
            id: ProductId(u128::from_str_radix(&text[20..], 16).map_err(|_| InvalidPlace)?),
        })
    }
}

/// Tells questions apart, so that a page of one is not continued with another.
fn question(query: &Query) -> u32 {
    let Filter { category, vendor, price_min, price_max, in_stock } = &query.filter;
    let vendor = vendor.map(|vendor| vendor.0);
    let whole = format!("{:?}", (&query.text, category, vendor, price_min, price_max, in_stock));
    Sha256::digest(whole).iter().take(4).fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_of_one_question() {
        let query = Query { text: "bowl".to_owned(), ..Query::default() };
        let place = Place::behind(&query, 3, 7, ProductId(u128::MAX - 1));
        assert_eq!(Place::parse(&place.to_string(), &query), Ok(place));
        let other = Query { text: "bowls".to_owned(), ..Query::default() };
        assert_eq!(Place::parse(&place.to_string(), &other), Err(InvalidPlace));
        let filtered =
            Query { filter: Filter { in_stock: Some(true), ..Filter::default() }, ..query.clone() };
        assert_eq!(Place::parse(&place.to_string(), &filtered), Err(InvalidPlace));
        for bad in ["", "x", &place.to_string()[1..], &place.to_string().to_uppercase(), &"é".repeat(26)] {
            assert_eq!(Place::parse(bad, &query), Err(InvalidPlace), "{bad}");
        }
    }
}
