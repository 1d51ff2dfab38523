//! The program as somebody at a terminal meets it: settings in every command, exit codes, what is printed.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const SOUK: &str = env!("CARGO_BIN_EXE_souk");

/// souk with these arguments, in an environment without settings but those given.
fn souk(arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(SOUK);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SOUK_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.args(arguments).envs(env.iter().copied()).output().expect("souk can be started")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn the_settings_are_shown_with_where_they_came_from() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("souk.toml");
    std::fs::write(&file, "[market]\ncurrency = \"BRL\"\n[server]\naddr = \"127.0.0.1:1\"\n")
        .expect("written");
    let env =
        [("SOUK_DATABASE__URL", "postgres://souk:hunter2@db/souk"), ("SOUK_SERVER__ADDR", "127.0.0.1:2")];
    let shown = souk(&["config", "show", "--json", "--config", text(&file), "--data", "/d"], &env);
    assert_eq!(shown.status.code(), Some(0), "{}", stderr(&shown));
    assert!(!stdout(&shown).contains("hunter2"));
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let origin = |key: &str| shown[key]["origin"].as_str().expect("an origin").to_owned();
    assert_eq!(origin("market.currency"), format!("{} line 2", file.display()));
    assert_eq!(origin("server.addr"), "env SOUK_SERVER__ADDR");
    assert_eq!(shown["server.addr"]["value"], "\"127.0.0.1:2\"");
    assert_eq!(origin("database.data_dir"), "flag --data");
    assert_eq!(origin("telemetry.log"), "default");
    assert_eq!(shown["telemetry.log"]["value"], "\"info\"");
}

#[test]
fn wrong_settings_end_every_command_with_2_and_name_the_nearest() {
    for arguments in [
        &["config", "check"][..],
        &["config", "show"],
        &["serve"],
        &["migrate"],
        &["verify"],
        &["rebuild", "all"],
        &["keys", "list"],
        &["keys", "create", "--role", "operator"],
    ] {
        let told =
            souk(arguments, &[("SOUK_SERVER__ADR", "x"), ("SOUK_DATABASE__DATA_DIR", "/nowhere/at/all")]);
        assert_eq!(told.status.code(), Some(2), "{arguments:?}: {}", stderr(&told));
        assert!(
            stderr(&told).contains("the nearest is SOUK_SERVER__ADDR"),
            "{arguments:?}: {}",
            stderr(&told)
        );
    }
    let told = souk(&["migrate", "--database", "mysql://db"], &[]);
    assert_eq!(told.status.code(), Some(2), "{}", stderr(&told));
    assert!(stderr(&told).contains("flag --database"), "{}", stderr(&told));
    let told = souk(&["keys", "create", "--role", "vendor"], &[]);
    assert_eq!(told.status.code(), Some(2), "{}", stderr(&told));
    let told = souk(&["config", "check", "--json"], &[]);
    assert_eq!((told.status.code(), stdout(&told).contains("\"good\":true")), (Some(0), true));
}

#[test]
fn a_file_of_settings_names_the_data_for_commands_that_do_one_thing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, data) = (dir.path().join("souk.toml"), dir.path().join("data"));
    std::fs::write(&file, format!("[database]\ndata_dir = {:?}\n", text(&data))).expect("written");
    let config = ["--config", text(&file), "--json"];
    let run = |arguments: &[&str]| {
        let done = souk(&[arguments, &config[..]].concat(), &[]);
        assert_eq!(done.status.code(), Some(0), "{arguments:?}: {}", stderr(&done));
        assert_eq!(stderr(&done), "", "quiet unless something is wrong");
        serde_json::from_slice::<Value>(&done.stdout).expect("JSON")
    };
    assert!(run(&["migrate"])["migration"].as_i64().expect("a number") > 0);
    assert!(data.join("journal.db").exists());
    let made = run(&["keys", "create", "--role", "operator"]);
    let id = made["id"].as_str().expect("an id");
    assert_eq!(run(&["keys", "list"])[0]["id"], id);
    assert!(run(&["keys", "revoke", id])["revoked_at_ms"].is_i64());
    assert!(run(&["keys", "list"])[0]["revoked_at_ms"].is_i64());
    let told = souk(&["verify", "--data", text(&data)], &[("RUST_LOG", "souk=loud")]);
    assert_eq!(told.status.code(), Some(2), "{}", stderr(&told));
    assert!(stderr(&told).contains("RUST_LOG"), "{}", stderr(&told));
}

#[test]
fn a_reader_that_has_read_enough_ends_nothing() {
    for command in ["openapi", "config show", "completions bash"] {
        let mut child = Command::new(SOUK)
            .args(command.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("souk can be started");
        // Closed before anything is written to it.
        drop(child.stdout.take());
        let done = child.wait_with_output().expect("it ends");
        assert_eq!((done.status.code(), stderr(&done)), (Some(0), String::new()), "{command}");
    }
}

#[test]
fn where_no_journal_is_none_is_read_nor_made() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("nothing");
    for command in ["verify", "rebuild all"] {
        let arguments: Vec<&str> = command.split(' ').chain(["--data", text(&data)]).collect();
        let told = souk(&arguments, &[]);
        assert_eq!(told.status.code(), Some(2), "{command}: {}", stderr(&told));
        assert!(stderr(&told).contains("no journal"), "{command}: {}", stderr(&told));
        assert!(!data.exists(), "{command}");
    }
}

#[test]
fn help_tells_the_exit_codes_and_shells_get_their_completions() {
    for command in
        [&["--help"][..], &["serve", "--help"], &["keys", "create", "--help"], &["backup", "--help"]]
    {
        let help = stdout(&souk(command, &[]));
        assert!(help.contains("wrong usage: an argument or a setting"), "{command:?}: {help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&souk(&["completions", shell], &[]));
        assert!(script.contains("souk") && script.contains("rebuild"), "{shell}: {script}");
    }
    assert_eq!(souk(&["no-such-command"], &[]).status.code(), Some(2));
}
