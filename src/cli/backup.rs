//! `souk backup`: copies what cannot be made again.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use crate::app::back_up;
use crate::config::Config;
use crate::journal::Database;

use super::output;
use super::settings::SettingsArgument;

/// Told below `souk backup --help`.
const RESTORE: &str = "\
A shop may run meanwhile. Read models are left out: the next start fills them again.

The keys are NOT copied. Whoever has the vault's key and a backup can read every name and address in it, so the two
must not lie in one place; and without the keys nobody can, so keep a copy of them, once, somewhere else.

To restore on SQLite: copy the key files into the backup's directory, then `souk serve --data DIR`.
To restore on Postgres: create a database, `pg_restore --no-owner --dbname URL DIR/souk.dump`, copy the key files into
DIR, then `souk serve --database URL --data DIR`. In both cases `souk verify` says whether everything is there.";

#[derive(clap::Args)]
#[command(after_help = RESTORE)]
pub(super) struct Arguments {
    /// The directory to write: empty, or not there yet
    dir: PathBuf,
    #[command(flatten)]
    settings: SettingsArgument,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let settings = arguments.settings.load()?;
    let database = settings.roles()?.migrator;
    let backup = back_up(&database, settings.data_dir(), &arguments.dir).await?;
    let keys = key_files(&settings.config);
    if arguments.json {
        let out = json!({ "dir": backup.dir, "files": backup.files, "keys_not_copied": keys });
        output::line(format_args!("{out:#}"))?;
    } else {
        for file in &backup.files {
            let path = backup.dir.join(&file.name);
            output::line(format_args!("{:>14} bytes  {}", file.bytes, path.display()))?;
        }
        if let Database::Postgres { .. } = database {
            output::line("restore with pg_restore: see souk backup --help")?;
        }
        output::line(
            "keep a copy of the keys apart from it; without them names and addresses are lost, and tokens:",
        )?;
        for key in &keys {
            output::line(format_args!("  {}", key.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The files that a restored shop needs and a backup does not have.
fn key_files(config: &Config) -> [PathBuf; 2] {
    [config.vault_key_file(), config.server_key_file()]
}
