//! A vendor's products and its offers on them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use souk_core::ids::{ProductId, SkuId, StreamId, VariantId};
use souk_core::market::{LocalizedText, MarketId};
use souk_core::money::Money;
use souk_core::product::{
    Actor, Command, Condition, Facts, NewOffer, Price, Product, Reply, Size, VARIANTS_MAX, Variant,
};

use crate::http::auth::Seller;
use crate::http::body::{Body, Ids, NoBody};
use crate::http::error::{ApiError, Code};
use crate::http::idempotency::Named;
use crate::http::{Services, Shared, wire};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductIn {
    /// By language tag.
    title: LocalizedText,
    #[serde(default)]
    description: LocalizedText,
    category: String,
    #[serde(default)]
    variants: Vec<VariantIn>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VariantIn {
    #[serde(default)]
    options: BTreeMap<String, String>,
    barcode: Option<String>,
    weight_g: Option<u32>,
    size: Option<SizeIn>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
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
        body["variants"] = variants.iter().map(ToString::to_string).collect();
        body
    }))
}

/// What a command did to a product.
pub(in crate::http) fn told(id: ProductId, reply: &Reply) -> Value {
    let id = id.to_string();
    match reply {
        Reply::Product { status, version, .. } => {
            json!({ "id": id, "state": wire::product_status(*status), "version": version })
        }
        Reply::Variant { variant, version, .. } => {
            json!({ "id": id, "variant": variant.to_string(), "version": version })
        }
        Reply::Offer { sku, for_sale, version, .. } => {
            json!({ "id": id, "sku": sku.to_string(), "for_sale": for_sale, "version": version })
        }
        // Said between machines only.
        Reply::Answer(_) | Reply::Noted => json!({ "id": id }),
    }
}

pub(super) async fn show(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(id): Ids<ProductId>,
) -> Result<Json<Value>, ApiError> {
    let (state, _) = services.node.handle::<Product>().read(StreamId::Product(id), services.patience).await?;
    let known = state.known.ok_or_else(ApiError::not_found)?;
    let own: Vec<_> = known.offers.iter().filter(|(_, offer)| offer.vendor == vendor.vendor()).collect();
    // A shard that has not spoken since the start is woken, and speaks then.
    let view = services.node.stock_view();
    for (sku, _) in own.iter().filter(|(sku, _)| view.is_open(**sku).is_none()) {
        services.node.stock().read(StreamId::Stock(sku.shard()), services.patience).await?;
    }
    let offers: Vec<Value> = own
        .into_iter()
        .map(|(sku, offer)| {
            json!({
                "sku": sku.to_string(),
                "variant": offer.variant.to_string(),
                "code": offer.code,
                "for_sale": known.is_for_sale(offer),
                "available": view.available(*sku),
                // Whether it can be held by now: the shard hears of an offer a moment after its product.
                "open": view.is_open(*sku).unwrap_or(false),
            })
        })
        .collect();
    if known.steward != vendor.vendor() && offers.is_empty() {
        return Err(ApiError::not_found());
    }
    Ok(Json(json!({
        "id": id.to_string(),
        "state": wire::product_status(known.status),
        "title": known.facts.title,
        "category": known.facts.category,
        "variants": known.variants.keys().map(ToString::to_string).collect::<Vec<_>>(),
        "offers": offers,
        "rejected": known.rejected,
        "version": known.version,
    })))
}

pub(super) async fn submit(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(id): Ids<ProductId>,
    named: Named,
    _: NoBody,
) -> Result<Response, ApiError> {
    let stream = StreamId::Product(id);
    let call = named.about(&services, (vendor.tenant(), vendor.principal()), stream, &())?;
    let command = Command::Submit { by: Actor::Vendor(vendor.vendor()) };
    let given = call.give::<Product>(&services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| told(id, &reply)))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfferIn {
    variant: VariantId,
    /// What the vendor calls it.
    code: String,
    #[serde(default)]
    condition: ConditionIn,
    price: PriceIn,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ConditionIn {
    #[default]
    New,
    Refurbished,
    Used,
}

/// What one unit costs in the main market.
#[derive(Clone, Serialize, Deserialize)]
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
        condition: match offer.condition {
            ConditionIn::New => Condition::New,
            ConditionIn::Refurbished => Condition::Refurbished,
            ConditionIn::Used => Condition::Used,
        },
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
