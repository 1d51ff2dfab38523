//! The forms that values take: what is accepted, and how it is described to whoever wrote something else.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use souk_core::market::MarketId;
use souk_core::money::{Currency, Rate};

use super::secret::Secret;
use super::sections::{LogFormat, Mode, Provider, SecondFactor};
use super::value::Value;

/// A length of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Millis(i64);

impl Millis {
    /// In milliseconds, for deadlines; never negative.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// For timers.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0.unsigned_abs())
    }
}

/// The typed value, or what was expected.
pub(super) type Read<T> = Result<T, String>;

pub(super) fn millis(min: i64, max: i64) -> impl Fn(&Value) -> Read<Millis> {
    move |value| {
        let within = value.whole().filter(|number| (min..=max).contains(number));
        within.map(Millis).ok_or_else(|| format!("milliseconds, a whole number from {min} to {max}"))
    }
}

pub(super) fn count(min: u32, max: u32) -> impl Fn(&Value) -> Read<u32> {
    move |value| {
        let number = value.whole().and_then(|number| u32::try_from(number).ok());
        let within = number.filter(|number| (min..=max).contains(number));
        within.ok_or_else(|| format!("a whole number from {min} to {max}"))
    }
}

pub(super) fn yes_or_no(value: &Value) -> Read<bool> {
    match value {
        Value::Boolean(value) => Ok(*value),
        _ => Err("true or false".to_owned()),
    }
}

pub(super) fn address(value: &Value) -> Read<SocketAddr> {
    parsed(value, |text| text.parse().ok())
        .ok_or_else(|| r#"an IP address and a port, like "127.0.0.1:8080" or "[::]:8080""#.to_owned())
}

/// Without the slash at its end, so that a path can be put behind it.
pub(super) fn public_url(value: &Value) -> Read<String> {
    parsed(value, web_address).ok_or_else(|| {
        r#"an absolute address without user, query or fragment, like "https://shop.example""#.to_owned()
    })
}

pub(super) fn optional_endpoint(value: &Value) -> Read<Option<String>> {
    // Spans are sent in plain text, to a collector beside the server; what leaves the machine is its business.
    let plain = |text: &str| web_address(text).filter(|_| text.starts_with("http://"));
    optional(value, plain).ok_or_else(|| {
        r#"an http:// address without user or query, like "http://localhost:4318", or "" for none"#.to_owned()
    })
}

pub(super) fn database_url(value: &Value) -> Read<Option<Secret>> {
    let accepted = |text: &str| {
        let directory = text.strip_prefix("sqlite:").is_some_and(|dir| !dir.is_empty());
        let server = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        let parses = || url::Url::parse(text).is_ok();
        (directory || (server && parses())).then(|| Secret::new(text.to_owned()))
    };
    optional(value, accepted).ok_or_else(|| {
        "\"postgres://USER:PASSWORD@HOST:PORT/DATABASE\" with special characters percent-encoded, \
         \"sqlite:DIRECTORY\", or \"\" for SQLite in the data directory"
            .to_owned()
    })
}

pub(super) fn login_url(value: &Value) -> Read<Option<Secret>> {
    let accepted = |text: &str| {
        let server = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        (server && url::Url::parse(text).is_ok()).then(|| Secret::new(text.to_owned()))
    };
    optional(value, accepted).ok_or_else(|| {
        "\"postgres://USER:PASSWORD@HOST:PORT/DATABASE\" with special characters percent-encoded, or \"\" for \
         database.url"
            .to_owned()
    })
}

pub(super) fn mode(value: &Value) -> Read<Mode> {
    parsed(value, |text| match text {
        "development" => Some(Mode::Development),
        "production" => Some(Mode::Production),
        _ => None,
    })
    .ok_or_else(|| "\"development\" or \"production\"".to_owned())
}

pub(super) fn path(value: &Value) -> Read<PathBuf> {
    parsed(value, |text| (!text.is_empty()).then(|| PathBuf::from(text)))
        .ok_or_else(|| r#"a path, like "./souk-data""#.to_owned())
}

pub(super) fn optional_path(value: &Value) -> Read<Option<PathBuf>> {
    optional(value, |text| Some(PathBuf::from(text)))
        .ok_or_else(|| r#"a path, or "" for the default"#.to_owned())
}

pub(super) fn market_id(value: &Value) -> Read<MarketId> {
    let id = |text: &str| Some(MarketId(text.to_owned())).filter(MarketId::is_valid);
    parsed(value, id)
        .ok_or_else(|| r#"mkt_ and 1 to 60 lower-case letters, digits, - and _, like "mkt_main""#.to_owned())
}

pub(super) fn countries(value: &Value) -> Read<Vec<String>> {
    let is_code = |text: &&str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let code = |value: &Value| parsed(value, |text| Some(text).filter(is_code).map(str::to_owned));
    let codes: Option<Vec<String>> = match value {
        Value::List(values) => values.iter().map(code).collect(),
        _ => None,
    };
    let known_once = |codes: &Vec<String>| {
        !codes.is_empty() && codes.iter().enumerate().all(|(at, code)| !codes[..at].contains(code))
    };
    codes.filter(known_once).ok_or_else(|| {
        r#"a list of country codes, two capital letters each, none twice, like ["AT", "DE"]"#.to_owned()
    })
}

pub(super) fn currency(value: &Value) -> Read<Currency> {
    parsed(value, |text| text.parse().ok())
        .ok_or_else(|| r#"three capital letters of ISO 4217, like "EUR""#.to_owned())
}

pub(super) fn locale(value: &Value) -> Read<String> {
    let accepted = |text: &str| {
        let mut parts = text.split('-');
        let language = parts.next().unwrap_or_default();
        let known =
            (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_lowercase());
        let part_ok = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        (known && text.len() <= 35 && parts.all(part_ok)).then(|| text.to_owned())
    };
    parsed(value, accepted).ok_or_else(|| r#"a language of BCP 47, like "en" or "de-AT""#.to_owned())
}

pub(super) fn percent(value: &Value) -> Read<Rate> {
    parsed(value, basis_points)
        .ok_or_else(|| r#"percent from 0 to 100 with at most two decimals, like "10.00""#.to_owned())
}

pub(super) fn optional_percent(value: &Value) -> Read<Option<Rate>> {
    optional(value, basis_points).ok_or_else(|| {
        r#"percent from 0 to 100 with at most two decimals, like "19.00", or "" for none"#.to_owned()
    })
}

pub(super) fn optional_jurisdiction(value: &Value) -> Read<Option<String>> {
    let accepted = |text: &str| {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (text.len() <= 16 && plain).then(|| text.to_owned())
    };
    optional(value, accepted)
        .ok_or_else(|| r#"up to 16 letters, digits and -, like "DE" or "US-CA", or "" for none"#.to_owned())
}

pub(super) fn provider(value: &Value) -> Read<Provider> {
    parsed(value, |text| (text == "test_bank").then_some(Provider::TestBank))
        .ok_or_else(|| r#""test_bank""#.to_owned())
}

pub(super) fn log_format(value: &Value) -> Read<LogFormat> {
    let format = |text: &str| match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    };
    parsed(value, format).ok_or_else(|| r#""text" or "json""#.to_owned())
}

pub(super) fn second_factor(value: &Value) -> Read<SecondFactor> {
    let policy = |text: &str| match text {
        "off" => Some(SecondFactor::Off),
        "owners" => Some(SecondFactor::Owners),
        _ => None,
    };
    parsed(value, policy).ok_or_else(|| r#""off" or "owners""#.to_owned())
}

pub(super) fn log_filter(value: &Value) -> Read<String> {
    parsed(value, |text| is_log_filter(text).then(|| text.to_owned())).ok_or_else(|| {
        r#"error, warn, info, debug, trace or off, and exceptions behind commas, like "info,souk::journal=debug""#
            .to_owned()
    })
}

/// The filter itself takes any single word for the name of a module, so that `inof` would silence everything.
fn is_log_filter(text: &str) -> bool {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let is_level = |part: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(part));
    let words_are_levels =
        text.split(',').all(|part| part.contains(['=', '[', ']', '{', '}']) || is_level(part));
    words_are_levels && tracing_subscriber::EnvFilter::try_new(text).is_ok()
}

fn web_address(text: &str) -> Option<String> {
    // The parser mends white space and missing slashes; what had to be mended was not meant.
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    if host.starts_with(['/', '\\']) || text.contains(|char: char| char.is_whitespace() || char.is_control())
    {
        return None;
    }
    let url = url::Url::parse(text).ok()?;
    let anonymous = url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none();
    (anonymous && bare && url.has_host()).then(|| text.trim_end_matches('/').to_owned())
}

/// Digit by digit: a commission is money, and money never passes through a float.
fn basis_points(text: &str) -> Option<Rate> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, max: usize| {
        (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 3) || !digits(decimals, 2) {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let hundredths: u32 = decimals.parse().ok()?;
    let hundredths = if decimals.len() == 1 { hundredths * 10 } else { hundredths };
    let rate = Rate(whole * 100 + hundredths);
    (rate <= Rate::ONE).then_some(rate)
}

/// Numbers are let through as they are written: `commission = 10.00` means what it says.
fn parsed<T>(value: &Value, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    match value {
        Value::Text(text) | Value::Number(text) => read(text),
        _ => None,
    }
}

fn optional<T>(value: &Value, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    parsed(value, |text| if text.is_empty() { Some(None) } else { read(text).map(Some) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn percent_is_exact() {
        for (given, rate) in [
            ("10.00", Some(1_000)),
            ("10", Some(1_000)),
            ("10.5", Some(1_050)),
            ("0.07", Some(7)),
            ("0", Some(0)),
            ("100.00", Some(10_000)),
            ("100.01", None),
            ("1000", None),
            ("10.001", None),
            ("-1", None),
            ("+1", None),
            (".5", None),
            ("5.", None),
            ("1e1", None),
            ("10 %", None),
            ("", None),
        ] {
            assert_eq!(percent(&text(given)).ok(), rate.map(Rate), "{given:?}");
        }
        assert_eq!(percent(&Value::Number("12.50".to_owned())), Ok(Rate(1_250)));
        assert_eq!(optional_percent(&text("")), Ok(None));
    }

    #[test]
    fn public_addresses() {
        for (given, read) in [
            ("http://localhost:8080", Some("http://localhost:8080")),
            ("https://shop.example/", Some("https://shop.example")),
            ("https://example.com/shop/", Some("https://example.com/shop")),
            ("https://Shop.Example", Some("https://Shop.Example")),
            ("localhost:8080", None),
            ("/shop", None),
            ("ftp://shop.example", None),
            ("https://a:b@shop.example", None),
            ("https://shop.example/?x=1", None),
            ("https://shop.example/#x", None),
            (" https://shop.example", None),
            ("https:shop.example", None),
            ("https:///shop.example", None),
            ("https://shop.example:443", Some("https://shop.example:443")),
            ("https://", None),
            ("", None),
        ] {
            assert_eq!(public_url(&text(given)).ok().as_deref(), read, "{given:?}");
        }
    }

    #[test]
    fn database_addresses() {
        for (given, ok) in [
            ("", true),
            ("sqlite:./data", true),
            ("sqlite:", false),
            ("postgres://souk:pw@db:5432/souk", true),
            ("postgresql://db/souk", true),
            ("postgres://db:notaport/souk", false),
            ("mysql://db/souk", false),
            ("./data", false),
        ] {
            assert_eq!(database_url(&text(given)).is_ok(), ok, "{given:?}");
        }
    }

    #[test]
    fn log_filters() {
        for (given, ok) in [
            ("info", true),
            ("INFO", true),
            ("off", true),
            ("warn,souk::journal=debug,sqlx=off", true),
            ("info,souk[order{id=1}]=trace", true),
            ("inof", false),
            ("info,souk", false),
            ("souk=loud", false),
            ("", false),
        ] {
            assert_eq!(log_filter(&text(given)).is_ok(), ok, "{given:?}");
        }
    }

    #[test]
    fn codes() {
        let list = |codes: &[&str]| Value::List(codes.iter().map(|code| text(code)).collect());
        assert!(countries(&list(&["DE", "AT"])).is_ok());
        for wrong in [list(&[]), list(&["de"]), list(&["DEU"]), list(&["DE", "DE"]), text("DE")] {
            assert!(countries(&wrong).is_err(), "{wrong}");
        }
        for (given, ok) in [
            ("en", true),
            ("de-AT", true),
            ("zh-Hant-TW", true),
            ("EN", false),
            ("e", false),
            ("de_AT", false),
            ("de-", false),
        ] {
            assert_eq!(locale(&text(given)).is_ok(), ok, "{given:?}");
        }
        assert!(currency(&text("EUR")).is_ok() && currency(&text("eur")).is_err());
        assert!(market_id(&text("mkt_main")).is_ok() && market_id(&text("main")).is_err());
    }

    #[test]
    fn numbers_have_bounds() {
        let number = |digits: &str| Value::Number(digits.to_owned());
        assert_eq!(count(1, 8)(&number("8")), Ok(8));
        assert!(count(1, 8)(&number("0")).is_err());
        assert!(count(0, 8)(&number("-1")).is_err());
        assert!(count(0, 8)(&number("1.5")).is_err());
        assert!(count(0, 8)(&text("8")).is_err());
        let length = millis(10, 20)(&number("15")).unwrap();
        assert_eq!((length.get(), length.duration()), (15, Duration::from_millis(15)));
        assert!(millis(10, 20)(&number("21")).is_err());
    }
}
