//! `souk serve`: opens the shop and its doors, until it is told to stop.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::app::Doors;
use crate::clock::Clock;
use crate::config::{Config, Flag, Sources};
use crate::http;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Where to listen: IP address and port
    #[arg(long)]
    addr: Option<String>,
    /// A file of settings
    #[arg(long)]
    config: Option<PathBuf>,
    /// Where the data lives: sqlite:DIRECTORY or postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long)]
    database: Option<String>,
    /// The data directory: keys, the test bank's log, letters, and the database when none is named
    #[arg(long)]
    data: Option<String>,
}

impl Arguments {
    fn sources(self) -> Sources {
        let flags = [
            ("--addr", "server.addr", self.addr),
            ("--database", "database.url", self.database),
            ("--data", "database.data_dir", self.data),
        ];
        let given = |(flag, key, value): (&'static str, &'static str, Option<String>)| {
            value.map(|value| Flag { flag, key, value })
        };
        Sources::of_process(self.config, flags.into_iter().filter_map(given).collect())
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(arguments.sources())?.config;
    // Before anything is opened: a port that is taken is told at once.
    let addr = config.server.addr;
    let listener = TcpListener::bind(addr).await.with_context(|| {
        format!("cannot listen on {addr}: stop what uses the port, or choose another with --addr")
    })?;
    let stop = told_to_stop()?;
    let doors = Doors::open(&config, Clock::system()).await?;
    println!("souk listens on http://{}", listener.local_addr()?);
    let services = std::sync::Arc::clone(&doors.services);
    http::serve(listener, services, doors.limits, stop).await;
    eprintln!("no more connections; finishing what was accepted");
    doors.close().await;
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
