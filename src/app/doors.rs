//! A shop with its doors: everything that settings say, put together for a server.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::actors::NodeOptions;
use crate::actors::projectors::Projectors;
use crate::adapters::mail::Links;
use crate::adapters::payments::test_bank::Settings as BankSettings;
use crate::clock::Clock;
use crate::config::{Config, Mode, Provider, SecondFactor};
use crate::http::{Counters, CrossOrigin, RateLimits, ServerLimits, Services};
use crate::journal::{JournalError, Roles, Settings, refuse_mighty};
use crate::people::{People, SecondFactorPolicy, Settings as PeopleSettings};
use crate::tenants::ServerKey;

use super::{Shop, ShopOptions, make_dir};

/// How much longer than usual the test bank takes for a slow card, and is waited for when it says nothing.
const SLOW: u64 = 60;

/// What a server needs to serve, and to end in order.
#[derive(Debug)]
pub struct Doors {
    /// What handlers use.
    pub services: Arc<Services>,
    /// How much a client may take.
    pub limits: ServerLimits,
    shop: Shop,
}

impl ShopOptions {
    /// As the settings say.
    pub fn of(config: &Config) -> Self {
        let Provider::TestBank = config.payments.provider;
        let delay = |millis: Duration| u64::try_from(millis.as_millis()).unwrap_or(u64::MAX);
        let notice_delay_ms = delay(config.payments.notice_delay_ms.duration());
        let answer_delay_ms = delay(config.payments.test_bank_delay_ms.duration());
        ShopOptions {
            node: NodeOptions {
                admission: config.engine.admission as usize,
                idle: config.engine.actor_idle_ms.duration(),
                ..NodeOptions::default()
            },
            bank: BankSettings {
                public_url: config.server.public_url.clone(),
                answer_delay_ms,
                slow_delay_ms: answer_delay_ms.saturating_mul(SLOW),
                silence_ms: answer_delay_ms.saturating_mul(SLOW),
                notice_delay_ms,
                late_notice_delay_ms: notice_delay_ms,
                pay_later_delay_ms: notice_delay_ms,
                ..BankSettings::default()
            },
            journal: Settings {
                lease: config.database.lease_ms.duration(),
                read_connections: config.database.read_connections,
                ..Settings::default()
            },
            vault_key_file: Some(config.vault_key_file()),
            search: Some(config.market.facts().id),
            ..ShopOptions::default()
        }
    }
}

/// The database, as each role reaches it.
///
/// # Errors
/// When an address makes no sense.
pub fn roles_of(config: &Config) -> Result<Roles, JournalError> {
    let logins = config.database_logins();
    Roles::parse(logins.migrator.expose(), logins.engine.expose(), logins.app.expose(), logins.vault.expose())
}

/// How much a client may take, as the settings say.
pub(super) fn limits(config: &Config) -> ServerLimits {
    ServerLimits {
        header_timeout: config.server.header_timeout_ms.duration(),
        // The rest of a request's time is the handler's: see `patience`.
        body_timeout: config.server.request_timeout_ms.duration() / 4,
        request_timeout: config.server.request_timeout_ms.duration(),
        body_bytes: config.server.body_limit_bytes as usize,
        drain_timeout: config.server.drain_timeout_ms.duration(),
    }
}

/// What people know the shop by: the host of its address.
fn name_of(public_url: &str) -> String {
    let host = url::Url::parse(public_url).ok().and_then(|url| url.domain().map(str::to_owned));
    host.unwrap_or_else(|| "souk".to_owned())
}

/// Accounts and sign-ins, as the settings say.
async fn people(config: &Config, shop: &Shop, server_key: &ServerKey) -> anyhow::Result<People> {
    let settings = PeopleSettings {
        issuer: config.server.public_url.clone(),
        // A colon would end the name in an authenticator.
        shop: name_of(&config.server.public_url),
        second_factor: match config.sign_ins.second_factor {
            SecondFactor::Off => SecondFactorPolicy::Off,
            SecondFactor::Owners => SecondFactorPolicy::Owners,
        },
        idle_ms: config.sign_ins.idle_ms.get(),
        lasts_ms: config.sign_ins.lasts_ms.get(),
        hashes_at_once: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        patience: config.server.request_timeout_ms.duration() / 2,
    };
    let (node, vault) = (Arc::clone(&shop.node), Arc::clone(&shop.vault));
    People::open(node, vault, shop.plain.clone(), server_key.clone(), settings)
        .await
        .context("cannot open the keys that sign access tokens")
}

impl Doors {
    /// Opens the shop and what its doors need.
    ///
    /// # Errors
    /// As [`Shop::open`]; also when the server's secret or the table of keys cannot be read.
    pub async fn open(config: &Config, clock: Clock) -> anyhow::Result<Doors> {
        Self::open_with(config, clock, ShopOptions::of(config)).await
    }

    /// The same, with a shop that behaves otherwise.
    ///
    /// # Errors
    /// As [`Doors::open`].
    pub async fn open_with(config: &Config, clock: Clock, mut options: ShopOptions) -> anyhow::Result<Doors> {
        let roles = roles_of(config)?;
        if config.server.mode == Mode::Production {
            // Before anything is opened: the tables may not be there yet, and then nobody owns them.
            refuse_mighty(&roles).await?;
        }
        let data_dir: PathBuf = config.database.data_dir.clone();
        make_dir(&data_dir)?;
        let server_key = ServerKey::load_or_create(&config.server_key_file())?;
        let public_url = config.server.public_url.clone();
        options.links = Some(Links { public_url, server_key: server_key.clone() });
        let shop = Shop::open(&roles, &data_dir, clock, options).await?;
        let request_timeout = config.server.request_timeout_ms.duration();
        let services = Services {
            node: Arc::clone(&shop.node),
            vault: Arc::clone(&shop.vault),
            bank: shop.bank.clone(),
            models: shop.models.clone(),
            search: shop.search.clone(),
            plain: shop.plain.clone(),
            people: people(config, &shop, &server_key).await?,
            server_key,
            market: config.market.facts(),
            limits: config.checkout.limits(),
            commission: config.market.commission,
            // Before the request is cut off, so that its client is told what to do.
            patience: request_timeout * 3 / 4,
            pay_answer: config.checkout.pay_answer_ms.duration(),
            counters: Counters::default(),
            progress: shop.projectors.as_ref().map(Projectors::progress),
            rate_limits: RateLimits::new(
                config.limits.all_requests_per_minute,
                config.limits.key_requests_per_minute,
                config.limits.address_requests_per_minute,
                config.limits.burst,
            ),
            cross_origin: CrossOrigin::new(shop.plain.clone()),
        };
        Ok(Doors { services: Arc::new(services), limits: limits(config), shop })
    }

    /// Waits until what is read contains all that is in the journal now; `false` when it does not within `patience`.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn caught_up(&self, patience: Duration) -> Result<bool, JournalError> {
        match &self.shop.projectors {
            Some(projectors) => projectors.caught_up(patience).await,
            None => Ok(true),
        }
    }

    /// Ends everything in order. Requests must have ended before.
    pub async fn close(self) {
        drop(self.services);
        self.shop.close().await;
    }
}
