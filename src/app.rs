//! Puts the parts together: database, vault, provider, mails, actors.

mod backup;
mod doors;
mod dump;
mod serve;
#[cfg(unix)]
mod succession;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use souk_core::market::MarketId;

use crate::actors::projectors::Projectors;
use crate::actors::{Node, NodeOptions, Outside};
use crate::adapters::mail::{Links, Mailer};
use crate::adapters::payments::Provider;
use crate::adapters::payments::test_bank::{BankError, Settings as BankSettings, TestBank};
use crate::adapters::search::{Search, SearchError};
use crate::clock::Clock;
use crate::http::Opening;
use crate::in_use::patiently;
use crate::journal::{Journal, Pool, Roles, Settings};
use crate::store::plain;
use crate::store::read::ReadModels;
use crate::store::vault::{Vault, VaultKeys};

pub use backup::{Backup, BackupFile, back_up};
pub use doors::{Doors, roles_of};
pub use serve::{Preparing, serve, serve_prepared};
#[cfg(unix)]
pub use succession::{Predecessor, Succession};

/// The file that opens the vault, in the data directory.
const VAULT_KEY_FILE: &str = "vault.key";
/// The folder that letters go to, in the data directory.
const LETTERS: &str = "outbox";
/// The folder of the search index, in the data directory.
pub const SEARCH_INDEX: &str = "search";

/// Connections to the vault's tables.
const VAULT_CONNECTIONS: u32 = 4;
/// Connections that read the read models.
const READ_CONNECTIONS: u32 = 8;

/// How a shop is put together.
#[derive(Clone, Debug)]
pub struct ShopOptions {
    /// How the actors behave.
    pub node: NodeOptions,
    /// How the test bank behaves.
    pub bank: BankSettings,
    /// Whether letters are written; a bulk replay writes none.
    pub letters: bool,
    /// What links in letters are made of; without it they have none.
    pub links: Option<Links>,
    /// Whether the read models are filled; for measuring the engine alone they need not be.
    pub projectors: bool,
    /// The market whose prices are searched for; without one there is no search index.
    pub search: Option<MarketId>,
    /// How the journal behaves.
    pub journal: Settings,
    /// The vault's keys, when they are not in the data directory.
    pub vault_key_file: Option<PathBuf>,
    /// Is told when the shop has to wait for another server's leases.
    pub opening: Opening,
}

impl Default for ShopOptions {
    fn default() -> Self {
        ShopOptions {
            node: NodeOptions::default(),
            bank: BankSettings::default(),
            letters: true,
            links: None,
            projectors: true,
            search: Some(MarketId::main()),
            journal: Settings::default(),
            vault_key_file: None,
            opening: Opening::default(),
        }
    }
}

/// A running marketplace, without its doors.
#[derive(Debug)]
pub struct Shop {
    /// Its actors.
    pub node: Arc<Node>,
    /// Personal data.
    pub vault: Arc<Vault>,
    /// Keys and credentials.
    pub plain: Pool,
    /// The provider, when it is the test bank.
    pub bank: TestBank,
    /// What is read, as far as it has been filled.
    pub models: ReadModels,
    /// What is listed, to be searched, as far as it has been filled; `None` when there is no index.
    pub search: Option<Search>,
    /// Who fills it; `None` when nobody is to.
    pub projectors: Option<Projectors>,
}

impl Shop {
    /// Opens everything: brings the tables up to date, waits for the leases, starts the actors. What is not in the
    /// database (keys, the test bank's log, letters) lies in `data_dir`.
    ///
    /// # Errors
    /// When a part cannot be opened; the message says which and what to do.
    pub async fn open(
        roles: impl Into<Roles>,
        data_dir: &Path,
        clock: Clock,
        options: ShopOptions,
    ) -> anyhow::Result<Shop> {
        let roles = roles.into();
        make_dir(data_dir)?;
        let journal = Journal::open_with(&roles, options.journal).await?;
        if !journal.lease().is_owner() {
            tracing::warn!(
                "another server holds the leases, or ended without giving them up; waiting for them to lapse"
            );
            options.opening.stands_by();
            journal.lease().wait_until_owner().await;
            options.opening.takes_over();
        }
        let key_file = options.vault_key_file.unwrap_or_else(|| data_dir.join(VAULT_KEY_FILE));
        let keys = VaultKeys::load_or_create(&key_file)?;
        let vault = Arc::new(Vault::open(&roles.vault, keys, clock.clone(), VAULT_CONNECTIONS).await?);
        let now = clock.clone();
        let patience = options.journal.lock_patience;
        let open_bank = || {
            let clock = now.clone();
            TestBank::open(data_dir, options.bank.clone(), Arc::new(move || clock.now()))
        };
        let bank = patiently(patience, open_bank, BankError::is_in_use).await?;
        let mails = if options.letters { Mailer::Folder(data_dir.join(LETTERS)) } else { Mailer::Discard };
        let plain = plain::open(&roles.vault).await?;
        let outside = Outside {
            plain: plain.clone(),
            payments: Provider::TestBank(bank.clone()),
            mails,
            vault: Arc::clone(&vault),
            links: options.links,
        };
        let models = ReadModels::open(&roles, READ_CONNECTIONS).await?;
        let search = options.search.filter(|_| options.projectors);
        let search = match search {
            Some(market) => {
                let open = || Search::embedded(&data_dir.join(SEARCH_INDEX), &market);
                Some(patiently(patience, open, SearchError::is_in_use).await?)
            }
            None => None,
        };
        let node = Node::start(journal, clock, outside, options.node).await?;
        let projectors = options.projectors.then(|| Projectors::start(&node, &models, search.as_ref()));
        Ok(Shop { node, vault, plain, bank, models, search, projectors })
    }

    /// Ends everything in order; what was accepted is finished first.
    pub async fn close(self) {
        // First, since the journal closes its readers; what they have not seen they find at the next start.
        if let Some(projectors) = self.projectors {
            projectors.close().await;
        }
        self.node.shut_down().await;
        self.models.close().await;
        self.vault.close().await;
        self.plain.close().await;
    }
}

fn make_dir(data_dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(data_dir)
        .with_context(|| format!("cannot create the data directory {}", data_dir.display()))
}
