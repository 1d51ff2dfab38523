//! Values before they are typed, and where they came from.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// `config/default.toml`.
    Default,
    /// The command that runs: what it does by default otherwise than a server.
    Command,
    /// The file of `--config`.
    File {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// An environment variable, by its name.
    Env(String),
    /// A flag, as it is typed.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Command => f.write_str("default of this command"),
            Origin::File { path, line } => write!(f, "{} line {line}", path.display()),
            Origin::Env(name) => write!(f, "env {name}"),
            Origin::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A value as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    Text(String),
    /// As its digits: a share of money may be written like a fraction and must never become a float.
    Number(String),
    Boolean(bool),
    List(Vec<Value>),
    /// What no key takes, by its name.
    Other(&'static str),
}

impl Value {
    /// A text from the environment or a flag, which have no types of their own, in the shape of `like`. What
    /// does not fit stays a text, for the form to refuse.
    pub(super) fn shaped(text: &str, like: &Value) -> Value {
        let as_text = || Value::Text(text.to_owned());
        match like {
            Value::Number(_) if text.parse::<i64>().is_ok() => Value::Number(text.to_owned()),
            Value::Boolean(_) => text.parse().map_or_else(|_| as_text(), Value::Boolean),
            Value::List(_) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Value::List(parts.map(|part| Value::Text(part.to_owned())).collect())
            }
            _ => as_text(),
        }
    }

    /// The whole number it spells, if it does.
    pub(super) fn whole(&self) -> Option<i64> {
        match self {
            Value::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }
}

/// As TOML writes it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => write_quoted(f, text),
            Value::Number(digits) => f.write_str(digits),
            Value::Boolean(value) => write!(f, "{value}"),
            Value::List(values) => {
                f.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    fmt::Display::fmt(value, f)?;
                }
                f.write_str("]")
            }
            Value::Other(kind) => f.write_str(kind),
        }
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for char in text.chars() {
        match char {
            '"' | '\\' => write!(f, "\\{char}")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            _ if char.is_control() => write!(f, "\\u{:04x}", u32::from(char))?,
            _ => write!(f, "{char}")?,
        }
    }
    f.write_str("\"")
}
