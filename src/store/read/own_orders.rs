//! What a person ordered as the shoppers that they were.

use crate::journal::JournalError;
use crate::tenants::BuyersScope;

use super::orders::OrderRow;
use super::sales::{LIST, OrderColumns, PlacedCursor, order};
use super::statement::values;
use super::{Page, ReadModels, page_limit};

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
        let mut asking = self.reads.within(scope, "orders_of_buyers").await?;
        let values = values![placed_at, id, page_limit(limit)];
        let rows: Vec<OrderColumns> = asking.all("list what somebody ordered", LIST, values).await?;
        asking.end();
        let items = rows.into_iter().map(order).collect::<Result<_, _>>()?;
        Ok(Page::of(items, limit, |row: &OrderRow| PlacedCursor { placed_at: row.placed_at, order: row.id }))
    }
}
