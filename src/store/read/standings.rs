//! How vendors stand, and which products must still hear of it. Nobody is shown this: it is what the walker of
//! `src/actors/projectors/standings.rs` keeps, with cursors of its own.

use souk_core::ids::{ProductId, VendorId};

use crate::journal::{JournalError, on_pool};

use super::statement::{Statement, run, run_at_length, values};
use super::{Advance, Cursor, DROP_CURSORS, ReadModels, failed, moves, parsed};

/// As the cursors name it.
const NAME: &str = "standings";

const PUT_STANDING: &str = "INSERT INTO vendor_standings (vendor, sells, seq) VALUES ($1, $2, $3) \
     ON CONFLICT (vendor) DO UPDATE SET sells = excluded.sells, seq = excluded.seq \
     WHERE vendor_standings.seq < excluded.seq";
const PUT_PRODUCT: &str =
    "INSERT INTO vendor_products (vendor, product, told) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING";
const OWED: &str = "SELECT p.vendor, p.product, s.sells, s.seq FROM vendor_standings s \
     JOIN vendor_products p ON p.vendor = s.vendor WHERE p.told < s.seq AND (p.vendor, p.product) > ($1, $2) \
     ORDER BY p.vendor, p.product LIMIT $3";
const TOLD: &str = "UPDATE vendor_products SET told = $3 WHERE vendor = $1 AND product = $2 AND told < $3";
const DROP_STANDINGS: &str = "DELETE FROM vendor_standings";
const DROP_PRODUCTS: &str = "DELETE FROM vendor_products";

/// What an event says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// From this event of the vendor on its offers may be sold, or not.
    Vendor {
        /// Which.
        vendor: VendorId,
        /// Whether.
        sells: bool,
        /// The event's seq.
        seq: u64,
    },
    /// A vendor has an offer on this product.
    Offers {
        /// Who.
        vendor: VendorId,
        /// On which.
        product: ProductId,
    },
}

/// Word that a product has not confirmed to have heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word {
    /// About whom.
    pub vendor: VendorId,
    /// To whom.
    pub product: ProductId,
    /// Whether the vendor's offers may be sold.
    pub sells: bool,
    /// The seq of the vendor's event behind it.
    pub seq: u64,
}

type Columns = (String, String, i64, i64);

fn word((vendor, product, sells, seq): Columns) -> Result<Word, JournalError> {
    Ok(Word {
        vendor: parsed("vendor_products", "vendor", &vendor)?,
        product: parsed("vendor_products", "product", &product)?,
        sells: sells == 1,
        seq: seq as u64,
    })
}

impl ReadModels {
    /// Where the walker's cursors stand.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn standing_cursors(&self) -> Result<Vec<Cursor>, JournalError> {
        self.cursors_of(NAME).await
    }

    /// Notes what events said and moves the cursors, in one transaction; `false` as [`ReadModels::write`].
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn note_standings(
        &self,
        journal_id: &str,
        standings: Vec<Standing>,
        advances: &[Advance],
    ) -> Result<bool, JournalError> {
        let mut statements = moves(NAME, journal_id, advances);
        statements.extend(standings.into_iter().map(|standing| match standing {
            Standing::Vendor { vendor, sells, seq } => {
                Statement::new(PUT_STANDING, values![vendor.to_string(), sells, seq])
            }
            Standing::Offers { vendor, product } => {
                Statement::new(PUT_PRODUCT, values![vendor.to_string(), product.to_string()])
            }
        }));
        run(&self.writes, "note how vendors stand", statements).await
    }

    /// Drops all of it, cursors too.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reset_standings(&self) -> Result<(), JournalError> {
        let mut statements = vec![Statement::new(DROP_CURSORS, values![NAME])];
        statements.extend([DROP_STANDINGS, DROP_PRODUCTS].map(|text| Statement::new(text, Vec::new())));
        run_at_length(&self.writes, "drop how vendors stand", statements).await.map(|_| ())
    }

    /// Words that products have not heard, by vendor and product, behind the one named.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn words_owed(&self, after: Option<&Word>, limit: u32) -> Result<Vec<Word>, JournalError> {
        let (vendor, product) =
            after.map_or_else(Default::default, |word| (word.vendor.to_string(), word.product.to_string()));
        // Asked of the writing connection, as the cursors: what was noted a moment ago must be seen.
        let rows: Vec<Columns> = on_pool!(&self.writes, pool => {
            sqlx::query_as(OWED).bind(vendor).bind(product).bind(i64::from(limit)).fetch_all(pool).await
        })
        .map_err(failed("read what products must hear of their vendors"))?;
        rows.into_iter().map(word).collect()
    }

    /// These were heard.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn words_heard(&self, words: &[Word]) -> Result<(), JournalError> {
        let heard = words.iter().map(|word| {
            Statement::new(TOLD, values![word.vendor.to_string(), word.product.to_string(), word.seq])
        });
        run(&self.writes, "note what products heard of their vendors", heard.collect()).await.map(|_| ())
    }
}
