//! A Postgres shop's tables, copied by Postgres' own program.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, anyhow, bail};
use tokio::process::Command;
use url::Url;

use crate::journal::backup::KEPT;

/// The file that `pg_restore` reads.
const DUMP_FILE: &str = "souk.dump";

/// Runs `pg_dump`. It copies everything as it was at one moment, so here no order matters.
pub(super) async fn dump(url: &str, into: &Path) -> anyhow::Result<()> {
    // Neither the address nor its password is repeated in an error.
    let mut address =
        Url::parse(url).map_err(|error| anyhow!("the database's address is no URL: {error}"))?;
    let password = address.password().map(percent_decoded);
    // What other users of this machine see of a process are its arguments, not its environment.
    let _ = address.set_password(None);
    let schemas = KEPT.map(|set| format!("--schema={}", set.name()));
    let mut command = Command::new("pg_dump");
    command
        // Rights are given anew at every start, to the logins that there are then.
        .args(["--format=custom", "--no-password", "--no-owner", "--no-privileges"])
        // The policies bind the owner of the tables, too, and to this scope they show every row of those that are kept.
        .arg("--enable-row-security")
        .env("PGOPTIONS", "-c souk.scope=vault")
        .args(&schemas)
        .arg("--file")
        .arg(into.join(DUMP_FILE))
        .arg("--dbname")
        .arg(address.as_str())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Some(password) = password {
        command.env("PGPASSWORD", password?);
    }
    let output = match command.output().await {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "pg_dump is not installed here: install the Postgres client programs of the server's version or newer, \
             or run where they are: PGOPTIONS='-c souk.scope=vault' pg_dump \
             --format=custom --no-owner --no-privileges --enable-row-security {} --file {DUMP_FILE} {address}",
            schemas.join(" ")
        ),
        output => output.context("cannot start pg_dump")?,
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("pg_dump refused ({}): {}", output.status, said.trim());
    }
    Ok(())
}

/// A password may hold any character, and in a URL most are written as `%` and two digits.
fn percent_decoded(text: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (first, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| anyhow!("the database's password is no UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_read_as_they_were_meant() {
        for (written, meant) in
            [("plain", "plain"), ("a%40b%2Fc", "a@b/c"), ("100%", "100%"), ("%zz", "%zz"), ("%C3%A9", "é")]
        {
            assert_eq!(percent_decoded(written).unwrap(), meant);
        }
        assert!(percent_decoded("%ff").is_err());
    }
}
