//! Carries a plan out through the actors, and measures what came of it.
//!
//! Everything it asks for has a name that is a function of the source, so a replay that was killed is simply run
//! again: what was done is told again, what was not is done.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use souk_core::checkout::{self, CartLine, Checkout, Limits, Opening, WrittenLine};
use souk_core::host::Answer;
use souk_core::ids::{BuyerId, LocationId, OrderId, SkuId, StreamId, SubjectId, VendorId};
use souk_core::inventory::{self, Inventory, Movement};
use souk_core::journal::Origin;
use souk_core::machine::{CommandKey, Outcome};
use souk_core::market::{LocalizedText, Market, MarketId};
use souk_core::money::Rate;
use souk_core::order::{self, CancelReason, LineStage, Order as OrderMachine, Scope};
use souk_core::payment::Method;
use souk_core::product::{self, Condition, Facts, NewOffer, Price, Product as ProductMachine, Variant};
use souk_core::vendor::{self, Application, Commission, LegalEntity, Vendor as VendorMachine};
use souk_core::verify::Told;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::actors::{CallError, Hosted, Node};
use crate::store::vault::{Address, Vault};

use super::expected::{Expected, Sums};
use super::plan::{Fulfilment, Offer, Order, Plan, Product, Vendor, Way};
use super::report::Report;
use super::{CURRENCY, ids};

/// How long one command may take before it is given again under the same name.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a command whose outcome stayed unknown is given again.
const TRIES: u32 = 30;
/// How long everything that is under way may take to come to an end.
const QUIET_WITHIN: Duration = Duration::from_secs(120);

/// How a replay is carried out.
#[derive(Debug)]
pub struct Options {
    /// Commands under way at once.
    pub concurrency: usize,
    /// What the marketplace keeps of the goods.
    pub commission: Rate,
    /// Where to log what was acknowledged, one fact a line.
    pub acks: Option<File>,
}

/// What a replay came to.
#[derive(Debug)]
pub struct Outcomes {
    /// Counts, sums and speed.
    pub report: Report,
    /// What they must be, given which orders were placed.
    pub expected: Expected,
}

/// How far a replay is, for a progress bar.
#[derive(Debug, Default)]
pub struct Progress {
    /// What is being done.
    pub phase: Mutex<&'static str>,
    /// Of so many things.
    pub total: AtomicU64,
    /// So many are done.
    pub done: AtomicU64,
}

struct Drive {
    node: Arc<Node>,
    vault: Arc<Vault>,
    market: Market,
    commission: Rate,
    concurrency: usize,
    acks: Option<Mutex<File>>,
    progress: Arc<Progress>,
}

/// Why an order was not placed; `None` when it was.
type Refused = Option<String>;

/// Carries the plan out.
///
/// # Errors
/// When something that must succeed does not: the plan and the marketplace disagree, or the marketplace is down.
pub async fn run(
    node: Arc<Node>,
    vault: Arc<Vault>,
    plan: Plan,
    options: Options,
    progress: Arc<Progress>,
) -> anyhow::Result<Outcomes> {
    let market = Market {
        id: MarketId::main(),
        countries: vec!["BR".to_owned()],
        currency: CURRENCY,
        locale: "pt-BR".to_owned(),
        prices_include_tax: true,
        tax: None,
    };
    let Options { concurrency, commission, acks } = options;
    let acks = acks.map(Mutex::new);
    let drive = Arc::new(Drive { node, vault, market, commission, concurrency, acks, progress });
    let plan = Arc::new(plan);

    drive
        .all("vendors", plan.vendors.clone(), |drive, vendor| async move { drive.vendor(&vendor).await })
        .await?;
    drive
        .all("products", plan.products.clone(), |drive, product| async move { drive.product(&product).await })
        .await?;
    let offers: Vec<Offer> = plan.offers().map(|(_, offer)| offer.clone()).collect();
    drive.all("stock", offers, |drive, offer| async move { drive.stock(&offer).await }).await?;

    let started = Instant::now();
    let offered = drive
        .all("orders", plan.orders.clone(), |drive, order| async move {
            let asked = Instant::now();
            let refused = drive.order(&order).await.with_context(|| format!("order {}", order.source))?;
            Ok((order.checkout, refused, asked.elapsed().as_micros() as u64))
        })
        .await?;
    let elapsed_us = started.elapsed().as_micros() as u64;

    let mut report = Report::default();
    let mut refused = BTreeMap::new();
    for (checkout, why, _) in &offered {
        if let Some(why) = why {
            *report.refusals.entry(why.clone()).or_default() += 1;
            refused.insert(*checkout, ());
        }
    }
    report.set_speed(offered.into_iter().map(|(_, _, wait)| wait).collect(), elapsed_us);

    let placed: Vec<Order> =
        plan.orders.iter().filter(|order| !refused.contains_key(&order.checkout)).cloned().collect();
    drive.all("fulfilment", placed.clone(), |drive, order| async move { drive.fulfil(&order).await }).await?;
    let found = drive.all("books", placed, |drive, order| async move { drive.sums(&order).await }).await?;
    for sums in found {
        report.sums.add(&sums);
    }
    report.sums.orders_offered = plan.orders.len() as u64;
    report.sums.orders_without_items = plan.orders_without_items;
    report.sums.orders_refused = refused.len() as u64;
    let expected = Expected::of(&plan, commission, |order| !refused.contains_key(&order.checkout))?;
    Ok(Outcomes { report, expected })
}

impl Drive {
    /// Does something to each of many, so many at once, and collects what came of it in their order.
    async fn all<T, R, F>(
        self: &Arc<Self>,
        phase: &'static str,
        things: Vec<T>,
        each: impl Fn(Arc<Drive>, T) -> F,
    ) -> anyhow::Result<Vec<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: Future<Output = anyhow::Result<R>> + Send + 'static,
    {
        *self.progress.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
        self.progress.total.store(things.len() as u64, Ordering::Relaxed);
        self.progress.done.store(0, Ordering::Relaxed);
        let lanes = Arc::new(Semaphore::new(self.concurrency));
        let mut tasks = JoinSet::new();
        let mut results = BTreeMap::new();
        for (at, thing) in things.into_iter().enumerate() {
            let lane = Arc::clone(&lanes).acquire_owned().await?;
            let work = each(Arc::clone(self), thing);
            let progress = Arc::clone(&self.progress);
            tasks.spawn(async move {
                let result = work.await;
                progress.done.fetch_add(1, Ordering::Relaxed);
                drop(lane);
                result.map(|result| (at, result))
            });
            while let Some(ended) = tasks.try_join_next() {
                let (at, result) = ended??;
                results.insert(at, result);
            }
        }
        while let Some(ended) = tasks.join_next().await {
            let (at, result) = ended??;
            results.insert(at, result);
        }
        Ok(results.into_values().collect())
    }

    /// Gives a command under a name until it is answered.
    async fn give<M: Hosted>(
        &self,
        stream: StreamId,
        step: &str,
        command: M::Command,
    ) -> anyhow::Result<Outcome<M>> {
        let id = ids::command(stream, step);
        let key = CommandKey { id, fingerprint: id.0 };
        let handle = self.node.handle::<M>();
        let mut unknown = 0;
        loop {
            match handle.command(stream, command.clone(), Some(key), Origin::default(), PATIENCE).await {
                Ok(told) => match told.answer {
                    Answer::Fresh(outcome) | Answer::Repeated(outcome) => return Ok(outcome),
                    Answer::InFlight => tokio::time::sleep(Duration::from_millis(50)).await,
                    Answer::KeyReused => {
                        bail!("{stream} was asked for something else under the name {step:?}")
                    }
                },
                Err(CallError::Overloaded { retry_after_ms }) => {
                    tokio::time::sleep(Duration::from_millis(retry_after_ms)).await;
                }
                Err(CallError::OutcomeUnknown) if unknown < TRIES => unknown += 1,
                Err(error) => return Err(error).with_context(|| format!("{stream}, {step}")),
            }
        }
    }

    /// The same for what must not be refused.
    async fn must<M: Hosted>(
        &self,
        stream: StreamId,
        step: &str,
        command: M::Command,
    ) -> anyhow::Result<M::Reply> {
        match self.give::<M>(stream, step, command).await? {
            Ok(reply) => Ok(reply),
            Err(rejection) => bail!("{stream}, {step} was refused: {rejection:?}"),
        }
    }

    async fn vendor(&self, vendor: &Vendor) -> anyhow::Result<()> {
        let stream = StreamId::Vendor(vendor.id);
        let application = Application {
            name: vendor.name.clone(),
            legal_entity: LegalEntity {
                name: vendor.name.clone(),
                country: "BR".to_owned(),
                tax_id: None,
                series: "A".to_owned(),
            },
            settlement: CURRENCY,
            seller_of_record: true,
            contact: None,
        };
        self.must::<VendorMachine>(stream, "apply", vendor::Command::Apply(application)).await?;
        let commission = Commission { rate: self.commission, rule: "replay".to_owned() };
        self.must::<VendorMachine>(stream, "approve", vendor::Command::Approve(commission)).await?;
        Ok(())
    }

    /// Lists a product that was sold; what nobody bought stays a draft.
    async fn product(&self, product: &Product) -> anyhow::Result<()> {
        let stream = StreamId::Product(product.id);
        let by = product::Actor::Vendor(product.steward);
        let text = |text: &str| LocalizedText::from([("en".to_owned(), text.to_owned())]);
        let variant = Variant {
            id: product.variant,
            options: BTreeMap::new(),
            barcode: None,
            weight_g: None,
            size: None,
        };
        let create = product::Command::Create {
            by,
            steward: product.steward,
            facts: Facts {
                title: text(&product.title),
                description: LocalizedText::new(),
                category: product.category.clone(),
            },
            variants: vec![variant],
        };
        self.must::<ProductMachine>(stream, "create", create).await?;
        let Some((first, others)) = product.offers.split_first() else { return Ok(()) };
        self.attach(stream, product, first).await?;
        self.must::<ProductMachine>(stream, "submit", product::Command::Submit { by }).await?;
        self.must::<ProductMachine>(stream, "approve", product::Command::Approve { list: true }).await?;
        for offer in others {
            self.attach(stream, product, offer).await?;
        }
        Ok(())
    }

    async fn attach(&self, stream: StreamId, product: &Product, offer: &Offer) -> anyhow::Result<()> {
        let price = Price { unit: offer.unit_price, shipping: offer.unit_shipping };
        let offer = NewOffer {
            sku: offer.sku,
            variant: product.variant,
            vendor: offer.vendor,
            code: product.source.chars().take(32).collect(),
            condition: Condition::New,
            prices: BTreeMap::from([(self.market.id.clone(), price)]),
        };
        let (by, sku) = (product::Actor::Vendor(offer.vendor), offer.sku);
        let command = product::Command::AttachOffer { by, offer };
        self.must::<ProductMachine>(stream, &format!("attach {sku}"), command).await?;
        Ok(())
    }

    /// Receives what is received, and waits until the shard has heard that the SKU is for sale.
    async fn stock(&self, offer: &Offer) -> anyhow::Result<()> {
        let sku = offer.sku;
        let stream = StreamId::Stock(sku.shard());
        if offer.received > 0 {
            let movement = Movement {
                movement: offer.receipt,
                sku,
                location: LocationId::MAIN,
                quantity: offer.received,
            };
            self.must::<Inventory>(stream, &format!("receive {sku}"), inventory::Command::Receive(movement))
                .await?;
        }
        let deadline = Instant::now() + QUIET_WITHIN;
        while self.node.stock_view().is_open(sku) != Some(true) {
            ensure!(Instant::now() < deadline, "{sku} was never opened");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Sells one order, as a shopper (and, for an assisted one, an operator) would.
    async fn order(&self, order: &Order) -> anyhow::Result<Refused> {
        let stream = StreamId::Checkout(order.checkout);
        let subject = SubjectId(order.checkout.0);
        if let Err(why) = one_line_per_sku(order) {
            return Ok(Some(why.to_owned()));
        }
        self.vault.put(subject, stream, &address(order)).await?;
        let opening = Opening {
            market: self.market.clone(),
            buyer: BuyerId(order.checkout.0),
            limits: Limits::default(),
            reference: Some(order.source.clone()),
        };
        self.must::<Checkout>(stream, "open", checkout::Command::Open(opening)).await?;
        for line in &order.lines {
            let line = CartLine { sku: line.sku, product: line.product, quantity: line.quantity };
            let step = format!("line {}", line.sku);
            self.must::<Checkout>(stream, &step, checkout::Command::SetLine(line)).await?;
        }
        let address = checkout::Address { subject, country: "BR".to_owned() };
        self.must::<Checkout>(stream, "address", checkout::Command::SetAddress(address)).await?;
        let method = "standard".to_owned();
        self.must::<Checkout>(stream, "shipping", checkout::Command::ChooseShipping { method }).await?;
        let quote = match order.way {
            Way::Plain => checkout::Command::RequestQuote,
            Way::Assisted => checkout::Command::WriteQuote { lines: written(order) },
        };
        let (quote, total) = match self.give::<Checkout>(stream, "quote", quote).await? {
            Ok(checkout::Reply::Quoted { quote, total, .. }) => (quote, total),
            Ok(other) => bail!("a quote was told {other:?}"),
            Err(rejection) => return self.give_up(stream, &rejection).await,
        };
        ensure!(total == order.total()?, "quoted {total} for what costs {}", order.total()?);
        let method = Method::Card { token: "card_success".to_owned() };
        let pay = checkout::Command::Pay { quote, total, method };
        match self.give::<Checkout>(stream, "pay", pay).await? {
            Ok(checkout::Reply::Placed { order: placed, .. }) => {
                self.log(Told::Placed(placed))?;
                Ok(None)
            }
            Ok(other) => bail!("a payment was told {other:?}"),
            Err(rejection) => self.give_up(stream, &rejection).await,
        }
    }

    /// An order that cannot be had is left, so that nothing of it stays held.
    async fn give_up(&self, stream: StreamId, rejection: &checkout::Rejection) -> anyhow::Result<Refused> {
        let _ = self.give::<Checkout>(stream, "abandon", checkout::Command::Abandon).await?;
        Ok(Some(reason(rejection)))
    }

    /// What the vendors (or, for a cancellation, the operator) do with an order that was placed.
    async fn fulfil(&self, order: &Order) -> anyhow::Result<()> {
        let stream = StreamId::Order(OrderId(order.checkout.0));
        let vendors: Vec<VendorId> = order.vendors().into_iter().collect();
        let delivered = match order.fulfilment {
            Fulfilment::Placed => return Ok(()),
            Fulfilment::Cancelled => {
                let cancel = order::Command::Cancel {
                    by: order::Actor::Operator,
                    scope: Scope::Order,
                    reason: CancelReason::NotAvailable,
                };
                self.must::<OrderMachine>(stream, "cancel", cancel).await?;
                return Ok(());
            }
            Fulfilment::Shipped => false,
            Fulfilment::Delivered => true,
        };
        for (number, vendor) in (1u32..).zip(vendors) {
            let (by, parcel) = (order::Actor::Vendor(vendor), order.parcel(vendor));
            let ship = order::Command::Ship { by, vendor_order: number, parcel, lines: None, tracking: None };
            self.must::<OrderMachine>(stream, &format!("ship {parcel}"), ship).await?;
            if delivered {
                let deliver = order::Command::Deliver { by, parcel };
                self.must::<OrderMachine>(stream, &format!("deliver {parcel}"), deliver).await?;
            }
        }
        Ok(())
    }

    /// The order's own figures, once everything it asked for has been answered.
    async fn sums(&self, order: &Order) -> anyhow::Result<Sums> {
        let stream = StreamId::Order(OrderId(order.checkout.0));
        let deadline = Instant::now() + QUIET_WITHIN;
        loop {
            let (state, _) = self.node.handle::<OrderMachine>().read(stream, PATIENCE).await?;
            let pending = state.refunds.values().any(|refund| refund.stage == order::RefundStage::Pending);
            if state.asks.is_empty() && !pending {
                return figures(&state).with_context(|| format!("{stream} does not exist"));
            }
            ensure!(Instant::now() < deadline, "{stream} did not come to rest");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Written before the next thing is asked for: what the file says was acknowledged before a kill.
    fn log(&self, told: Told) -> anyhow::Result<()> {
        if let Some(acks) = &self.acks {
            writeln!(acks.lock().unwrap_or_else(PoisonError::into_inner), "{told}")?;
        }
        Ok(())
    }
}

/// A cart has one line per offer. Units of one offer at two prices cannot be in one order of souk.
fn one_line_per_sku(order: &Order) -> Result<(), &'static str> {
    let mut skus: Vec<SkuId> = order.lines.iter().map(|line| line.sku).collect();
    skus.sort();
    skus.dedup();
    if skus.len() == order.lines.len() { Ok(()) } else { Err("one_offer_at_two_prices") }
}

fn written(order: &Order) -> Vec<WrittenLine> {
    let line = |line: &super::plan::Line| WrittenLine {
        sku: line.sku,
        unit_price: line.unit_price,
        unit_shipping: line.unit_shipping,
    };
    order.lines.iter().map(line).collect()
}

/// The source has no names; these stand in, so that the vault does its work.
fn address(order: &Order) -> Address {
    let short: String = order.source.chars().take(8).collect();
    Address {
        name: format!("Shopper {short}").into(),
        street: format!("Rua {short}").into(),
        postal_code: "00000-000".into(),
        city: "Cidade".into(),
        country: "BR".into(),
        email: format!("{short}@example.org").into(),
    }
}

/// The rejection's name, as a code.
fn reason(rejection: &checkout::Rejection) -> String {
    let name = format!("{rejection:?}");
    let name: String = name.chars().take_while(|c| c.is_alphanumeric()).collect();
    let mut code = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !code.is_empty() {
            code.push('_');
        }
        code.extend(c.to_lowercase());
    }
    code
}

fn figures(state: &order::State) -> Option<Sums> {
    let placed = state.placed.as_ref()?;
    let mut sums = Sums { orders_placed: 1, ..Sums::default() };
    if placed.assisted {
        sums.orders_assisted = 1;
    } else {
        sums.orders_plain = 1;
    }
    sums.vendor_orders = state.vendor_orders.len() as u64;
    sums.orders_split = u64::from(state.vendor_orders.len() > 1);
    for line in &placed.lines {
        let goods = line.unit_price.minor * i64::from(line.quantity);
        let (freight, commission) = (line.shipping.minor, line.commission.amount.minor);
        sums.items += u64::from(line.quantity);
        sums.goods_minor += goods;
        sums.freight_minor += freight;
        sums.commission_minor += commission;
        sums.vendor_payable_minor += goods + freight - commission;
        if state.lines.get(&line.number).is_some_and(|line| line.stage == LineStage::Cancelled) {
            sums.commission_reversed_minor += commission;
            sums.vendor_payable_reversed_minor += goods + freight - commission;
        }
    }
    sums.charged_minor = placed.payments.iter().map(|(_, amount)| amount.minor).sum();
    sums.parcels_shipped = state.parcels.len() as u64;
    sums.parcels_delivered =
        state.parcels.values().filter(|parcel| parcel.delivered_at.is_some()).count() as u64;
    sums.orders_cancelled = u64::from(state.lines.values().all(|line| line.stage == LineStage::Cancelled));
    let back = state.refunds.values().filter(|refund| refund.stage == order::RefundStage::Done);
    sums.refunded_minor = back.map(|refund| refund.part.amount.minor).sum();
    Some(sums)
}
