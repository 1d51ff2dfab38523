//! The operator of a shop: lets vendors in, puts products on sale, and interferes now and then.

use std::collections::{BTreeMap, VecDeque};

use souk_core::any::AnyOutcome;
use souk_core::ids::{LocationId, MovementId, SkuId, StreamId, VendorId};
use souk_core::inventory::{self, Movement};
use souk_core::market::{LocalizedText, MarketId};
use souk_core::money::{Currency, Rate};
use souk_core::order::{self, CancelReason, Scope};
use souk_core::product::{self, Condition, Facts, NewOffer, Price, Variant};
use souk_core::vendor::{self, Application, Commission, LegalEntity};

use crate::kind::AnyCommand;
use crate::plan::Plan;
use crate::rng::Rng;
use crate::schedule::{MS, Micros};
use crate::shop::{Goods, Shop, brl};

use super::{Errand, Next, Outcome, Person, Scene};

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a dozen of them per history")]
enum Act {
    Give(StreamId, AnyCommand),
    Wait(Micros),
    /// Everything is on sale now.
    Ready,
    /// Cancels an order, or a line of one, if there is any.
    Cancel,
}

#[derive(Debug)]
pub(super) struct Keeper {
    acts: VecDeque<Act>,
    opened: bool,
    movements: u128,
    /// How many of the refused refunds it has had tried again.
    retried: usize,
}

impl Keeper {
    pub fn new(plan: &Plan, shop: &Shop, rng: &mut Rng) -> Self {
        let mut keeper = Keeper { acts: VecDeque::new(), opened: false, movements: 0, retried: 0 };
        for vendor in &shop.vendors {
            keeper.vendor(*vendor, rng);
        }
        for goods in &shop.goods {
            keeper.product(goods);
            keeper.receive(goods.sku, plan.units as u32);
        }
        keeper.acts.push_back(Act::Ready);
        for _ in 0..shop.meddling {
            keeper.acts.push_back(Act::Wait(rng.range(1, 800) * MS));
            keeper.meddle(shop, rng);
        }
        keeper
    }

    fn vendor(&mut self, vendor: VendorId, rng: &mut Rng) {
        let name = format!("Vendor {}", vendor.0);
        let apply = vendor::Command::Apply(Application {
            name: name.clone(),
            legal_entity: LegalEntity {
                name,
                country: "BR".to_owned(),
                tax_id: None,
                series: format!("V{}", vendor.0),
            },
            settlement: Currency::BRL,
            seller_of_record: rng.chance(500),
            contact: None,
        });
        let rate = Rate(rng.range(0, 3_000) as u32);
        let approve = vendor::Command::Approve(Commission { rate, rule: "default".to_owned() });
        for command in [apply, approve] {
            self.acts.push_back(Act::Give(StreamId::Vendor(vendor), AnyCommand::Vendor(command)));
        }
    }

    fn product(&mut self, goods: &Goods) {
        let by = product::Actor::Vendor(goods.vendor);
        let variant = Variant {
            id: goods.variant(),
            options: BTreeMap::new(),
            barcode: None,
            weight_g: None,
            size: None,
        };
        let facts = Facts {
            title: LocalizedText::from([("en".to_owned(), format!("Thing {}", goods.sku.0))]),
            description: LocalizedText::new(),
            category: "things".to_owned(),
        };
        let offer = NewOffer {
            sku: goods.sku,
            variant: goods.variant(),
            vendor: goods.vendor,
            code: "T-1".to_owned(),
            condition: Condition::New,
            prices: [(MarketId::main(), Price { unit: goods.price, shipping: goods.shipping })].into(),
        };
        let commands = [
            product::Command::Create { by, steward: goods.vendor, facts, variants: vec![variant] },
            product::Command::AttachOffer { by, offer },
            product::Command::Submit { by },
            product::Command::Approve { list: true },
        ];
        for command in commands {
            self.give_product(goods, command);
        }
    }

    fn give_product(&mut self, goods: &Goods, command: product::Command) {
        self.acts.push_back(Act::Give(StreamId::Product(goods.product), AnyCommand::Product(command)));
    }

    fn give_stock(&mut self, sku: SkuId, command: inventory::Command) {
        self.acts.push_back(Act::Give(StreamId::Stock(sku.shard()), AnyCommand::Stock(command)));
    }

    fn receive(&mut self, sku: SkuId, quantity: u32) {
        self.movements += 1;
        let movement = MovementId(self.movements);
        let movement = Movement { movement, sku, location: LocationId::MAIN, quantity };
        self.give_stock(sku, inventory::Command::Receive(movement));
    }

    fn meddle(&mut self, shop: &Shop, rng: &mut Rng) {
        let goods = &shop.goods[rng.below(shop.goods.len() as u64) as usize];
        let (by, sku) = (product::Actor::Operator, goods.sku);
        match rng.below(8) {
            0 => self.receive(sku, 1),
            1 => {
                self.movements += 1;
                let (movement, location) = (MovementId(self.movements), LocationId::MAIN);
                self.give_stock(sku, inventory::Command::Adjust { movement, sku, location, delta: -1 });
            }
            2 => {
                let price = Price { unit: brl(rng.range(1, 9_000) as i64), shipping: goods.shipping };
                let market = MarketId::main();
                self.give_product(goods, product::Command::SetPrice { by, sku, market, price });
            }
            3 => {
                self.give_product(goods, product::Command::Withhold { by, sku });
                self.acts.push_back(Act::Wait(rng.range(1, 300) * MS));
                self.give_product(goods, product::Command::Resume { by, sku });
            }
            4 => {
                let suspend = vendor::Command::Suspend { reason: "a look at the books".to_owned() };
                let to = StreamId::Vendor(goods.vendor);
                self.acts.push_back(Act::Give(to, AnyCommand::Vendor(suspend)));
                self.acts.push_back(Act::Wait(rng.range(1, 300) * MS));
                self.acts.push_back(Act::Give(to, AnyCommand::Vendor(vendor::Command::Reinstate)));
            }
            _ => self.acts.push_back(Act::Cancel),
        }
    }

    fn cancel(&mut self, scene: &Scene, rng: &mut Rng) -> Next {
        if scene.sold.is_empty() {
            return Next::Rest(MS);
        }
        let sold = &scene.sold[rng.below(scene.sold.len() as u64) as usize];
        let scope = match rng.below(3) {
            0 => Scope::Line(1),
            1 => Scope::VendorOrder(rng.range(1, sold.vendor_orders.len() as u64) as u32),
            _ => Scope::Order,
        };
        let reason = CancelReason::SuspectedFraud;
        let command = order::Command::Cancel { by: order::Actor::Operator, scope, reason };
        Next::give(StreamId::Order(sold.order), AnyCommand::Order(command))
    }
}

impl Person for Keeper {
    fn next(&mut self, scene: &Scene, rng: &mut Rng) -> Next {
        match self.acts.pop_front() {
            None => match scene.refused.get(self.retried) {
                None => Next::Idle,
                Some(refund) => {
                    self.retried += 1;
                    let command =
                        order::Command::RetryRefund { by: order::Actor::Operator, refund: refund.n };
                    Next::give(StreamId::Order(refund.order), AnyCommand::Order(command))
                }
            },
            Some(Act::Wait(pause)) => Next::Rest(pause),
            Some(Act::Cancel) => self.cancel(scene, rng),
            Some(Act::Give(to, command)) => Next::give(to, command),
            Some(Act::Ready) => Next::Rest(1),
        }
    }

    fn gives_up(&mut self, _: &Errand, _: &mut Rng) -> bool {
        false
    }

    fn hears(&mut self, errand: &Errand, outcome: Outcome, _: &mut Rng) -> Result<bool, String> {
        let refused = match &outcome {
            Outcome::Heard(AnyOutcome::Vendor(Err(_)) | AnyOutcome::Product(Err(_))) => true,
            Outcome::Heard(AnyOutcome::Order(Err(why))) => {
                use order::Rejection::{AlreadyShipped, RefundNotRefused};
                !matches!(why, AlreadyShipped { .. } | RefundNotRefused)
            }
            // A count below what is promised is refused.
            Outcome::Heard(AnyOutcome::Stock(outcome)) => outcome.is_err() && !self.opened,
            Outcome::Heard(_) => false,
            _ => true,
        };
        if refused {
            return Err(format!("is told {outcome:?} to {errand:?}"));
        }
        let ready = matches!(self.acts.front(), Some(Act::Ready));
        if ready {
            self.acts.pop_front();
            self.opened = true;
        }
        Ok(ready)
    }
}
