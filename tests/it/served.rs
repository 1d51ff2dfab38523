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
/// Another build of the program, to be tried instead of this one: a release.
const PROGRAM: &str = "SOUK_TEST_PROGRAM";
const STARTS_WITHIN: Duration = Duration::from_secs(60);
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
const ANY_PORT: &str = "127.0.0.1:0";
/// Where the servers of a directory write what they log.
pub const LOG: &str = "server.log";

/// The server is not there any more.
#[derive(Debug)]
pub struct Gone;

/// The program under test.
pub fn program() -> String {
    std::env::var(PROGRAM).ok().filter(|given| !given.is_empty()).unwrap_or_else(|| SOUK.to_owned())
}

/// Whether that program has what only a debug build has: places to be killed at, a clock that jumps.
pub fn is_debug_build() -> bool {
    cfg!(debug_assertions) && program() == SOUK
}

/// A server; killed when it is dropped.
pub struct Served {
    process: Child,
    /// Kept open, as a terminal would be.
    stdout: Lines<BufReader<ChildStdout>>,
    pub addr: String,
}

impl Served {
    /// Starts it and waits until it serves; `None` when it ended before.
    pub async fn start(dir: &Path, environment: &[(&str, String)]) -> Option<Self> {
        Self::start_by(&[], dir, environment).await
    }

    /// The same by another program that runs the one behind its own arguments: a tracer, say.
    pub async fn start_by(by: &[String], dir: &Path, environment: &[(&str, String)]) -> Option<Self> {
        let mut served = Self::spawn(by, dir, ANY_PORT, environment);
        served.until_it_serves().await.then_some(served)
    }

    /// The same at this address and without waiting: a standby listens, and does not serve yet.
    pub fn spawn(by: &[String], dir: &Path, addr: &str, environment: &[(&str, String)]) -> Self {
        let log = File::options().create(true).append(true).open(dir.join(LOG)).expect("a log");
        let program = program();
        let mut command = match by.split_first() {
            None => Command::new(&program),
            Some((by, arguments)) => {
                let mut command = Command::new(by);
                command.args(arguments).arg(&program);
                command
            }
        };
        command
            .args(["serve", "--addr", addr, "--data"])
            .arg(dir)
            .env("NO_COLOR", "1")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        let mut process = command.spawn().expect("souk can be started");
        let stdout = BufReader::new(process.stdout.take().expect("piped")).lines();
        Served { process, stdout, addr: addr.to_owned() }
    }

    /// Waits until it says where it listens; `false` when it ended before.
    pub async fn until_it_serves(&mut self) -> bool {
        let addr = timeout(STARTS_WITHIN, async {
            while let Some(line) = self.stdout.next_line().await.expect("text") {
                if let Some((_, addr)) = line.split_once("souk listens on http://") {
                    return Some(addr.trim().to_owned());
                }
            }
            None
        });
        let addr = addr.await.expect("it serves in time");
        let Some(addr) = addr else { return false };
        self.addr = addr;
        true
    }

    pub fn pid(&self) -> u32 {
        self.process.id().expect("it runs")
    }

    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().expect("can be waited for").is_some()
    }

    /// Sends a signal, as `kill` names it.
    pub async fn signal(&self, name: &str) {
        let told = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().await;
        assert!(told.expect("kill can be run").success());
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        self.process.wait().await.expect("can be waited for")
    }

    /// As a process manager does; it ends in order.
    pub async fn stop(self) {
        assert!(self.ends_in_order().await, "it did not end in order, or not in time");
    }

    /// The same; `false` when it does not end in order, or not in time.
    pub async fn ends_in_order(mut self) -> bool {
        self.signal("TERM").await;
        let ended = timeout(STARTS_WITHIN, self.process.wait()).await;
        ended.is_ok_and(|ended| ended.expect("can be waited for").success())
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
