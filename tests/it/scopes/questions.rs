//! Every question that takes a scope, asked by somebody who has something of their own, among what is not theirs.

use souk::journal::{JournalError, Roles, migrate};
use souk::store::read::{ProductFilter, ReadModels};
use souk::tenants::StoreScope;
use souk_core::ids::{OrderId, ProductId, VendorId};
use souk_core::market::MarketId;
use souk_core::product::Status;

use super::logins::Place;
use super::rows::{buyer_scope, buyers_scope, fill, vendor_scope};
use crate::servers::Backend;

/// Those that are shown a part of the rows.
pub const FILTERED: &[&str] = &[
    "listing",
    "offers_for_sale",
    "orders_of_buyers",
    "own_offers",
    "own_order",
    "own_products",
    "product",
    "products",
    "statement",
    "vendor_orders",
];

/// Those that are shown all rows there are, each with its reason: no filter can be forgotten where there is none.
pub const WHOLE: &[(&str, &str)] = &[
    ("all_products", "operators see every product"),
    ("order", "operators see every order"),
    ("orders", "operators see every order"),
    ("trial_balance", "operators see the books"),
    ("vendors", "operators see every vendor"),
    ("create", "operators make keys, in the plain tables, which the app's login cannot reach"),
    ("create_once", "operators make keys, in the plain tables, which the app's login cannot reach"),
    (
        "create_publishable",
        "operators make publishable keys, in the plain tables, and everybody may read them",
    ),
    (
        "revoke_publishable",
        "operators revoke publishable keys, in the plain tables, and everybody may read them",
    ),
    ("list", "operators list keys, in the plain tables, which the app's login cannot reach"),
    ("revoke", "operators revoke keys, in the plain tables, which the app's login cannot reach"),
];

/// What an answer holds.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// Rows that were the asker's to see.
    pub own: usize,
    /// Rows that were not.
    pub foreign: Vec<String>,
}

impl Seen {
    fn of<T: std::fmt::Debug>(rows: impl IntoIterator<Item = T>, is_own: impl Fn(&T) -> bool) -> Self {
        let (own, foreign): (Vec<T>, Vec<T>) = rows.into_iter().partition(is_own);
        Seen { own: own.len(), foreign: foreign.iter().map(|row| format!("{row:?}")).collect() }
    }

    fn and(mut self, other: Seen) -> Self {
        self.own += other.own;
        self.foreign.extend(other.foreign);
        self
    }
}

/// Asks as vendor 2, shopper 2 or anybody.
pub async fn ask(models: &ReadModels, function: &str) -> Result<Seen, JournalError> {
    let (vendor, store) = (vendor_scope(2), StoreScope::of_anybody());
    let filter = ProductFilter::all(MarketId::main());
    Ok(match function {
        "own_offers" => {
            let page = models.own_offers(&vendor, None, 100).await?;
            Seen::of(page.items, |row| row.vendor == VendorId(2))
        }
        "own_products" => {
            let page = models.own_products(&vendor, None, None, 100).await?;
            Seen::of(page.items, |row| row.steward == VendorId(2))
        }
        "vendor_orders" => {
            let page = models.vendor_orders(&vendor, None, None, 100).await?;
            Seen::of(page.items, |row| row.vendor == VendorId(2))
        }
        // Sums: of two parts that are worth 100 and 200.
        "statement" => {
            Seen::of(models.statement(&vendor).await?, |row| (row.vendor_orders, row.goods.minor) == (2, 300))
        }
        "own_order" => {
            let mine = models.own_order(&buyer_scope(2, 2)).await?;
            let mine = Seen::of(mine, |rows| {
                rows.order.id == OrderId(2)
                    && (rows.lines.len(), rows.vendor_orders.len(), rows.parcels.len()) == (1, 1, 1)
            });
            // A token names both: another's order is nobody's.
            mine.and(Seen::of(models.own_order(&buyer_scope(1, 2)).await?, |_| false))
        }
        "orders_of_buyers" => {
            let mine = models.orders_of_buyers(&buyers_scope(&[2, 3]), None, 100).await?;
            let mine = Seen::of(mine.items, |row| row.id == OrderId(2));
            let nobody = models.orders_of_buyers(&buyers_scope(&[]), None, 100).await?;
            mine.and(Seen::of(nobody.items, |_| false))
        }
        "products" => {
            let page = models.products(&store, &filter, None, 100).await?;
            Seen::of(page.items, |row| row.status == Status::Listed)
        }
        "offers_for_sale" => {
            let offers = models.offers_for_sale(&store, &filter, &[11, 12, 13].map(ProductId)).await?;
            Seen::of(offers, |row| row.for_sale)
        }
        "listing" => {
            let listing = models.listing(&store, &filter, None, 50).await?;
            let rows = listing.page.items.iter();
            let products = Seen::of(rows.clone(), |(product, _)| product.status == Status::Listed);
            products.and(Seen::of(rows.flat_map(|(_, offers)| offers), |offer| offer.for_sale))
        }
        "product" => {
            let mut seen = Seen::default();
            for id in [11, 12, 13] {
                let found = models.product(&store, ProductId(id)).await?;
                let offers = found.iter().flat_map(|rows| rows.offers.clone()).collect::<Vec<_>>();
                seen = seen.and(Seen::of(offers, |offer| offer.for_sale));
                seen = seen.and(Seen::of(found, |rows| rows.product.status == Status::Listed));
            }
            seen
        }
        other => panic!("{other} is not asked here: say how"),
    })
}

/// Tables that are filled, on SQLite.
pub async fn on_sqlite() -> (Backend, ReadModels) {
    let backend = Backend::sqlite();
    let database: souk::journal::Database = backend.url().parse().expect("an address");
    let models = filled(&Roles::from(database), 4).await;
    (backend, models)
}

/// The same on Postgres, read by a login that the policies bind; `None` when there is none.
pub async fn on_postgres(suite: &str) -> Option<(Place, ReadModels)> {
    let place = Place::make(suite).await?;
    let models = filled(&place.roles, 4).await;
    Some((place, models))
}

pub async fn filled(roles: &Roles, connections: u32) -> ReadModels {
    migrate::run(roles).await.expect("migrated");
    let models = ReadModels::open(roles, connections).await.expect("opened");
    fill(&models).await;
    models
}
