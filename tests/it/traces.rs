//! One trace from a request through actors to the journal, as a collector sees it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::{Value, json};
use souk::clock::Clock;
use souk::journal::audit;
use souk::store::{keys, plain};
use souk::tenants::keys::issue;
use souk::tenants::{OperatorScope, Role};
use souk_core::ids::{ProductId, StreamId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::servers::Backend;

const SOUK: &str = env!("CARGO_BIN_EXE_souk");
const PATIENCE: Duration = Duration::from_secs(30);
/// The caller's trace and span.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

pub type Spans = Arc<Mutex<Vec<Span>>>;

/// A collector: takes what is sent, and keeps the spans.
pub async fn collector() -> (String, Spans) {
    async fn take(State(spans): State<Spans>, body: Bytes) {
        let sent = ExportTraceServiceRequest::decode(body).expect("OTLP");
        let scopes = sent.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        spans.lock().expect("no panic").extend(scopes.flat_map(|scope| scope.spans));
    }
    let spans = Spans::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
    let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&spans));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (endpoint, spans)
}

/// The program itself, since traces are made once per process.
struct Served {
    process: Child,
    addr: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    fn start(backend: &Backend, collector: &str) -> Self {
        let mut process = Command::new(SOUK)
            .args(["serve", "--addr", "127.0.0.1:0", "--database", backend.url()])
            .arg("--data")
            .arg(backend.data_dir())
            .env("SOUK_TELEMETRY__OTLP_ENDPOINT", collector)
            .env("NO_COLOR", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("souk can be started");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let addr = lines.find_map(|line| {
            let line = line.expect("text");
            let at = line.find("127.0.0.1:")?;
            Some(line[at..].split(|c: char| c.is_whitespace() || c == '/').next()?.to_owned())
        });
        Served { process, addr: addr.expect("it says where it listens") }
    }

    /// Sends a request of the caller's trace and returns the body of the answer.
    async fn call(&self, token: &str, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(&self.addr).await.expect("it listens");
        let body = body.to_string();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: souk\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             traceparent: 00-{TRACE}-{CALLER}-01\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("an answer");
        serde_json::from_str(text.split_once("\r\n\r\n").expect("an answer").1).expect("JSON")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attribute(span: &Span, name: &str) -> String {
    let value = span.attributes.iter().find(|attribute| attribute.key == name);
    match value.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Attribute::StringValue(text)) => text.clone(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

/// A key of the server's.
async fn key(backend: &Backend, role: Role) -> String {
    let pool = plain::open(&backend.url().parse().expect("an address")).await.expect("the keys open");
    let (text, record) = issue(role, "test", Clock::system().now()).expect("a key");
    keys::create(&pool, &OperatorScope::of_console(), &record).await.expect("stored");
    pool.close().await;
    text.expose().to_owned()
}

/// Lists a product: it asks the shard of its offer to open the SKU, and the shard answers.
async fn list_a_product(served: &Served, backend: &Backend) -> ProductId {
    let text =
        |value: &Value, name: &str| value[name].as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
    let operator = key(backend, Role::Operator).await;
    let entity = json!({ "name": "Ada", "country": "DE", "series": "A" });
    let vendor = json!({ "name": "Ada", "legal_entity": entity });
    let vendor = text(&served.call(&operator, "POST", "/v1/operator/vendors", &vendor).await, "id");
    let approve = format!("/v1/operator/vendors/{vendor}/approve");
    served.call(&operator, "POST", &approve, &json!({})).await;
    let own = key(backend, Role::Vendor(vendor.parse().expect("an id"))).await;
    let product = json!({ "title": { "en": "Thing" }, "category": "things", "variants": [{}] });
    let made = served.call(&own, "POST", "/v1/vendor/products", &product).await;
    let (product, path) = (text(&made, "id"), format!("/v1/vendor/products/{}", text(&made, "id")));
    let price = json!({ "unit_minor": 100, "shipping_minor": 0, "currency": "EUR" });
    let offer = json!({ "variant": made["variants"][0], "code": "T-1", "price": price });
    served.call(&own, "POST", &format!("{path}/offers"), &offer).await;
    served.call(&own, "POST", &format!("{path}/submit"), &json!({})).await;
    let approve = format!("/v1/operator/products/{product}/approve");
    served.call(&operator, "POST", &approve, &json!({})).await;
    product.parse().expect("an id")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_one_trace_from_the_door_to_the_journal() {
    let backend = Backend::sqlite();
    let (endpoint, spans) = collector().await;
    let served = Served::start(&backend, &endpoint);
    let product = StreamId::Product(list_a_product(&served, &backend).await);

    // Spans are sent every few seconds.
    let wanted =
        [("request", ""), ("handle", "command"), ("handle", "ask"), ("handle", "answer"), ("append", "")];
    let deadline = Instant::now() + PATIENCE;
    let seen = loop {
        let seen: Vec<Span> = spans
            .lock()
            .expect("no panic")
            .iter()
            .filter(|span| hex(&span.trace_id) == TRACE)
            .cloned()
            .collect();
        let has = |(name, what): &(&str, &str)| {
            seen.iter().any(|span| span.name == *name && attribute(span, "what") == *what)
        };
        if wanted.iter().all(has) && seen.iter().filter(|span| span.name == "request").count() == 6 {
            break seen;
        }
        let names: Vec<_> = seen.iter().map(|span| (&span.name, attribute(span, "what"))).collect();
        assert!(Instant::now() < deadline, "the collector never saw all of it: {names:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };

    // The caller's span is above the request.
    let requests = seen.iter().filter(|span| span.name == "request");
    assert!(requests.clone().all(|span| hex(&span.parent_span_id) == CALLER));
    assert!(requests.clone().all(|span| !attribute(span, "status").is_empty()));
    // An append lies within the handling of what led to it, in the same stream.
    let by_id: BTreeMap<&[u8], &Span> = seen.iter().map(|span| (span.span_id.as_slice(), span)).collect();
    let own =
        seen.iter().filter(|span| span.name == "append" && attribute(span, "stream") == product.to_string());
    let mut appends = 0;
    for append in own {
        let handled = by_id.get(append.parent_span_id.as_slice()).expect("within what was handled");
        assert_eq!((handled.name.as_str(), attribute(handled, "stream")), ("handle", product.to_string()));
        assert!(append.end_time_unix_nano > append.start_time_unix_nano);
        appends += 1;
    }
    assert!(appends >= 4, "{appends} appends");
    // The other actor's part of it.
    let asked = seen.iter().find(|span| attribute(span, "what") == "ask").expect("seen above");
    assert!(attribute(asked, "stream").starts_with("stock-"), "{asked:?}");
    drop(served);

    // And the journal says the same of every event.
    let database = backend.url().parse().expect("an address");
    let mut traces = Vec::new();
    audit::read(&database, |recorded, _| {
        if recorded.stream == product || matches!(recorded.stream, StreamId::Stock(_)) {
            traces.push(recorded.origin.trace.map(|trace| format!("{trace:032x}")));
        }
    })
    .await
    .expect("readable");
    assert!(traces.len() >= 5, "{traces:?}");
    assert!(traces.iter().all(|trace| trace.as_deref() == Some(TRACE)), "{traces:?}");
}
