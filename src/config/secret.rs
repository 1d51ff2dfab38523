//! Values that must not be printed.

use std::fmt;

/// A text that may hold a password. Shown without it, however it is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(text: String) -> Self {
        Secret(text)
    }

    /// The text itself: for the one who needs it, never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A URL without what could open a door: the password, and everything behind `?`, since drivers take
/// passwords there too.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return without_query(url) };
    // The last @: one in a password should be escaped, and often is not.
    let Some((login, place)) = rest.rsplit_once('@') else { return without_query(url) };
    if login.contains('?') {
        // Either the password has a `?` or the query has an @; nobody can tell, so nothing is shown.
        return format!("{scheme}://***");
    }
    let place = without_query(place);
    match login.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:***@{place}"),
        None => format!("{scheme}://{login}@{place}"),
    }
}

fn without_query(text: &str) -> String {
    match text.split_once('?') {
        Some((before, _)) => format!("{before}?***"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked() {
        for (url, shown) in [
            ("postgres://shop:s3cr@t@db:5432/souk", "postgres://shop:***@db:5432/souk"),
            ("postgres://shop@db/souk?sslmode=require", "postgres://shop@db/souk?***"),
            ("postgres://db/souk?user=shop&password=pw", "postgres://db/souk?***"),
            ("postgres://shop:a?b@db/souk", "postgres://***"),
            ("postgres://db:5432/souk?password=a@b", "postgres://***"),
            ("sqlite:./data", "sqlite:./data"),
        ] {
            let secret = Secret::new(url.to_owned());
            assert_eq!(secret.to_string(), shown);
            assert_eq!(format!("{secret:?}"), shown);
            assert_eq!(secret.expose(), url);
        }
    }
}
