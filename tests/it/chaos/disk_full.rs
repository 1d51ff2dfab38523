//! A small disk of its own runs full under the database, and space comes back. Needs a mount namespace, hence root.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, timeout};

use super::market::Market;
use super::scenario::{Done, On, cycles, leave_out, run};
use crate::served::{Served, ask};

const CLIENTS: u64 = 4;
const PATIENCE: Duration = Duration::from_secs(60);
const SIZE_MB: u32 = 48;

/// `$1`: what is moved to a disk of its own, which nobody outside the namespace sees; `$2`: its size. It lasts until the
/// other end of the pipe is closed, however that end goes.
const DISK: &str = r#"
set -e
mkdir "$1.before"
cp -a "$1/." "$1.before"
mount -t tmpfs -o "size=$2" tmpfs "$1"
cp -a "$1.before/." "$1"
echo ready
read -r _ || true
"#;

#[test]
fn a_disk_that_runs_full_shuts_the_door_until_there_is_space_again_on_sqlite() {
    let (name, what) = ("disk_full", "the disk under the database runs full, and space comes back");
    if !On::Sqlite.is_wanted() {
        return;
    }
    if let Some(reason) = is_missing() {
        return leave_out(name, what, On::Sqlite, &reason);
    }
    let Some(backend) = On::Sqlite.open(name) else { return };
    run(name, what, On::Sqlite, || async move {
        let market = Market::found(backend).await;
        let disk = Disk::under(&market.dir().join("data")).await;
        let cycles = cycles(1, 20);
        let mut load = market.load(CLIENTS);
        let served = Served::start_by(&disk.by(), &market.dir(), &market.environment).await;
        let mut served = served.unwrap_or_else(|| panic!("it does not start\n{}", market.log()));
        load.serve_at(&served.addr);
        for _ in 0..cycles {
            market.told_more(market.deeds.count(), 10).await;
            disk.fill();
            let deadline = Instant::now() + PATIENCE;
            loop {
                let told = ask(&served.addr, "POST", "/v1/store/carts", &[], "").await;
                if told.as_ref().is_ok_and(|told| told.status == 429) {
                    assert!(told.is_ok_and(|told| told.head.contains("retry-after: ")));
                    break;
                }
                assert!(!served.has_ended(), "it ended\n{}", market.log());
                assert!(Instant::now() < deadline, "the door is never shut: {told:?}\n{}", market.log());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // Looking goes on.
            let product = "/v1/store/products/prd_0000000000000000000000000b";
            let told = ask(&served.addr, "GET", product, &[], "").await.expect("it answers");
            assert_eq!(told.status, 200, "{told:?}");
            disk.make_room();
            market.told_more(market.deeds.count(), 5).await;
            assert!(!served.has_ended(), "it ended\n{}", market.log());
            load.is_content();
        }
        // What is on it goes back to the large disk, to be read and judged.
        served.kill().await;
        disk.bring_back();
        let served = market.serve().await;
        let facts = market.end(served, load).await;
        Done { cycles, facts, remark: String::new() }
    });
}

/// Why there can be no such disk here; `None` when there can.
fn is_missing() -> Option<String> {
    let tried =
        std::process::Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    match tried {
        Err(error) => Some(format!("unshare cannot be run ({error})")),
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Some(format!("only root may mount a disk of its own: {said}"))
        }
    }
}

/// A small disk that only processes in its namespace see where it is.
struct Disk {
    keeper: Child,
    /// Its end is the disk's.
    _lifeline: ChildStdin,
    at: PathBuf,
}

impl Disk {
    async fn under(at: &Path) -> Self {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", DISK, "souk-disk"]).arg(at).arg(format!("{SIZE_MB}m"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut keeper = command.spawn().expect("unshare can be run");
        let lifeline = keeper.stdin.take().expect("piped");
        let mut lines = BufReader::new(keeper.stdout.take().expect("piped")).lines();
        let ready = timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("text");
        assert_eq!(ready.as_deref(), Some("ready"));
        Disk { keeper, _lifeline: lifeline, at: at.to_owned() }
    }

    fn pid(&self) -> u32 {
        self.keeper.id().expect("it runs")
    }

    /// What runs a server on it.
    fn by(&self) -> Vec<String> {
        ["nsenter", "-m", "-t", &self.pid().to_string()].map(str::to_owned).into()
    }

    fn seen_from_outside(&self) -> PathBuf {
        let inside = self.at.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.pid().to_string()).join("root").join(inside)
    }

    fn filler(&self) -> PathBuf {
        self.seen_from_outside().join("filler")
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.filler()).expect("a file");
        for size in [65_536, 4_096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Everything on it takes the place of what was there before, for those who do not see it.
    fn bring_back(self) {
        for old in std::fs::read_dir(&self.at).expect("a directory") {
            std::fs::remove_file(old.expect("an entry").path()).expect("removed");
        }
        for new in std::fs::read_dir(self.seen_from_outside()).expect("a directory") {
            let new = new.expect("an entry");
            std::fs::copy(new.path(), self.at.join(new.file_name())).expect("copied");
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).expect("removed");
    }
}
