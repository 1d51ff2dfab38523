//! `cargo xtask load`: real load on a private server, then the questions whether it kept its promises.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::k6::K6;
use crate::parts::Parts;
use crate::postgres::Postgres;
use crate::scratch::{Scratch, Stop, logged, tail, wait_until};
use crate::workspace::{cargo, outside_of_cargo, root, succeed, target_dir};
use crate::wrong_usage;

/// A script, how it is asked to run, and settings of the server that differ from the defaults.
struct Scenario {
    name: &'static str,
    script: &'static str,
    script_environment: &'static [(&'static str, &'static str)],
    settings: &'static [(&'static str, &'static str)],
}

const SCENARIOS: [Scenario; 4] = [
    Scenario { name: "smoke", script: "smoke.js", script_environment: &[], settings: &[] },
    Scenario { name: "browse", script: "browse.js", script_environment: &[], settings: &[] },
    Scenario { name: "flash_sale", script: "flash_sale.js", script_environment: &[], settings: &[] },
    Scenario {
        name: "flash_sale_abandon",
        script: "flash_sale.js",
        script_environment: &[("FORM", "abandon")],
        // Whoever went to the bank's page and did not come back is waited for this long, not a quarter of an hour.
        settings: &[("SOUK_CHECKOUT__ATTEMPT_CARD_MS", "3000"), ("SOUK_CHECKOUT__LOOK_UP_EVERY_MS", "1000")],
    },
];

/// Asks the server after the load.
const VERIFY: &str = "load-tests/verify/server.js";

const STOP: Stop = Stop { pid_file: "pid", signal: "TERM" };

const READY_WITHIN: Duration = Duration::from_secs(60);

/// The server gives requests under way 25 s.
const END_WITHIN: Duration = Duration::from_secs(40);

/// What the server prints once it serves, before its address.
const LISTENS: &str = "souk listens on ";

/// Writes its own pid, then becomes the server, so that the guard knows whom to stop from the first moment on.
const START: &str = r#"echo $$ > "$1" && shift && exec "$@""#;

struct Wanted<'a> {
    scenario: &'static Scenario,
    postgres: bool,
    k6_args: &'a [String],
}

fn parse(args: &[String]) -> Option<Wanted<'_>> {
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let (ours, k6_args) = (&args[..end], args.get(end + 1..).unwrap_or_default());
    let (flags, names): (Vec<&String>, Vec<&String>) = ours.iter().partition(|arg| arg.starts_with('-'));
    let [name] = names[..] else { return None };
    let postgres = match flags[..] {
        [] => false,
        [flag] if flag == "--postgres" => true,
        _ => return None,
    };
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name)?;
    Some(Wanted { scenario, postgres, k6_args })
}

pub fn run(args: &[String]) -> Result<ExitCode> {
    let Some(wanted) = parse(args) else {
        let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        let form = "`cargo xtask load [--postgres] SCENARIO [-- K6 ARGS…]` takes one scenario of";
        return Ok(wrong_usage(&format!("{form} {}", names.join(", "))));
    };
    let name = wanted.scenario.name;
    let k6 = K6::find_or_install()?;
    println!("k6 {}", k6.version);
    succeed(&mut cargo(&["build", "--release", "--locked", "--package", "souk", "--bin", "souk"]))
        .context("cargo build --release")?;

    let folder = target_dir().join("load");
    let results = Results { folder: folder.clone(), name };
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    results.forget()?;
    let postgres = if wanted.postgres { Some(Postgres::private()?) } else { None };
    let database =
        postgres.as_ref().map_or("SQLite".to_owned(), |postgres| format!("Postgres {}", postgres.version));
    println!("{database}");

    let mut shop = Shop::new(&folder, wanted.scenario, postgres.as_ref(), results.file("server.log"))?;
    let mut parts = Parts::default();
    parts.run("server", || {
        shop.open()?;
        Ok(format!("souk serve on {database}"))
    });
    if parts.failed().is_empty() {
        let mut environment = shop.environment(&folder);
        let script = wanted.scenario.script_environment;
        environment.extend(script.iter().map(|(name, value)| (*name, OsString::from(value))));
        let script = root().join("load-tests/scenarios").join(wanted.scenario.script);
        parts.run("load", || k6.run(&script, &environment, wanted.k6_args).map(|()| String::new()));
        let summary = results.file("json");
        if summary.is_file() {
            environment.push(("SOUK_SUMMARY", summary.into_os_string()));
            parts.run("server's word", || {
                k6.run(&root().join(VERIFY), &environment, &[])
                    .map(|()| "stock, orders and books agree".to_owned())
            });
        } else {
            parts.skip("server's word", "the load left no summary");
        }
        parts.run("end", || shop.end());
        parts.run("journal", || shop.verify(&results.file("journal.txt")));
    }

    println!("\n{}\n\n{name}, k6 {}, {database}", parts.table(), k6.version);
    for figures in ["txt", "verify.txt"] {
        print!("{}", fs::read_to_string(results.file(figures)).unwrap_or_default());
    }
    println!("  {:<34} {}", "more", results.file("*").display());
    let failed = parts.failed();
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let kept = shop.keep(&results.file("data"));
    println!(
        "failed: {}{}",
        failed.join(", "),
        kept.map_or(String::new(), |at| format!("; its data: {}", at.display()))
    );
    Ok(ExitCode::FAILURE)
}

/// What a run leaves behind: `target/load/SCENARIO.*`.
struct Results {
    folder: PathBuf,
    name: &'static str,
}

impl Results {
    fn file(&self, what: &str) -> PathBuf {
        self.folder.join(format!("{}.{what}", self.name))
    }

    /// So that nothing of an earlier run is taken for this one's.
    fn forget(&self) -> Result<()> {
        for what in ["json", "txt", "verify.json", "verify.txt", "journal.txt", "server.log"] {
            let file = self.file(what);
            if file.exists() {
                fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
            }
        }
        let data = self.file("data");
        if data.exists() {
            fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
        }
        Ok(())
    }
}

/// A server of this run's own, on loopback, with data of its own.
struct Shop {
    scratch: Scratch,
    settings: Vec<(&'static str, String)>,
    log: PathBuf,
    url: String,
    operator_key: String,
}

impl Shop {
    fn new(folder: &Path, scenario: &Scenario, postgres: Option<&Postgres>, log: PathBuf) -> Result<Self> {
        let scratch = Scratch::new(folder, "server-", &STOP)?;
        let mut settings: Vec<(&str, String)> =
            scenario.settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        settings.extend(postgres.map(|postgres| ("SOUK_DATABASE__URL", postgres.url.clone())));
        Ok(Self { scratch, settings, log, url: String::new(), operator_key: String::new() })
    }

    fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    /// A command on this shop's data, under its settings and no others.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
        let mut command = outside_of_cargo(program);
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("SOUK_") {
                command.env_remove(key);
            }
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.scratch.path()).args(args).stdin(Stdio::null());
        command
    }

    fn souk(&self, args: &[&str]) -> Command {
        let mut command = self.command(souk(), args);
        command.arg("--data").arg(self.data());
        command
    }

    fn open(&mut self) -> Result<()> {
        let made = self.souk(&["keys", "create", "--role", "operator", "--name", "load test"]).output()?;
        let said = String::from_utf8_lossy(&made.stderr).trim().to_owned();
        ensure!(made.status.success(), "`souk keys create`: {}\n{said}", made.status);
        self.operator_key = String::from_utf8(made.stdout)?.trim().to_owned();

        let mut server = self.command("sh", &["-c", START, "souk-start"]);
        server.arg(self.scratch.path().join(STOP.pid_file)).arg(souk());
        // Port 0: whichever is free, so that nobody else can take it in between.
        server.args(["serve", "--addr", "127.0.0.1:0", "--data"]).arg(self.data());
        logged(&mut server, &self.log)?;
        self.scratch.start(&mut server)?;
        let mut url = None;
        wait_until(READY_WITHIN, || {
            url = listens_on(&fs::read_to_string(&self.log).unwrap_or_default());
            url.is_some() || !self.scratch.server_runs().unwrap_or(false)
        });
        match url {
            Some(url) => self.url = url,
            None => bail!("souk did not open; the last lines of its log:\n{}", tail(&self.log)),
        }
        Ok(())
    }

    /// What the scripts must know. In the environment, since arguments are seen by everybody.
    fn environment(&self, folder: &Path) -> Vec<(&'static str, OsString)> {
        vec![
            ("SOUK_URL", self.url.clone().into()),
            ("SOUK_OPERATOR_KEY", self.operator_key.clone().into()),
            ("SOUK_LOAD_DIR", folder.into()),
        ]
    }

    /// Tells the server to end, as a process manager does, and waits until it has.
    fn end(&mut self) -> Result<String> {
        let status = self.scratch.stop_server(STOP.signal, END_WITHIN)?;
        ensure!(
            status.success(),
            "souk ended with {status}; the last lines of its log:\n{}",
            tail(&self.log)
        );
        Ok("in order after SIGTERM".to_owned())
    }

    /// What the journal says, asked of the files alone.
    fn verify(&self, report: &Path) -> Result<String> {
        let output = self.souk(&["verify"]).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        fs::write(report, &text).with_context(|| format!("cannot write {}", report.display()))?;
        ensure!(
            output.status.success(),
            "`souk verify`: {}\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(format!("souk verify: {}", text.lines().next().unwrap_or_default()))
    }

    /// Puts the data aside for whoever wants to know what went wrong. A private Postgres goes with what it holds.
    fn keep(mut self, aside: &Path) -> Option<PathBuf> {
        // It may still run when the scenario was never tried.
        drop(self.scratch.stop_server(STOP.signal, END_WITHIN));
        fs::rename(self.data(), aside).is_ok().then(|| aside.to_owned())
    }
}

fn souk() -> PathBuf {
    target_dir().join("release/souk")
}

fn listens_on(log: &str) -> Option<String> {
    // Only a whole line: it may be read while it is written.
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    whole.lines().find_map(|line| line.strip_prefix(LISTENS)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_in_the_help_and_has_its_script() {
        for Scenario { name, script, .. } in &SCENARIOS {
            assert!(crate::HELP.contains(&format!("\n    {name} ")), "{name} is not in the help");
            let script = root().join("load-tests/scenarios").join(script);
            assert!(script.is_file(), "{} is missing", script.display());
        }
        assert!(root().join(VERIFY).is_file());
    }

    #[test]
    fn one_scenario_is_taken_and_what_follows_the_dashes_is_for_k6() {
        let args = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let given = args("flash_sale --postgres -- -e UNITS=10");
        let wanted = parse(&given).unwrap();
        assert_eq!((wanted.scenario.name, wanted.postgres), ("flash_sale", true));
        assert_eq!(wanted.k6_args, ["-e", "UNITS=10"]);
        for wrong in ["", "no_such", "smoke browse", "smoke --embedded", "-- smoke"] {
            assert!(parse(&args(wrong)).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_address_is_read_from_a_whole_line_only() {
        assert_eq!(listens_on("INFO opening\nsouk listens on http://127.0.0.1:40"), None);
        let log = "INFO opening\nsouk listens on http://127.0.0.1:4080\n";
        assert_eq!(listens_on(log).as_deref(), Some("http://127.0.0.1:4080"));
    }
}
