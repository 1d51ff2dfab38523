use std::path::PathBuf;

use souk_core::money::Rate;

use super::load::{DEFAULTS, env_name};
use super::*;

fn env(pairs: &[(&str, &str)]) -> Sources {
    let env = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sources { env, ..Sources::default() }
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("souk.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn faults(sources: Sources) -> Vec<String> {
    Config::load(sources).unwrap_err().faults().iter().map(ToString::to_string).collect()
}

#[test]
fn the_default_file_holds_exactly_the_known_keys_in_their_order() {
    let (entries, mistakes) = super::file::parse(DEFAULTS);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let written: Vec<_> = entries.into_iter().map(|entry| entry.key).collect();
    assert_eq!(written, sections::keys().collect::<Vec<_>>());
}

#[test]
fn every_default_names_its_environment_variable_right_above() {
    let mut comment = String::new();
    let mut section = "";
    let mut seen = 0;
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if line.starts_with('#') {
            comment.push_str(line);
        } else if let Some((key, _)) = line.split_once(" = ") {
            let name = env_name(&format!("{section}.{key}"));
            assert!(comment.ends_with(&format!("Env: {name}")), "{section}.{key}: {comment}");
            comment.clear();
            seen += 1;
        } else {
            comment.clear();
        }
    }
    assert_eq!(seen, sections::keys().count());
}

#[test]
fn the_defaults_are_good() {
    let loaded = Config::load(Sources::default()).unwrap();
    let config = &loaded.config;
    assert_eq!(config.server.addr.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.public_url, "http://localhost:8080");
    assert_eq!(config.market.commission, Rate(1_000));
    assert_eq!(config.market.facts().tax, None);
    assert_eq!(config.checkout.limits(), souk_core::checkout::Limits::default());
    assert_eq!(config.database_address().expose(), "sqlite:./souk-data");
    assert_eq!(config.server_key_file(), PathBuf::from("./souk-data/server.key"));
    assert_eq!(config.vault_key_file(), PathBuf::from("./souk-data/vault.key"));
    assert!(loaded.settings().iter().all(|setting| setting.origin == Origin::Default));
}

#[test]
fn the_production_example_is_good() {
    let (_dir, path) = file(include_str!("../../config/production.example.toml"));
    let loaded = Config::load(Sources { file: Some(path), ..Sources::default() }).unwrap();
    let tax = loaded.config.market.facts().tax.unwrap();
    assert_eq!((tax.jurisdiction.as_str(), tax.rate), ("DE", Rate(1_900)));
    assert_eq!(loaded.config.market.commission, Rate(1_250));
    assert_eq!(loaded.config.vault_key_file(), PathBuf::from("/etc/souk/vault.key"));
}

#[test]
fn later_layers_win_and_every_value_knows_its_origin() {
    let (_dir, path) =
        file("[server]\naddr = \"0.0.0.0:1\"\nbody_limit_bytes = 2048\n[market]\ncommission = 7.25\n");
    let mut sources = env(&[
        ("SOUK_SERVER__ADDR", "0.0.0.0:2"),
        ("SOUK_SERVER__BODY_LIMIT_BYTES", "4096"),
        ("SOUK_MARKET__COUNTRIES", "DE, AT"),
        ("SOUK_MARKET__PRICES_INCLUDE_TAX", "false"),
        ("SOUK_TELEMETRY__LOG", "debug"),
        ("PATH", "/bin"),
        ("SOUK_TEST_POSTGRES_URL", "postgres://x"),
    ]);
    sources.file = Some(path.clone());
    sources.flags = vec![Flag { flag: "--addr", key: "server.addr", value: "0.0.0.0:3".to_owned() }];
    let loaded = Config::load(sources).unwrap();
    let config = &loaded.config;
    assert_eq!(config.server.addr.port(), 3);
    assert_eq!(config.server.body_limit_bytes, 4096);
    assert_eq!(config.market.commission, Rate(725));
    assert_eq!(config.market.countries, ["DE", "AT"]);
    assert!(!config.market.prices_include_tax);
    assert_eq!(loaded.origin("server.addr"), Some(&Origin::Flag("--addr".to_owned())));
    assert_eq!(loaded.origin("telemetry.log"), Some(&Origin::Env("SOUK_TELEMETRY__LOG".to_owned())));
    assert_eq!(loaded.origin("market.commission"), Some(&Origin::File { path, line: 5 }));
    assert_eq!(loaded.origin("market.currency"), Some(&Origin::Default));
    assert_eq!(loaded.origin("nothing"), None);
}

#[test]
fn a_command_s_own_default_gives_way_to_whatever_was_given() {
    let preset = |value: &str| vec![Preset { key: "telemetry.log", value: value.to_owned() }];
    let loaded = Config::load(Sources { presets: preset("warn"), ..Sources::default() }).unwrap();
    assert_eq!(loaded.config.telemetry.log, "warn");
    assert_eq!(loaded.origin("telemetry.log"), Some(&Origin::Command));
    let given = env(&[("SOUK_TELEMETRY__LOG", "info")]);
    let loaded = Config::load(Sources { presets: preset("warn"), ..given }).unwrap();
    assert_eq!(loaded.config.telemetry.log, "info");
}

#[test]
fn all_faults_are_told_at_once_with_place_and_cure() {
    let (_dir, path) = file(
        "[server]\nadr = \"x\"\naddr = \"localhost:8080\"\nbody_limit_bytes = \"1 MB\"\n[chekout]\n[market]\ncurrency = \"eur\"\n",
    );
    let mut sources = env(&[
        ("SOUK_SERVER__ADR", "x"),
        ("SOUK_SERVER_ADDR", "x"),
        ("SOUK_ENGINE__ADMISSION", "many"),
        ("SOUK_CHECKOUT__HOLD_TTL_MS", "60000"),
        ("SOUK_CHECKOUT__CART_TTL_MS", "50000"),
        ("SOUK_MARKET__TAX_RATE", "19.00"),
        ("SOUK_DATABASE__URL", "postgres:/souk:hunter2@db/souk"),
    ]);
    let name = path.display().to_string();
    sources.file = Some(path);
    sources.flags =
        vec![Flag { flag: "--public-url", key: "server.public_url", value: "localhost".to_owned() }];
    let found = faults(sources);
    let expected = [
        format!("{name} line 2: there is no setting server.adr; the nearest is server.addr"),
        format!("{name} line 5: there is no setting chekout; the nearest is "),
        "env SOUK_SERVER_ADDR: there is no setting SOUK_SERVER_ADDR; the nearest is SOUK_SERVER__ADDR".to_owned(),
        "env SOUK_SERVER__ADR: there is no setting SOUK_SERVER__ADR; the nearest is SOUK_SERVER__ADDR".to_owned(),
        format!("{name} line 3: server.addr is \"localhost:8080\"; expected an IP address and a port, like "),
        "flag --public-url: server.public_url is \"localhost\"; expected an absolute address".to_owned(),
        format!("{name} line 4: server.body_limit_bytes is \"1 MB\"; expected a whole number from 1024 to 67108864"),
        "env SOUK_DATABASE__URL: database.url is not right (not shown); expected \"postgres://".to_owned(),
        "env SOUK_ENGINE__ADMISSION: engine.admission is \"many\"; expected a whole number".to_owned(),
        format!("{name} line 7: market.currency is \"eur\"; expected three capital letters"),
        "checkout.hold_ttl_ms = 60000 (env SOUK_CHECKOUT__HOLD_TTL_MS) must be less than checkout.cart_ttl_ms = 50000"
            .to_owned(),
        "checkout.quote_ttl_ms = 900000 (default) must be less than checkout.cart_ttl_ms = 50000".to_owned(),
        "market.tax_rate = \"19.00\" (env SOUK_MARKET__TAX_RATE) and market.tax_jurisdiction = \"\" (default) must both"
            .to_owned(),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
    }
    assert!(!found.concat().contains("hunter2"));
}

#[test]
fn a_file_that_cannot_be_read_or_parsed_says_so() {
    let absent = Sources { file: Some("/nowhere/souk.toml".into()), ..Sources::default() };
    assert!(faults(absent)[0].starts_with("cannot read /nowhere/souk.toml: "));
    let (_dir, path) = file("[server]\naddr = \n");
    let found = faults(Sources { file: Some(path), ..env(&[("SOUK_LIMITS__BURST", "0")]) });
    assert!(found[0].contains("line 2: this is not TOML: "), "{found:?}");
    assert!(found.iter().any(|fault| fault.contains("limits.burst is 0")), "{found:?}");
}

#[test]
fn the_environment_is_read_in_the_default_s_type_whatever_the_file_says() {
    let (_dir, path) = file("[engine]\nadmission = \"many\"\n");
    let sources = Sources { file: Some(path), ..env(&[("SOUK_ENGINE__ADMISSION", "12")]) };
    assert_eq!(Config::load(sources).unwrap().config.engine.admission, 12);
}

#[test]
fn no_password_is_ever_printed() {
    let url = "postgres://souk:hunter2@db:5432/souk";
    let loaded = Config::load(env(&[("SOUK_DATABASE__URL", url)])).unwrap();
    assert_eq!(loaded.config.database_address().expose(), url);
    let printed = format!("{loaded:?} {:?} {}", loaded.config.database, loaded.config.database_address());
    assert!(!printed.contains("hunter2"), "{printed}");
    let shown = loaded.settings().iter().find(|setting| setting.key == "database.url").unwrap();
    assert_eq!(shown.shown, "\"postgres://souk:***@db:5432/souk\"");
    // However wrong its place is.
    for text in [
        format!("[database]\nurl = [\"{url}\"]\n"),
        format!("[database]\nurl = [[\"x\", \"{url}\"]]\n"),
        format!("[database]\nurl = \"{url}\n"),
        format!("[database.url]\nurl = \"{url}\"\n"),
        format!("[database]\nurl = {{ to = \"{url}\" }}\n"),
        format!("[database]\nurl = \"mysql{url}\"\n"),
        format!("[telemetry]\notlp_endpoint = [\"{url}\"]\n"),
    ] {
        let (_dir, path) = file(&text);
        let found = faults(Sources { file: Some(path), ..Sources::default() });
        assert!(!found.is_empty() && !found.concat().contains("hunter2"), "{text}: {found:?}");
    }
}

#[test]
fn a_section_without_keys_says_nothing() {
    let (_dir, path) = file("[server]\n[market]\n");
    assert!(Config::load(Sources { file: Some(path), ..Sources::default() }).is_ok());
    let (_dir, path) = file("[server.addr]\n");
    let found = faults(Sources { file: Some(path), ..Sources::default() });
    assert!(found[0].contains("server.addr is a section; expected an IP address"), "{found:?}");
}

#[test]
fn every_role_has_the_one_login_unless_it_has_its_own() {
    let all = "postgres://souk:pw@db/souk";
    let app = "postgres://souk_app:s3cret@db/souk";
    let loaded = Config::load(env(&[("SOUK_DATABASE__URL", all), ("SOUK_DATABASE__APP_URL", app)])).unwrap();
    let logins = loaded.config.database_logins();
    assert_eq!([&logins.migrator, &logins.engine, &logins.vault].map(Secret::expose), [all; 3]);
    assert_eq!(logins.app.expose(), app);
    let shown: Vec<&str> = loaded.settings().iter().map(|setting| setting.shown.as_str()).collect();
    assert!(shown.iter().all(|shown| !shown.contains("pw") && !shown.contains("s3cret")), "{shown:?}");
    let logins = Config::load(Sources::default()).unwrap().config.database_logins();
    assert_eq!(logins.app.expose(), "sqlite:./souk-data");
}

#[test]
fn a_login_is_to_a_postgres_that_all_of_souk_is_on() {
    let app = ("SOUK_DATABASE__APP_URL", "postgres://souk_app:s3cret@db/souk");
    for sources in [env(&[app]), env(&[app, ("SOUK_DATABASE__URL", "sqlite:x")])] {
        let told = faults(sources);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("database.app_url") && !told[0].contains("s3cret"), "{told:?}");
    }
    let told = faults(env(&[("SOUK_DATABASE__ENGINE_URL", "sqlite:x")]));
    assert!(told.iter().any(|fault| fault.contains("SOUK_DATABASE__ENGINE_URL")), "{told:?}");
    let told = faults(env(&[("SOUK_SERVER__MODE", "prod")]));
    assert!(told[0].contains("\"development\" or \"production\""), "{told:?}");
}
