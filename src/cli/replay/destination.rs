//! Destination which shop a replay goes: a server of its own, one that runs, or actors without doors.

use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app::{self, ShopOptions, roles_of};
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::Database;
use crate::replay::olist::run::VendorKeys;
use crate::replay::olist::shop::{Actors, Client, HttpShop, Shop, cart_secret, operator_key};
use crate::store::{keys, plain};
use crate::tenants::{KeyRecord, OperatorScope, PresentedKey, ServerKey};

use super::super::WrongUsage;
use super::super::settings::Settings;
use super::{Arguments, Through};

/// Destination which shop.
pub(super) enum Destination {
    OwnServer,
    Server(Box<RunningServer>),
    Actors,
}

/// A server that somebody else started.
pub(super) struct RunningServer {
    client: Client,
    url: String,
    key: String,
    id: PresentedKey,
}

/// What must be closed after the replay.
pub(super) enum Open {
    OwnServer { stop: oneshot::Sender<()>, served: JoinHandle<anyhow::Result<()>> },
    Server,
    Actors(Box<app::Shop>),
}

impl Destination {
    pub(super) fn of(arguments: &Arguments) -> anyhow::Result<Destination> {
        match (arguments.through, &arguments.url, &arguments.key) {
            (Through::Actors, ..) => Ok(Destination::Actors),
            (Through::Http, Some(url), Some(key)) => {
                let client = Client::new(url).map_err(|error| WrongUsage(format!("--url: {error:#}")))?;
                let id = key.parse().map_err(|error| WrongUsage(format!("--key: {error}")))?;
                let server = RunningServer { client, url: url.clone(), key: key.clone(), id };
                Ok(Destination::Server(Box::new(server)))
            }
            (Through::Http, ..) => Ok(Destination::OwnServer),
        }
    }

    /// Where it is, as the terms of the replay remember it.
    pub(super) fn place(&self, config: &Config) -> anyhow::Result<String> {
        if let Destination::Server(server) = self {
            return Ok(server.url.clone());
        }
        Ok(match roles_of(config)?.migrator {
            Database::Sqlite { dir } if dir == config.database.data_dir => "the data directory".to_owned(),
            // However the directory was written this time.
            Database::Sqlite { dir } => format!("sqlite:{}", std::path::absolute(dir)?.display()),
            other => other.to_string(),
        })
    }

    pub(super) fn key_id(&self) -> Option<String> {
        match self {
            Destination::Server(server) => Some(server.id.id().to_string()),
            Destination::OwnServer | Destination::Actors => None,
        }
    }

    pub(super) async fn open(self, settings: &Settings) -> anyhow::Result<(Shop, Open)> {
        match self {
            Destination::Server(server) => {
                let RunningServer { client, key, .. } = *server;
                let vendor_keys = VendorKeys::open(settings.data_dir())?;
                Ok((Shop::Http(HttpShop::new(client, key, vendor_keys)), Open::Server))
            }
            Destination::OwnServer => own_server(settings).await,
            Destination::Actors => actors(settings).await,
        }
    }
}

impl Open {
    pub(super) async fn close(self) -> anyhow::Result<()> {
        match self {
            Open::Server => Ok(()),
            Open::Actors(shop) => {
                shop.close().await;
                Ok(())
            }
            Open::OwnServer { stop, served } => {
                // A server that has ended by itself says why.
                let _ = stop.send(());
                served.await.context("the replay's server panicked")?
            }
        }
    }
}

/// Nobody reads letters about orders of years ago.
fn options(settings: &Settings) -> ShopOptions {
    ShopOptions { letters: false, ..ShopOptions::of(&settings.config) }
}

/// The whole server, in this process, on a free port that only this machine reaches.
async fn own_server(settings: &Settings) -> anyhow::Result<(Shop, Open)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on a free local port")?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell_opened, opened) = oneshot::channel();
    let (config, options) = (settings.config.clone(), options(settings));
    let mut served = tokio::spawn(async move {
        let opened = || {
            let _ = tell_opened.send(());
        };
        let stopped = async { drop(stopped.await) };
        app::serve(&config, Clock::system(), options, listener, opened, stopped).await
    });
    tokio::select! {
        biased;
        _ = opened => {}
        ended = &mut served => {
            ended.context("the replay's server panicked")??;
            bail!("the replay's server ended by itself");
        }
    }
    let key = make_operator_key(settings).await?;
    let client = Client::new(&format!("http://{address}"))?;
    let vendor_keys = VendorKeys::open(settings.data_dir())?;
    Ok((Shop::Http(HttpShop::new(client, key, vendor_keys)), Open::OwnServer { stop, served }))
}

/// The operator's key, as `souk keys create` makes one. It is the same in every run on this data; nobody but this
/// replay can know it without the server's secret.
async fn make_operator_key(settings: &Settings) -> anyhow::Result<String> {
    let server_key = ServerKey::load_or_create(&settings.config.server_key_file())?;
    let (text, record) = operator_key(&server_key, Clock::system().now())?;
    let pool = plain::open(&settings.roles()?.vault).await?;
    let stored = async {
        match keys::find(&pool, record.id).await? {
            None => Ok(keys::create(&pool, &OperatorScope::of_console(), &record).await?),
            Some(KeyRecord { revoked_at: Some(_), .. }) => Err(anyhow!(
                "the replay's operator key {} was revoked, so it cannot go on: begin another one with another --data",
                record.id
            )),
            Some(_) => Ok(()),
        }
    }
    .await;
    pool.close().await;
    stored?;
    Ok(text.expose().to_owned())
}

async fn actors(settings: &Settings) -> anyhow::Result<(Shop, Open)> {
    let shop = settings.open_shop(options(settings)).await?;
    let config = &settings.config;
    let server_key = ServerKey::load_or_create(&config.server_key_file())?;
    let (text, record) = operator_key(&server_key, Clock::system().now())?;
    let actors = Actors {
        node: Arc::clone(&shop.node),
        vault: Arc::clone(&shop.vault),
        server_key,
        operator: record.id,
        cart_secret: cart_secret(text.expose()),
        market: config.market.facts(),
        limits: config.checkout.limits(),
    };
    Ok((Shop::Actors(actors), Open::Actors(Box::new(shop))))
}
