//! Settings: typed, checked as a whole, each with its origin.
//!
//! Five layers, later wins: `config/default.toml` (compiled in), what the command does by default otherwise than a
//! server, the file of `--config`, the environment (`SOUK_SECTION__KEY`), flags. The default file is the manual and the list of known keys; what is not in it
//! is refused with the nearest key that is.
//!
//! The layers are laid by hand over TOML's parse tree, not by a layering crate: faults can then name the line
//! of the file they are in, and all of them are told at once.

mod fault;
mod file;
mod form;
mod load;
mod nearest;
mod rules;
mod secret;
mod sections;
#[cfg(test)]
mod tests;
mod value;

use std::path::{Path, PathBuf};

pub use fault::{ConfigErrors, Fault};
pub use form::Millis;
pub use load::{Flag, Loaded, Preset, Setting, Sources};
pub use secret::Secret;
pub use sections::{
    Checkout, Database, Engine, Limits, LogFormat, Market, Mode, Payments, Provider, SecondFactor, Server,
    SignIns, Telemetry, Vault,
};
pub use value::Origin;

/// The database's addresses, with their passwords.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logins {
    /// For whoever owns the tables.
    pub migrator: Secret,
    /// For the engine.
    pub engine: Secret,
    /// For handlers that read.
    pub app: Secret,
    /// For keys, credentials and the vault.
    pub vault: Secret,
}

/// Everything that can be set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The HTTP server.
    pub server: Server,
    /// Where the data lives.
    pub database: Database,
    /// The actors.
    pub engine: Engine,
    /// Deadlines of a sale.
    pub checkout: Checkout,
    /// What is sold where, in which money.
    pub market: Market,
    /// Who moves the money.
    pub payments: Payments,
    /// Personal data.
    pub vault: Vault,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// How long people stay signed in.
    pub sign_ins: SignIns,
    /// How much one client may ask.
    pub limits: Limits,
}

impl Config {
    /// Lays the layers, reads and checks everything.
    ///
    /// # Errors
    /// All faults at once.
    pub fn load(sources: Sources) -> Result<Loaded, ConfigErrors> {
        load::load(sources)
    }

    /// The database's address, with its password: `sqlite:DIRECTORY` or `postgres://…`.
    pub fn database_address(&self) -> Secret {
        match &self.database.url {
            Some(url) => url.clone(),
            None => Secret::new(format!("sqlite:{}", self.database.data_dir.display())),
        }
    }

    /// The same for each of the four roles that reach it.
    pub fn database_logins(&self) -> Logins {
        let of = |own: &Option<Secret>| own.clone().unwrap_or_else(|| self.database_address());
        Logins {
            migrator: of(&self.database.migrator_url),
            engine: of(&self.database.engine_url),
            app: of(&self.database.app_url),
            vault: of(&self.database.vault_url),
        }
    }

    /// The file of the secret that signs tokens and names commands.
    pub fn server_key_file(&self) -> PathBuf {
        self.in_data_dir(self.server.key_file.as_deref(), "server.key")
    }

    /// The file of the keys that seal personal data.
    pub fn vault_key_file(&self) -> PathBuf {
        self.in_data_dir(self.vault.key_file.as_deref(), "vault.key")
    }

    fn in_data_dir(&self, file: Option<&Path>, name: &str) -> PathBuf {
        file.map_or_else(|| self.database.data_dir.join(name), Path::to_owned)
    }
}
