//! What was sold, and whether the books balance.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::Shared;
use crate::http::auth::Operator;
use crate::http::error::ApiError;
use crate::http::lists::{Asked, Listed, page_size, placed_cursor, read_placed_cursor};
use crate::http::told_orders::OrderItem;

/// Which orders.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    cursor: Option<String>,
    /// 1 to 200; 50 when it is left out.
    limit: Option<u32>,
}

pub(super) async fn orders(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Listed<OrderItem>>, ApiError> {
    let after = read_placed_cursor(filter.cursor.as_deref())?;
    let page = services.models.orders(&operator, after, page_size(filter.limit)).await?;
    let items = page.items.iter().map(OrderItem::from).collect();
    Ok(Json(Listed { items, next_cursor: page.next_cursor.map(placed_cursor) }))
}

/// Every account's balance. Debit is positive, credit negative.
#[derive(Serialize, JsonSchema)]
pub(super) struct TrialBalance {
    accounts: Vec<AccountOut>,
    /// What all of a currency come to: zero, or the books are wrong.
    totals: Vec<TotalOut>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AccountBalance")]
struct AccountOut {
    account: String,
    currency: String,
    balance_minor: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CurrencyTotal")]
struct TotalOut {
    currency: String,
    balance_minor: i64,
}

pub(super) async fn ledger(
    State(services): State<Shared>,
    Operator(operator): Operator,
) -> Result<Json<TrialBalance>, ApiError> {
    let balances = services.models.trial_balance(&operator).await?;
    let mut totals: BTreeMap<String, i64> = BTreeMap::new();
    for balance in &balances {
        let total = totals.entry(balance.amount.currency.to_string()).or_default();
        *total = total.saturating_add(balance.amount.minor);
    }
    let account = |balance: crate::store::read::Balance| AccountOut {
        account: balance.account,
        currency: balance.amount.currency.to_string(),
        balance_minor: balance.amount.minor,
    };
    Ok(Json(TrialBalance {
        accounts: balances.into_iter().map(account).collect(),
        totals: totals
            .into_iter()
            .map(|(currency, balance_minor)| TotalOut { currency, balance_minor })
            .collect(),
    }))
}
