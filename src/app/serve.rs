//! A server's life on one listener: opening or standing by, serving, ending in order.

use std::future::Future;
use std::pin::pin;

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
    let limits = limits(config);
    let opening = options.opening.clone();
    let mut stop = pin!(stop);
    let mut is_told = false;
    let opens = async {
        // A large future, and one that is gone long before the server ends.
        let mut doors = Box::pin(Doors::open_with(config, clock, options));
        tokio::select! {
            doors = &mut doors => return doors.map(Some),
            () = &mut stop => is_told = true,
        }
        // A standby owns nothing, so there is nothing to end in order. Whatever else has begun is finished first: an
        // owner that vanished half way would be waited for until its leases lapse.
        tokio::select! {
            biased;
            () = opening.until_standby() => Ok(None),
            doors = &mut doors => doors.map(Some),
        }
    };
    let doors = http::serve_while_opening(&listener, opening.clone(), &limits, opens).await?;
    let Some(doors) = doors else { return Ok(()) };
    opened();
    let services = std::sync::Arc::clone(&doors.services);
    let stop = async {
        if !is_told {
            stop.await;
        }
    };
    http::serve(listener, services, doors.limits, stop).await;
    tracing::info!("no more connections; finishing what was accepted");
    doors.close().await;
    Ok(())
}
