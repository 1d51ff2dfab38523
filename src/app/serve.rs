//! A server's life on one listener: opening or standing by, serving, ending in order.

use std::future::Future;
use std::pin::{Pin, pin};

use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::config::Config;
use crate::http;

use super::doors::limits;
use super::{Doors, ShopOptions};

/// Serves on the listener until `stop` is over, then ends in order. `opened` is called when there is a shop; until then
/// requests are told that there is none yet, and a standby's `/readyz` says that it is one.
///
/// # Errors
/// As [`Doors::open`].
pub async fn serve(
    config: &Config,
    clock: Clock,
    options: ShopOptions,
    listener: TcpListener,
    opened: impl FnOnce(),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let opened = |()| opened();
    serve_prepared(config, clock, options, listener, |_| Box::pin(async { Ok(()) }), opened, stop).await?;
    Ok(())
}

/// What is done to a shop before it is served.
pub type Preparing<'a, T> = Pin<Box<dyn Future<Output = anyhow::Result<T>> + Send + 'a>>;

/// The same with something to do before the shop is served. When `stop` is over earlier than that, it is left where it
/// is. Returns whether the shop was served.
///
/// # Errors
/// As [`Doors::open`], and whatever `prepare` says.
pub async fn serve_prepared<T>(
    config: &Config,
    clock: Clock,
    options: ShopOptions,
    listener: TcpListener,
    prepare: impl for<'a> FnOnce(&'a Doors) -> Preparing<'a, T>,
    opened: impl FnOnce(T),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<bool> {
    let limits = limits(config);
    let opening = options.opening.clone();
    let mut stop = pin!(stop);
    // A large future, and one that is gone long before the server ends.
    let prepared = Box::pin(async {
        let mut opens = pin!(Doors::open_with(config, clock, options));
        let doors = tokio::select! {
            doors = &mut opens => doors?,
            // A standby owns nothing, so there is nothing to end in order. Whatever else has begun is finished first:
            // an owner that vanished half way would be waited for until its leases lapse.
            () = &mut stop => tokio::select! {
                biased;
                () = opening.until_standby() => return Ok(None),
                doors = &mut opens => {
                    doors?.close().await;
                    return Ok(None);
                }
            }
        };
        let prepared = tokio::select! {
            prepared = prepare(&doors) => prepared.map(Some),
            () = &mut stop => Ok(None),
        };
        match prepared {
            Ok(Some(prepared)) => Ok(Some((doors, prepared))),
            ended => {
                doors.close().await;
                ended.map(|_| None)
            }
        }
    });
    let prepared = http::serve_while_opening(&listener, opening.clone(), &limits, prepared).await?;
    let Some((doors, prepared)) = prepared else { return Ok(false) };
    opened(prepared);
    let services = std::sync::Arc::clone(&doors.services);
    http::serve(listener, services, doors.limits, &opening, stop).await;
    tracing::info!("no more connections; finishing what was accepted");
    doors.close().await;
    Ok(true)
}
