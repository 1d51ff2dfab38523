//! The page of the test bank on which a shopper passes or fails 3-D Secure.

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use souk_core::ids::PaymentId;

use crate::adapters::payments::test_bank::ActionRefused;

use super::Shared;
use super::body::Ids;
use super::error::{ApiError, Code};
use super::routes::{Naming, Routes, get, post};

pub(super) fn routes() -> Routes {
    let page = get("test_bank_page", PATH, "Where a shopper passes or fails 3-D Secure");
    let choice = post("test_bank_choice", PATH, "Passes or fails it").named(Naming::None);
    let refusals = [Code::InvalidQuery, Code::NotFound, Code::NotWaiting];
    Routes::under("")
        .with(page.says(200, HTML).says(404, HTML), show)
        .with(choice.asks::<Choice>().says(200, HTML).refuses(&refusals), act)
}

const PATH: &str = "/test-bank/{payment}";
const HTML: &str = "text/html";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Choice {
    result: Verdict,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Pass,
    Fail,
}

/// Nothing is loaded and nothing runs on this page; it may only send its own form.
const POLICY: &str = "default-src 'none'; form-action 'self'; frame-ancestors 'none'";

fn page(status: StatusCode, inside: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Test bank</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><h1>Test bank</h1>{inside}</html>\n"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, html).into_response()
}

async fn show(State(services): State<Shared>, Ids(payment): Ids<PaymentId>) -> Response {
    match services.bank.action(payment) {
        Some(amount) => page(
            StatusCode::OK,
            &format!(
                "<p>Pay {amount}? No money moves.</p>\
                 <form method=\"post\" action=\"/test-bank/{payment}?result=pass\"><button>Confirm</button></form>\
                 <form method=\"post\" action=\"/test-bank/{payment}?result=fail\"><button>Refuse</button></form>",
            ),
        ),
        None => {
            page(StatusCode::NOT_FOUND, "<p>This payment does not wait for you. Go back to the shop.</p>")
        }
    }
}

async fn act(
    State(services): State<Shared>,
    Ids(payment): Ids<PaymentId>,
    choice: Result<Query<Choice>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(choice) =
        choice.map_err(|_| ApiError::new(Code::InvalidQuery, "say ?result=pass or ?result=fail"))?;
    let ok = matches!(choice.result, Verdict::Pass);
    match services.bank.complete_action(payment, ok).await {
        Ok(()) => Ok(page(StatusCode::OK, "<p>Thank you. Go back to the shop.</p>")),
        Err(ActionRefused::UnknownPayment) => Err(ApiError::not_found()),
        Err(refused @ ActionRefused::NotWaiting) => Err(ApiError::new(Code::NotWaiting, refused.to_string())),
    }
}
