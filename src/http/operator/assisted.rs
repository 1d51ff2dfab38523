//! An assisted order: a checkout that an operator fills and prices, and the shopper then pays.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::checkout::{Address, AssistedLine, Checkout, Command};
use souk_core::ids::{BuyerId, CheckoutId, ProductId, SkuId, StreamId, SubjectId};
use souk_core::money::Money;

use crate::http::auth::Operator;
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::idempotency::{Call, Given, Named};
use crate::http::store::address::AddressIn;
use crate::http::store::{at, opening};
use crate::http::{Services, Shared, wire};

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AssistedOrder")]
#[serde(deny_unknown_fields)]
pub(super) struct AssistedIn {
    /// One offer may stand on several lines, at a price each: they are lines of the order, too.
    lines: Vec<LineIn>,
    address: AddressIn,
    shipping_method: String,
    /// What the source of the order calls it.
    reference: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AssistedLine")]
#[serde(deny_unknown_fields)]
struct LineIn {
    #[schemars(with = "String")]
    sku: SkuId,
    #[schemars(with = "String")]
    product: ProductId,
    #[schemars(range(min = 1, max = 1_000_000))]
    quantity: i64,
    unit_price_minor: i64,
    #[serde(default)]
    unit_shipping_minor: i64,
}

pub(super) async fn create(
    State(services): State<Shared>,
    Operator(operator): Operator,
    named: Named,
    Body(order): Body<AssistedIn>,
) -> Result<Response, ApiError> {
    let sealed = order.address.checked()?;
    let currency = services.market.currency;
    let assisted = |line: &LineIn| {
        Ok(AssistedLine {
            sku: line.sku,
            product: line.product,
            quantity: wire::quantity(line.quantity)?,
            unit_price: Money::new(line.unit_price_minor, currency),
            unit_shipping: Money::new(line.unit_shipping_minor, currency),
        })
    };
    let lines = order.lines.iter().map(assisted).collect::<Result<Vec<_>, ApiError>>()?;
    let (lines, written) = AssistedLine::cart(&lines)?;
    let call = named.creating(&services, (operator.tenant(), operator.principal()), &order)?;
    let (id, buyer) = (CheckoutId(call.derive("chk")), BuyerId(call.derive("buy")));
    let stream = StreamId::Checkout(id);
    let given = match call.recall::<Checkout>(&services, stream).await? {
        Some(given) => given,
        None => {
            let subject = SubjectId(call.derive("sub"));
            services.vault.put(subject, stream, &sealed).await?;
            let open = Command::Open(opening(&services, buyer, order.reference));
            let address = Address { subject, country: order.address.country };
            let mut steps = vec![open];
            steps.extend(lines.into_iter().map(Command::SetLine));
            steps.push(Command::SetAddress(address));
            steps.push(Command::ChooseShipping { method: order.shipping_method });
            fill_and_price(&services, &call, stream, steps, Command::WriteQuote { lines: written }).await?
        }
    };
    let token = services.server_key.cart_token(id, buyer);
    Ok(given.answer(StatusCode::CREATED, |reply| {
        let mut body = at(id, &reply);
        body.token = Some(token.expose().to_owned());
        body
    }))
}

/// Each step is a command of its own, named after the request and its place, so that a repeat goes on where the
/// first try ended. The last one carries the request's own name: it is the one that is answered.
async fn fill_and_price(
    services: &Services,
    call: &Call,
    stream: StreamId,
    steps: Vec<Command>,
    price: Command,
) -> Result<Given<Checkout>, ApiError> {
    for (at, step) in steps.into_iter().enumerate() {
        let given = call.step(&format!("step-{at}")).give::<Checkout>(services, stream, step).await?;
        if given.is_refused() {
            return Ok(given);
        }
    }
    call.give::<Checkout>(services, stream, price).await
}
