//! `souk config show` and `souk config check`: what is set, where it was set, and what is wrong with it.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::json;

use crate::config::{Config, Loaded, Origin, Setting};

use super::output;
use super::settings::{Manner, SettingsArgument};

/// What to do with the settings.
#[derive(clap::Subcommand)]
pub(super) enum Action {
    /// Print every value of a server's settings with its origin, secrets masked
    Show(Arguments),
    /// Say whether the settings are good, or all that is wrong with them
    Check(Arguments),
}

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingsArgument,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(action: Action) -> anyhow::Result<ExitCode> {
    let (Action::Show(arguments) | Action::Check(arguments)) = &action;
    let loaded = Config::load(arguments.settings.sources(Manner::Server, Vec::new()))?;
    let text = match (&action, arguments.json) {
        (Action::Show(_), false) => show(&loaded),
        (Action::Show(_), true) => format!("{:#}\n", show_json(&loaded)),
        (Action::Check(_), false) => check(&loaded),
        (Action::Check(_), true) => format!("{}\n", check_json(&loaded)),
    };
    output::print(text)?;
    Ok(ExitCode::SUCCESS)
}

/// Every value with its origin. It is TOML, so that it can be used as a file, but for passwords.
fn show(loaded: &Loaded) -> String {
    let line = |setting: &Setting| format!("{} = {}", setting.key, setting.shown);
    // Origins stand in one column; a long list must not push them all off the screen.
    let width =
        loaded.settings().iter().map(|setting| line(setting).chars().count()).filter(|n| *n <= 60).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    let mut section = "";
    for setting in loaded.settings() {
        let this = setting.key.split('.').next().unwrap_or_default();
        if this != section && !text.is_empty() {
            text.push('\n');
        }
        section = this;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:width$}  # {}", line(setting), setting.origin);
    }
    text
}

/// The same for programs: an object per key.
fn show_json(loaded: &Loaded) -> serde_json::Value {
    let entry = |setting: &Setting| {
        (setting.key.to_owned(), json!({"value": setting.shown, "origin": setting.origin.to_string()}))
    };
    loaded.settings().iter().map(entry).collect::<serde_json::Map<_, _>>().into()
}

/// How many of the settings somebody gave.
fn given(loaded: &Loaded) -> usize {
    loaded.settings().iter().filter(|setting| setting.origin != Origin::Default).count()
}

/// One line, since all is well: faults end the command before.
fn check(loaded: &Loaded) -> String {
    let all = loaded.settings().len();
    format!("all {all} settings are good; {} given, the others by default\n", given(loaded))
}

fn check_json(loaded: &Loaded) -> serde_json::Value {
    json!({"good": true, "settings": loaded.settings().len(), "given": given(loaded)})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flag, Sources};

    fn sources(env: &[(&str, &str)]) -> Sources {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let flags = vec![Flag { flag: "--addr", key: "server.addr", value: "127.0.0.1:0".to_owned() }];
        Sources { env, flags, ..Sources::default() }
    }

    #[test]
    fn what_is_shown_is_a_file_with_origins_and_without_passwords() {
        let env =
            [("SOUK_DATABASE__URL", "postgres://souk:hunter2@db/souk"), ("SOUK_MARKET__COUNTRIES", "DE")];
        let loaded = Config::load(sources(&env)).unwrap();
        let text = show(&loaded);
        assert!(text.starts_with("server.addr = \"127.0.0.1:0\" "), "{text}");
        assert!(text.contains("# flag --addr\n") && text.contains("# env SOUK_DATABASE__URL\n"), "{text}");
        assert!(text.contains("postgres://souk:***@db/souk") && !text.contains("hunter2"), "{text}");
        assert!(text.contains("\n\nmarket.id = \"mkt_main\""), "{text}");
        assert!(!show_json(&loaded).to_string().contains("hunter2"));

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shown.toml");
        std::fs::write(&path, &text).unwrap();
        let again = Config::load(Sources { file: Some(path), ..Sources::default() }).unwrap();
        assert_eq!(again.config.market, loaded.config.market);
        assert_eq!(again.config.server, loaded.config.server);
    }

    #[test]
    fn a_check_says_how_many_were_given() {
        let loaded = Config::load(sources(&[])).unwrap();
        assert!(check(&loaded).contains("settings are good; 1 given"), "{}", check(&loaded));
        assert_eq!(check_json(&loaded)["given"], 1);
    }
}
