//! Routes, each mounted together with what is said of it: a route without a description does not compile, and a
//! description without a route cannot be written. [`super::openapi`] makes the document of them.

use axum::handler::Handler;
use axum::http::Method;
use axum::middleware;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Extension, Router};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::store::read::Projection;

use crate::tenants::policy::{OperatorPower, Power};

use super::error::Code;
use super::{Shared, caching, positions};

/// Where vendors' routes are.
pub(super) const VENDORS: &str = "/v1/vendor";
/// Where operators' routes are.
pub(super) const OPERATORS: &str = "/v1/operator";

/// Who may call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Caller {
    /// Anybody.
    Anybody,
    /// A shopper, with the token of a cart or an order.
    Shopper,
    /// The same, or the person who has shown to be that shopper.
    Owner,
    /// A person who is signed in, with an access token.
    Person,
    /// Somebody who acts for a vendor and has this power: with an API key, or as a member of its team.
    Vendor(Power),
    /// Somebody who acts for the marketplace and has this power: with an API key, or as an operator who is signed in.
    Operator(OperatorPower),
}

/// Whether a request may or must be named by an `Idempotency-Key`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Naming {
    /// It changes nothing, or doing it twice is doing it once.
    None,
    /// Named requests are known when they repeat.
    Optional,
    /// Money moves.
    Required,
}

/// What follows the journal a moment behind and is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reads {
    pub(super) projections: &'static [Projection],
    /// Whether the search index is.
    pub(super) index: bool,
}

impl Reads {
    /// Whether there is anything that a reader may wait for.
    pub(super) fn any(&self) -> bool {
        self.index || !self.projections.is_empty()
    }
}

/// Makes the schema of a type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What comes back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// JSON of a type.
    Json(SchemaOf),
    /// A text of a media type.
    Text(&'static str),
}

/// What is said of a route.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// Unique in the document; clients are generated from it.
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) caller: Caller,
    pub(super) naming: Naming,
    pub(super) body: Option<SchemaOf>,
    /// Whether it may be left out.
    pub(super) body_optional: bool,
    pub(super) query: Option<SchemaOf>,
    /// Read models that the answer comes from; a reader may wait for them.
    pub(super) reads: Reads,
    pub(super) answers: Vec<(u16, Answer)>,
    /// Refusals of its own; those that its other traits bring are added by the document.
    pub(super) codes: Vec<Code>,
}

fn operation(method: Method, name: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation {
        method,
        path,
        name,
        summary,
        caller: Caller::Anybody,
        naming: Naming::None,
        body: None,
        body_optional: false,
        query: None,
        reads: Reads::default(),
        answers: Vec::new(),
        codes: Vec::new(),
    }
}

/// Shows something.
pub(super) fn get(name: &'static str, path: &'static str, summary: &'static str) -> Operation {
    operation(Method::GET, name, path, summary)
}

/// Does something; its repeat is known by its key.
pub(super) fn post(name: &'static str, path: &'static str, summary: &'static str) -> Operation {
    operation(Method::POST, name, path, summary).named(Naming::Optional)
}

/// Sets something.
pub(super) fn put(name: &'static str, path: &'static str, summary: &'static str) -> Operation {
    operation(Method::PUT, name, path, summary).named(Naming::Optional)
}

/// Takes something out.
pub(super) fn delete(name: &'static str, path: &'static str, summary: &'static str) -> Operation {
    operation(Method::DELETE, name, path, summary).named(Naming::Optional)
}

impl Operation {
    /// Who may call it.
    pub(super) fn by(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// How its repeats are known.
    pub(super) fn named(mut self, naming: Naming) -> Self {
        self.naming = naming;
        self
    }

    /// The body it takes.
    pub(super) fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// A body that may be left out.
    pub(super) fn may_take<T: JsonSchema>(mut self) -> Self {
        self.body_optional = true;
        self.takes::<T>()
    }

    /// The query it takes. The schema of the type itself, since its fields become parameters.
    pub(super) fn asks<T: JsonSchema>(mut self) -> Self {
        self.query = Some(T::json_schema);
        self
    }

    /// The read models it reads. A reader that has just written may wait for its own write to be in them.
    pub(super) fn reads(mut self, projections: &'static [Projection]) -> Self {
        self.reads.projections = projections;
        self
    }

    /// It reads the search index, likewise.
    pub(super) fn searches(mut self) -> Self {
        self.reads.index = true;
        self
    }

    /// A yes.
    pub(super) fn answers<T: JsonSchema>(mut self, status: u16) -> Self {
        self.answers.push((status, Answer::Json(SchemaGenerator::subschema_for::<T>)));
        self
    }

    /// A yes in words.
    pub(super) fn says(mut self, status: u16, media_type: &'static str) -> Self {
        self.answers.push((status, Answer::Text(media_type)));
        self
    }

    /// Refusals of its own.
    pub(super) fn refuses(mut self, codes: &[Code]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// Whether it is part of the API, and not of what keeps the server running.
    pub(super) fn is_api(&self, prefix: &str) -> bool {
        prefix.starts_with("/v1")
    }
}

/// Routes below a prefix, with what is said of them.
#[derive(Debug)]
pub(super) struct Routes {
    pub(super) prefix: &'static str,
    router: Router<Shared>,
    pub(super) operations: Vec<Operation>,
}

impl Routes {
    /// No routes yet, below this prefix.
    pub(super) fn under(prefix: &'static str) -> Self {
        Routes { prefix, router: Router::new(), operations: Vec::new() }
    }

    /// Mounts a handler.
    pub(super) fn with<H, T>(mut self, operation: Operation, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        assert!(
            self.prefix != VENDORS || matches!(operation.caller, Caller::Vendor(_)),
            "{}: a vendor's route says which power it takes",
            operation.name
        );
        assert!(
            self.prefix != OPERATORS || matches!(operation.caller, Caller::Operator(_)),
            "{}: an operators' route says which power it takes",
            operation.name
        );
        let filter = MethodFilter::try_from(operation.method.clone());
        let Ok(filter) = filter else { unreachable!("one of get, post, put and delete") };
        let mut route: MethodRouter<Shared> = on(filter, handler);
        if operation.reads.any() {
            let reads = operation.reads;
            route =
                route.layer(middleware::from_fn(move |request, next| positions::wait(reads, request, next)));
        }
        match operation.caller {
            Caller::Vendor(power) => route = route.layer(Extension(power)),
            Caller::Operator(power) => route = route.layer(Extension(power)),
            Caller::Anybody | Caller::Shopper | Caller::Owner | Caller::Person => {}
        }
        if operation.method == Method::GET && operation.is_api(self.prefix) {
            route = route.layer(middleware::from_fn(caching::tag));
        }
        self.router = self.router.route(operation.path, route);
        self.operations.push(operation);
        self
    }

    /// The router alone, mounted below its prefix.
    pub(super) fn mounted(self) -> Router<Shared> {
        if self.prefix.is_empty() { self.router } else { Router::new().nest(self.prefix, self.router) }
    }
}
