//! What a refused request is told: RFC 9457 `application/problem+json` with a stable `code`.
//!
//! Every code there is stands in one table here. A code never changes its meaning; clients branch on it, people
//! read `detail`, which says what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::actors::CallError;
use crate::adapters::search::SearchError;
use crate::journal::JournalError;
use crate::store::vault::VaultError;

/// Defines the codes: variant, text, status, title.
macro_rules! codes {
    ($($name:ident = $text:literal, $status:ident, $title:literal;)*) => {
        /// A stable name of what went wrong.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// As clients read it.
            pub const fn text(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// The HTTP status it is told with.
            pub const fn status(self) -> StatusCode {
                match self { $(Code::$name => StatusCode::$status,)* }
            }

            /// The same for people, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }

            /// Every code, for documentation.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];
        }
    };
}

codes! {
    MalformedJson = "malformed_json", BAD_REQUEST, "The body is not JSON";
    UnknownField = "unknown_field", BAD_REQUEST, "The body has a field that there is not";
    InvalidField = "invalid_field", BAD_REQUEST, "A field is missing or of the wrong type";
    InvalidQuery = "invalid_query", BAD_REQUEST, "The query string is not understood";
    KeyMissing = "idempotency_key_missing", BAD_REQUEST, "Money moves here: an Idempotency-Key is needed";
    KeyInvalid = "idempotency_key_invalid", BAD_REQUEST, "The Idempotency-Key is not one";
    PositionInvalid = "position_invalid", BAD_REQUEST, "Souk-Position is not as it was told";
    AuthenticationRequired = "authentication_required", UNAUTHORIZED, "Authentication is required";
    WrongPassword = "wrong_password", UNAUTHORIZED, "No account has this address and password";
    SecondFactorRequired = "second_factor_required", UNAUTHORIZED, "A code of the second factor is needed, too";
    WrongCode = "wrong_code", UNAUTHORIZED, "The code is not good";
    AccessExpired = "access_expired", UNAUTHORIZED, "The access token has had its time";
    SignedOut = "signed_out", UNAUTHORIZED, "The sign-in is over";
    KeyRevoked = "key_revoked", UNAUTHORIZED, "This API key was revoked";
    WrongRole = "wrong_role", FORBIDDEN, "This key is for another part of the API";
    OriginRefused = "origin_refused", FORBIDDEN, "Pages of this origin may not use the store";
    StepUpRequired = "step_up_required", FORBIDDEN, "Show once more who you are";
    SecondFactorNeeded = "second_factor_needed", FORBIDDEN, "Owners need a second factor here";
    NotFound = "not_found", NOT_FOUND, "There is no such thing";
    UnknownSku = "unknown_sku", NOT_FOUND, "There is no such offer";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "This cannot be done here";
    BodyTimeout = "request_incomplete", REQUEST_TIMEOUT, "The body did not arrive whole";
    AlreadyExists = "already_exists", CONFLICT, "It exists with other facts";
    WrongState = "wrong_state", CONFLICT, "It does not stand where this can be done";
    InFlight = "request_in_flight", CONFLICT, "The first request of this key is under way";
    QuoteChanged = "quote_changed", CONFLICT, "The quote or the total is another by now";
    QuoteDropped = "quote_dropped", CONFLICT, "The cart was changed while it was quoted";
    QuoteInProgress = "quote_in_progress", CONFLICT, "A quote is being asked for";
    NoQuote = "no_quote", CONFLICT, "There is no valid quote";
    NotForSale = "not_for_sale", CONFLICT, "Some lines cannot be bought";
    OutOfStock = "out_of_stock", CONFLICT, "Some lines are out of stock";
    PaymentInProgress = "payment_in_progress", CONFLICT, "A payment is under way";
    CheckoutPlaced = "checkout_placed", CONFLICT, "The order was placed";
    CheckoutEnded = "checkout_ended", CONFLICT, "The checkout has ended";
    CheckoutAbandoned = "checkout_abandoned", CONFLICT, "The shopper gave up meanwhile";
    CheckoutFailed = "checkout_failed", CONFLICT, "The sale could not be completed";
    PaymentTimedOut = "payment_timed_out", CONFLICT, "The payment took too long";
    TokenSpent = "token_spent", CONFLICT, "The letter's token is of no use any more";
    SecretShown = "secret_already_shown", CONFLICT, "The secret was shown before and cannot be shown again";
    Incomplete = "checkout_incomplete", CONFLICT, "Something is missing before this step";
    EmptyCart = "empty_cart", CONFLICT, "The cart is empty";
    AlreadyShipped = "already_shipped", CONFLICT, "The line has left already";
    AlreadyCancelled = "already_cancelled", CONFLICT, "The line is cancelled";
    NothingToShip = "nothing_to_ship", CONFLICT, "Nothing is left to ship";
    NotWaiting = "not_waiting", CONFLICT, "This payment does not wait for its shopper";
    Superseded = "superseded", CONFLICT, "Something later has happened since";
    PaymentDeclined = "payment_declined", PAYMENT_REQUIRED, "The payment was declined";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body must be application/json";
    KeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The key was used for another request";
    InvalidQuantity = "invalid_quantity", UNPROCESSABLE_ENTITY, "The quantity is out of range";
    InvalidValue = "invalid_value", UNPROCESSABLE_ENTITY, "A value is not as it must be";
    TokenInvalid = "token_invalid", UNPROCESSABLE_ENTITY, "This shop did not make that token";
    PasswordRefused = "password_refused", UNPROCESSABLE_ENTITY, "The password is not taken";
    InvalidPrice = "invalid_price", UNPROCESSABLE_ENTITY, "The price is out of range";
    CurrencyMismatch = "currency_mismatch", UNPROCESSABLE_ENTITY, "The market has another currency";
    CountryNotServed = "country_not_served", UNPROCESSABLE_ENTITY, "The market does not deliver there";
    TooMany = "too_many", UNPROCESSABLE_ENTITY, "One more would be too many";
    TooLarge = "amount_too_large", UNPROCESSABLE_ENTITY, "The sum is larger than is handled";
    NothingToPay = "nothing_to_pay", UNPROCESSABLE_ENTITY, "The total is zero";
    QuoteMismatch = "quote_mismatch", UNPROCESSABLE_ENTITY, "The quote does not price exactly the cart";
    Overloaded = "overloaded", TOO_MANY_REQUESTS, "Too much is under way";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "This client asks too often";
    Unbalanced = "needs_a_person", CONFLICT, "A person must look at this order";
    Quarantined = "quarantined", SERVICE_UNAVAILABLE, "This part is out of service until a person has looked";
    NoAnswer = "no_answer", SERVICE_UNAVAILABLE, "A part of the shop did not answer in time";
    OutcomeUnknown = "outcome_unknown", SERVICE_UNAVAILABLE, "It is not known yet whether this happened";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The database does not answer";
    NotReady = "not_ready", SERVICE_UNAVAILABLE, "This server does not serve yet";
    SearchUnavailable = "search_unavailable", SERVICE_UNAVAILABLE, "The search does not answer";
    Timeout = "request_timeout", GATEWAY_TIMEOUT, "The request took too long";
}

/// A refusal on its way to the client.
#[derive(Clone, PartialEq, Debug)]
pub struct ApiError {
    code: Code,
    detail: String,
    more: Map<String, Value>,
    retry_after_ms: Option<u64>,
}

impl ApiError {
    /// A refusal; `detail` says what to do.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        ApiError { code, detail: detail.into(), more: Map::new(), retry_after_ms: None }
    }

    /// With one more member.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// With the time after which it may be tried again.
    pub fn retry_after_ms(mut self, millis: u64) -> Self {
        self.retry_after_ms = Some(millis);
        self
    }

    /// A thing that is not there, or not for this caller: nobody can tell which.
    pub fn not_found() -> Self {
        Self::new(
            Code::NotFound,
            "there is no such thing, or it is not yours: check the id and the token or key",
        )
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.code.status();
        // Fixed order, so that the same refusal is always the same bytes.
        let mut body = json!({
            "type": format!("urn:souk:problem:{}", self.code.text()),
            "title": self.code.title(),
            "status": status.as_u16(),
            "code": self.code.text(),
            "detail": self.detail,
        });
        if let Value::Object(members) = &mut body {
            members.extend(self.more);
        }
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(millis) = self.retry_after_ms {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1_000).max(1)));
        }
        response
    }
}

impl ApiError {
    /// Another server has the journal.
    pub(super) fn not_owner() -> Self {
        let detail = "another server is active, nothing was started here: send the same request to that one";
        ApiError::new(Code::NotReady, detail).retry_after_ms(1_000)
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Overloaded { retry_after_ms } => {
                ApiError::new(Code::Overloaded, "nothing was started: send the same request again after a moment")
                    .retry_after_ms(retry_after_ms)
            }
            CallError::Quarantined { stream } => ApiError::new(
                Code::Quarantined,
                format!("{stream} failed repeatedly and is kept apart: nothing was started; the operator is told"),
            )
            .retry_after_ms(30_000),
            CallError::NotOwner { .. } => ApiError::not_owner(),
            CallError::Unreadable => {
                ApiError::new(Code::Unavailable, "nothing was started: send the same request again after a moment")
                    .retry_after_ms(1_000)
            }
            CallError::OutcomeUnknown => ApiError::new(
                Code::OutcomeUnknown,
                "it may have happened: send the same request again with the same Idempotency-Key to learn the outcome",
            )
            .retry_after_ms(1_000),
        }
    }
}

/// What the database said stays in the log: a client can do nothing with it.
impl From<JournalError> for ApiError {
    fn from(error: JournalError) -> Self {
        tracing::error!(%error, "a request could not be served");
        ApiError::new(Code::Unavailable, "send the same request again after a moment").retry_after_ms(1_000)
    }
}

/// Likewise.
impl From<SearchError> for ApiError {
    fn from(error: SearchError) -> Self {
        tracing::error!(%error, "a search could not be answered");
        ApiError::new(Code::SearchUnavailable, "send the same request again after a moment")
            .retry_after_ms(1_000)
    }
}

impl From<VaultError> for ApiError {
    fn from(error: VaultError) -> Self {
        match error {
            // The subject's name comes from the request's name: the same key carried another address.
            VaultError::Occupied { .. } => super::idempotency::key_reused(),
            other => {
                tracing::error!(error = %other, "a request could not be served");
                ApiError::new(Code::Unavailable, "send the same request again after a moment")
                    .retry_after_ms(1_000)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_said_once_and_are_no_faults_of_the_server() {
        for (at, code) in Code::ALL.iter().enumerate() {
            assert!(Code::ALL[..at].iter().all(|other| other.text() != code.text()), "{code:?}");
            assert_ne!(code.status(), StatusCode::INTERNAL_SERVER_ERROR, "{code:?}");
            assert!(code.text().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code:?}");
        }
    }

    #[test]
    fn too_much_says_when_to_come_back() {
        let response = ApiError::from(CallError::Overloaded { retry_after_ms: 100 }).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
