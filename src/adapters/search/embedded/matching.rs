//! A question as the index understands it.
//!
//! A document's rank is a sum over the words of how well each is met, and half a point for stock. It depends on the
//! document and the question alone, not on what else is in the index, how often a word occurs or how the index lies
//! on disk: a rebuilt index gives the same order, and a place between two pages stays where it is.

use std::ops::Bound;

use tantivy::Term;
use tantivy::query::{
    BooleanQuery, ConstScoreQuery, DisjunctionMaxQuery, FuzzyTermQuery, Occur, Query as IndexQuery,
    RangeQuery, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use super::super::Query;
use super::fields::Fields;
use super::words;

/// What a word is worth where it is found; halves and whole numbers, so that sums are exact.
mod worth {
    pub(super) const TITLE: f32 = 10.0;
    pub(super) const TITLE_FORM: f32 = 9.0;
    pub(super) const TITLE_BEGINNING: f32 = 8.0;
    pub(super) const TITLE_TYPO: f32 = 6.0;
    pub(super) const TITLE_TWO_TYPOS: f32 = 5.0;
    pub(super) const LABEL: f32 = 5.0;
    pub(super) const LABEL_BEGINNING: f32 = 4.0;
    pub(super) const LABEL_TYPO: f32 = 3.0;
    pub(super) const ABOUT: f32 = 3.0;
    pub(super) const ABOUT_FORM: f32 = 2.5;
    pub(super) const ABOUT_BEGINNING: f32 = 2.0;
    pub(super) const ABOUT_TYPO: f32 = 1.0;
    pub(super) const RESEMBLING: f32 = 2.0;
    pub(super) const IN_STOCK: f32 = 0.5;
}

/// Shorter words that were left out resemble too much.
const RESEMBLING_FROM: usize = 3;

/// One word of a question.
pub(super) struct Word {
    text: String,
    /// It may be the beginning of one that is still being typed.
    is_last: bool,
    /// A document need not have it.
    pub(super) is_filler: bool,
}

/// The words of a question, ready to be looked for.
pub(super) fn words_of(query: &Query) -> Vec<Word> {
    let words = words::words(&query.text);
    let count = words.len();
    let word = |(at, text): (usize, String)| Word {
        is_last: at + 1 == count,
        is_filler: words::is_filler(&text),
        text,
    };
    let mut words: Vec<Word> = words.into_iter().enumerate().map(word).collect();
    // Somebody who types nothing else means it.
    if words.iter().all(|word| word.is_filler) {
        words.iter_mut().for_each(|word| word.is_filler = false);
    }
    words
}

impl Fields {
    /// What must be met: the filters, and of the words those whose bit is set.
    pub(super) fn matching(&self, query: &Query, words: &[Word], kept: u16) -> BooleanQuery {
        let mut clauses = vec![
            (Occur::Must, only(self.term(Term::from_field_bool(self.shown, true)))),
            (Occur::Should, worth(self.term(Term::from_field_bool(self.in_stock, true)), worth::IN_STOCK)),
        ];
        let filter = &query.filter;
        let mut must = |clause: Box<dyn IndexQuery>| clauses.push((Occur::Must, only(clause)));
        if let Some(category) = &filter.category {
            must(self.term(Term::from_field_text(self.category, category)));
        }
        if let Some(vendor) = filter.vendor {
            must(self.term(Term::from_field_text(self.vendor, &vendor.to_string())));
        }
        if let Some(in_stock) = filter.in_stock {
            must(self.term(Term::from_field_bool(self.in_stock, in_stock)));
        }
        if filter.price_min.is_some() || filter.price_max.is_some() {
            let bound = |minor: Option<i64>| match minor {
                Some(minor) => Bound::Included(Term::from_field_i64(self.price, minor)),
                None => Bound::Unbounded,
            };
            must(Box::new(RangeQuery::new(bound(filter.price_min), bound(filter.price_max))));
        }
        for (at, word) in words.iter().enumerate() {
            if kept & (1 << at) != 0 {
                let occur = if word.is_filler { Occur::Should } else { Occur::Must };
                clauses.push((occur, self.word(word)));
            } else if word.text.chars().count() >= RESEMBLING_FROM {
                // Left out, since nothing has it; what resembles it comes first all the same.
                let typos = (words::typos(&word.text) + 1).min(2);
                clauses.push((Occur::Should, worth(fuzzy(self.title, word, typos), worth::RESEMBLING)));
            }
        }
        BooleanQuery::new(clauses)
    }

    /// Whether a document has this word at all.
    pub(super) fn having(&self, word: &Word) -> BooleanQuery {
        let shown = only(self.term(Term::from_field_bool(self.shown, true)));
        BooleanQuery::new(vec![(Occur::Must, shown), (Occur::Must, only(self.word(word)))])
    }

    /// The best of all the ways in which a document can have a word.
    fn word(&self, word: &Word) -> Box<dyn IndexQuery> {
        let mut ways: Vec<Box<dyn IndexQuery>> = Vec::new();
        let stems = words::stems_of_word(&word.text);
        for (field, exact) in
            [(self.title, worth::TITLE), (self.labels, worth::LABEL), (self.about, worth::ABOUT)]
        {
            ways.push(worth(self.term(Term::from_field_text(field, &word.text)), exact));
        }
        for (field, form) in [(self.title_stems, worth::TITLE_FORM), (self.about_stems, worth::ABOUT_FORM)] {
            let terms: Vec<Term> = stems.iter().map(|stem| Term::from_field_text(field, stem)).collect();
            ways.push(worth(Box::new(TermSetQuery::new(terms)), form));
        }
        if word.is_last {
            for (field, beginning) in [
                (self.title, worth::TITLE_BEGINNING),
                (self.labels, worth::LABEL_BEGINNING),
                (self.about, worth::ABOUT_BEGINNING),
            ] {
                ways.push(worth(fuzzy(field, word, 0), beginning));
            }
        }
        let typos = words::typos(&word.text);
        if typos >= 1 {
            ways.push(worth(fuzzy(self.title, word, 1), worth::TITLE_TYPO));
            ways.push(worth(fuzzy(self.labels, word, typos), worth::LABEL_TYPO));
            ways.push(worth(fuzzy(self.about, word, typos), worth::ABOUT_TYPO));
        }
        if typos >= 2 {
            ways.push(worth(fuzzy(self.title, word, 2), worth::TITLE_TWO_TYPOS));
        }
        Box::new(DisjunctionMaxQuery::new(ways))
    }

    fn term(&self, term: Term) -> Box<dyn IndexQuery> {
        Box::new(TermQuery::new(term, IndexRecordOption::Basic))
    }
}

/// Two letters in each other's place are one typing error.
fn fuzzy(field: Field, word: &Word, typos: u8) -> Box<dyn IndexQuery> {
    let term = Term::from_field_text(field, &word.text);
    Box::new(if word.is_last {
        FuzzyTermQuery::new_prefix(term, typos, true)
    } else {
        FuzzyTermQuery::new(term, typos, true)
    })
}

fn worth(query: Box<dyn IndexQuery>, points: f32) -> Box<dyn IndexQuery> {
    Box::new(ConstScoreQuery::new(query, points))
}

/// It must hold and is worth nothing.
fn only(query: Box<dyn IndexQuery>) -> Box<dyn IndexQuery> {
    worth(query, 0.0)
}
