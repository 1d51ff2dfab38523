//! Logs and traces: started once, at the very beginning.
//!
//! Log lines go to stderr, so that stdout holds results only. Traces leave through one more layer of the same
//! subscriber, when there is a collector: whoever keeps [`Telemetry`] until the end sees the last of them sent.

pub mod traces;

use std::io::IsTerminal as _;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// What to log, and how.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Levels: `info`, or with exceptions `info,souk::journal=debug`.
    pub filter: &'a str,
    /// One JSON object a line, for machines, instead of text for people.
    pub json: bool,
    /// The collector that traces go to, like `http://localhost:4318`.
    pub otlp_endpoint: Option<&'a str>,
}

/// Running telemetry. Keep it until the process ends, so that what it still has to send is sent.
#[derive(Debug)]
#[must_use = "keep it until the process ends"]
pub struct Telemetry {
    _exporting: Option<traces::Exporting>,
}

/// Telemetry that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter makes no sense.
    #[error(
        "{filter:?} is no log filter: {reason}; use a level (error, warn, info, debug, trace, off), and \
             exceptions behind commas, like \"info,souk::journal=debug\""
    )]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Traces cannot be sent there.
    #[error("traces cannot be sent to {endpoint}: {reason}; check telemetry.otlp_endpoint")]
    Collector {
        /// As it was given.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Starts logging. Where a subscriber is there already (a second start, a test's own), that one stays.
///
/// # Errors
/// When the filter makes no sense, or traces cannot be sent.
pub fn start(options: &Options<'_>) -> Result<Telemetry, TelemetryError> {
    let refused = |error: tracing_subscriber::filter::ParseError| TelemetryError::Filter {
        filter: options.filter.to_owned(),
        reason: error.to_string(),
    };
    let filter = EnvFilter::try_new(options.filter).map_err(refused)?;
    let subscriber = tracing_subscriber::registry().with(log(options).with_filter(filter));
    let exporting = match options.otlp_endpoint {
        None => {
            if subscriber.try_init().is_err() {
                tracing::debug!("telemetry was started before; it stays as it is");
            }
            None
        }
        Some(endpoint) => {
            let failed = |reason| TelemetryError::Collector { endpoint: endpoint.to_owned(), reason };
            let (layer, exporting) = traces::export(endpoint).map_err(failed)?;
            let is_first = subscriber.with(layer).try_init().is_ok();
            is_first.then_some(exporting)
        }
    };
    Ok(Telemetry { _exporting: exporting })
}

/// The layer that writes lines to stderr.
fn log(options: &Options<'_>) -> Box<dyn Layer<Registry> + Send + Sync> {
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if options.json {
        layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    } else {
        // Colours for people who look, unless they said no (no-color.org).
        let colours =
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        layer.with_ansi(colours).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_changes_nothing_and_does_not_panic() {
        for json in [false, true, false] {
            let _telemetry =
                start(&Options { filter: "warn,souk=debug", json, otlp_endpoint: None }).unwrap();
            tracing::info!("still here");
        }
    }

    #[test]
    fn a_wrong_filter_says_what_would_be_right() {
        let error = start(&Options { filter: "souk=loud", json: false, otlp_endpoint: None })
            .unwrap_err()
            .to_string();
        assert!(error.contains("souk=loud") && error.contains("info,souk::journal=debug"), "{error}");
    }
}
