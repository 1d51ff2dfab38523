//! `souk serve`: opens the shop and its doors, until it is told to stop.

use std::future::Future;
use std::process::ExitCode;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::app::{ShopOptions, serve};
use crate::clock::Clock;
use crate::config::Flag;

use super::settings::{Manner, Settings, SettingsArgument};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Where to listen: IP address and port
    #[arg(long)]
    addr: Option<String>,
    #[command(flatten)]
    settings: SettingsArgument,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let addr = arguments.addr.map(|value| Flag { flag: "--addr", key: "server.addr", value });
    let sources = arguments.settings.sources(Manner::Server, addr.into_iter().collect());
    let settings = Settings::of(sources)?;
    let config = &settings.config;
    // Before anything is opened: a port that is taken is told at once.
    let addr = config.server.addr;
    let listener = TcpListener::bind(addr).await.with_context(|| {
        format!("cannot listen on {addr}: stop what uses the port, or choose another with --addr")
    })?;
    let stop = told_to_stop()?;
    let listens = format!("souk listens on http://{}", listener.local_addr()?);
    let opened = || println!("{listens}");
    serve(config, Clock::system(), ShopOptions::of(config), listener, opened, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// SIGTERM, as process managers send it, or Ctrl-C.
#[cfg(unix)]
pub(super) fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ctrl-C.
#[cfg(not(unix))]
pub(super) fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
