//! Founds the demo market through the actors.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use souk_core::checkout::{self, Checkout, Limits, Opening};
use souk_core::host::Answer;
use souk_core::ids::{BuyerId, LocationId, OrderId, ParcelId, StreamId, SubjectId};
use souk_core::inventory::{self, Inventory, Movement};
use souk_core::journal::Origin;
use souk_core::machine::{CommandKey, Outcome};
use souk_core::market::Market;
use souk_core::money::Rate;
use souk_core::order::{self, CancelReason, Order as OrderMachine, RefundStage, Scope};
use souk_core::payment::Method;
use souk_core::product::{self, Condition, NewOffer, Product as ProductMachine};
use souk_core::vendor::{self, Application, Commission, LegalEntity, Vendor as VendorMachine};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::actors::{CallError, Hosted, Node};
use crate::store::vault::Vault;

use super::ids::{self, hash};
use super::orders::{Fate, Order};
use super::plan::{Offer, Plan, Product, Vendor};

/// Things that are made at the same time.
const AT_ONCE: usize = 64;
/// How long one command may take before it is given again under the same name.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a command whose outcome stayed unknown is given again.
const TRIES: u32 = 12;
/// How often an order is quoted and paid before it is given up.
const PAY_ROUNDS: u32 = 8;
/// How long everything that is under way may take to come to an end.
const QUIET_WITHIN: Duration = Duration::from_secs(60);
/// How often is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Where the market is founded.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The actors.
    pub node: Arc<Node>,
    /// Where shoppers' addresses go.
    pub vault: Arc<Vault>,
    /// The market that is sold in.
    pub market: Market,
    /// Deadlines that carts copy.
    pub limits: Limits,
    /// What the marketplace keeps of the goods.
    pub commission: Rate,
}

/// How far a founding is, for whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    phase: Mutex<&'static str>,
    total: AtomicU64,
    done: AtomicU64,
}

impl Progress {
    /// What is being made, how many are done, of how many.
    pub fn now(&self) -> (&'static str, u64, u64) {
        let phase = *self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        (phase, self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    fn begin(&self, phase: &'static str, total: usize) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total as u64, Ordering::Relaxed);
    }
}

/// Makes everything of the plan that is not there yet, and waits until nothing is under way any more.
///
/// # Errors
/// When something that must succeed does not. What was made stays, and the next founding of this plan goes on.
pub async fn found(ground: &Ground, plan: Plan, progress: &Arc<Progress>) -> anyhow::Result<()> {
    let Plan { seed, vendors, products, orders } = plan;
    let site = Arc::new(Site { ground: ground.clone(), seed });
    let offers: Vec<Offer> = products.iter().flat_map(|product| product.offers.clone()).collect();
    each(&site, progress, "vendors", vendors, async |site, vendor| site.vendor(vendor).await).await?;
    each(&site, progress, "products", products, async |site, product| site.product(product).await).await?;
    each(&site, progress, "stock", offers, async |site, offer| site.stock(offer).await).await?;
    each(&site, progress, "orders", orders, async |site, order| site.order(order).await).await
}

/// Does something to each of many, [`AT_ONCE`] at a time.
async fn each<T: Send + 'static, F>(
    site: &Arc<Site>,
    progress: &Arc<Progress>,
    phase: &'static str,
    things: Vec<T>,
    make: impl Fn(Arc<Site>, T) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    progress.begin(phase, things.len());
    let lanes = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for thing in things {
        let lane = Arc::clone(&lanes).acquire_owned().await?;
        let (making, progress) = (make(Arc::clone(site), thing), Arc::clone(progress));
        tasks.spawn(async move {
            let made = making.await;
            progress.done.fetch_add(1, Ordering::Relaxed);
            drop(lane);
            made
        });
    }
    while let Some(made) = tasks.join_next().await {
        made??;
    }
    Ok(())
}

struct Site {
    ground: Ground,
    seed: u64,
}

impl Site {
    /// Gives a command under a name of its own until it is answered.
    async fn give<M: Hosted>(
        &self,
        stream: StreamId,
        step: &str,
        command: M::Command,
    ) -> anyhow::Result<Outcome<M>> {
        let id = ids::command(self.seed, stream, step);
        let key = CommandKey { id, fingerprint: id.0 };
        let handle = self.ground.node.handle::<M>();
        let mut unknown = 0;
        loop {
            let given = command.clone();
            match handle.command(stream, given, Some(key), Origin::default(), PATIENCE).await {
                Ok(told) => match told.answer {
                    Answer::Fresh(outcome) | Answer::Repeated(outcome) => return Ok(outcome),
                    Answer::InFlight => tokio::time::sleep(LOOK_EVERY).await,
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
        let outcome = self.give::<M>(stream, step, command).await?;
        outcome.map_err(|rejection| anyhow!("{stream}, {step} was refused: {rejection:?}"))
    }

    async fn vendor(&self, vendor: Vendor) -> anyhow::Result<()> {
        let stream = StreamId::Vendor(vendor.id);
        let application = Application {
            name: vendor.name.clone(),
            legal_entity: LegalEntity {
                name: vendor.name,
                country: vendor.country.to_owned(),
                tax_id: None,
                series: "A".to_owned(),
            },
            settlement: self.ground.market.currency,
            seller_of_record: true,
            contact: None,
        };
        self.must::<VendorMachine>(stream, "apply", vendor::Command::Apply(application)).await?;
        let commission = Commission { rate: self.ground.commission, rule: "default".to_owned() };
        self.must::<VendorMachine>(stream, "approve", vendor::Command::Approve(commission)).await?;
        Ok(())
    }

    async fn product(&self, product: Product) -> anyhow::Result<()> {
        let stream = StreamId::Product(product.id);
        let by = product::Actor::Vendor(product.steward);
        let Product { steward, facts, variants, .. } = product;
        let create = product::Command::Create { by, steward, facts, variants };
        self.must::<ProductMachine>(stream, "create", create).await?;
        let (own, others): (Vec<Offer>, Vec<Offer>) =
            product.offers.into_iter().partition(|offer| offer.vendor == steward);
        for offer in own {
            self.attach(stream, offer).await?;
        }
        self.must::<ProductMachine>(stream, "submit", product::Command::Submit { by }).await?;
        self.must::<ProductMachine>(stream, "approve", product::Command::Approve { list: true }).await?;
        for offer in others {
            self.attach(stream, offer).await?;
        }
        Ok(())
    }

    async fn attach(&self, stream: StreamId, offer: Offer) -> anyhow::Result<()> {
        let by = product::Actor::Vendor(offer.vendor);
        let step = format!("attach {}", offer.sku);
        let offer = NewOffer {
            sku: offer.sku,
            variant: offer.variant,
            vendor: offer.vendor,
            code: offer.code,
            condition: Condition::New,
            prices: BTreeMap::from([(self.ground.market.id.clone(), offer.price)]),
        };
        let attach = product::Command::AttachOffer { by, offer };
        self.must::<ProductMachine>(stream, &step, attach).await?;
        Ok(())
    }

    /// Receives what is received, and waits until the shard has heard that the offer is for sale.
    async fn stock(&self, offer: Offer) -> anyhow::Result<()> {
        let (sku, stream) = (offer.sku, StreamId::Stock(offer.sku.shard()));
        if offer.received > 0 {
            let quantity = offer.received;
            let movement = Movement { movement: offer.receipt, sku, location: LocationId::MAIN, quantity };
            let receive = inventory::Command::Receive(movement);
            self.must::<Inventory>(stream, &format!("receive {sku}"), receive).await?;
        }
        let deadline = Instant::now() + QUIET_WITHIN;
        loop {
            let (state, _) = self.ground.node.stock().read(stream, PATIENCE).await?;
            if state.skus.get(&sku).is_some_and(|sku| sku.open) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{sku} was never opened");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Buys, as a shopper would, and lets become of it what is to.
    async fn order(&self, order: Order) -> anyhow::Result<()> {
        let stream = StreamId::Checkout(order.checkout);
        let subject = SubjectId(hash(self.seed, "subject", &stream.to_string()));
        let buyer = BuyerId(hash(self.seed, "buyer", &stream.to_string()));
        self.ground.vault.put(subject, stream, &order.address()).await?;
        let opening = Opening {
            market: self.ground.market.clone(),
            buyer,
            limits: self.ground.limits,
            reference: None,
        };
        self.must::<Checkout>(stream, "open", checkout::Command::Open(opening)).await?;
        for line in &order.lines {
            let step = format!("line {}", line.sku);
            self.must::<Checkout>(stream, &step, checkout::Command::SetLine(*line)).await?;
        }
        let address = checkout::Address { subject, country: order.country.clone() };
        self.must::<Checkout>(stream, "address", checkout::Command::SetAddress(address)).await?;
        let method = "standard".to_owned();
        self.must::<Checkout>(stream, "shipping", checkout::Command::ChooseShipping { method }).await?;
        self.pay(stream, &order.method).await?;
        let stream = StreamId::Order(OrderId(order.checkout.0));
        self.fulfil(stream, order.fate).await?;
        self.comes_to_rest(stream).await
    }

    /// Asks for a price and pays it; again, under other names, when that came to nothing: a founding that was cut
    /// short here may go on long after its quote has expired.
    async fn pay(&self, stream: StreamId, method: &Method) -> anyhow::Result<()> {
        let mut refused = None;
        for round in 1..=PAY_ROUNDS {
            let step = format!("quote {round}");
            let quoted = self.must::<Checkout>(stream, &step, checkout::Command::RequestQuote).await?;
            let checkout::Reply::Quoted { quote, total, .. } = quoted else {
                bail!("{stream}, {step} was told {quoted:?}");
            };
            let pay = checkout::Command::Pay { quote, total, method: method.clone() };
            match self.give::<Checkout>(stream, &format!("pay {round}"), pay).await? {
                Ok(checkout::Reply::Placed { .. }) => return Ok(()),
                Ok(other) => bail!("{stream}, pay {round} was told {other:?}"),
                Err(rejection) => refused = Some(rejection),
            }
        }
        bail!("{stream} could not be paid: {refused:?}")
    }

    async fn fulfil(&self, stream: StreamId, fate: Fate) -> anyhow::Result<()> {
        if fate == Fate::Cancelled {
            let (by, reason) = (order::Actor::Operator, CancelReason::BuyerChangedMind);
            let cancel = order::Command::Cancel { by, scope: Scope::Order, reason };
            self.must::<OrderMachine>(stream, "cancel", cancel).await?;
            return Ok(());
        }
        let (state, _) = self.ground.node.handle::<OrderMachine>().read(stream, PATIENCE).await?;
        for (vendor_order, part) in state.vendor_orders {
            let by = order::Actor::Vendor(part.vendor);
            if matches!(fate, Fate::Accepted | Fate::Shipped | Fate::Delivered) {
                let accept = order::Command::Accept { by, vendor_order };
                self.must::<OrderMachine>(stream, &format!("accept {vendor_order}"), accept).await?;
            }
            let parcel = ParcelId(hash(self.seed, "parcel", &format!("{stream}/{vendor_order}")));
            if matches!(fate, Fate::Shipped | Fate::Delivered) {
                let tracking = Some(format!("DEMO-{:08}", parcel.0 % 100_000_000));
                let ship = order::Command::Ship { by, vendor_order, parcel, lines: None, tracking };
                self.must::<OrderMachine>(stream, &format!("ship {vendor_order}"), ship).await?;
            }
            if fate == Fate::Delivered {
                let deliver = order::Command::Deliver { by, parcel };
                self.must::<OrderMachine>(stream, &format!("deliver {vendor_order}"), deliver).await?;
            }
        }
        Ok(())
    }

    /// Waits until everything that the order asked of stock and payments has been answered.
    async fn comes_to_rest(&self, stream: StreamId) -> anyhow::Result<()> {
        let deadline = Instant::now() + QUIET_WITHIN;
        loop {
            let (state, _) = self.ground.node.handle::<OrderMachine>().read(stream, PATIENCE).await?;
            let pending = state.refunds.values().any(|refund| refund.stage == RefundStage::Pending);
            if state.asks.is_empty() && !pending {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{stream} did not come to rest");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
