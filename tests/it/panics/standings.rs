//! A product that cannot be told how a vendor stands holds up no other, and is told when it can be.

use std::collections::BTreeMap;

use souk::actors::{Handling, Trap};
use souk_core::ids::{ProductId, SkuId, StreamId, VariantId, VendorId};
use souk_core::market::MarketId;
use souk_core::product::{self, Condition, NewOffer, Price, Product};
use souk_core::vendor::{self, Vendor};

use crate::sales::{PATIENCE, eur, give, open, sku, stock_the_shop, until_async};
use crate::servers::Backend;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_in_quarantine_hears_of_its_vendor_after_the_restart() {
    let backend = Backend::sqlite();
    let shop = open(&backend).await;
    let node = &shop.node;
    stock_the_shop(node).await;
    // The first vendor sells on the second one's product, too.
    let (seller, sick, other) =
        (VendorId(1), StreamId::Product(ProductId(11)), StreamId::Product(ProductId(12)));
    let second = SkuId(900);
    let offer = NewOffer {
        sku: second,
        variant: VariantId(22),
        vendor: seller,
        code: "T-2".to_owned(),
        condition: Condition::New,
        prices: BTreeMap::from([(MarketId::main(), Price { unit: eur(1_899), shipping: eur(499) })]),
    };
    let by = product::Actor::Vendor(seller);
    give::<Product>(node, other, product::Command::AttachOffer { by, offer }).await.expect("attached");
    until_async("for sale", async || node.stock_view().is_open(second) == Some(true)).await;
    for _ in 0..3 {
        node.set_trap(sick, Trap::Before(Handling::Read));
        let _ = node.handle::<Product>().read(sick, PATIENCE).await;
    }
    until_async("quarantine", async || node.quarantined() == [sick]).await;

    let suspend = vendor::Command::Suspend { reason: "papers are missing".to_owned() };
    give::<Vendor>(node, StreamId::Vendor(seller), suspend).await.expect("suspended");
    until_async("closed", async || node.stock_view().is_open(second) == Some(false)).await;
    assert_eq!(node.stock_view().is_open(sku(1)), Some(true), "its product is out of reach");
    assert_eq!(node.stock_view().is_open(sku(2)), Some(true), "the other vendor's");
    until_async("only this one is owed word", async || {
        let owed = shop.models.words_owed(None, 10).await.expect("readable");
        owed.iter().map(|word| word.product).eq([ProductId(11)])
    })
    .await;
    shop.close().await;

    let shop = open(&backend).await;
    until_async("closed", async || {
        let state = shop.node.handle::<Product>().read(sick, PATIENCE).await.expect("a state").0;
        let known = state.known.expect("there");
        known.offers.values().all(|offer| !known.is_for_sale(offer)) && state.asks.is_empty()
    })
    .await;
    until_async("nothing is owed", async || {
        shop.models.words_owed(None, 10).await.expect("readable").is_empty()
    })
    .await;
    shop.close().await;
}
