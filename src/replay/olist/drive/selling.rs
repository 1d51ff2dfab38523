//! Selling one order: as a shopper would, or with the prices that an operator wrote.

use anyhow::ensure;
use souk_core::ids::OrderId;
use souk_core::verify::Told;

use super::super::plan::{Order, Way};
use super::super::shop::{Cart, Quoted, Refused, Wanted};
use super::Drive;

/// How often an order is priced and paid anew when that is all it needs.
const ATTEMPTS: u32 = 5;
/// Refusals after which nothing was charged and the same may be asked for under a new name: a replay that goes on after
/// a quarter of an hour finds its quotes expired, for example.
const ASK_ANEW: [&str; 6] =
    ["no_quote", "quote_changed", "quote_dropped", "quote_in_progress", "no_answer", "payment_timed_out"];

/// The order, or why there is none.
pub(super) type Sold = Result<OrderId, Refused>;

impl Drive {
    /// Sells one order.
    pub(super) async fn sell(&self, order: &Order) -> anyhow::Result<Sold> {
        let lines = self.wanted(order)?;
        let mut attempt = 1;
        loop {
            let (cart, sold) = self.attempt(order, &lines, attempt).await?;
            match sold {
                Ok(placed) => {
                    self.acks.log(&Told::Placed(placed))?;
                    return Ok(Ok(placed));
                }
                Err(Refused(code)) if ASK_ANEW.contains(&code.as_str()) && attempt < ATTEMPTS => attempt += 1,
                Err(refused) => {
                    // An order that cannot be had is left, so that nothing of it stays held.
                    if let Some(cart) = cart {
                        let _ = self.shop.abandon(&cart).await?;
                    }
                    return Ok(Err(refused));
                }
            }
        }
    }

    /// Prices it and pays it, once. With the cart, where there is one.
    async fn attempt(
        &self,
        order: &Order,
        lines: &[Wanted],
        attempt: u32,
    ) -> anyhow::Result<(Option<Cart>, Sold)> {
        let (cart, quoted) = match order.way {
            Way::Plain => {
                let cart = self.shop.fill_cart(order, lines).await?;
                match self.shop.quote(&cart, attempt).await? {
                    Ok(quoted) => (cart, quoted),
                    Err(refused) => return Ok((Some(cart), Err(refused))),
                }
            }
            Way::Assisted => match self.shop.assist(order, lines, attempt).await? {
                Ok(priced) => priced,
                Err(refused) => return Ok((None, Err(refused))),
            },
        };
        let Quoted { total, .. } = quoted;
        ensure!(total == order.total()?, "quoted {total} for what costs {}", order.total()?);
        let sold = self.shop.pay(&cart, quoted, attempt).await?;
        Ok((Some(cart), sold))
    }

    fn wanted(&self, order: &Order) -> anyhow::Result<Vec<Wanted>> {
        let wanted = |line: &super::super::plan::Line| {
            let (product, sku) = self.offer(line.sku)?;
            Ok(Wanted { sku, product, line: line.clone() })
        };
        order.lines.iter().map(wanted).collect()
    }
}
