//! `souk keys`: makes, lists and revokes API keys.

use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;
use souk_core::ids::VendorId;

use crate::clock::Clock;
use crate::journal::migrate;
use crate::store::keys::{self, Revocation};
use crate::store::plain;
use crate::tenants::keys::issue;
use crate::tenants::{KeyId, KeyRecord, OperatorScope, Role};

use super::WrongUsage;
use super::output;
use super::settings::SettingsArgument;

#[derive(clap::Subcommand)]
pub(super) enum Action {
    /// Make a key and print it; it cannot be shown again
    Create(Create),
    /// List keys, the oldest first
    List(List),
    /// End a key for good
    Revoke(Revoke),
}

#[derive(clap::Args)]
pub(super) struct Create {
    #[command(flatten)]
    settings: SettingsArgument,
    /// Whose key it is
    #[arg(long, value_enum)]
    role: RoleArgument,
    /// Which vendor's, for --role vendor
    #[arg(long, value_name = "ven_…")]
    vendor: Option<VendorId>,
    /// What people call it
    #[arg(long, default_value = "command line")]
    name: String,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum RoleArgument {
    Operator,
    Vendor,
}

#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    settings: SettingsArgument,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    settings: SettingsArgument,
    /// The key's id, as `souk keys list` shows it
    #[arg(value_name = "key_…")]
    id: KeyId,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(action: Action) -> anyhow::Result<ExitCode> {
    let operator = OperatorScope::of_console();
    match action {
        Action::Create(arguments) => create(&operator, arguments).await,
        Action::List(arguments) => list(&operator, arguments).await,
        Action::Revoke(arguments) => revoke(&operator, arguments).await,
    }
}

async fn create(operator: &OperatorScope, arguments: Create) -> anyhow::Result<ExitCode> {
    let role = match (arguments.role, arguments.vendor) {
        (RoleArgument::Operator, None) => Role::Operator,
        (RoleArgument::Vendor, Some(vendor)) => Role::Vendor(vendor),
        (RoleArgument::Operator, Some(_)) => {
            return Err(WrongUsage::error("--vendor is for --role vendor only: leave it out"));
        }
        (RoleArgument::Vendor, None) => {
            return Err(WrongUsage::error("--role vendor needs --vendor and the vendor's id"));
        }
    };
    let settings = arguments.settings.load()?;
    let (text, record) = issue(role, &arguments.name, Clock::system().now())?;
    let roles = settings.roles()?;
    migrate::run(&roles).await?;
    let pool = plain::open(&roles.vault).await?;
    let stored = keys::create(&pool, operator, &record).await;
    pool.close().await;
    stored?;
    if arguments.json {
        output::line(json!({ "id": record.id.to_string(), "key": text.expose() }))?;
    } else {
        output::line(text.expose())?;
        output::note(format_args!("{}: keep the key; it is shown this once", record.id));
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(operator: &OperatorScope, arguments: List) -> anyhow::Result<ExitCode> {
    let settings = arguments.settings.load()?;
    let pool = plain::open(&settings.roles()?.vault).await?;
    let mut all: Vec<KeyRecord> = Vec::new();
    loop {
        let after = all.last().map(|key| (key.created_at, key.id));
        let page = keys::list(&pool, operator, after, keys::PAGE_MAX).await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    pool.close().await;
    if arguments.json {
        let items: Vec<_> = all.iter().map(shown).collect();
        output::line(serde_json::to_string_pretty(&items)?)?;
    } else {
        for key in &all {
            let state = if key.revoked_at.is_some() { "revoked" } else { "good" };
            output::line(format_args!("{}  {:<8} {}  {}", key.id, state, whose(key), key.name))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn whose(key: &KeyRecord) -> String {
    match key.role {
        Role::Operator => "operator".to_owned(),
        Role::Vendor(vendor) => vendor.to_string(),
    }
}

fn shown(key: &KeyRecord) -> serde_json::Value {
    json!({
        "id": key.id.to_string(),
        "whose": whose(key),
        "name": key.name,
        "created_at_ms": key.created_at.as_millis(),
        "revoked_at_ms": key.revoked_at.map(|at| at.as_millis()),
    })
}

async fn revoke(operator: &OperatorScope, arguments: Revoke) -> anyhow::Result<ExitCode> {
    let settings = arguments.settings.load()?;
    let pool = plain::open(&settings.roles()?.vault).await.context("cannot open the keys")?;
    let revoked = keys::revoke(&pool, operator, arguments.id, Clock::system().now()).await;
    pool.close().await;
    match revoked? {
        Revocation::Since(at) => {
            if arguments.json {
                let id = arguments.id.to_string();
                output::line(json!({ "id": id, "revoked_at_ms": at.as_millis() }))?;
            } else {
                output::line(format_args!("{} is revoked", arguments.id))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Revocation::Unknown => bail!("there is no key {}: see `souk keys list`", arguments.id),
    }
}
