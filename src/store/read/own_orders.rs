//! What a person ordered as the shoppers that they were.

use crate::journal::{JournalError, Pool};
use crate::tenants::BuyersScope;

use super::orders::OrderRow;
use super::sales::{OrderColumns, PlacedCursor, order, select_orders};
use super::{Page, ReadModels, failed, page_limit};

const OF_BUYERS_SQLITE: &str = select_orders!(
    "WHERE buyer IN (SELECT value FROM json_each($1)) AND (placed_at, id) < ($2, $3) \
     ORDER BY placed_at DESC, id DESC LIMIT $4"
);
const OF_BUYERS_POSTGRES: &str = select_orders!(
    "WHERE buyer IN (SELECT json_array_elements_text($1::json)) AND (placed_at, id) < ($2, $3) \
     ORDER BY placed_at DESC, id DESC LIMIT $4"
);

impl ReadModels {
    /// Orders of these shoppers, the latest first, behind the one named.
    ///
    /// # Errors
    /// As [`ReadModels::orders`].
    pub async fn orders_of_buyers(
        &self,
        scope: &BuyersScope,
        after: Option<PlacedCursor>,
        limit: u32,
    ) -> Result<Page<OrderRow, PlacedCursor>, JournalError> {
        let (placed_at, id) = PlacedCursor::bounds(after);
        let buyers: Vec<String> = scope.buyers().iter().map(|buyer| format!("\"{buyer}\"")).collect();
        let buyers = format!("[{}]", buyers.join(","));
        let limited = page_limit(limit);
        let rows: Result<Vec<OrderColumns>, sqlx::Error> = match &self.reads {
            Pool::Sqlite(pool) => {
                let query = sqlx::query_as(OF_BUYERS_SQLITE).bind(buyers).bind(placed_at).bind(id);
                query.bind(limited).fetch_all(pool).await
            }
            Pool::Postgres(pool) => {
                let query = sqlx::query_as(OF_BUYERS_POSTGRES).bind(buyers).bind(placed_at).bind(id);
                query.bind(limited).fetch_all(pool).await
            }
        };
        let rows = rows.map_err(failed("list what somebody ordered"))?;
        let items = rows.into_iter().map(order).collect::<Result<_, _>>()?;
        Ok(Page::of(items, limit, |row: &OrderRow| PlacedCursor { placed_at: row.placed_at, order: row.id }))
    }
}
