//! What a text must be to be written into a journal: said, short enough, and without control characters.

/// Whether this is one line of 1 to `max` characters that neither begins nor ends with white space.
pub(crate) fn is_line(text: &str, max: usize) -> bool {
    is_block(text, max) && !text.contains('\n')
}

/// The same of several lines.
pub(crate) fn is_block(text: &str, max: usize) -> bool {
    // Bytes first: a hostile megabyte is not counted character by character.
    let short = text.len() <= max.saturating_mul(4) && text.chars().count() <= max;
    let printable = || text.chars().all(|char| char == '\n' || !char.is_control());
    !text.is_empty() && short && text.trim().len() == text.len() && printable()
}

/// Whether this is 1 to `max` lower-case letters, digits, `_`, `-`, `.` and `/`: a code that can stand in a URL.
pub(crate) fn is_code(text: &str, max: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-./".contains(&byte);
    !text.is_empty() && text.len() <= max && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_blocks() {
        for (text, line, block) in [
            ("a", true, true),
            ("ação", true, true),
            ("abcde", false, false),
            ("", false, false),
            (" a", false, false),
            ("a\n", false, false),
            ("a\nb", false, true),
            ("a\tb", false, false),
            ("a\u{0}", false, false),
            ("a\u{7f}b", false, false),
        ] {
            assert_eq!(is_line(text, 4), line, "{text:?}");
            assert_eq!(is_block(text, 4), block, "{text:?}");
        }
    }

    #[test]
    fn codes() {
        for (text, ok) in
            [("health_beauty", true), ("a/b.c-1", true), ("A", false), ("é", false), ("", false)]
        {
            assert_eq!(is_code(text, 13), ok, "{text:?}");
        }
    }
}
