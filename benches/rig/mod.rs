//! What several benches need: a database of their own, a small market, a shopper, the verification of what they
//! wrote.

#![allow(dead_code, reason = "every bench uses a part of it")]

pub mod figures;
pub mod pgbench;
pub mod program;
pub mod redis;
pub mod traffic;

use std::collections::BTreeMap;
use std::process::Command as Process;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use souk::actors::{Hosted, Node};
use souk::app::Shop;
use souk::journal::{Database, audit};
use souk::store::vault;
use souk_core::checkout::{self, Address, CartLine, Checkout, Limits, Opening};
use souk_core::host::Answer;
use souk_core::ids::{
    BuyerId, CheckoutId, LocationId, MovementId, ProductId, SkuId, StreamId, SubjectId, VariantId, VendorId,
};
use souk_core::inventory::{self, Inventory, Movement};
use souk_core::journal::Origin;
use souk_core::machine::{CommandId, CommandKey};
use souk_core::market::{LocalizedText, Market, MarketId};
use souk_core::money::{Currency, Money, Rate};
use souk_core::payment::Method;
use souk_core::product::{self, Condition, Facts, NewOffer, Price, Product, Variant};
use souk_core::vendor::{self, Application, Commission, LegalEntity, Vendor};
use souk_core::verify::{Report, Verifier};
use tokio::time::Instant;

pub const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of a process that are in memory; `self` is this one.
pub fn resident(pid: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    let status = status.context("memory is measured on Linux only")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(kib * 1024)
}

/// Clock ticks a second in `/proc`, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of a core that a process has used; `self` is this one.
pub fn cpu_seconds(pid: &str) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let rest = stat.rsplit_once(')').context("no stat")?.1;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || -> anyhow::Result<f64> { Ok(fields.next().context("no figure")?.parse()?) };
    Ok((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

/// What the bench was asked on its command line: names and their numbers. `cargo bench` adds a `--bench` of its own;
/// anything else unknown is a mistake.
pub fn numbers<const N: usize>(known: [(&str, u64); N]) -> anyhow::Result<[u64; N]> {
    let mut values = known.map(|(_, default)| default);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--bench" {
            continue;
        }
        let Some(at) = known.iter().position(|(name, _)| *name == argument) else {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            bail!("unknown argument {argument:?}; known, each with a number: {}", names.join(", "));
        };
        let value = arguments.next().with_context(|| format!("{argument} wants a number"))?;
        values[at] = value.parse().with_context(|| format!("{argument} {value:?} is no number"))?;
    }
    Ok(values)
}

/// A database of its own on the server at `url`, dropped first if an earlier run left it.
pub fn fresh_postgres(url: &str, name: &str) -> anyhow::Result<Database> {
    let (server, _) = url.rsplit_once('/').context("the Postgres address names no database")?;
    psql(url, &format!("SET client_min_messages = warning; DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
    psql(url, &format!("CREATE DATABASE {name}"))?;
    Ok(Database::Postgres { url: format!("{server}/{name}") })
}

pub fn psql(url: &str, sql: &str) -> anyhow::Result<()> {
    let mut psql = Process::new("psql");
    psql.args(["-qX", "-v", "ON_ERROR_STOP=1", "-d", url]);
    // One by one: some of them may not be in a transaction with others.
    for statement in sql.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
        psql.args(["-c", statement]);
    }
    ensure!(psql.status()?.success(), "psql failed on: {sql}");
    Ok(())
}

/// Reads the whole journal: no violation, no damage. Returns what it found and the bytes of all payloads.
pub async fn verified(database: &Database) -> anyhow::Result<(Report, u64)> {
    let mut verifier = Verifier::new();
    let mut bytes = 0;
    let damage = audit::read(database, |recorded, payload_bytes| {
        bytes += payload_bytes as u64;
        verifier.event(recorded);
    })
    .await?;
    let report = verifier.finish();
    ensure!(
        damage.is_empty() && report.violations.is_empty(),
        "not verified: {damage:?} {:?}",
        report.violations
    );
    Ok((report, bytes))
}

/// Gives a command under a name and expects a yes.
pub async fn give<M: Hosted>(
    node: &Arc<Node>,
    stream: StreamId,
    command: M::Command,
    key: u128,
) -> anyhow::Result<M::Reply> {
    let key = CommandKey { id: CommandId(key), fingerprint: 1 };
    give_named::<M>(node, stream, command, Some(key)).await
}

/// The same; without a name when the machine knows a repeat by what it says.
pub async fn give_named<M: Hosted>(
    node: &Arc<Node>,
    stream: StreamId,
    command: M::Command,
    key: Option<CommandKey>,
) -> anyhow::Result<M::Reply> {
    let told = node.handle::<M>().command(stream, command, key, Origin::default(), PATIENCE).await?;
    match told.answer {
        Answer::Fresh(Ok(reply)) | Answer::Repeated(Ok(reply)) => Ok(reply),
        other => bail!("{stream} was told {other:?}"),
    }
}

/// An offer of the market.
#[derive(Clone, Copy)]
pub struct Offered {
    pub product: ProductId,
    pub sku: SkuId,
}

pub fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

fn text(text: &str) -> LocalizedText {
    LocalizedText::from([("en".to_owned(), text.to_owned())])
}

/// Stalls that are opened at the same time.
const FOUNDERS: u128 = 64;

/// A market of so many vendors with one offer each, all for sale.
pub async fn found(node: &Arc<Node>, vendors: u128, units: u32) -> anyhow::Result<Vec<Offered>> {
    let mut stalls = tokio::task::JoinSet::new();
    for founder in 0..FOUNDERS {
        let node = Arc::clone(node);
        stalls.spawn(async move {
            let mut offers = Vec::new();
            for n in (founder + 1..=vendors).step_by(FOUNDERS as usize) {
                offers.push(stall(&node, n, units).await?);
            }
            anyhow::Ok(offers)
        });
    }
    let mut offers = Vec::new();
    while let Some(founded) = stalls.join_next().await {
        offers.extend(founded??);
    }
    let deadline = Instant::now() + PATIENCE;
    while !offers.iter().all(|offer| node.stock_view().is_open(offer.sku) == Some(true)) {
        ensure!(Instant::now() < deadline, "the offers never came up for sale");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(offers)
}

async fn stall(node: &Arc<Node>, n: u128, units: u32) -> anyhow::Result<Offered> {
    let key = |step: u128| (0xbe_u128 << 120) | (n << 8) | step;
    let (vendor, product, variant, sku) = (VendorId(n), ProductId(n), VariantId(n), SkuId(n));
    let name = format!("Vendor {n}");
    let legal_entity =
        LegalEntity { name: name.clone(), country: "DE".into(), tax_id: None, series: "A".into() };
    let application =
        Application { name, legal_entity, settlement: Currency::EUR, seller_of_record: true, contact: None };
    let home = StreamId::Vendor(vendor);
    give::<Vendor>(node, home, vendor::Command::Apply(application), key(1)).await?;
    let commission = Commission { rate: Rate(1_000), rule: "default".into() };
    give::<Vendor>(node, home, vendor::Command::Approve(commission), key(2)).await?;
    let by = product::Actor::Vendor(vendor);
    let create = product::Command::Create {
        by,
        steward: vendor,
        facts: Facts { title: text("Thing"), description: text("A thing"), category: "things".into() },
        variants: vec![Variant {
            id: variant,
            options: BTreeMap::new(),
            barcode: None,
            weight_g: None,
            size: None,
        }],
    };
    let home = StreamId::Product(product);
    give::<Product>(node, home, create, key(3)).await?;
    let price = Price { unit: eur(1_999), shipping: eur(499) };
    let prices = BTreeMap::from([(MarketId::main(), price)]);
    let offer = NewOffer { sku, variant, vendor, code: "T-1".into(), condition: Condition::New, prices };
    give::<Product>(node, home, product::Command::AttachOffer { by, offer }, key(4)).await?;
    give::<Product>(node, home, product::Command::Submit { by }, key(5)).await?;
    give::<Product>(node, home, product::Command::Approve { list: true }, key(6)).await?;
    let shard = StreamId::Stock(sku.shard());
    let movement = Movement { movement: MovementId(n), sku, location: LocationId::MAIN, quantity: units };
    give::<Inventory>(node, shard, inventory::Command::Receive(movement), key(7)).await?;
    Ok(Offered { product, sku })
}

/// What a cart of the bench begins with.
pub fn opening(checkout: CheckoutId) -> Opening {
    let market = Market {
        id: MarketId::main(),
        countries: vec!["DE".into()],
        currency: Currency::EUR,
        locale: "en".into(),
        prices_include_tax: true,
        tax: None,
    };
    Opening { market, buyer: BuyerId(checkout.0), limits: Limits::default(), reference: None }
}

/// One shopper buys one unit, step by step as the doors do it: every command has a name, the address goes into the
/// vault first.
pub async fn buy(shop: &Shop, checkout: CheckoutId, offer: Offered) -> anyhow::Result<()> {
    let node = &shop.node;
    let stream = StreamId::Checkout(checkout);
    let key = |step: u128| (checkout.0 << 4) | step;
    give::<Checkout>(node, stream, checkout::Command::Open(opening(checkout)), key(1)).await?;
    let line = CartLine { sku: offer.sku, product: offer.product, quantity: 1 };
    give::<Checkout>(node, stream, checkout::Command::SetLine(line), key(2)).await?;
    let subject = SubjectId(checkout.0);
    let home = vault::Address {
        name: "Ada Example".into(),
        street: "1 Example Street".into(),
        postal_code: "10115".into(),
        city: "Berlin".into(),
        country: "DE".into(),
        email: "ada@example.com".into(),
    };
    shop.vault.put(subject, stream, &home).await?;
    let address = Address { subject, country: "DE".into() };
    give::<Checkout>(node, stream, checkout::Command::SetAddress(address), key(3)).await?;
    let method = "standard".to_owned();
    give::<Checkout>(node, stream, checkout::Command::ChooseShipping { method }, key(4)).await?;
    let quoted = give::<Checkout>(node, stream, checkout::Command::RequestQuote, key(5)).await?;
    let checkout::Reply::Quoted { quote, total, .. } = quoted else { bail!("no quote but {quoted:?}") };
    let method = Method::Card { token: "card_success".to_owned() };
    let paid =
        give::<Checkout>(node, stream, checkout::Command::Pay { quote, total, method }, key(6)).await?;
    ensure!(matches!(paid, checkout::Reply::Placed { .. }), "not placed but {paid:?}");
    Ok(())
}
