//! Carries a plan out in a shop, and measures what came of it.
//!
//! Every request has a name that is a function of the source, so a replay that was killed is simply run again: what
//! was done is told again, what was not is done.

mod lanes;
mod selling;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, ensure};
use souk_core::ids::{OrderId, ProductId, SkuId, VariantId, VendorId};
use souk_core::money::Rate;
use souk_core::verify::Told;
use tokio::time::Instant;

use super::super::AckLog;
use super::expected::{Expected, Sums};
use super::plan::{Fulfilment, Order, Plan, Product};
use super::report::Report;
use super::shop::{Seller, Shop};

pub use lanes::Progress;

/// How long everything that is under way may take to come to an end.
const QUIET_WITHIN: Duration = Duration::from_secs(120);
/// The first pause before something is looked at again; it doubles, up to a second.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// How a replay is carried out.
#[derive(Debug)]
pub struct Options {
    /// Requests under way at once.
    pub concurrency: usize,
    /// What the marketplace keeps of the goods.
    pub commission: Rate,
    /// Where to log what was acknowledged.
    pub acks: AckLog,
}

/// What a replay came to.
#[derive(Debug)]
pub struct Outcomes {
    /// Counts, sums and speed.
    pub report: Report,
    /// What they must be: where stock was scarce, given which orders were placed.
    pub expected: Expected,
    /// Orders that an earlier run was told are placed, and that this one did not find so.
    pub lost: Vec<OrderId>,
}

struct Drive {
    shop: Shop,
    plan: Plan,
    commission: Rate,
    concurrency: usize,
    acks: AckLog,
    progress: Arc<Progress>,
    /// Known once the vendors are there.
    sellers: OnceLock<Sellers>,
    /// What the shop calls the plan's offers; known once the products are there.
    offers: OnceLock<BTreeMap<SkuId, (ProductId, SkuId)>>,
}

/// Carries the plan out.
///
/// # Errors
/// When something that must succeed does not: the plan and the marketplace disagree, or the marketplace is down.
pub async fn run(
    shop: Shop,
    plan: Plan,
    options: Options,
    progress: Arc<Progress>,
) -> anyhow::Result<Outcomes> {
    let Options { concurrency, commission, acks } = options;
    let drive = Arc::new(Drive {
        shop,
        plan,
        commission,
        concurrency,
        acks,
        progress,
        sellers: OnceLock::new(),
        offers: OnceLock::new(),
    });
    let vendors = drive.all("vendors", 0..drive.plan.vendors.len(), |drive, at| async move {
        let vendor = drive.plan.vendors.get(at).context("no such vendor in the plan")?;
        Ok((vendor.id, drive.shop.vendor(vendor, drive.commission).await?))
    });
    let sellers = Sellers::of(vendors.await?);
    drive.sellers.get_or_init(|| sellers);
    let products = 0..drive.plan.products.len();
    let offers = drive.all("products", products.clone(), |drive, at| async move { drive.product(at).await });
    let offers = offers.await?.into_iter().flatten().collect();
    drive.offers.get_or_init(|| offers);
    drive.all("stock", products, |drive, at| async move { drive.stock(at).await }).await?;

    let orders = 0..drive.plan.orders.len();
    let started = Instant::now();
    let offered = drive
        .all("orders", orders, |drive, at| async move {
            let asked = Instant::now();
            let order = drive.order(at)?;
            let sold = drive.sell(order).await.with_context(|| format!("order {}", order.source))?;
            Ok((sold, asked.elapsed().as_micros() as u64))
        })
        .await?;
    let elapsed_us = started.elapsed().as_micros() as u64;
    drive.rest(offered, elapsed_us).await
}

/// Who acts for the vendors.
#[derive(Debug, Default)]
struct Sellers {
    /// By the plan's name for the vendor.
    planned: BTreeMap<VendorId, Seller>,
    /// By the shop's.
    there: BTreeMap<VendorId, Seller>,
}

impl Sellers {
    fn of(sellers: Vec<(VendorId, Seller)>) -> Self {
        let there = sellers.iter().map(|(_, seller)| (seller.vendor, seller.clone())).collect();
        Sellers { planned: sellers.into_iter().collect(), there }
    }
}

/// An order that was placed, by its place in the plan.
type Placed = (usize, OrderId);

impl Drive {
    fn order(&self, at: usize) -> anyhow::Result<&Order> {
        self.plan.orders.get(at).context("no such order in the plan")
    }

    /// Fulfils what was placed, and adds up what the orders say of themselves.
    async fn rest(
        self: &Arc<Self>,
        offered: Vec<(selling::Sold, u64)>,
        elapsed_us: u64,
    ) -> anyhow::Result<Outcomes> {
        let mut report = Report::default();
        let mut placed: Vec<Placed> = Vec::new();
        let mut waits = Vec::with_capacity(offered.len());
        for (at, (sold, wait)) in offered.into_iter().enumerate() {
            waits.push(wait);
            match sold {
                Ok(order) => placed.push((at, order)),
                Err(refused) => *report.refusals.entry(refused.0).or_default() += 1,
            }
        }
        report.set_speed(waits, elapsed_us);
        let things = placed.clone();
        self.all("fulfilment", things, |drive, placed| async move { drive.fulfil(placed).await }).await?;
        let things = placed.clone();
        let found = self.all("books", things, |drive, (_, id)| async move { drive.sums(id).await }).await?;
        for sums in found {
            report.sums.add(&sums);
        }
        report.sums.orders_offered = self.plan.orders.len() as u64;
        report.sums.orders_without_items = self.plan.orders_without_items;
        report.sums.orders_refused = (self.plan.orders.len() - placed.len()) as u64;
        let checkouts: BTreeSet<_> = placed
            .iter()
            .filter_map(|(at, _)| self.plan.orders.get(*at))
            .map(|order| order.checkout)
            .collect();
        let mut expected =
            Expected::of(&self.plan, self.commission, |order| checkouts.contains(&order.checkout))?;
        if !expected.is_scarce() {
            // Where everything is in stock, nothing can be missing for a good reason.
            expected = Expected::all(&self.plan, self.commission)?;
        }
        Ok(Outcomes { report, expected, lost: self.lost(&placed) })
    }

    /// What an earlier run was told and this one was not.
    fn lost(&self, placed: &[Placed]) -> Vec<OrderId> {
        let found: BTreeSet<OrderId> = placed.iter().map(|(_, order)| *order).collect();
        let told = self.acks.known().iter().filter_map(|told| match told {
            Told::Placed(order) => Some(*order),
            _ => None,
        });
        told.collect::<BTreeSet<OrderId>>().difference(&found).copied().collect()
    }

    fn seller(&self, vendor: VendorId) -> anyhow::Result<&Seller> {
        let found = self.sellers.get().and_then(|sellers| sellers.planned.get(&vendor));
        found.with_context(|| format!("the plan has no vendor {vendor}"))
    }

    fn seller_there(&self, vendor: VendorId) -> anyhow::Result<&Seller> {
        let found = self.sellers.get().and_then(|sellers| sellers.there.get(&vendor));
        found.with_context(|| format!("{vendor} is no vendor of this replay"))
    }

    /// What the shop calls an offer and its product.
    fn offer(&self, sku: SkuId) -> anyhow::Result<(ProductId, SkuId)> {
        let found = self.offers.get().and_then(|offers| offers.get(&sku));
        found.copied().with_context(|| format!("{sku} of the plan was never offered"))
    }

    fn planned(&self, at: usize) -> anyhow::Result<&Product> {
        self.plan.products.get(at).context("no such product in the plan")
    }

    /// Lists a product that was sold; what nobody bought stays a draft. Returns what the shop calls its offers.
    async fn product(&self, at: usize) -> anyhow::Result<Vec<(SkuId, (ProductId, SkuId))>> {
        let planned = self.planned(at)?;
        let steward = self.seller(planned.steward)?;
        let (product, variant) = self.shop.create(steward, planned).await?;
        let Some(first) = planned.offers.first() else { return Ok(Vec::new()) };
        let mut offers = vec![self.attach((product, variant), planned, first).await?];
        self.shop.list(steward, product).await?;
        for offer in planned.offers.iter().skip(1) {
            offers.push(self.attach((product, variant), planned, offer).await?);
        }
        Ok(offers)
    }

    async fn attach(
        &self,
        (product, variant): (ProductId, VariantId),
        planned: &Product,
        offer: &super::plan::Offer,
    ) -> anyhow::Result<(SkuId, (ProductId, SkuId))> {
        let seller = self.seller(offer.vendor)?;
        let sku = self.shop.attach(seller, (product, variant), planned, offer).await?;
        Ok((offer.sku, (product, sku)))
    }

    /// Receives what is received of a product's offers, and waits until their shards have heard that they are for
    /// sale.
    async fn stock(&self, at: usize) -> anyhow::Result<()> {
        for offer in &self.planned(at)?.offers {
            let seller = self.seller(offer.vendor)?;
            let there = self.offer(offer.sku)?;
            if offer.received > 0 {
                self.shop.receive(seller, there, offer.received).await?;
            }
            let mut patience = Patience::new();
            while !self.shop.is_open(seller, there).await? {
                patience.wait(|| format!("{} was never opened", there.1)).await?;
            }
        }
        Ok(())
    }

    /// What the vendors do with an order that was placed.
    async fn fulfil(&self, (at, id): Placed) -> anyhow::Result<()> {
        let order = self.order(at)?;
        let delivered = match order.fulfilment {
            Fulfilment::Placed => return Ok(()),
            Fulfilment::Cancelled => {
                for line in self.shop.figures(id).await?.lines {
                    let seller = self.seller_there(line.vendor)?;
                    self.shop.cancel_line(seller, id, line.number).await?;
                }
                return Ok(());
            }
            Fulfilment::Shipped => false,
            Fulfilment::Delivered => true,
        };
        for vendor in order.vendors() {
            let seller = self.seller(vendor)?;
            let parcel = self.shop.ship(seller, id).await?;
            if delivered {
                self.shop.deliver(seller, id, parcel).await?;
            }
        }
        Ok(())
    }

    /// The order's own figures, once everything it asked for has been answered.
    async fn sums(&self, id: OrderId) -> anyhow::Result<Sums> {
        let mut patience = Patience::new();
        loop {
            let figures = self.shop.figures(id).await?;
            if figures.settled {
                return Ok(figures.sums());
            }
            patience.wait(|| format!("{id} did not come to rest")).await?;
        }
    }
}

/// Looking again and again, for so long.
struct Patience {
    deadline: Instant,
    pause: Duration,
}

impl Patience {
    fn new() -> Self {
        Patience { deadline: Instant::now() + QUIET_WITHIN, pause: LOOK_AGAIN }
    }

    async fn wait(&mut self, what: impl Fn() -> String) -> anyhow::Result<()> {
        ensure!(Instant::now() < self.deadline, "{} within {} s", what(), QUIET_WITHIN.as_secs());
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(1));
        Ok(())
    }
}
