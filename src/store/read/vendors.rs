//! Vendors and where they stand.

use souk_core::ids::VendorId;
use souk_core::money::Rate;
use souk_core::vendor::Status;

use crate::journal::JournalError;
use crate::tenants::OperatorScope;

use super::statement::{Statement, values};
use super::{Page, ReadModels, of_word, page_limit, parsed, word};

const PUT: &str = "INSERT INTO vendors (id, name, status, commission_bps, version) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, status = excluded.status, \
     commission_bps = excluded.commission_bps, version = excluded.version WHERE vendors.version < excluded.version";
const LIST: &str = "SELECT id, name, status, commission_bps, version FROM vendors \
     WHERE {vendors} AND id > $1 AND (CAST($2 AS TEXT) IS NULL OR status = $2) ORDER BY id LIMIT $3";

const STATUSES: &[(Status, &str)] = &[
    (Status::Applied, "applied"),
    (Status::Active, "active"),
    (Status::Suspended, "suspended"),
    (Status::Closed, "closed"),
];

/// A vendor at a glance.
#[derive(Clone, PartialEq, Debug)]
pub struct VendorRow {
    /// Which.
    pub id: VendorId,
    /// The name shoppers see.
    pub name: String,
    /// Where it stands.
    pub status: Status,
    /// What the marketplace keeps; `None` until it is approved.
    pub commission: Option<Rate>,
    /// The seq of its last event.
    pub version: u64,
}

pub(super) fn put(row: VendorRow) -> Statement {
    let commission = row.commission.map(|rate| i64::from(rate.0));
    let values = values![row.id.to_string(), row.name, word(STATUSES, &row.status), commission, row.version];
    Statement::new(PUT, values)
}

type Columns = (String, String, String, Option<i64>, i64);

fn row((id, name, status, commission, version): Columns) -> Result<VendorRow, JournalError> {
    Ok(VendorRow {
        id: parsed("vendors", "id", &id)?,
        name,
        status: of_word(STATUSES, "vendors", "status", &status)?,
        commission: commission.map(|bps| Rate(bps as u32)),
        version: version as u64,
    })
}

impl ReadModels {
    /// Vendors by id, behind the one named, wherever they stand or in one state.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn vendors(
        &self,
        scope: &OperatorScope,
        status: Option<Status>,
        after: Option<VendorId>,
        limit: u32,
    ) -> Result<Page<VendorRow, VendorId>, JournalError> {
        let after = after.map_or_else(String::new, |id| id.to_string());
        let status = status.map(|status| word(STATUSES, &status));
        let mut asking = self.reads.within(scope, "vendors").await?;
        let rows: Vec<Columns> =
            asking.all("list vendors", LIST, values![after, status, page_limit(limit)]).await?;
        asking.end();
        let items = rows.into_iter().map(row).collect::<Result<_, _>>()?;
        Ok(Page::of(items, limit, |row: &VendorRow| row.id))
    }
}
