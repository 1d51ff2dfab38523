//! The shop's actors, given the very commands that its API would give them: for measuring the engine alone.
//!
//! Commands are called as the API calls them (tenant, principal, route, key), so a shop that was filled this way and
//! one that was filled over HTTP hold the same things under the same ids.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use souk_core::checkout::{self, AssistedLine, CartLine, Checkout, Limits, Opening};
use souk_core::host::Answer;
use souk_core::ids::{
    BuyerId, CheckoutId, LocationId, MovementId, OrderId, ParcelId, Principal, ProductId, SkuId, StreamId,
    SubjectId, VariantId, VendorId,
};
use souk_core::inventory::{self, Inventory, Movement};
use souk_core::journal::Origin;
use souk_core::machine::{CommandId, CommandKey, Outcome};
use souk_core::market::{LocalizedText, Market};
use souk_core::money::Rate;
use souk_core::order::{self, CancelReason, Order as OrderMachine, Scope};
use souk_core::payment::Method;
use souk_core::product::{self, Condition, Facts, NewOffer, Price, Product as ProductMachine, Variant};
use souk_core::vendor::{self, Application, Commission, LegalEntity, Vendor as VendorMachine};

use crate::actors::{CallError, Hosted, Node};
use crate::store::vault::Vault;
use crate::tenants::{IdempotencyKey, KeyId, ServerKey, Tenant, derived_id};

use super::super::CURRENCY;
use super::super::plan::{Offer, Order, Product, Vendor};
use super::refusals::refused;
use super::{
    CARD, COUNTRY, Cart, CartAccess, Figures, Quoted, SHIPPING, Seller, SellerAccess, Told, Wanted, address,
    code, key, numbered,
};

/// How long one command may take before it is given again under the same name.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a command whose outcome stayed unknown is given again.
const TRIES: u32 = 30;
/// The pause before a command is given again that is still under way.
const IN_FLIGHT_PAUSE: Duration = Duration::from_millis(50);

/// A shop in this process, without its doors.
pub struct Actors {
    /// The actors.
    pub node: Arc<Node>,
    /// Personal data.
    pub vault: Arc<Vault>,
    /// Names commands.
    pub server_key: ServerKey,
    /// The operator who acts.
    pub operator: KeyId,
    /// What only the replay's shoppers know.
    pub cart_secret: String,
    /// What carts are opened in.
    pub market: Market,
    /// Deadlines that carts copy.
    pub limits: Limits,
}

impl fmt::Debug for Actors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actors").finish_non_exhaustive()
    }
}

/// A request as the API would name it.
#[derive(Clone, Copy)]
struct Call {
    id: CommandId,
    principal: Principal,
}

impl Call {
    fn derive(self, what: &str) -> u128 {
        derived_id(self.id, what)
    }
}

impl Actors {
    fn call(&self, tenant: Tenant, principal: Principal, route: &str, key: &str) -> anyhow::Result<Call> {
        let key: IdempotencyKey = key.parse()?;
        Ok(Call { id: self.server_key.command_id(tenant, principal, route, &key), principal })
    }

    fn by_operator(&self, route: &str, key: &str) -> anyhow::Result<Call> {
        self.call(Tenant::Market, self.operator.principal(), route, key)
    }

    fn by_seller(&self, seller: &Seller, route: &str, key: &str) -> anyhow::Result<Call> {
        let SellerAccess::Principal(principal) = seller.access else { bail!("a seller of another shop") };
        self.call(Tenant::Vendor(seller.vendor), principal, route, key)
    }

    fn by_buyer(&self, cart: &Cart, route: &str, key: &str) -> anyhow::Result<Call> {
        let CartAccess::Buyer(buyer) = cart.access else { bail!("a cart of another shop") };
        let route = format!("{route} {}", StreamId::Checkout(cart.id));
        self.call(Tenant::Market, Principal::Buyer(buyer.0), &route, key)
    }

    /// Gives a command under its name until it is answered.
    async fn give<M: Hosted>(
        &self,
        stream: StreamId,
        call: Call,
        command: M::Command,
    ) -> anyhow::Result<Outcome<M>> {
        let named = CommandKey { id: call.id, fingerprint: call.id.0 };
        let origin = Origin { principal: call.principal, ..Origin::default() };
        let handle = self.node.handle::<M>();
        let mut unknown = 0;
        loop {
            match handle.command(stream, command.clone(), Some(named), origin, PATIENCE).await {
                Ok(told) => match told.answer {
                    Answer::Fresh(outcome) | Answer::Repeated(outcome) => return Ok(outcome),
                    Answer::InFlight => tokio::time::sleep(IN_FLIGHT_PAUSE).await,
                    Answer::KeyReused => bail!("{stream} was asked for something else under this name"),
                },
                Err(CallError::Overloaded { retry_after_ms }) => {
                    tokio::time::sleep(Duration::from_millis(retry_after_ms)).await;
                }
                Err(CallError::OutcomeUnknown) if unknown < TRIES => unknown += 1,
                Err(error) => return Err(error).with_context(|| stream.to_string()),
            }
        }
    }

    /// The same for what must not be refused.
    async fn must<M: Hosted>(
        &self,
        stream: StreamId,
        call: Call,
        command: M::Command,
    ) -> anyhow::Result<M::Reply> {
        let what = format!("{command:?}");
        match self.give::<M>(stream, call, command).await? {
            Ok(reply) => Ok(reply),
            Err(rejection) => bail!("{stream} refused: {rejection:?} to {what}"),
        }
    }

    pub(super) async fn vendor(&self, vendor: &Vendor, commission: Rate) -> anyhow::Result<Seller> {
        let call = self.by_operator("POST /v1/operator/vendors", &key("apply", vendor.id))?;
        let id = VendorId(call.derive("ven"));
        let stream = StreamId::Vendor(id);
        let application = Application {
            name: vendor.name.clone(),
            legal_entity: LegalEntity {
                name: vendor.name.clone(),
                country: COUNTRY.to_owned(),
                tax_id: None,
                series: "A".to_owned(),
            },
            settlement: CURRENCY,
            seller_of_record: true,
            contact: None,
        };
        self.must::<VendorMachine>(stream, call, vendor::Command::Apply(application)).await?;
        let route = format!("POST /v1/operator/vendors/{{id}}/approve {stream}");
        let call = self.by_operator(&route, &key("approve", vendor.id))?;
        let commission = Commission { rate: commission, rule: "agreed".to_owned() };
        self.must::<VendorMachine>(stream, call, vendor::Command::Approve(commission)).await?;
        // No key is made, as nobody would show one; the seller is whoever would have it.
        let route = format!("POST /v1/operator/vendors/{{id}}/keys {stream}");
        let key = KeyId(self.by_operator(&route, &key(&numbered("key", 1), vendor.id))?.derive("key"));
        Ok(Seller { vendor: id, access: SellerAccess::Principal(key.principal()) })
    }

    pub(super) async fn create(
        &self,
        seller: &Seller,
        product: &Product,
    ) -> anyhow::Result<(ProductId, VariantId)> {
        let call = self.by_seller(seller, "POST /v1/vendor/products", &key("create", product.id))?;
        let (id, variant) = (ProductId(call.derive("prd")), VariantId(call.derive("var-1")));
        let create = product::Command::Create {
            by: product::Actor::Vendor(seller.vendor),
            steward: seller.vendor,
            facts: Facts {
                title: LocalizedText::from([("en".to_owned(), product.title.clone())]),
                description: LocalizedText::new(),
                category: product.category.clone(),
            },
            variants: vec![Variant {
                id: variant,
                options: BTreeMap::new(),
                barcode: None,
                weight_g: None,
                size: None,
            }],
        };
        self.must::<ProductMachine>(StreamId::Product(id), call, create).await?;
        Ok((id, variant))
    }

    pub(super) async fn attach(
        &self,
        seller: &Seller,
        (product, variant): (ProductId, VariantId),
        planned: &Product,
        offer: &Offer,
    ) -> anyhow::Result<SkuId> {
        let stream = StreamId::Product(product);
        let route = format!("POST /v1/vendor/products/{{id}}/offers {stream}");
        let call = self.by_seller(seller, &route, &key("attach", offer.sku))?;
        let sku = SkuId(call.derive("sku"));
        let price = Price { unit: offer.unit_price, shipping: offer.unit_shipping };
        let offer = NewOffer {
            sku,
            variant,
            vendor: seller.vendor,
            code: code(planned),
            condition: Condition::New,
            prices: BTreeMap::from([(self.market.id.clone(), price)]),
        };
        let by = product::Actor::Vendor(seller.vendor);
        self.must::<ProductMachine>(stream, call, product::Command::AttachOffer { by, offer }).await?;
        Ok(sku)
    }

    pub(super) async fn list(&self, seller: &Seller, product: ProductId) -> anyhow::Result<()> {
        let stream = StreamId::Product(product);
        let route = format!("POST /v1/vendor/products/{{id}}/submit {stream}");
        let call = self.by_seller(seller, &route, &key("submit", product))?;
        let by = product::Actor::Vendor(seller.vendor);
        self.must::<ProductMachine>(stream, call, product::Command::Submit { by }).await?;
        let route = format!("POST /v1/operator/products/{{id}}/approve {stream}");
        let call = self.by_operator(&route, &key("approve", product))?;
        self.must::<ProductMachine>(stream, call, product::Command::Approve { list: true }).await?;
        Ok(())
    }

    pub(super) async fn receive(
        &self,
        seller: &Seller,
        (_, sku): (ProductId, SkuId),
        quantity: u32,
    ) -> anyhow::Result<()> {
        let stream = StreamId::Stock(sku.shard());
        let route = format!("POST /v1/vendor/products/{{id}}/offers/{{sku}}/receive {stream}");
        let call = self.by_seller(seller, &route, &key("receive", sku))?;
        let movement = MovementId(call.derive("mov"));
        let movement = Movement { movement, sku, location: LocationId::MAIN, quantity };
        self.must::<Inventory>(stream, call, inventory::Command::Receive(movement)).await?;
        Ok(())
    }

    pub(super) async fn is_open(&self, _: &Seller, (_, sku): (ProductId, SkuId)) -> anyhow::Result<bool> {
        let view = self.node.stock_view();
        if view.is_open(sku).is_none() {
            self.node.stock().read(StreamId::Stock(sku.shard()), PATIENCE).await?;
        }
        Ok(view.is_open(sku) == Some(true))
    }

    /// Everything that a cart needs before it can be priced, each step with its call.
    async fn fill(
        &self,
        cart: CheckoutId,
        steps: Vec<(Call, checkout::Command)>,
        (subject, order): (SubjectId, &Order),
    ) -> anyhow::Result<()> {
        let stream = StreamId::Checkout(cart);
        // Before the event that names it: an event must never name what is not there.
        self.vault.put(subject, stream, &address(order)).await?;
        for (call, command) in steps {
            self.must::<Checkout>(stream, call, command).await?;
        }
        Ok(())
    }

    fn opening(&self, buyer: BuyerId, order: &Order) -> checkout::Command {
        checkout::Command::Open(Opening {
            market: self.market.clone(),
            buyer,
            limits: self.limits,
            reference: Some(order.source.clone()),
        })
    }

    pub(super) async fn fill_cart(&self, order: &Order, lines: &[Wanted]) -> anyhow::Result<Cart> {
        let route = format!("POST /v1/store/carts {}", self.cart_secret);
        let open = self.call(Tenant::Market, Principal::System, &route, &key("open", order.checkout))?;
        let (id, buyer) = (CheckoutId(open.derive("chk")), BuyerId(open.derive("buy")));
        let cart = Cart { id, access: CartAccess::Buyer(buyer) };
        let open = Call { principal: Principal::Buyer(buyer.0), ..open };
        let mut steps = vec![(open, self.opening(buyer, order))];
        for wanted in lines {
            let route = "PUT /v1/store/carts/{id}/lines/{sku}";
            let call = self.by_buyer(&cart, route, &key("line", wanted.sku))?;
            steps.push((call, checkout::Command::SetLine(cart_line(wanted))));
        }
        let call = self.by_buyer(&cart, "PUT /v1/store/carts/{id}/address", &key("address", id))?;
        let subject = SubjectId(call.derive("sub"));
        let address = checkout::Address { subject, country: COUNTRY.to_owned() };
        steps.push((call, checkout::Command::SetAddress(address)));
        let call = self.by_buyer(&cart, "PUT /v1/store/carts/{id}/shipping", &key("shipping", id))?;
        steps.push((call, checkout::Command::ChooseShipping { method: SHIPPING.to_owned() }));
        self.fill(id, steps, (subject, order)).await?;
        Ok(cart)
    }

    pub(super) async fn quote(&self, cart: &Cart, attempt: u32) -> Told<Quoted> {
        let name = key(&numbered("quote", attempt), cart.id);
        let call = self.by_buyer(cart, "POST /v1/store/carts/{id}/quote", &name)?;
        let stream = StreamId::Checkout(cart.id);
        quoted(self.give::<Checkout>(stream, call, checkout::Command::RequestQuote).await?)
    }

    pub(super) async fn assist(&self, order: &Order, lines: &[Wanted], attempt: u32) -> Told<(Cart, Quoted)> {
        let name = key(&numbered("assist", attempt), order.checkout);
        let call = self.by_operator("POST /v1/operator/assisted-orders", &name)?;
        let (id, buyer) = (CheckoutId(call.derive("chk")), BuyerId(call.derive("buy")));
        let subject = SubjectId(call.derive("sub"));
        let address = checkout::Address { subject, country: COUNTRY.to_owned() };
        let lines: Vec<AssistedLine> = lines.iter().map(Wanted::assisted).collect();
        let (lines, written) = match AssistedLine::cart(&lines) {
            Ok(cart) => cart,
            Err(rejection) => return Ok(Err(refused(&rejection))),
        };
        let mut commands = vec![self.opening(buyer, order)];
        commands.extend(lines.into_iter().map(checkout::Command::SetLine));
        commands.push(checkout::Command::SetAddress(address));
        commands.push(checkout::Command::ChooseShipping { method: SHIPPING.to_owned() });
        let step = |(at, command): (usize, checkout::Command)| {
            let id = CommandId(call.derive(&format!("step-{at}")));
            (Call { id, ..call }, command)
        };
        let steps = commands.into_iter().enumerate().map(step).collect();
        self.fill(id, steps, (subject, order)).await?;
        let price = checkout::Command::WriteQuote { lines: written };
        let cart = Cart { id, access: CartAccess::Buyer(buyer) };
        let told = quoted(self.give::<Checkout>(StreamId::Checkout(id), call, price).await?)?;
        Ok(told.map(|quoted| (cart, quoted)))
    }

    pub(super) async fn pay(&self, cart: &Cart, quoted: Quoted, attempt: u32) -> Told<OrderId> {
        let name = key(&numbered("pay", attempt), cart.id);
        let call = self.by_buyer(cart, "POST /v1/store/carts/{id}/pay", &name)?;
        let Quoted { quote, total } = quoted;
        let pay = checkout::Command::Pay { quote, total, method: Method::Card { token: CARD.to_owned() } };
        match self.give::<Checkout>(StreamId::Checkout(cart.id), call, pay).await? {
            Ok(checkout::Reply::Placed { order, .. }) => Ok(Ok(order)),
            Ok(other) => bail!("a payment was told {other:?}"),
            Err(rejection) => Ok(Err(refused(&rejection))),
        }
    }

    pub(super) async fn abandon(&self, cart: &Cart) -> Told<()> {
        let call = self.by_buyer(cart, "POST /v1/store/carts/{id}/abandon", &key("abandon", cart.id))?;
        let stream = StreamId::Checkout(cart.id);
        let outcome = self.give::<Checkout>(stream, call, checkout::Command::Abandon).await?;
        Ok(outcome.map(|_| ()).map_err(|rejection| refused(&rejection)))
    }

    pub(super) async fn ship(&self, seller: &Seller, order: OrderId) -> anyhow::Result<ParcelId> {
        let stream = StreamId::Order(order);
        let route = format!("POST /v1/vendor/orders/{{id}}/ship {stream}");
        let call = self.by_seller(seller, &route, &key("ship", order))?;
        let (state, _) = self.node.handle::<OrderMachine>().read(stream, PATIENCE).await?;
        let own = state.vendor_orders.iter().find(|(_, part)| part.vendor == seller.vendor);
        let (&vendor_order, _) = own.with_context(|| format!("{} has no part in {order}", seller.vendor))?;
        let parcel = ParcelId(call.derive("pcl"));
        let by = order::Actor::Vendor(seller.vendor);
        let ship = order::Command::Ship { by, vendor_order, parcel, lines: None, tracking: None };
        self.must::<OrderMachine>(stream, call, ship).await?;
        Ok(parcel)
    }

    pub(super) async fn deliver(
        &self,
        seller: &Seller,
        order: OrderId,
        parcel: ParcelId,
    ) -> anyhow::Result<()> {
        let stream = StreamId::Order(order);
        let route = format!("POST /v1/vendor/orders/{{id}}/parcels/{{parcel}}/deliver {stream}");
        let call = self.by_seller(seller, &route, &key("deliver", parcel))?;
        let by = order::Actor::Vendor(seller.vendor);
        self.must::<OrderMachine>(stream, call, order::Command::Deliver { by, parcel }).await?;
        Ok(())
    }

    pub(super) async fn cancel_line(&self, seller: &Seller, order: OrderId, line: u32) -> anyhow::Result<()> {
        let stream = StreamId::Order(order);
        let route = format!("POST /v1/vendor/orders/{{id}}/lines/{{line}}/cancel {stream}");
        let call = self.by_seller(seller, &route, &key("cancel", line))?;
        let by = order::Actor::Vendor(seller.vendor);
        let (scope, reason) = (Scope::Line(line), CancelReason::NotAvailable);
        self.must::<OrderMachine>(stream, call, order::Command::Cancel { by, scope, reason }).await?;
        Ok(())
    }

    pub(super) async fn figures(&self, order: OrderId) -> anyhow::Result<Figures> {
        let (state, _) = self.node.handle::<OrderMachine>().read(StreamId::Order(order), PATIENCE).await?;
        Figures::of(&state).with_context(|| format!("{order} does not exist"))
    }
}

fn cart_line(wanted: &Wanted) -> CartLine {
    CartLine { sku: wanted.sku, product: wanted.product, quantity: wanted.line.quantity }
}

fn quoted(outcome: Outcome<Checkout>) -> Told<Quoted> {
    match outcome {
        Ok(checkout::Reply::Quoted { quote, total, .. }) => Ok(Ok(Quoted { quote, total })),
        Ok(other) => bail!("a quote was told {other:?}"),
        Err(rejection) => Ok(Err(refused(&rejection))),
    }
}
