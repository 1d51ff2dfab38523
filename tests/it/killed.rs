//! Real processes: a server that is killed in the middle of its work has lost nothing that it acknowledged.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::servers::Backend;

const SOUK: &str = env!("CARGO_BIN_EXE_souk");
/// How many acknowledged facts a run must have before it is killed.
const ACKS_WANTED: usize = 500;

/// Kills the process when the test ends early.
struct Driven(Child);

impl Drop for Driven {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

fn drive(backend: &Backend, acks: &Path) -> Driven {
    let child = Command::new(SOUK)
        .args([
            "drive",
            "--clients",
            "64",
            "--seconds",
            "120",
            "--units",
            "20000",
            "--database",
            backend.url(),
        ])
        .arg("--data")
        .arg(backend.data_dir())
        .arg("--acks")
        .arg(acks)
        .stdout(Stdio::null())
        .spawn()
        .expect("souk can be started");
    Driven(child)
}

fn verify(database: &str, acks: &Path) -> String {
    let output = Command::new(SOUK)
        .args(["verify", "--database", database])
        .arg("--acks")
        .arg(acks)
        .output()
        .expect("souk can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "not verified:\n{text}\n{errors}");
    text
}

fn killed_and_verified(backend: &Backend) {
    let scratch = tempfile::tempdir().expect("a directory for the test");
    let acks = scratch.path().join("acks");
    let database = backend.url();
    for round in 1..=3 {
        let before = lines(&acks);
        let mut driven = drive(backend, &acks);
        let deadline = Instant::now() + Duration::from_secs(60);
        while lines(&acks) < before + ACKS_WANTED {
            assert!(Instant::now() < deadline, "round {round}: too few acknowledgements");
            assert!(driven.0.try_wait().expect("can wait").is_none(), "round {round}: ended by itself");
            std::thread::sleep(Duration::from_millis(20));
        }
        driven.0.kill().expect("can be killed");
        driven.0.wait().expect("can be waited for");
        let text = verify(database, &acks);
        for invariant in ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I11"] {
            assert!(text.contains(&format!("ok     {invariant} ")), "{invariant} was not checked:\n{text}");
        }
    }
}

#[test]
fn a_killed_server_has_lost_nothing_on_sqlite() {
    let backend = Backend::sqlite();
    killed_and_verified(&backend);
}

#[test]
fn a_killed_server_has_lost_nothing_on_postgres() {
    if let Some(backend) = Backend::postgres("kill -9 on Postgres") {
        killed_and_verified(&backend);
    }
}
