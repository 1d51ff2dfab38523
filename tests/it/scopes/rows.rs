//! Rows of two vendors and two shoppers, put where the projectors put theirs.

use std::sync::Arc;

use souk::store::read::{
    Change, LineRow, OfferRow, OrderRow, OrderRows, ParcelRow, PostingRow, ProductRow, ProductRows,
    Projection, ReadModels, VendorOrderRow, VendorRow,
};
use souk::tenants::access_tokens::{Holder, SigningKeyRecord, Surface};
use souk::tenants::{Access, BuyerScope, BuyersScope, PresentedKey, Role, ServerKey, VendorScope, keys};
use souk_core::family::{Audience, Method, SignIn};
use souk_core::ids::{
    BuyerId, FamilyId, OrderId, ParcelId, ProductId, SkuId, StreamId, SubjectId, UserId, VariantId, VendorId,
};
use souk_core::market::{LocalizedText, MarketId};
use souk_core::money::{Currency, Money, Rate};
use souk_core::order::{self, LineStage};
use souk_core::person::Standing;
use souk_core::product::{self, Price};
use souk_core::time::Timestamp;
use souk_core::vendor;

pub fn vendor_scope(vendor: u128) -> VendorScope {
    let (text, record) = keys::issue(Role::Vendor(VendorId(vendor)), "test", Timestamp::ZERO).expect("a key");
    let presented: PresentedKey = text.expose().parse().expect("well formed");
    match record.admit(&presented).expect("admitted") {
        Access::Vendor(scope) => scope,
        Access::Operator(_) => panic!("not a vendor's"),
    }
}

/// Of the token to an order.
pub fn buyer_scope(order: u128, buyer: u128) -> BuyerScope {
    let dir = tempfile::tempdir().expect("a directory");
    let key = ServerKey::load_or_create(&dir.path().join("server.key")).expect("a key");
    let token = key.order_token(OrderId(order), BuyerId(buyer));
    key.open_token(token.expose()).expect("signed a moment ago")
}

/// Of a person who has shown to be these shoppers, as a request comes by it: from an access token, and the machines' words.
pub fn buyers_scope(buyers: &[u128]) -> BuyersScope {
    let dir = tempfile::tempdir().expect("a directory");
    let key = ServerKey::load_or_create(&dir.path().join("server.key")).expect("a key");
    let now = Timestamp::from_millis(1_800_000_000_000);
    let (issuer, person, family) = ("https://shop.example", UserId(1), FamilyId(1));
    let record = SigningKeyRecord::new(now).expect("a key");
    let (audience, method) = (Audience::Store, Method::Password);
    let ends_at = now.plus_millis(60_000);
    let holder = Holder { family, person, audience, method, shown_at: now, ends_at };
    let access = key.access_key(&record);
    let (token, _) = access.sign(issuer, &holder, now).expect("signed");
    let verified = access.verify(token.expose(), issuer, Surface::Store, now).expect("signed a moment ago");
    let sign_in = SignIn {
        person,
        round: 1,
        audience,
        method,
        parent: None,
        begun_at: now,
        idle_ms: 60_000,
        ends_at,
        generation: 1,
        rotated_at: now,
        stepped_up: None,
        ended: None,
    };
    let standing =
        Standing { person, mail: SubjectId(1), password: None, round: 1, operator: None, second: None };
    let scope = verified.admit((Some(&sign_in), None), Some(&standing), now).expect("admitted");
    BuyersScope::of_person(&scope, Arc::new(buyers.iter().map(|buyer| BuyerId(*buyer)).collect()))
}

fn eur(minor: i64) -> Money {
    Money::new(minor, "EUR".parse::<Currency>().expect("a currency"))
}

fn vendor_row(id: u128) -> Change {
    Change::Vendor(VendorRow {
        id: VendorId(id),
        name: format!("Vendor {id}"),
        status: vendor::Status::Active,
        commission: Some(Rate(1_000)),
        version: 1,
    })
}

/// A product with offers: who, and whether it can be bought.
fn product(id: u128, steward: u128, status: product::Status, offers: &[(u128, bool)]) -> Change {
    let offer = |(n, (vendor, for_sale)): (usize, &(u128, bool))| OfferRow {
        sku: SkuId(id * 10 + n as u128),
        market: MarketId::main(),
        product: ProductId(id),
        variant: VariantId(id),
        vendor: VendorId(*vendor),
        code: "T".to_owned(),
        price: Price { unit: eur(1_999), shipping: eur(499) },
        for_sale: *for_sale,
    };
    let product = ProductRow {
        id: ProductId(id),
        seq: 1,
        status,
        title: LocalizedText::from([("en".to_owned(), format!("Thing {id}"))]),
        category: "things".to_owned(),
        steward: VendorId(steward),
        version: 1,
    };
    Change::Product(ProductRows { product, offers: offers.iter().enumerate().map(offer).collect() })
}

/// An order with a part of each of these vendors, each worth so much.
pub fn order(id: u128, buyer: u128, vendors: &[u128], minor: i64) -> Change {
    let mut rows = OrderRows {
        order: OrderRow {
            id: OrderId(id),
            seq: 1,
            number: format!("N{id}"),
            buyer: BuyerId(buyer),
            market: MarketId::main(),
            placed_at: Timestamp::from_millis(id as i64),
            status: order::Status::Placed,
            charged: eur(minor),
            refunded: eur(0),
            assisted: false,
            reference: None,
            flagged: false,
        },
        lines: Vec::new(),
        vendor_orders: Vec::new(),
        parcels: Vec::new(),
    };
    for (number, vendor) in (1_u32..).zip(vendors) {
        let parcel = ParcelId(id * 10 + u128::from(number));
        rows.lines.push(LineRow {
            line: number,
            vendor_order: number,
            sku: SkuId(110),
            product: ProductId(11),
            variant: None,
            quantity: 1,
            unit_price: eur(minor),
            goods: eur(minor),
            freight: eur(0),
            stage: LineStage::Shipped(parcel),
        });
        rows.vendor_orders.push(VendorOrderRow {
            order: OrderId(id),
            number,
            vendor: VendorId(*vendor),
            status: order::Status::Placed,
            placed_at: Timestamp::from_millis(id as i64),
            goods: eur(minor),
            freight: eur(0),
            commission: eur(0),
            payable: eur(minor),
            reversed: eur(0),
        });
        rows.parcels.push(ParcelRow {
            id: parcel,
            number,
            vendor_order: number,
            tracking: None,
            shipped_at: Timestamp::ZERO,
            delivered_at: None,
        });
    }
    Change::Order(rows)
}

/// Vendors 1 and 2. Of products 11 is the first one's and 12 the second's, which has withdrawn one of its two offers on it; 13
/// is the second's and nobody's to see yet. Order 1 is shopper 1's, of both vendors; order 2 is shopper 2's, of the second.
pub async fn fill(models: &ReadModels) {
    let listed = product::Status::Listed;
    let catalogue = vec![
        product(11, 1, listed, &[(1, true)]),
        product(12, 2, listed, &[(2, true), (2, false)]),
        product(13, 2, product::Status::Draft, &[(2, false)]),
    ];
    let postings = ["commission", "vendor_payable/ven_2"].into_iter().zip([-5, 5]).zip(0..);
    let posting = |((account, minor), n): ((&str, i64), u32)| {
        Change::Posting(PostingRow {
            stream: StreamId::Order(OrderId(1)),
            seq: 1,
            n,
            account: account.to_owned(),
            amount: eur(minor),
            at: Timestamp::ZERO,
        })
    };
    for (projection, changes) in [
        (Projection::Vendors, vec![vendor_row(1), vendor_row(2)]),
        (Projection::Catalogue, catalogue),
        (Projection::Orders, vec![order(1, 1, &[1, 2], 100), order(2, 2, &[2], 200)]),
        (Projection::Ledger, postings.map(posting).collect()),
    ] {
        assert!(models.write(projection, "test", changes, &[]).await.expect("written"), "{projection}");
    }
}
