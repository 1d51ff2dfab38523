//! The API's own description, OpenAPI 3.1, made of the routes that are mounted.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::error::Code;
use super::routes::{Answer, Caller, Naming, Operation, Routes};

/// Where schemas that are used by name stand.
const SCHEMAS: &str = "/components/schemas";

/// Of every route of the API.
const ALWAYS: &[Code] = &[Code::RateLimited, Code::Timeout, Code::OutcomeUnknown];
/// Of a route that takes a body, or none.
const OF_BODIES: &[Code] = &[
    Code::MalformedJson,
    Code::UnknownField,
    Code::InvalidField,
    Code::BodyTooLarge,
    Code::BodyTimeout,
    Code::UnsupportedMediaType,
];
/// Of a command to an actor.
const OF_COMMANDS: &[Code] = &[
    Code::KeyInvalid,
    Code::KeyReused,
    Code::InFlight,
    Code::Overloaded,
    Code::Quarantined,
    Code::Unavailable,
];

/// Writes the description of these routes.
pub(super) fn document(groups: &[Routes]) -> Value {
    let mut schemas = Schemas::new();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for group in groups {
        for operation in &group.operations {
            let path = format!("{}{}", group.prefix, operation.path);
            let said = describe(&mut schemas, group.prefix, operation);
            paths.entry(path).or_default().insert(operation.method.as_str().to_ascii_lowercase(), said);
        }
    }
    let refusals = std::mem::take(&mut schemas.refusals);
    let mut components = schemas.taken();
    components.insert("Problem".to_owned(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "souk",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A marketplace: many vendors, one storefront, one till",
            "description": "Amounts are whole minor units of a currency; times are milliseconds since 1970; ids are \
                opaque. A refusal is application/problem+json with a stable `code`. What must not happen twice takes \
                an Idempotency-Key. Lists are {items, next_cursor}: give next_cursor back as `cursor`.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": refusals,
            "parameters": shared_parameters(),
            "headers": shared_headers(),
            "securitySchemes": {
                "token": bearer("The token of a cart or an order, as it was given when the cart was opened"),
                "access_token": bearer("The access token of a sign-in"),
                "vendor_key": bearer("A vendor's API key, or the access token of a member of its team"),
                "operator_key": bearer("An operator's API key, or the access token of an operator who is signed in"),
            },
        },
    })
}

fn bearer(description: &str) -> Value {
    json!({ "type": "http", "scheme": "bearer", "description": description })
}

/// Schemas of what comes in and of what goes out: a field that may be left out when it is said is always there when
/// it is answered.
struct Schemas {
    of_input: SchemaGenerator,
    of_output: SchemaGenerator,
    /// What refusals with the same codes are told, once for all routes that have them.
    refusals: BTreeMap<String, Value>,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = SCHEMAS.into();
                settings.meta_schema = None;
            })
        };
        Schemas {
            of_input: settings().for_deserialize().into_generator(),
            of_output: settings().for_serialize().into_generator(),
            refusals: BTreeMap::new(),
        }
    }

    fn taken(mut self) -> Map<String, Value> {
        let mut all = self.of_input.take_definitions(true);
        all.extend(self.of_output.take_definitions(true));
        all
    }
}

fn describe(schemas: &mut Schemas, prefix: &str, operation: &Operation) -> Value {
    let tag = prefix.rsplit('/').next().filter(|tag| !tag.is_empty()).unwrap_or("server");
    let mut said = Map::new();
    said.insert("operationId".to_owned(), json!(operation.name));
    said.insert("summary".to_owned(), json!(operation.summary));
    said.insert("tags".to_owned(), json!([tag]));
    let security = match operation.caller {
        Caller::Anybody => &[][..],
        Caller::Shopper => &["token"],
        Caller::Owner => &["token", "access_token"],
        Caller::Person => &["access_token"],
        Caller::Vendor(_) => &["vendor_key"],
        Caller::Operator(_) => &["operator_key"],
    };
    let power = match operation.caller {
        Caller::Vendor(power) => Some(power.text()),
        Caller::Operator(power) => Some(power.text()),
        Caller::Anybody | Caller::Shopper | Caller::Owner | Caller::Person => None,
    };
    // What of a role or a key's scopes it takes.
    said.extend(power.map(|power| ("x-power".to_owned(), json!(power))));
    said.insert("security".to_owned(), security.iter().map(|name| json!({ *name: [] })).collect());
    let parameters = parameters(schemas, prefix, operation);
    if !parameters.is_empty() {
        said.insert("parameters".to_owned(), json!(parameters));
    }
    if let Some(body) = operation.body {
        let schema = body(&mut schemas.of_input);
        let content = json!({ "application/json": { "schema": schema } });
        said.insert(
            "requestBody".to_owned(),
            json!({ "required": !operation.body_optional, "content": content }),
        );
    }
    said.insert("responses".to_owned(), Value::Object(responses(schemas, prefix, operation)));
    Value::Object(said)
}

fn parameters(schemas: &mut Schemas, prefix: &str, operation: &Operation) -> Vec<Value> {
    let mut parameters: Vec<Value> = operation
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let number = matches!(name, "line" | "seq" | "n");
            let kind = if number { "integer" } else { "string" };
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": kind } })
        })
        .collect();
    if let Some(query) = operation.query {
        parameters.extend(in_query(&query(&mut schemas.of_input)));
    }
    let mut shared =
        |name: &str| parameters.push(json!({ "$ref": format!("#/components/parameters/{name}") }));
    match operation.naming {
        Naming::None => {}
        Naming::Optional => shared("Idempotency-Key"),
        Naming::Required => shared("Idempotency-Key-Required"),
    }
    if operation.reads.any() {
        shared("Souk-Position");
    }
    if prefix == STORE {
        shared("Souk-Publishable-Key");
    }
    if is_tagged(prefix, operation) {
        shared("If-None-Match");
    }
    parameters
}

/// Headers of requests that many routes take.
fn shared_parameters() -> Value {
    let header = |name: &str, required: bool, description: &str| {
        json!({
            "name": name, "in": "header", "required": required, "description": description,
            "schema": { "type": "string" },
        })
    };
    json!({
        "Idempotency-Key": header("Idempotency-Key", false, "Names the request, so that its repeat is known"),
        "Idempotency-Key-Required": header("Idempotency-Key", true, "Names the request: money moves here"),
        "Souk-Position": header(
            "Souk-Position",
            false,
            "Of an earlier write: the answer waits up to 2 s until it contains it",
        ),
        "Souk-Publishable-Key": header(
            "Souk-Publishable-Key",
            false,
            "Shown by pages of another origin, which the key names",
        ),
        "If-None-Match": header("If-None-Match", false, "The ETag of an answer that is known already"),
    })
}

/// Headers of answers that many routes give.
fn shared_headers() -> Value {
    let header = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({
        "Souk-Position": header("Where this was written; a reader may wait for it"),
        "Idempotent-Replayed": header("true when the request was answered before"),
        "Souk-Stale": header("true when the answer may not contain the write of Souk-Position yet"),
        "ETag": header("Names this very answer"),
    })
}

/// The fields of a query's type.
fn in_query(schema: &Schema) -> Vec<Value> {
    let Some(Value::Object(fields)) = schema.get("properties") else { return Vec::new() };
    let required: Vec<&str> = match schema.get("required") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    fields
        .iter()
        .map(|(name, schema)| {
            let mut schema = schema.clone();
            // A parameter is left out; there is no null in a query string.
            if let Some(Value::Array(kinds)) = schema.get("type").cloned() {
                schema["type"] = kinds.into_iter().find(|kind| kind != "null").unwrap_or_default();
            }
            if let Some(Value::Array(forms)) = schema.get("anyOf").cloned() {
                schema = forms.into_iter().find(|form| form["type"] != "null").unwrap_or_default();
            }
            json!({ "name": name, "in": "query", "required": required.contains(&name.as_str()), "schema": schema })
        })
        .collect()
}

fn is_tagged(prefix: &str, operation: &Operation) -> bool {
    operation.method == Method::GET && operation.is_api(prefix)
}

fn responses(schemas: &mut Schemas, prefix: &str, operation: &Operation) -> Map<String, Value> {
    let mut responses = Map::new();
    for (status, answer) in &operation.answers {
        let content = match answer {
            Answer::Json(schema) => {
                json!({ "application/json": { "schema": schema(&mut schemas.of_output) } })
            }
            Answer::Text(media_type) => json!({ *media_type: { "schema": { "type": "string" } } }),
        };
        let mut headers = Map::new();
        let mut header = |name: &str| {
            headers.insert(name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
        };
        if operation.naming != Naming::None {
            header("Souk-Position");
            header("Idempotent-Replayed");
        }
        if operation.reads.any() {
            header("Souk-Stale");
        }
        if is_tagged(prefix, operation) {
            header("ETag");
        }
        let mut said = json!({ "description": "Done", "content": content });
        if !headers.is_empty() {
            said["headers"] = Value::Object(headers);
        }
        responses.insert(status.to_string(), said);
    }
    if is_tagged(prefix, operation) {
        responses.insert("304".to_owned(), json!({ "description": "It is as If-None-Match says" }));
    }
    for (status, codes) in by_status(&codes(prefix, operation)) {
        let texts: Vec<&str> = codes.iter().map(|code| code.text()).collect();
        let name = format!("{status}.{}", texts.join("."));
        responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
        schemas.refusals.entry(name).or_insert_with(|| refusal(&codes));
    }
    responses
}

fn refusal(codes: &[Code]) -> Value {
    let texts: Vec<&str> = codes.iter().map(|code| code.text()).collect();
    let titles: Vec<&str> = codes.iter().map(|code| code.title()).collect();
    let narrowed = json!({ "properties": { "code": { "enum": texts } } });
    let schema = json!({ "allOf": [{ "$ref": format!("#{SCHEMAS}/Problem") }, narrowed] });
    let content = json!({ "application/problem+json": { "schema": schema } });
    json!({ "description": titles.join("; "), "content": content })
}

fn by_status(codes: &[Code]) -> BTreeMap<u16, Vec<Code>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status().as_u16()).or_default().push(*code);
    }
    by_status
}

/// Every code that this operation may be refused with.
/// Where shoppers' routes are.
const STORE: &str = "/v1/store";
/// Of pages of another origin.
const OF_ORIGINS: [Code; 4] =
    [Code::AuthenticationRequired, Code::KeyRevoked, Code::OriginRefused, Code::Unavailable];
/// Of whoever acts for a vendor or for the marketplace.
const OF_ACTING: [Code; 9] = [
    Code::AuthenticationRequired,
    Code::KeyRevoked,
    Code::WrongRole,
    Code::SecondFactorNeeded,
    Code::AccessExpired,
    Code::SignedOut,
    Code::Overloaded,
    Code::OutcomeUnknown,
    Code::Unavailable,
];

fn codes(prefix: &str, operation: &Operation) -> Vec<Code> {
    if !operation.is_api(prefix) {
        return operation.codes.clone();
    }
    let mut codes: Vec<Code> = operation.codes.clone();
    codes.extend(ALWAYS);
    if operation.method != Method::GET {
        codes.extend(OF_BODIES);
    }
    match operation.caller {
        Caller::Anybody => {}
        Caller::Shopper => codes.extend([Code::AuthenticationRequired, Code::NotFound]),
        Caller::Person | Caller::Owner => codes.extend([
            Code::AuthenticationRequired,
            Code::AccessExpired,
            Code::SignedOut,
            Code::Overloaded,
            Code::OutcomeUnknown,
            Code::Unavailable,
        ]),
        Caller::Vendor(_) => codes.extend(OF_ACTING),
        Caller::Operator(power) => {
            codes.extend(OF_ACTING);
            if power.asks_who_one_is() && operation.method != Method::GET {
                codes.push(Code::StepUpRequired);
            }
        }
    }
    if prefix == STORE {
        codes.extend(OF_ORIGINS);
    }
    match operation.naming {
        Naming::None => {}
        Naming::Optional => codes.extend(OF_COMMANDS),
        Naming::Required => {
            codes.extend(OF_COMMANDS);
            codes.push(Code::KeyMissing);
        }
    }
    if operation.query.is_some() {
        codes.push(Code::InvalidQuery);
    }
    if operation.path.contains('{') {
        codes.push(Code::NotFound);
    }
    if operation.method == Method::GET {
        // From an actor or from a read model.
        codes.extend([Code::Quarantined, Code::Unavailable]);
    }
    if operation.reads.any() {
        codes.push(Code::PositionInvalid);
    }
    let seen: BTreeSet<&str> = codes.iter().map(|code| code.text()).collect();
    Code::ALL.iter().copied().filter(|code| seen.contains(code.text())).collect()
}

fn problem() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.text()).collect();
    json!({
        "type": "object",
        "description": "What a refused request is told (RFC 9457). Some codes bring members of their own.",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": text("urn:souk:problem: and the code"),
            "title": text("The code for people"),
            "status": { "type": "integer", "description": "The HTTP status" },
            "code": { "type": "string", "enum": codes, "description": "Stable: branch on this" },
            "detail": text("What to do"),
        },
    })
}
