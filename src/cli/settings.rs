//! `--config`, `--database` and `--data`: the same for every command that opens a shop's data, on top of the
//! settings' other layers.

use std::path::{Path, PathBuf};

use crate::app::{Shop, ShopOptions, roles_of};
use crate::clock::Clock;
use crate::config::{Config, Flag, LogFormat, Origin, Preset, Sources};
use crate::journal::Roles;
use crate::telemetry::{self, Telemetry, TelemetryError};

use super::WrongUsage;

/// Wins over `telemetry.log`, as in every program that logs this way.
const LOG_VARIABLE: &str = "RUST_LOG";

/// Which data, and where the other settings stand.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct SettingsArgument {
    /// A file of settings; see `souk config show`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the data lives: sqlite:DIRECTORY or postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The data directory: keys, the test bank's log, letters, and the database when none is named
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

/// How a command behaves where nobody said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Manner {
    /// Does one thing, prints what came of it, and ends: logs warnings only.
    Once,
    /// Runs until it is told to stop, and logs what it does.
    Server,
}

/// Settings that are good, with the logging that they ask for.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: Config,
    /// The keys that somebody has set, anywhere.
    given: Vec<String>,
    _telemetry: Telemetry,
}

impl SettingsArgument {
    /// Every layer, with these flags and `more` of a command's own on top.
    pub(super) fn sources(&self, manner: Manner, more: Vec<Flag>) -> Sources {
        let own =
            [("--database", "database.url", &self.database), ("--data", "database.data_dir", &self.data)];
        let given = own.into_iter().filter_map(|(flag, key, value)| {
            value.as_ref().map(|value| Flag { flag, key, value: value.clone() })
        });
        let flags = given.chain(more).collect();
        let presets = match manner {
            Manner::Once => vec![Preset { key: "telemetry.log", value: "warn".to_owned() }],
            Manner::Server => Vec::new(),
        };
        Sources { presets, ..Sources::of_process(self.config.clone(), flags) }
    }

    /// Reads the settings of a command that does one thing, and starts logging.
    ///
    /// # Errors
    /// When a setting is wrong: all faults at once.
    pub(super) fn load(&self) -> anyhow::Result<Settings> {
        Settings::of(self.sources(Manner::Once, Vec::new()))
    }
}

impl Settings {
    /// Reads the settings and starts the logging that they ask for.
    pub(super) fn of(sources: Sources) -> anyhow::Result<Settings> {
        let loaded = Config::load(sources)?;
        let set = loaded.settings().iter().filter(|setting| setting.origin != Origin::Default);
        let keys: Vec<String> = set.map(|setting| setting.key.to_owned()).collect();
        let config = loaded.config;
        let given = std::env::var(LOG_VARIABLE).ok().filter(|filter| !filter.is_empty());
        let options = telemetry::Options {
            filter: given.as_deref().unwrap_or(&config.telemetry.log),
            json: config.telemetry.log_format == LogFormat::Json,
            otlp_endpoint: config.telemetry.otlp_endpoint.as_deref(),
        };
        let _telemetry = telemetry::start(&options).map_err(|error| match error {
            // The settings' own filter was checked with them, so a wrong one is the variable's.
            TelemetryError::Filter { .. } => WrongUsage(format!("{LOG_VARIABLE}: {error}")),
            TelemetryError::Collector { .. } => WrongUsage::of(&error),
        })?;
        Ok(Settings { config, given: keys, _telemetry })
    }

    /// Whether somebody has set this key, anywhere.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.given.iter().any(|given| given == key)
    }

    /// The database that they name, as each role reaches it.
    pub(super) fn roles(&self) -> anyhow::Result<Roles> {
        roles_of(&self.config).map_err(|error| WrongUsage::of(&error).into())
    }

    /// The directory of this server's files.
    pub(super) fn data_dir(&self) -> &Path {
        &self.config.database.data_dir
    }

    /// Opens the whole shop on it.
    pub(super) async fn open_shop(&self, options: ShopOptions) -> anyhow::Result<Shop> {
        Shop::open(self.roles()?, self.data_dir(), Clock::system(), options).await
    }
}
