//! Lays the layers over one another and reads the result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::fault::{ConfigErrors, Fault};
use super::file;
use super::form::Read;
use super::nearest::nearest;
use super::secret::without_password;
use super::sections::{self, SECRET};
use super::value::{Origin, Value};
use super::{Config, rules};

pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");

/// What the names of all environment variables begin with.
const ENV_PREFIX: &str = "SOUK_";

/// Where settings come from, besides the defaults.
#[derive(Clone, Default, Debug)]
pub struct Sources {
    /// The file of `--config`.
    pub file: Option<PathBuf>,
    /// Environment variables; those that are not souk's are passed over.
    pub env: Vec<(String, String)>,
    /// Flags of the command line that stand for a key.
    pub flags: Vec<Flag>,
    /// What a command does by default otherwise than a server: above the defaults, below everything that somebody
    /// gave.
    pub presets: Vec<Preset>,
}

/// A default of one command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preset {
    /// The key: `telemetry.log`.
    pub key: &'static str,
    /// What it is for this command.
    pub value: String,
}

/// A flag of the command line that stands for a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flag {
    /// As it is typed: `--addr`.
    pub flag: &'static str,
    /// The key it stands for: `server.addr`.
    pub key: &'static str,
    /// What was given.
    pub value: String,
}

impl Sources {
    /// This process's environment, with a file and flags.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let env = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        let env = env.filter(|(name, _)| name.starts_with(ENV_PREFIX)).collect();
        Sources { file, env, flags, presets: Vec::new() }
    }
}

/// Settings that are good, each with its origin.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Typed.
    pub config: Config,
    settings: Vec<Setting>,
}

/// One value as it may be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// With its section: `server.addr`.
    pub key: &'static str,
    /// As TOML writes it, passwords masked.
    pub shown: String,
    /// Where it came from.
    pub origin: Origin,
}

impl Loaded {
    /// Every setting, section by section.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Where a value came from; `None` for a key that there is not.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.settings.iter().find(|setting| setting.key == key).map(|setting| &setting.origin)
    }
}

pub(super) fn load(sources: Sources) -> Result<Loaded, ConfigErrors> {
    let mut layers = Layers::default();
    layers.defaults();
    for Preset { key, value } in sources.presets {
        layers.lay_text(key, &value, Origin::Command);
    }
    if let Some(path) = &sources.file {
        layers.file(path);
    }
    layers.env(sources.env);
    layers.flags(sources.flags);

    let Layers { values, faults, .. } = layers;
    let mut reader = Reader { values: &values, faults };
    let config = read(&mut reader);
    let mut faults = reader.faults;
    rules::check(&values, &mut faults);
    let settings = values.iter().map(|(key, (value, origin))| (*key, value, origin.clone()));
    let mut settings: Vec<Setting> =
        settings.map(|(key, value, origin)| Setting { key, shown: shown(key, value), origin }).collect();
    settings.sort_by_key(|setting| sections::keys().position(|key| key == setting.key));
    match config {
        Some(config) if faults.is_empty() => Ok(Loaded { config, settings }),
        _ => Err(ConfigErrors::new(faults)),
    }
}

fn read(reader: &mut Reader<'_>) -> Option<Config> {
    let server = sections::Server::read(reader);
    let database = sections::Database::read(reader);
    let engine = sections::Engine::read(reader);
    let checkout = sections::Checkout::read(reader);
    let market = sections::Market::read(reader);
    let payments = sections::Payments::read(reader);
    let vault = sections::Vault::read(reader);
    let telemetry = sections::Telemetry::read(reader);
    let sign_ins = sections::SignIns::read(reader);
    let limits = sections::Limits::read(reader);
    Some(Config {
        server: server?,
        database: database?,
        engine: engine?,
        checkout: checkout?,
        market: market?,
        payments: payments?,
        vault: vault?,
        telemetry: telemetry?,
        sign_ins: sign_ins?,
        limits: limits?,
    })
}

/// The value that won, and where it came from, by key.
pub(super) type Values = BTreeMap<&'static str, (Value, Origin)>;

#[derive(Default)]
struct Layers {
    defaults: Values,
    values: Values,
    faults: Vec<Fault>,
}

impl Layers {
    fn defaults(&mut self) {
        let (entries, _) = file::parse(DEFAULTS);
        for entry in entries {
            self.lay(&entry.key, entry.value, Origin::Default);
        }
        self.defaults.clone_from(&self.values);
    }

    fn file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(source) => return self.faults.push(Fault::Unreadable { path: path.to_owned(), source }),
        };
        let (entries, mistakes) = file::parse(&text);
        for mistake in mistakes {
            let (line, message) = (mistake.line, mistake.message);
            self.faults.push(Fault::Syntax { path: path.to_owned(), line, message });
        }
        for entry in entries {
            if entry.value == file::EMPTY_SECTION && is_section(&entry.key) {
                continue;
            }
            self.lay(&entry.key, entry.value, Origin::File { path: path.to_owned(), line: entry.line });
        }
    }

    fn env(&mut self, mut env: Vec<(String, String)>) {
        env.sort();
        for (name, value) in env {
            if !name.starts_with(ENV_PREFIX) {
                continue;
            }
            match sections::keys().find(|key| env_name(key) == name) {
                Some(key) => self.lay_text(key, &value, Origin::Env(name)),
                None if meant_as_setting(&name) => {
                    let given = name[ENV_PREFIX.len()..].to_lowercase().replacen("__", ".", 1);
                    let nearest = nearest(&given, sections::keys()).map(env_name).unwrap_or_default();
                    let origin = Origin::Env(name.clone());
                    self.faults.push(Fault::UnknownKey { origin, given: name, nearest });
                }
                // Variables of the tests and tools.
                None => {}
            }
        }
    }

    fn flags(&mut self, flags: Vec<Flag>) {
        for Flag { flag, key, value } in flags {
            self.lay_text(key, &value, Origin::Flag(flag.to_owned()));
        }
    }

    /// A text without a type takes that of the key's default; the file's value may be wrong.
    fn lay_text(&mut self, key: &str, text: &str, origin: Origin) {
        let shaped = match self.defaults.get(key) {
            Some((default, _)) => Value::shaped(text, default),
            None => Value::Text(text.to_owned()),
        };
        self.lay(key, shaped, origin);
    }

    fn lay(&mut self, key: &str, value: Value, origin: Origin) {
        match sections::keys().find(|known| *known == key) {
            Some(known) => {
                self.values.insert(known, (value, origin));
            }
            None => {
                let nearest = nearest(key, sections::keys()).unwrap_or_default().to_owned();
                self.faults.push(Fault::UnknownKey { origin, given: key.to_owned(), nearest });
            }
        }
    }
}

/// `server.addr` is `SOUK_SERVER__ADDR`.
pub(super) fn env_name(key: &str) -> String {
    format!("{ENV_PREFIX}{}", key.replacen('.', "__", 1).to_uppercase())
}

fn is_section(name: &str) -> bool {
    sections::keys().any(|key| key.split_once('.').is_some_and(|(section, _)| section == name))
}

/// Two underlines make a setting; so does a known name with one forgotten. Anything else is another tool's.
fn meant_as_setting(name: &str) -> bool {
    name.contains("__") || sections::keys().any(|key| env_name(key).replace("__", "_") == name)
}

fn shown(key: &str, value: &Value) -> String {
    match value {
        value if !SECRET.contains(&key) => value.to_string(),
        Value::Text(text) => Value::Text(without_password(text)).to_string(),
        Value::Other(kind) => (*kind).to_owned(),
        _ => "***".to_owned(),
    }
}

/// Reads values into their types and remembers what is wrong.
pub(super) struct Reader<'a> {
    values: &'a Values,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    pub(super) fn read<T>(&mut self, key: &'static str, form: impl Fn(&Value) -> Read<T>) -> Option<T> {
        let absent = (Value::Other("absent"), Origin::Default);
        let (value, origin) = self.values.get(key).unwrap_or(&absent);
        match form(value) {
            Ok(typed) => Some(typed),
            Err(expected) => {
                // A password with a mistake in it, or in a list, is still a password.
                let hidden = SECRET.contains(&key) && !matches!(value, Value::Other(_));
                let given = if hidden { "not right (not shown)".to_owned() } else { value.to_string() };
                self.faults.push(Fault::Value { origin: origin.clone(), key, given, expected });
                None
            }
        }
    }
}
