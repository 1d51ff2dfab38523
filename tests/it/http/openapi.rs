//! The description of the API says what the server does: every route, every refusal that any test sees.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

use super::rig::{Response, Server};

/// Set to write the snapshot instead of comparing with it.
const WRITE: &str = "SOUK_WRITE_OPENAPI";

static DOCUMENT: LazyLock<Value> = LazyLock::new(souk::http::openapi);

fn paths() -> &'static serde_json::Map<String, Value> {
    DOCUMENT["paths"].as_object().expect("paths")
}

/// The path of the document that this one is; a fixed part goes before a parameter.
fn template(path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    let matches = |template: &str| {
        let (mut parts, mut given) = (template.split('/'), path.split('/'));
        loop {
            match (parts.next(), given.next()) {
                (None, None) => return true,
                (Some(part), Some(given))
                    if part == given || (part.starts_with('{') && !given.is_empty()) => {}
                _ => return false,
            }
        }
    };
    let found = paths().keys().filter(|template| matches(template));
    found.min_by_key(|template| template.matches('{').count()).map(String::as_str)
}

/// Fails when a test was told something that the document does not say.
pub fn describes(method: &str, path: &str, told: &Response) {
    let Some(template) = template(path) else {
        assert_eq!(told.status, 404, "{method} {path} is not in the document: {told:?}");
        return;
    };
    let operation = &paths()[template][method.to_ascii_lowercase()];
    if operation.is_null() {
        // What a browser asks before it lets a page ask is no operation of the API.
        if method == "OPTIONS" && [204, 403].contains(&told.status) {
            return;
        }
        assert_eq!(told.status, 405, "{method} {path} is not in the document: {told:?}");
        return;
    }
    let mut response = &operation["responses"][told.status.to_string()];
    if let Some(reference) = response["$ref"].as_str() {
        response = DOCUMENT.pointer(reference.trim_start_matches('#')).expect("it leads somewhere");
    }
    assert!(!response.is_null(), "{method} {template}: {} is not in the document: {told:?}", told.status);
    if told.header("content-type") == Some("application/problem+json") {
        let schema = &response["content"]["application/problem+json"]["schema"]["allOf"][1];
        let codes = schema["properties"]["code"]["enum"].as_array();
        let code = &told.json()["code"];
        assert!(
            codes.is_some_and(|codes| codes.contains(code)),
            "{method} {template}: {code} is not in the document: {told:?}"
        );
    }
}

#[test]
fn the_snapshot_is_what_the_routes_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&*DOCUMENT).expect("JSON"));
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == text, "the API has changed: look at it, then {WRITE}=1 writes docs/openapi.json anew");
}

#[test]
fn names_are_unique_and_references_lead_somewhere() {
    let mut names = BTreeSet::new();
    let mut operations = 0;
    for (path, methods) in paths() {
        for (method, operation) in methods.as_object().expect("operations") {
            operations += 1;
            let name = operation["operationId"].as_str().expect("a name");
            assert!(names.insert(name), "{name} is the name of two");
            let yes =
                operation["responses"].as_object().expect("responses").keys().any(|s| s.starts_with('2'));
            assert!(yes, "{method} {path} never says yes");
            for parameter in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                let known = operation["parameters"].as_array().expect("parameters");
                assert!(
                    known.iter().any(|known| known["name"] == parameter && known["in"] == "path"),
                    "{path}"
                );
            }
        }
    }
    assert!(operations >= 50, "only {operations} operations");
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(&DOCUMENT, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(DOCUMENT.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    // Two types of one name would be told apart by a number at its end.
    let schemas = DOCUMENT["components"]["schemas"].as_object().expect("schemas");
    let doubled: Vec<_> =
        schemas.keys().filter(|name| name.ends_with(|c: char| c.is_ascii_digit())).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
}

/// Routes are mounted through `Routes` only, so none can be missing in the document; and each that is in it is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_is_in_the_document_and_mounted() {
    let server = Server::start().await;
    for (path, methods) in paths() {
        for method in methods.as_object().expect("operations").keys() {
            let id = "00000000000000000000000001";
            let asked = path
                .replace("{id}", &format!("{}_{id}", if path.contains("orders") { "ord" } else { "prd" }))
                .replace("{sku}", &format!("sku_{id}"))
                .replace("{payment}", &format!("pay_{id}-1"));
            let asked = asked.replace(['{', '}'], "");
            let told = server.send(&method.to_ascii_uppercase(), &asked, &[], "").await;
            assert_ne!(told.status, 405, "{method} {path}");
            assert!(!told.body.contains("there is no such route"), "{method} {path}");
        }
    }
    assert_eq!(server.get("", "/v1/openapi.json").await.ok(), *DOCUMENT);
    server.stop().await;

    let mut sources = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http")];
    while let Some(path) = sources.pop() {
        if path.is_dir() {
            sources.extend(std::fs::read_dir(&path).expect("read").map(|entry| entry.expect("read").path()));
        } else if !path.ends_with("routes.rs") {
            // A server that still opens its shop mounts by hand what it answers already; that too is described.
            let text = std::fs::read_to_string(&path).expect("read");
            for mounted in text.split(".route(").skip(1) {
                let route = mounted.strip_prefix('"').and_then(|rest| rest.split('"').next());
                let described = route.is_some_and(|route| paths().contains_key(route));
                assert!(described, "{} mounts {route:?} without describing it", path.display());
            }
        }
    }
}
