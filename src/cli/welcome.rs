//! What `souk demo` prints when everything is there: where to look, what to look with, what to try.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::demo::Opened;
use crate::tenants::Role;
use crate::tenants::keys::KeyText;

/// A key to look around with.
pub(super) struct Key {
    /// Whose it is, for people.
    pub(super) whose: String,
    /// `None` when it was revoked.
    pub(super) text: Option<KeyText>,
    pub(super) role: Role,
}

/// The whole block.
pub(super) struct Welcome<'a> {
    pub(super) opened: &'a Opened,
    pub(super) keys: &'a [Key],
    /// What links begin with, without a slash at the end.
    pub(super) url: &'a str,
    pub(super) data_dir: &'a Path,
    pub(super) took: Duration,
    pub(super) is_terminal: bool,
}

impl Welcome<'_> {
    fn bold(&self, text: &str) -> String {
        if self.is_terminal { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn dim(&self, text: &str) -> String {
        if self.is_terminal { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (data, took) = (self.data_dir.display(), self.took.as_secs_f64());
        match self.opened {
            Opened::Demo { seed, is_new, counts: [vendors, products, orders], .. } => {
                let found = format!("{vendors} vendors, {products} products, {orders} orders");
                writeln!(f, "\n  {}  {}", self.bold("souk"), self.dim("the demo market"))?;
                if *is_new {
                    writeln!(f, "  {found}; founded in {took:.1} s")?;
                } else {
                    // What has become of it since is the operator's to list.
                    writeln!(f, "  opened again in {took:.1} s; founded with {found}")?;
                }
                writeln!(f, "  {}\n", self.dim(&format!("seed {seed}, data in {data}")))
            }
            Opened::Another => {
                writeln!(f, "\n  {}  {}", self.bold("souk"), self.dim("opened"))?;
                writeln!(f, "  {data} holds a market of its own: nothing was founded in it.")?;
                writeln!(f, "  For the demo market, name another directory with --data.\n")
            }
        }
    }

    fn keys(&self, f: &mut fmt::Formatter<'_>, program: &str) -> fmt::Result {
        writeln!(f, "  {}", self.bold("Keys"))?;
        let data = shell(&self.data_dir.display().to_string());
        for key in self.keys {
            let (label, make) = match key.role {
                Role::Operator => ("operator", "--role operator".to_owned()),
                Role::Vendor(vendor) => ("vendor", format!("--role vendor --vendor {vendor}")),
            };
            match &key.text {
                Some(text) => writeln!(f, "    {label:<11}{}", text.expose())?,
                None => writeln!(f, "    {label:<11}revoked; {program} keys create {make} --data {data}")?,
            }
            if matches!(key.role, Role::Vendor(_)) {
                writeln!(f, "    {:<11}{}", "", self.dim(&format!("of {}", key.whose)))?;
            }
        }
        if self.keys.is_empty() {
            writeln!(f, "    {program} keys create --role operator --data {data}")?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Welcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url;
        let program = program();
        self.head(f)?;
        writeln!(f, "  {}", self.bold("Open"))?;
        for (label, path) in [
            ("products", "/v1/store/products"),
            ("search", "/v1/store/search?q=seramic+bwol"),
            ("ready?", "/readyz"),
            ("metrics", "/metrics"),
        ] {
            writeln!(f, "    {label:<11}{url}{path}")?;
        }
        writeln!(f)?;
        self.keys(f, &program)?;
        writeln!(f, "  {}", self.bold("Pay with"))?;
        writeln!(
            f,
            "    card_success    {}",
            self.dim("or card_3ds, which asks first, or card_declined, which says no")
        )?;
        writeln!(f, "\n  {}", self.bold("Try"))?;
        writeln!(f, "    curl -s '{url}/v1/store/search?q=seramic+bwol&in_stock=true&limit=3'")?;
        writeln!(f, "    curl -s -X POST {url}/v1/store/carts")?;
        let operator = self.keys.iter().find(|key| key.role == Role::Operator);
        let bearer = operator.and_then(|key| key.text.as_ref()).map_or("KEY", KeyText::expose);
        writeln!(f, "    curl -s {url}/v1/operator/actors -H 'Authorization: Bearer {bearer}'")?;
        let data = shell(&self.data_dir.display().to_string());
        writeln!(f, "\n  {}      {program} verify --data {data}", self.bold("Check"))?;
        writeln!(f, "  {}       Ctrl-C; the same command opens it again\n", self.bold("Stop"))
    }
}

/// How this program was called, so that what is printed can be pasted.
fn program() -> String {
    std::env::args().next().map_or_else(|| "souk".to_owned(), |name| shell(&name))
}

/// As a shell reads it.
fn shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_pasted() {
        for (text, pasted) in
            [("./souk-data", "./souk-data"), ("my data", "'my data'"), ("it's", "'it'\\''s'"), ("", "''")]
        {
            assert_eq!(shell(text), pasted);
        }
    }
}
