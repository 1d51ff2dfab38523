//! What a replay must remember between its runs: the terms under which it began, and its vendors' keys. Both lie in
//! the data directory, as they belong to the shop that is filled and not to the files that are replayed.
//!
//! A resumed replay repeats the names of its requests. Under other terms the same names would ask for something else.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use souk_core::ids::VendorId;

use crate::journal::{Database, JournalError, Reader, Set};

use super::read::Source;

/// The file of the terms, in the data directory.
pub const TERMS_FILE: &str = "replay-olist.json";
/// The file of the vendors' keys, in the data directory.
pub const KEYS_FILE: &str = "replay-olist.keys";

/// Where a replay logs what was acknowledged, in the data directory, unless it is told otherwise.
pub const ACKS_FILE: &str = "replay-olist.acks";

/// The data directory, or the database, holds something else than this replay.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OtherMarket(String);

/// Under which terms a replay runs: what its result depends on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// A hash of the orders and what is in them.
    pub source: String,
    /// How many orders; `all`, or a number.
    pub orders: String,
    /// The share of the stock that arrives.
    pub scarcity: String,
    /// What the marketplace keeps, in hundredths of a per cent.
    pub commission_basis_points: u32,
    /// `http` or `actors`.
    pub through: String,
    /// The database, or the address of the server; without passwords.
    pub place: String,
    /// Who acts as the operator, where that was given.
    pub key: Option<String>,
}

impl Terms {
    /// Whether a replay was begun in this directory, under these terms.
    ///
    /// # Errors
    /// When it was begun under others, or what is remembered there cannot be read.
    pub fn resumes(&self, dir: &Path) -> anyhow::Result<bool> {
        let path = dir.join(TERMS_FILE);
        match fs::read(&path) {
            Ok(text) => {
                let begun: Terms = serde_json::from_slice(&text).with_context(|| {
                    format!("{} is not what a replay writes: use another --data", path.display())
                })?;
                begun.refuse_other(self, dir)?;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Remembers the terms in this directory.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn begin(&self, dir: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(dir)
            .with_context(|| format!("cannot create the data directory {}", dir.display()))?;
        self.write(&dir.join(TERMS_FILE))
    }

    /// Under another name first: a kill must not leave half a file.
    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let draft = path.with_extension("json.new");
        let text = serde_json::to_vec_pretty(self)?;
        let written = File::create(&draft)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&draft, path));
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    fn refuse_other(&self, now: &Terms, dir: &Path) -> Result<(), OtherMarket> {
        let key = |terms: &Terms| terms.key.clone().unwrap_or_else(|| "a key of its own".to_owned());
        for (name, begun, now) in [
            ("--orders", self.orders.clone(), now.orders.clone()),
            ("--scarcity", self.scarcity.clone(), now.scarcity.clone()),
            ("--commission", commission(self), commission(now)),
            ("--through", self.through.clone(), now.through.clone()),
            ("--database or --url", self.place.clone(), now.place.clone()),
            ("--key", key(self), key(now)),
            ("orders in the directory (their hash)", self.source.clone(), now.source.clone()),
        ] {
            if begun != now {
                let dir = dir.display();
                return Err(OtherMarket(format!(
                    "the replay in {dir} was begun with other {name}: {begun}, not {now}; go on with the same, or \
                     begin another one with another --data"
                )));
            }
        }
        Ok(())
    }

    /// A directory's name that says the terms, so that replays under other terms do not meet in one.
    pub fn folder(&self) -> String {
        let Terms { source, orders, scarcity, through, .. } = self;
        let (kind, _) = self.place.split_once(':').unwrap_or((&self.place, ""));
        let place = Sha256::digest(format!("{}\n{:?}", self.place, self.key));
        let kind = match kind {
            "the data directory" => "sqlite".to_owned(),
            kind => format!("{kind}-{:02x}{:02x}{:02x}", place[0], place[1], place[2]),
        };
        let commission = commission(self);
        format!("olist-{:.8}-{orders}-x{scarcity}-at{commission}-{through}-{kind}", source)
    }
}

fn commission(terms: &Terms) -> String {
    let points = terms.commission_basis_points;
    format!("{}.{:02}", points / 100, points % 100)
}

/// Refuses a database in which something else has happened already: a replay's sums are those of a market of its own.
///
/// # Errors
/// When it has, or the database cannot be read.
pub async fn refuse_other_market(database: &Database, dir: &Path) -> anyhow::Result<()> {
    if let Database::Sqlite { dir } = database
        && !Database::sqlite_file(dir, Set::Journal).exists()
    {
        return Ok(());
    }
    let ends = match Reader::open(database, 1).await {
        Ok(reader) => reader.ends().await?,
        Err(JournalError::Absent) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if ends.iter().all(|end| *end == 0) {
        return Ok(());
    }
    Err(OtherMarket(format!(
        "{database} holds another market already, and {} no replay of it: begin with another --data, or with an empty \
         --database",
        dir.display()
    ))
    .into())
}

/// A hash of what is replayed, whatever the order of its rows.
pub fn hash(source: &Source) -> String {
    let orders = source.orders.iter().map(|order| order.id.clone());
    let items = source.items.iter().map(|item| {
        let (price, freight) = (item.price.minor, item.freight.minor);
        format!("{}/{}/{}/{}/{price}/{freight}", item.order, item.number, item.product, item.seller)
    });
    let mut rows: Vec<String> = orders.chain(items).collect();
    rows.sort_unstable();
    let mut hash = Sha256::new();
    for row in rows {
        hash.update((row.len() as u64).to_be_bytes());
        hash.update(row);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The keys of the vendors, which the shop shows once.
#[derive(Debug)]
pub struct VendorKeys {
    path: PathBuf,
    kept: Mutex<Kept>,
}

struct Kept {
    file: File,
    known: BTreeMap<VendorId, String>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.known.keys()).finish()
    }
}

impl VendorKeys {
    /// Opens the file in this directory, or makes it, readable by this user only.
    ///
    /// # Errors
    /// When it cannot be read or written, or holds something else.
    pub fn open(dir: &Path) -> anyhow::Result<VendorKeys> {
        let path = dir.join(KEYS_FILE);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        // A line that a kill cut short was not used yet.
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let mut known = BTreeMap::new();
        for line in text[..whole].lines() {
            let parts = line.split_once(' ').and_then(|(id, key)| Some((id.parse().ok()?, key.to_owned())));
            let Some((vendor, key)) = parts else {
                bail!("{} holds a line that no replay writes: use another --data", path.display());
            };
            known.insert(vendor, key);
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&path)
            .and_then(|file| file.set_len(whole as u64).map(|()| file))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(VendorKeys { path, kept: Mutex::new(Kept { file, known }) })
    }

    /// The vendor's key, if one was kept.
    pub fn get(&self, vendor: VendorId) -> Option<String> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).known.get(&vendor).cloned()
    }

    /// Keeps a vendor's key, before it is used.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, vendor: VendorId, key: &str) -> anyhow::Result<()> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(kept.file, "{vendor} {key}")
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        kept.known.insert(vendor, key.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        Terms {
            source: "abc".to_owned(),
            orders: "300".to_owned(),
            scarcity: "1".to_owned(),
            commission_basis_points: 1_000,
            through: "http".to_owned(),
            place: "sqlite:x".to_owned(),
            key: None,
        }
    }

    #[test]
    fn other_terms_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!terms().resumes(dir.path()).unwrap());
        terms().begin(dir.path()).unwrap();
        assert!(terms().resumes(dir.path()).unwrap());
        let other = |change: fn(&mut Terms), named: &str| {
            let mut now = terms();
            change(&mut now);
            let error = now.resumes(dir.path()).unwrap_err();
            assert!(error.is::<OtherMarket>(), "{error}");
            assert_ne!(now.folder(), terms().folder(), "{named}");
            let error = error.to_string();
            assert!(error.contains(named), "{error}");
        };
        other(|terms| terms.orders = "all".to_owned(), "other --orders: 300, not all");
        other(|terms| terms.scarcity = "0.9".to_owned(), "other --scarcity: 1, not 0.9");
        other(|terms| terms.commission_basis_points = 905, "other --commission: 10.00, not 9.05");
        other(|terms| terms.through = "actors".to_owned(), "other --through");
        other(|terms| terms.place = "postgres://db".to_owned(), "other --database or --url");
        other(|terms| terms.key = Some("key_1".to_owned()), "other --key");
        other(|terms| terms.source = "def".to_owned(), "other orders in the directory");
        fs::write(dir.path().join(TERMS_FILE), "{}").unwrap();
        assert!(terms().resumes(dir.path()).is_err());
    }

    #[test]
    fn keys_are_kept_and_half_a_line_is_not_one() {
        let dir = tempfile::tempdir().unwrap();
        VendorKeys::open(dir.path()).unwrap().keep(VendorId(1), "souk_ven_a").unwrap();
        let path = dir.path().join(KEYS_FILE);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"ven_0000 sou").unwrap();
        let keys = VendorKeys::open(dir.path()).unwrap();
        assert_eq!(keys.get(VendorId(1)).as_deref(), Some("souk_ven_a"));
        keys.keep(VendorId(2), "souk_ven_b").unwrap();
        let keys = VendorKeys::open(dir.path()).unwrap();
        assert_eq!(keys.get(VendorId(2)).as_deref(), Some("souk_ven_b"));
        assert!(!format!("{keys:?}").contains("souk_ven_b"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
