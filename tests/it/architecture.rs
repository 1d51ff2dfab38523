//! The arrows inside `src/`: who may import whom. The compiler keeps `souk-core` apart; this keeps the rest.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules of `src/`, lowest first. Those of one row do not know each other.
const LAYERS: &[&[&str]] = &[
    &["clock", "config", "in_use", "kill_point", "telemetry"],
    &["tenants"],
    &["journal", "store", "adapters"],
    &["actors"],
    &["people"],
    &["demo", "http", "replay"],
    &["app"],
    &["cli"],
];

/// Imports across a row, each with its reason.
const ALLOWED: &[(&str, &str)] = &[
    // Read models and plain tables live in the same databases as the journal and share its connections.
    ("store", "journal"),
];

/// SQL text lives in these only.
const SQL: &[&str] = &["journal", "store"];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("src can be read") {
        let path = entry.expect("src can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn files() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    found
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&root).expect("below src").to_owned();
            let first =
                inside.components().next().expect("has a name").as_os_str().to_string_lossy().into_owned();
            let module = first.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).expect("source can be read");
            (module, inside, text)
        })
        .filter(|(module, _, _)| module != "lib" && module != "main")
        .collect()
}

fn layer(module: &str) -> usize {
    LAYERS
        .iter()
        .position(|row| row.contains(&module))
        .unwrap_or_else(|| panic!("{module} has no layer: give it one in {}", file!()))
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for (module, path, text) in files() {
        for part in text.split("crate::").skip(1) {
            let target: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let known = LAYERS.iter().any(|row| row.contains(&target.as_str()));
            let allowed = target == module
                || !known
                || layer(&target) < layer(&module)
                || ALLOWED.contains(&(module.as_str(), target.as_str()));
            if !allowed {
                wrong.push(format!("{} imports {target}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the arrows:\n{}", wrong.join("\n"));
}

#[test]
fn sql_stays_where_it_belongs() {
    let wrong: Vec<_> = files()
        .into_iter()
        .filter(|(module, _, text)| {
            !SQL.contains(&module.as_str())
                && ["sqlx::", "SELECT ", "INSERT INTO"].iter().any(|s| text.contains(s))
        })
        .map(|(_, path, _)| path)
        .collect();
    assert!(wrong.is_empty(), "SQL outside {SQL:?}: {wrong:?}");
}

#[test]
fn actor_references_stay_in_actors() {
    let wrong: Vec<_> = files()
        .into_iter()
        .filter(|(module, _, text)| {
            module != "actors" && (text.contains("ActorRef") || text.contains("ractor::"))
        })
        .map(|(_, path, _)| path)
        .collect();
    assert!(wrong.is_empty(), "actors are reached through handles only: {wrong:?}");
}

#[test]
fn migrations_have_twins() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let names = |dialect: &str| -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(root.join(dialect))
            .expect("migrations can be read")
            .map(|entry| entry.expect("migrations can be read").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(!names("sqlite").is_empty());
}
