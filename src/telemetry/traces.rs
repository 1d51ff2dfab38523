//! Traces: what a request sets off, in every actor, up to the append that makes it durable.
//!
//! A trace is a number that commands, asks, answers and events carry ([`souk_core::journal::Origin`]); spans are
//! hung under it where something carries it, since between two actors lies the gate, and what leaves it has no
//! caller any more. Without a collector there are no spans, and the number in the events is all there is.

use std::fmt;
use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

/// The longest that a collector is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where a collector takes traces (OTLP over HTTP).
const PATH: &str = "/v1/traces";

/// Sends spans to a collector until it is dropped; the last ones then.
pub(super) struct Exporting(SdkTracerProvider);

impl fmt::Debug for Exporting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporting").finish_non_exhaustive()
    }
}

impl Drop for Exporting {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(%error, "the last traces did not reach the collector");
        }
    }
}

/// Our client of the collector. The exporter runs on a thread of its own, without the runtime that connections need.
#[derive(Debug)]
struct OnRuntime {
    client: HyperClient,
    runtime: Handle,
}

#[async_trait::async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}

/// The layer that makes spans of souk's own and sends them, and what must be kept for it.
pub(super) fn export<S>(endpoint: &str) -> Result<(impl Layer<S> + Send + Sync + use<S>, Exporting), String>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let runtime = Handle::try_current().map_err(|error| error.to_string())?;
    let client = OnRuntime { client: HyperClient::with_default_connector(PATIENCE, None), runtime };
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(format!("{}{PATH}", endpoint.trim_end_matches('/')))
        .with_timeout(PATIENCE)
        .build()
        .map_err(|error| error.to_string())?;
    let resource = Resource::builder()
        .with_service_name("souk")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("souk"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_target("souk", LevelFilter::DEBUG));
    Ok((layer, Exporting(provider)))
}

/// The caller's span, when it sent one.
pub fn parent_of(headers: &HeaderMap) -> Option<SpanContext> {
    if !headers.contains_key("traceparent") {
        return None;
    }
    let context =
        TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
    Some(context.span().span_context().clone()).filter(SpanContext::is_valid)
}

/// The number of its trace.
pub fn id_of(parent: &SpanContext) -> u128 {
    u128::from_be_bytes(parent.trace_id().to_bytes())
}

/// Hangs a request's span, not yet entered, under its caller's, or else under the trace.
pub fn begin(span: &Span, trace: u128, parent: Option<SpanContext>) {
    if span.is_disabled() {
        return;
    }
    let parent = parent.unwrap_or_else(|| root(trace));
    // Without a layer for it there is nothing to hang.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent));
}

/// A span under the trace; none where there is no trace. It must be made without a parent.
pub fn within(trace: Option<u128>, span: impl FnOnce() -> Span) -> Span {
    let Some(trace) = trace else { return Span::none() };
    let span = span();
    begin(&span, trace, None);
    span
}

/// What everything of a trace hangs under: a span that nobody makes, called after the trace.
fn root(trace: u128) -> SpanContext {
    let id = SpanId::from(trace as u64 | 1);
    SpanContext::new(TraceId::from(trace), id, TraceFlags::SAMPLED, true, TraceState::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_known_by_its_header_and_nonsense_is_nobody() {
        let headers =
            |value: &str| HeaderMap::from_iter([("traceparent".parse().unwrap(), value.parse().unwrap())]);
        let parent = parent_of(&headers("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")).unwrap();
        assert_eq!(id_of(&parent), 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        for nonsense in ["", "00-0-0-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
            assert_eq!(parent_of(&headers(nonsense)), None, "{nonsense}");
        }
        assert_eq!(parent_of(&HeaderMap::new()), None);
    }
}
