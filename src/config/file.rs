//! Reads TOML into keys and values with their lines.

use toml::de::{DeTable, DeValue};

use super::value::Value;

/// A section without keys: says nothing where the section is known, and is a typing mistake where it is not.
pub(super) const EMPTY_SECTION: Value = Value::Other("a section");

/// One key of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// With its section: `server.addr`.
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) line: usize,
}

/// A place that is not TOML.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) message: String,
}

/// What the text says, as far as it can be read, by line; and where it cannot.
pub(super) fn parse(text: &str) -> (Vec<Entry>, Vec<Mistake>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut entries = Vec::new();
    flatten("", table.get_ref(), text, &mut entries);
    entries.sort_by_key(|entry| entry.line);
    let mistakes = errors.iter().map(|error| Mistake {
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    });
    (entries, mistakes.collect())
}

fn flatten(above: &str, table: &DeTable<'_>, text: &str, into: &mut Vec<Entry>) {
    for (name, value) in table {
        let key =
            if above.is_empty() { name.get_ref().to_string() } else { format!("{above}.{}", name.get_ref()) };
        match value.get_ref() {
            DeValue::Table(table) if !table.is_empty() => flatten(&key, table, text, into),
            other => {
                let line = line_of(text, name.span().start);
                into.push(Entry { key, value: untyped(other), line });
            }
        }
    }
}

fn untyped(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Number(number.to_string()),
            Err(_) => Value::Other("a number of more than 64 bits"),
        },
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Array(values) => Value::List(values.iter().map(|value| untyped(value.get_ref())).collect()),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Table(_) => EMPTY_SECTION,
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_values_and_lines() {
        let text = "[server]\naddr = \"x\"\n\n[a]\nb.c = 0x1F\nd = [1, \"z\"]\ne = 10.50\nf = 1979-05-27\ng = true\n[empty]\n";
        let (entries, mistakes) = parse(text);
        assert!(mistakes.is_empty());
        let found: Vec<_> =
            entries.iter().map(|entry| (entry.line, entry.key.as_str(), entry.value.to_string())).collect();
        let expected = [
            (2, "server.addr", "\"x\""),
            (5, "a.b.c", "31"),
            (6, "a.d", "[1, \"z\"]"),
            (7, "a.e", "10.50"),
            (8, "a.f", "a date"),
            (9, "a.g", "true"),
            (10, "empty", "a section"),
        ];
        assert_eq!(found, expected.map(|(line, key, value)| (line, key, value.to_owned())));
    }

    #[test]
    fn all_mistakes_and_what_can_be_read() {
        let (entries, mistakes) = parse("[server]\naddr = \nbody_limit_bytes = 5\naddr2 = 'x\n[server]\n");
        assert!(mistakes.iter().any(|mistake| mistake.line == 2), "{mistakes:?}");
        assert!(mistakes.iter().any(|mistake| mistake.line == 4), "{mistakes:?}");
        assert!(entries.iter().any(|entry| entry.key == "server.body_limit_bytes"), "{entries:?}");
    }

    #[test]
    fn too_large_a_number_is_no_number() {
        let (entries, _) = parse("a = 99999999999999999999");
        assert_eq!(entries[0].value, Value::Other("a number of more than 64 bits"));
    }
}
