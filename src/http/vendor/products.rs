//! A vendor's products and its offers on them.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{ProductId, SkuId, StreamId, VariantId};
use souk_core::market::{LocalizedText, MarketId};
use souk_core::money::Money;
use souk_core::product::{Actor, Command, Facts, NewOffer, Price, Product, Size, VARIANTS_MAX, Variant};

use crate::http::auth::Seller;
use crate::http::body::{Body, Ids, NoBody};
use crate::http::error::{ApiError, Code};
use crate::http::idempotency::Named;
use crate::http::told_products::told;
use crate::http::wire::ConditionWord;
use crate::http::{Services, Shared, wire};
use crate::tenants::VendorScope;

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProductDraft")]
#[serde(deny_unknown_fields)]
pub(super) struct ProductIn {
    /// By language tag.
    #[schemars(with = "BTreeMap<String, String>")]
    title: LocalizedText,
    #[schemars(with = "BTreeMap<String, String>")]
    #[serde(default)]
    description: LocalizedText,
    category: String,
    #[serde(default)]
    variants: Vec<VariantIn>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "VariantDraft")]
#[serde(deny_unknown_fields)]
pub(super) struct VariantIn {
    #[serde(default)]
    options: BTreeMap<String, String>,
    barcode: Option<String>,
    weight_g: Option<u32>,
    size: Option<SizeIn>,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Size")]
#[serde(deny_unknown_fields)]
struct SizeIn {
    length_mm: u32,
    width_mm: u32,
    height_mm: u32,
}

impl VariantIn {
    fn named(self, id: VariantId) -> Variant {
        let size = |size: SizeIn| Size {
            length_mm: size.length_mm,
            width_mm: size.width_mm,
            height_mm: size.height_mm,
        };
        Variant {
            id,
            options: self.options,
            barcode: self.barcode,
            weight_g: self.weight_g,
            size: self.size.map(size),
        }
    }
}

pub(super) async fn create(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    named: Named,
    Body(product): Body<ProductIn>,
) -> Result<Response, ApiError> {
    if product.variants.len() > VARIANTS_MAX {
        return Err(
            souk_core::product::Rejection::TooMany { field: souk_core::product::Field::Variants }.into()
        );
    }
    let call = named.creating(&services, (vendor.tenant(), vendor.principal()), &product)?;
    let id = ProductId(call.derive("prd"));
    let variants: Vec<VariantId> =
        (1..=product.variants.len()).map(|n| VariantId(call.derive(&format!("var-{n}")))).collect();
    let command = Command::Create {
        by: Actor::Vendor(vendor.vendor()),
        steward: vendor.vendor(),
        facts: Facts { title: product.title, description: product.description, category: product.category },
        variants: product
            .variants
            .into_iter()
            .zip(&variants)
            .map(|(variant, id)| variant.named(*id))
            .collect(),
    };
    let given = call.give::<Product>(&services, StreamId::Product(id), command).await?;
    Ok(given.answer(StatusCode::CREATED, |reply| {
        let mut body = told(id, &reply);
        body.variants = Some(variants.iter().map(ToString::to_string).collect());
        body
    }))
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProductFacts")]
#[serde(deny_unknown_fields)]
pub(super) struct FactsIn {
    /// By language tag.
    #[schemars(with = "BTreeMap<String, String>")]
    title: LocalizedText,
    #[schemars(with = "BTreeMap<String, String>")]
    #[serde(default)]
    description: LocalizedText,
    category: String,
}

pub(super) async fn revise(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(id): Ids<ProductId>,
    named: Named,
    Body(facts): Body<FactsIn>,
) -> Result<Response, ApiError> {
    let stream = StreamId::Product(id);
    let call = named.about(&services, (vendor.tenant(), vendor.principal()), stream, &facts)?;
    let FactsIn { title, description, category } = facts;
    let facts = Facts { title, description, category };
    let command = Command::Revise { by: Actor::Vendor(vendor.vendor()), facts };
    let given = call.give::<Product>(&services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| told(id, &reply)))
}

pub(super) async fn add_variant(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(id): Ids<ProductId>,
    named: Named,
    Body(variant): Body<VariantIn>,
) -> Result<Response, ApiError> {
    let stream = StreamId::Product(id);
    let call = named.about(&services, (vendor.tenant(), vendor.principal()), stream, &variant)?;
    let variant = variant.named(VariantId(call.derive("var")));
    let command = Command::AddVariant { by: Actor::Vendor(vendor.vendor()), variant };
    let given = call.give::<Product>(&services, stream, command).await?;
    Ok(given.answer(StatusCode::CREATED, |reply| told(id, &reply)))
}

/// A step that needs no more than the product, or its offer.
async fn step(
    services: &Services,
    vendor: &VendorScope,
    id: ProductId,
    named: Named,
    sku: Option<SkuId>,
    command: Command,
) -> Result<Response, ApiError> {
    let stream = StreamId::Product(id);
    let call = named.about(services, (vendor.tenant(), vendor.principal()), stream, &sku)?;
    let given = call.give::<Product>(services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| told(id, &reply)))
}

pub(super) async fn submit(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(id): Ids<ProductId>,
    named: Named,
    _: NoBody,
) -> Result<Response, ApiError> {
    let command = Command::Submit { by: Actor::Vendor(vendor.vendor()) };
    step(&services, &vendor, id, named, None, command).await
}

pub(super) async fn list(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(id): Ids<ProductId>,
    named: Named,
    _: NoBody,
) -> Result<Response, ApiError> {
    let command = Command::List { by: Actor::Vendor(vendor.vendor()) };
    step(&services, &vendor, id, named, None, command).await
}

pub(super) async fn archive(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(id): Ids<ProductId>,
    named: Named,
    _: NoBody,
) -> Result<Response, ApiError> {
    let command = Command::Archive { by: Actor::Vendor(vendor.vendor()) };
    step(&services, &vendor, id, named, None, command).await
}

pub(super) async fn withhold(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids((id, sku)): Ids<(ProductId, SkuId)>,
    named: Named,
    _: NoBody,
) -> Result<Response, ApiError> {
    let command = Command::Withhold { by: Actor::Vendor(vendor.vendor()), sku };
    step(&services, &vendor, id, named, Some(sku), command).await
}

pub(super) async fn resume(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids((id, sku)): Ids<(ProductId, SkuId)>,
    named: Named,
    _: NoBody,
) -> Result<Response, ApiError> {
    let command = Command::Resume { by: Actor::Vendor(vendor.vendor()), sku };
    step(&services, &vendor, id, named, Some(sku), command).await
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OfferDraft")]
#[serde(deny_unknown_fields)]
pub(super) struct OfferIn {
    #[schemars(with = "String")]
    variant: VariantId,
    /// What the vendor calls it.
    code: String,
    #[serde(default = "as_new")]
    condition: ConditionWord,
    price: PriceIn,
}

fn as_new() -> ConditionWord {
    ConditionWord::New
}

/// What one unit costs in the main market.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Price")]
#[serde(deny_unknown_fields)]
pub(super) struct PriceIn {
    unit_minor: i64,
    #[serde(default)]
    shipping_minor: i64,
    currency: String,
}

impl PriceIn {
    /// The price and its market. Another currency than the market's would be a price that nobody can pay.
    fn checked(&self, services: &Services) -> Result<(MarketId, Price), ApiError> {
        let (market, currency) = (&services.market, wire::currency(&self.currency)?);
        if currency != market.currency {
            let detail = "give the price in the currency of the market";
            return Err(
                ApiError::new(Code::CurrencyMismatch, detail).with("currency", market.currency.code())
            );
        }
        let price = Price {
            unit: Money::new(self.unit_minor, currency),
            shipping: Money::new(self.shipping_minor, currency),
        };
        Ok((market.id.clone(), price))
    }
}

pub(super) async fn offer(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(id): Ids<ProductId>,
    named: Named,
    Body(offer): Body<OfferIn>,
) -> Result<Response, ApiError> {
    let stream = StreamId::Product(id);
    let price = offer.price.checked(&services)?;
    let call = named.about(&services, (vendor.tenant(), vendor.principal()), stream, &offer)?;
    let new = NewOffer {
        sku: SkuId(call.derive("sku")),
        variant: offer.variant,
        vendor: vendor.vendor(),
        code: offer.code,
        condition: offer.condition.into(),
        prices: BTreeMap::from([price]),
    };
    let command = Command::AttachOffer { by: Actor::Vendor(vendor.vendor()), offer: new };
    let given = call.give::<Product>(&services, stream, command).await?;
    Ok(given.answer(StatusCode::CREATED, |reply| told(id, &reply)))
}

pub(super) async fn set_price(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids((id, sku)): Ids<(ProductId, SkuId)>,
    named: Named,
    Body(price): Body<PriceIn>,
) -> Result<Response, ApiError> {
    let stream = StreamId::Product(id);
    let (market, checked) = price.checked(&services)?;
    let call = named.about(&services, (vendor.tenant(), vendor.principal()), stream, &(sku, &price))?;
    let command = Command::SetPrice { by: Actor::Vendor(vendor.vendor()), sku, market, price: checked };
    let given = call.give::<Product>(&services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| told(id, &reply)))
}
