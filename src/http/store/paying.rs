//! What it costs, and paying it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::checkout::{Checkout, Command, Reply, Step};
use souk_core::ids::{CheckoutId, QuoteId, StreamId};
use souk_core::money::Money;
use souk_core::payment::Method;

use crate::http::auth::Shopper;
use crate::http::body::{Body, Ids, NoBody};
use crate::http::error::{ApiError, Code};
use crate::http::idempotency::Named;
use crate::http::{Services, Shared, wire};
use crate::kill_point::{self, Side};

use super::view::{CheckoutAt, at};

/// How long the state is waited for after a payment was: short, since the request has waited already.
const READ_PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn quote(
    State(services): State<Shared>,
    shopper: Shopper,
    Ids(id): Ids<CheckoutId>,
    named: Named,
    _: NoBody,
) -> Result<Response, ApiError> {
    let stream = StreamId::Checkout(shopper.cart(id)?);
    let call = named.about(&services, (shopper.0.tenant(), shopper.0.principal()), stream, &())?;
    let given = call.give::<Checkout>(&services, stream, Command::RequestQuote).await?;
    Ok(given.answer(StatusCode::OK, |reply| at(id, &reply)))
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PayRequest")]
#[serde(deny_unknown_fields)]
pub(super) struct PayIn {
    /// The quote that the shopper saw.
    #[schemars(with = "String")]
    quote: QuoteId,
    /// Its total, as the shopper saw it.
    total_minor: i64,
    currency: String,
    method: MethodIn,
    /// The provider's token for the card or account; never a number.
    token: String,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PaymentMethod")]
#[serde(rename_all = "snake_case")]
enum MethodIn {
    Card,
    Instant,
    PayLater,
}

pub(super) async fn pay(
    State(services): State<Shared>,
    shopper: Shopper,
    Ids(id): Ids<CheckoutId>,
    named: Named,
    Body(pay): Body<PayIn>,
) -> Result<Response, ApiError> {
    let stream = StreamId::Checkout(shopper.cart(id)?);
    let total = Money::new(pay.total_minor, wire::currency(&pay.currency)?);
    let call =
        named.required()?.about(&services, (shopper.0.tenant(), shopper.0.principal()), stream, &pay)?;
    let method = match pay.method {
        MethodIn::Card => Method::Card { token: pay.token },
        MethodIn::Instant => Method::Instant { token: pay.token },
        MethodIn::PayLater => Method::PayLater { token: pay.token },
    };
    let command = Command::Pay { quote: pay.quote, total, method };
    let told = call.give_within::<Checkout>(&services, stream, command, services.pay_answer).await;
    kill_point::pass(Side::Before, ["reply.pay"]);
    match told {
        Ok(given) => Ok(given.respond(|reply| {
            let mut body = at(id, &reply);
            let Reply::Placed { order, .. } = reply else {
                return (StatusCode::ACCEPTED, Json(body)).into_response();
            };
            // A function of ids, so a repeat is told the same.
            body.order_token = Some(shopper.order_token(&services, order));
            (StatusCode::OK, Json(body)).into_response()
        })),
        Err(error) if error.code() == Code::OutcomeUnknown => under_way(&services, id, error).await,
        Err(error) => Err(error),
    }
}

/// The payment goes on without this request. Where it is, is told; its outcome is told to a repeat.
async fn under_way(services: &Services, id: CheckoutId, unknown: ApiError) -> Result<Response, ApiError> {
    let stream = StreamId::Checkout(id);
    let read = services.node.handle::<Checkout>().read(stream, READ_PATIENCE).await;
    match read.map(|(state, _)| state.step()) {
        Ok(step @ (Step::Holding | Step::Checking | Step::Paying(_) | Step::Placed)) => {
            Ok((StatusCode::ACCEPTED, Json(CheckoutAt::state(id, step.into()))).into_response())
        }
        _ => Err(unknown),
    }
}

pub(super) async fn abandon(
    State(services): State<Shared>,
    shopper: Shopper,
    Ids(id): Ids<CheckoutId>,
    named: Named,
    _: NoBody,
) -> Result<Response, ApiError> {
    let stream = StreamId::Checkout(shopper.cart(id)?);
    let call = named.about(&services, (shopper.0.tenant(), shopper.0.principal()), stream, &())?;
    let given = call.give::<Checkout>(&services, stream, Command::Abandon).await?;
    Ok(given.answer(StatusCode::OK, |reply| at(id, &reply)))
}
