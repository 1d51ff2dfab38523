//! What a product's machine knows, and how an event changes it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ask::{Ask, AskId, AskRequest, OpenAsks};
use crate::ids::{ProductId, SkuId, StreamId, VariantId, VendorId};
use crate::inventory::SkuRequest;
use crate::machine::EventMeta;
use crate::market::MarketId;
use crate::money::Currency;

use super::{Condition, Event, Facts, NewOffer, Price, Status, Variant};

/// A product's state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct State {
    /// Whose state this is.
    pub id: ProductId,
    /// What is known of it; `None` until it is created.
    pub known: Option<Known>,
    /// Shards asked to open or close a SKU that have not answered: at most one ask per SKU.
    pub asks: OpenAsks,
}

/// What is known of a product.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Known {
    /// The vendor that keeps its facts.
    pub steward: VendorId,
    /// What is said of it.
    pub facts: Facts,
    /// Where it stands.
    pub status: Status,
    /// Why the operator sent it back, while it is a draft for that reason.
    pub rejected: Option<String>,
    /// Its variants.
    pub variants: BTreeMap<VariantId, Variant>,
    /// The offers on them.
    pub offers: BTreeMap<SkuId, Offer>,
    /// What was last heard of vendors that may not, or may again, sell.
    pub standings: BTreeMap<VendorId, Standing>,
    /// The currency of every market that has a price here: that of its first one.
    pub currencies: BTreeMap<MarketId, Currency>,
    /// The seq of the last event that changed any of this. A shard's answer does not.
    pub version: u64,
}

/// A vendor's offer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Offer {
    /// Of which variant.
    pub variant: VariantId,
    /// Who sells it.
    pub vendor: VendorId,
    /// What the vendor calls it.
    pub code: String,
    /// In which state it is sold.
    pub condition: Condition,
    /// What it costs, by market.
    pub prices: BTreeMap<MarketId, Price>,
    /// Who does not want it sold for now.
    pub withheld: BTreeSet<Party>,
}

/// Who can withhold an offer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Party {
    /// Its vendor.
    Vendor,
    /// The operator.
    Operator,
}

/// What was last heard of a vendor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// Whether it may sell.
    pub sells: bool,
    /// The seq of the vendor's event behind it.
    pub version: u64,
}

impl Known {
    /// Whether this offer can be bought, given a price in the buyer's market.
    pub fn is_for_sale(&self, offer: &Offer) -> bool {
        let barred = self.standings.get(&offer.vendor).is_some_and(|standing| !standing.sells);
        self.status == Status::Listed && offer.withheld.is_empty() && !barred
    }

    fn for_sale(&self) -> BTreeSet<SkuId> {
        if self.status != Status::Listed {
            return BTreeSet::new();
        }
        self.offers.iter().filter(|(_, offer)| self.is_for_sale(offer)).map(|(sku, _)| *sku).collect()
    }

    fn attach(&mut self, new: &NewOffer) {
        for (market, price) in &new.prices {
            self.currencies.entry(market.clone()).or_insert(price.unit.currency);
        }
        let offer = Offer {
            variant: new.variant,
            vendor: new.vendor,
            code: new.code.clone(),
            condition: new.condition,
            prices: new.prices.clone(),
            withheld: BTreeSet::new(),
        };
        self.offers.insert(new.sku, offer);
    }

    fn fold(&mut self, event: &Event) {
        match event {
            Event::Created { .. } | Event::SkuAnswered { .. } => {}
            Event::Revised { facts } => self.facts = facts.clone(),
            Event::VariantAdded { variant } => {
                self.variants.insert(variant.id, variant.clone());
            }
            Event::OfferAttached { offer } => self.attach(offer),
            Event::PriceSet { sku, market, price } => {
                self.currencies.entry(market.clone()).or_insert(price.unit.currency);
                if let Some(offer) = self.offers.get_mut(sku) {
                    offer.prices.insert(market.clone(), *price);
                }
            }
            Event::OfferWithheld { sku, by } => {
                if let Some(offer) = self.offers.get_mut(sku) {
                    offer.withheld.insert(*by);
                }
            }
            Event::OfferResumed { sku, by } => {
                if let Some(offer) = self.offers.get_mut(sku) {
                    offer.withheld.remove(by);
                }
            }
            Event::OffersClosed { vendor, version } => {
                self.standings.insert(*vendor, Standing { sells: false, version: *version });
            }
            Event::OffersReopened { vendor, version } => {
                self.standings.insert(*vendor, Standing { sells: true, version: *version });
            }
            Event::Submitted => {
                self.status = Status::Submitted;
                self.rejected = None;
            }
            Event::Approved => self.status = Status::Approved,
            Event::Rejected { reason } => {
                self.status = Status::Draft;
                self.rejected = Some(reason.clone());
            }
            Event::Listed => self.status = Status::Listed,
            Event::Archived => self.status = Status::Archived,
        }
    }
}

impl State {
    pub(super) fn new(stream: StreamId) -> Self {
        let id = match stream {
            StreamId::Product(id) => id,
            // No directory starts this machine for a stream of another kind.
            _ => ProductId(0),
        };
        State { id, known: None, asks: OpenAsks::default() }
    }

    pub(super) fn fold(&mut self, meta: EventMeta, event: &Event) {
        if let Event::SkuAnswered { ask } = event {
            self.asks.close(ask);
            return;
        }
        if let Event::Created { steward, facts, variants } = event {
            self.known = Some(Known {
                steward: *steward,
                facts: facts.clone(),
                status: Status::Draft,
                rejected: None,
                variants: variants.iter().map(|variant| (variant.id, variant.clone())).collect(),
                offers: BTreeMap::new(),
                standings: BTreeMap::new(),
                currencies: BTreeMap::new(),
                version: meta.seq,
            });
        }
        let Some(known) = &mut self.known else { return };
        let before = known.for_sale();
        known.fold(event);
        known.version = meta.seq;
        let after = known.for_sale();
        self.ask_shards(&before, &after, meta.seq);
    }

    /// Tells the shards what is for sale now and was not, and the other way round. A word that is not answered
    /// yet is replaced by the newer one about the same SKU: the shard would call it stale anyway.
    fn ask_shards(&mut self, before: &BTreeSet<SkuId>, after: &BTreeSet<SkuId>, seq: u64) {
        let changed: BTreeSet<SkuId> = before.symmetric_difference(after).copied().collect();
        if changed.is_empty() {
            return;
        }
        let replaced: Vec<AskId> = self
            .asks
            .iter()
            .filter(|ask| sku_of(ask).is_some_and(|sku| changed.contains(&sku)))
            .map(|ask| ask.id)
            .collect();
        for id in replaced {
            self.asks.close(&id);
        }
        let stream = StreamId::Product(self.id);
        for (n, sku) in (0..=u16::MAX).zip(changed) {
            let request =
                if after.contains(&sku) { SkuRequest::Open { sku } } else { SkuRequest::Close { sku } };
            self.asks.insert(Ask {
                id: AskId { stream, seq, n },
                to: StreamId::Stock(sku.shard()),
                request: AskRequest::StockSku(request),
            });
        }
    }
}

fn sku_of(ask: &Ask) -> Option<SkuId> {
    match &ask.request {
        AskRequest::StockSku(request) => Some(request.sku()),
        _ => None,
    }
}
