//! Servers that start, stand by, take over and end, on one database.

use std::process::Command;
use std::time::Duration;

use souk::app::{ShopOptions, serve};
use souk::clock::Clock;
use souk::config::{Config, Flag, Sources};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::servers::Backend;

const SOUK: &str = env!("CARGO_BIN_EXE_souk");

/// A server in this process.
struct Server {
    addr: String,
    stop: oneshot::Sender<()>,
    served: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    async fn start(backend: &Backend) -> Self {
        let flag = |key, value: String| Flag { flag: "--test", key, value };
        let flags = vec![
            flag("database.url", backend.url().to_owned()),
            flag("database.data_dir", backend.data_dir().display().to_string()),
            flag("database.lease_ms", "2000".to_owned()),
        ];
        let config = Config::load(Sources { flags, ..Sources::default() }).expect("good settings").config;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound").to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(&config, Clock::system(), ShopOptions::of(&config), listener, || {}, stopped).await
        });
        Server { addr, stop, served }
    }

    /// Status, head in lower case, and body.
    async fn ask(&self, method: &str, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.addr).await.expect("it listens");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: souk\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    async fn until_ready(&self, what: &str, wanted: impl Fn(u16, &str) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let (status, _, body) = self.ask("GET", "/readyz").await;
            if wanted(status, &body) {
                return;
            }
            assert!(Instant::now() < deadline, "never {what}: {status} {body}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn end(self) -> anyhow::Result<()> {
        let _ = self.stop.send(());
        self.served.await.expect("no panic")
    }
}

fn is_standby(status: u16, body: &str) -> bool {
    status == 503 && body.contains("\"standby\":true")
}

fn serves(status: u16, _: &str) -> bool {
    status == 200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_says_so_and_takes_over_when_the_first_one_ends() {
    let Some(backend) = Backend::postgres("a standby on Postgres") else { return };
    let first = Server::start(&backend).await;
    first.until_ready("ready", serves).await;
    let second = Server::start(&backend).await;
    second.until_ready("standby", is_standby).await;
    assert_eq!(second.ask("GET", "/livez").await.0, 200);
    for (method, path) in [("POST", "/v1/store/carts"), ("GET", "/v1/store/products"), ("GET", "/metrics")] {
        let (status, head, body) = second.ask(method, path).await;
        assert_eq!(status, 503, "{path}: {body}");
        assert!(head.contains("retry-after: ") && head.contains("application/problem+json"), "{head}");
        assert!(body.contains("\"code\":\"not_ready\""), "{body}");
    }
    // A third one that is told to stop while it stands by ends at once and disturbs nobody.
    let third = Server::start(&backend).await;
    third.until_ready("standby", is_standby).await;
    third.end().await.expect("it ends in order");
    assert_eq!(first.ask("POST", "/v1/store/carts").await.0, 201);

    first.end().await.expect("it ends in order");
    second.until_ready("ready after the take-over", serves).await;
    assert_eq!(second.ask("POST", "/v1/store/carts").await.0, 201);
    second.end().await.expect("it ends in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_the_same_files_refuses_to_start() {
    let backend = Backend::sqlite();
    let first = Server::start(&backend).await;
    first.until_ready("ready", serves).await;
    let error =
        Server::start(&backend).await.served.await.expect("no panic").expect_err("refused").to_string();
    assert!(error.contains("in use by another souk server"), "{error}");
    // The program says the same, and what to do.
    let data = backend.data_dir().to_owned();
    let url = backend.url().to_owned();
    let told = tokio::task::spawn_blocking(move || {
        let mut souk = Command::new(SOUK);
        souk.args(["serve", "--addr", "127.0.0.1:0", "--database", &url]).arg("--data").arg(data).output()
    });
    let told = told.await.expect("no panic").expect("souk can be started");
    let text = String::from_utf8_lossy(&told.stderr).into_owned();
    assert_eq!(told.status.code(), Some(1), "{text}");
    assert!(text.contains("stop that one, or give this one a directory of its own"), "{text}");
    assert_eq!(first.ask("POST", "/v1/store/carts").await.0, 201);
    first.end().await.expect("it ends in order");
}
