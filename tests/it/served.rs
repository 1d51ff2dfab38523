//! The program itself as a process, on a directory of its own.

use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::http::rig::request;

const SOUK: &str = env!("CARGO_BIN_EXE_souk");
const STARTS_WITHIN: Duration = Duration::from_secs(60);
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// Where the servers of a directory write what they log.
pub const LOG: &str = "server.log";

/// The server is not there any more.
#[derive(Debug)]
pub struct Gone;

/// A server; killed when it is dropped.
pub struct Served {
    process: Child,
    /// Kept open: a server that cannot print ends.
    _stdout: Lines<BufReader<ChildStdout>>,
    pub addr: String,
}

impl Served {
    /// Starts it and waits until it serves; `None` when it ended before.
    pub async fn start(dir: &Path, environment: &[(&str, String)]) -> Option<Self> {
        Self::start_with(dir, environment, &[]).await
    }

    /// The same with more arguments.
    pub async fn start_with(dir: &Path, environment: &[(&str, String)], arguments: &[&str]) -> Option<Self> {
        let log = File::options().create(true).append(true).open(dir.join(LOG)).expect("a log");
        let mut command = Command::new(SOUK);
        command
            .args(["serve", "--addr", "127.0.0.1:0", "--data"])
            .arg(dir)
            .args(arguments)
            .env("NO_COLOR", "1")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        let mut process = command.spawn().expect("souk can be started");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let addr = timeout(STARTS_WITHIN, async {
            while let Some(line) = lines.next_line().await.expect("text") {
                if let Some((_, addr)) = line.split_once("souk listens on http://") {
                    return Some(addr.trim().to_owned());
                }
            }
            None
        });
        let addr = addr.await.expect("it serves in time")?;
        Some(Served { process, _stdout: lines, addr })
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        self.process.wait().await.expect("can be waited for")
    }

    /// As a process manager does; it ends in order.
    pub async fn stop(mut self) {
        let pid = self.process.id().expect("it runs").to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill can be run");
        assert!(told.success());
        let ended = timeout(STARTS_WITHIN, self.process.wait()).await.expect("it ends in time");
        assert!(ended.expect("can be waited for").success());
    }

    /// As `kill -9` does.
    pub async fn kill(mut self) {
        self.process.kill().await.expect("can be killed");
    }
}

/// An answer: its status, its head in lower case and its body.
#[derive(Clone, PartialEq, Debug)]
pub struct Told {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Told {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends a request and reads its answer, unless the server vanishes meanwhile.
pub async fn ask(
    addr: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Told, Gone> {
    let asked = async {
        let mut stream = TcpStream::connect(addr).await.ok()?;
        stream.write_all(request(method, path, headers, body).as_bytes()).await.ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = |line: &str| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok();
        let head = head.to_ascii_lowercase();
        // Cut off in the middle is no answer.
        let whole = head.lines().find_map(length).is_none_or(|length| body.len() == length);
        let status = head.split(' ').nth(1)?.parse().ok()?;
        whole.then(|| Told { status, head, body: body.to_owned() })
    };
    timeout(ANSWERS_WITHIN, asked).await.ok().flatten().ok_or(Gone)
}
