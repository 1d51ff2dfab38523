//! How text becomes words: the same for documents and questions.

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, PreTokenizedString, RemoveLongFilter, SimpleTokenizer, Stemmer,
    StopWordFilter, TextAnalyzer, Token, TokenizerManager,
};

use super::super::WORDS_MAX;

/// The name of [`plain`] in the schema.
pub(super) const PLAIN: &str = "souk_plain";
/// Longer words are not indexed: nobody types them.
const WORD_BYTES_MAX: usize = 60;

/// Languages of which forms of words are known, by the first part of a locale.
const LANGUAGES: &[(&str, Language)] = &[
    ("da", Language::Danish),
    ("de", Language::German),
    ("el", Language::Greek),
    ("en", Language::English),
    ("es", Language::Spanish),
    ("fi", Language::Finnish),
    ("fr", Language::French),
    ("hu", Language::Hungarian),
    ("it", Language::Italian),
    ("nl", Language::Dutch),
    ("nb", Language::Norwegian),
    ("no", Language::Norwegian),
    ("pt", Language::Portuguese),
    ("ro", Language::Romanian),
    ("ru", Language::Russian),
    ("sv", Language::Swedish),
    ("tr", Language::Turkish),
];

/// Lower case without accents, split where neither letters nor digits are.
fn plain() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(WORD_BYTES_MAX))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

pub(super) fn tokenizers() -> TokenizerManager {
    let tokenizers = TokenizerManager::default();
    tokenizers.register(PLAIN, plain());
    tokenizers
}

fn tokens(mut analyzer: TextAnalyzer, text: &str) -> Vec<Token> {
    let mut stream = analyzer.token_stream(text);
    let mut tokens = Vec::new();
    while stream.advance() {
        tokens.push(stream.token().clone());
    }
    tokens
}

/// The words of a question.
pub(super) fn words(text: &str) -> Vec<String> {
    tokens(plain(), text).into_iter().take(WORDS_MAX).map(|token| token.text).collect()
}

/// The stems of a text, each behind its language: `en:bowl`. Empty in a language whose forms are not known.
pub(super) fn stems(locale: &str, text: &str) -> PreTokenizedString {
    let tag = locale.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let mut stems = Vec::new();
    if let Some((tag, language)) = LANGUAGES.iter().find(|(known, _)| *known == tag) {
        // Accents matter to the rules of a language: they go afterwards, as they do in a question.
        let analyzer = TextAnalyzer::builder(SimpleTokenizer::default())
            .filter(RemoveLongFilter::limit(WORD_BYTES_MAX))
            .filter(LowerCaser)
            .filter(Stemmer::new(*language))
            .filter(AsciiFoldingFilter)
            .build();
        stems = tokens(analyzer, text);
        // The forms that a question without accents comes to.
        let folded = TextAnalyzer::builder(SimpleTokenizer::default())
            .filter(RemoveLongFilter::limit(WORD_BYTES_MAX))
            .filter(LowerCaser)
            .filter(AsciiFoldingFilter)
            .filter(Stemmer::new(*language))
            .build();
        stems.extend(tokens(folded, text));
        stems.iter_mut().for_each(|token| token.text = format!("{tag}:{}", token.text));
    }
    PreTokenizedString { text: String::new(), tokens: stems }
}

/// What a word of a question may be a form of, in every language.
pub(super) fn stems_of_word(word: &str) -> Vec<String> {
    let stem = |(tag, _): &(&str, Language)| stems(tag, word).tokens.into_iter().map(|token| token.text);
    let mut stems: Vec<String> = LANGUAGES.iter().flat_map(stem).collect();
    stems.sort();
    stems.dedup();
    stems
}

/// Whether a word says so little in some language (`the`, `für`) that a document need not have it.
pub(super) fn is_filler(word: &str) -> bool {
    LANGUAGES.iter().any(|(_, language)| {
        let Some(fillers) = StopWordFilter::new(*language) else { return false };
        let analyzer = TextAnalyzer::builder(SimpleTokenizer::default()).filter(fillers).build();
        tokens(analyzer, word).is_empty()
    })
}

/// How many typing errors a word may have. Digits are meant as they are.
pub(super) fn typos(word: &str) -> u8 {
    if word.bytes().any(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    match word.chars().count() {
        0..=4 => 0,
        5..=8 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_bounded() {
        assert_eq!(words("Blaue  Schüssel, 2-teilig!"), ["blaue", "schussel", "2", "teilig"]);
        assert_eq!(words(&"a ".repeat(50)).len(), WORDS_MAX);
        assert!(words(" … !").is_empty());
    }

    #[test]
    fn forms_of_a_word_share_a_stem() {
        let shared = |locale: &str, text: &str, word: &str| {
            let known = stems(locale, text).tokens;
            stems_of_word(word).iter().any(|stem| known.iter().any(|token| token.text == *stem))
        };
        assert!(shared("en-GB", "Two bowls", "bowl") && shared("en", "bowl", "bowls"));
        assert!(shared("de", "Schüsseln", "schussel"));
        assert!(!shared("en", "bowls", "vase"));
        assert!(stems("tlh", "Hov").tokens.is_empty());
    }

    #[test]
    fn short_words_and_numbers_are_meant_as_they_are() {
        for (word, allowed) in
            [("bowl", 0), ("bowls", 1), ("ceramics", 1), ("ceramical", 2), ("iso9001xx", 0)]
        {
            assert_eq!(typos(word), allowed, "{word}");
        }
        assert!(is_filler("the") && is_filler("und") && !is_filler("bowl"));
    }
}
