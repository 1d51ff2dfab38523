//! Reads a whole journal and checks every row against its checksum and its partition's chain, and every snapshot
//! against its events. For `souk verify`.

use std::collections::BTreeMap;
use std::fmt;

use souk_core::checkout::Checkout;
use souk_core::family::Family;
use souk_core::ids::StreamId;
use souk_core::inventory::Inventory;
use souk_core::journal::Recorded;
use souk_core::machine::{EventMeta, Machine};
use souk_core::order::Order;
use souk_core::payment::Payment;
use souk_core::person::Person;
use souk_core::product::Product;
use souk_core::vendor::Vendor;

use super::checksum::{CHAIN_START, Hash};
use super::database::Database;
use super::error::JournalError;
use super::pages::StoredSnapshot;
use super::read::Reader;

/// Hands every event to `each`, partition by partition in order, with the size of its payload in bytes. Returns
/// what is damaged, a line each; a row that cannot be read is named there and skipped.
///
/// # Errors
/// When there is no journal or the database does not answer.
pub async fn read(
    database: &Database,
    mut each: impl FnMut(&Recorded, usize),
) -> Result<Vec<String>, JournalError> {
    let reader = Reader::open(database, 1).await?;
    let mut pages = reader.read_all();
    let mut damage = Vec::new();
    let mut chain = (-1, CHAIN_START);
    loop {
        let page = pages.next_page().await?;
        if page.is_empty() {
            return Ok(damage);
        }
        for row in page {
            if row.partition != chain.0 {
                chain = (row.partition, CHAIN_START);
            }
            let place = || {
                format!(
                    "{} seq {} (partition {}, position {})",
                    row.stream, row.seq, row.partition, row.position
                )
            };
            if row.expected_chain(&chain.1).is_none_or(|expected| expected[..] != row.chain[..]) {
                damage.push(format!("{}: the chain is broken here", place()));
            }
            // The chain goes on from what is stored, so that one damaged row is named once.
            if let Ok(stored) = Hash::try_from(row.chain.as_slice()) {
                chain.1 = stored;
            }
            match row.decode() {
                Ok(recorded) => each(&recorded, row.payload.len()),
                Err(error) => damage.push(format!("{}: {error}", place())),
            }
        }
    }
}

/// Snapshots, to be compared with what the events fold to. Read them before the events.
#[derive(Debug)]
pub struct Snapshots {
    waiting: BTreeMap<StreamId, Box<dyn Folding>>,
}

impl Snapshots {
    /// Reads every snapshot that its machine would use.
    ///
    /// # Errors
    /// When there is no journal or the database does not answer.
    pub async fn read(database: &Database) -> Result<Self, JournalError> {
        let reader = Reader::open(database, 1).await?;
        let mut waiting = BTreeMap::new();
        let mut page = reader.snapshots(None).await?;
        while let Some(last) = page.last().map(|snapshot| snapshot.stream) {
            for snapshot in &page {
                waiting.extend(folding(snapshot).map(|folding| (snapshot.stream, folding)));
            }
            page = reader.snapshots(Some(last)).await?;
        }
        reader.close().await;
        Ok(Snapshots { waiting })
    }

    /// Folds an event; at the last one that its stream's snapshot contains, says whether the two agree.
    pub fn event(&mut self, recorded: &Recorded) -> Option<bool> {
        let matches = self.waiting.get_mut(&recorded.stream)?.event(recorded)?;
        self.waiting.remove(&recorded.stream);
        Some(matches)
    }

    /// Those that say they contain events which are not there, with the seq they name.
    pub fn beyond_the_journal(self) -> impl Iterator<Item = (StreamId, u64)> {
        self.waiting.into_iter().map(|(stream, folding)| (stream, folding.seq()))
    }
}

/// A stream on its way to its snapshot, whatever its machine.
trait Folding: fmt::Debug + Send {
    fn event(&mut self, recorded: &Recorded) -> Option<bool>;
    fn seq(&self) -> u64;
}

#[derive(Debug)]
struct Fold<M: Machine> {
    state: M::State,
    seq: u64,
    /// `None` when the row was damaged.
    wanted: Option<M::State>,
}

impl<M: Machine> Folding for Fold<M> {
    fn event(&mut self, recorded: &Recorded) -> Option<bool> {
        if let Some(event) = M::event(&recorded.event) {
            M::apply(&mut self.state, EventMeta { seq: recorded.seq, at: recorded.at }, event);
        }
        (recorded.seq == self.seq).then(|| self.wanted.as_ref() == Some(&self.state))
    }

    fn seq(&self) -> u64 {
        self.seq
    }
}

/// `None` for a snapshot of another version: everybody ignores it.
fn folding(snapshot: &StoredSnapshot) -> Option<Box<dyn Folding>> {
    fn of<M: Machine>(snapshot: &StoredSnapshot) -> Option<Box<dyn Folding>> {
        snapshot.is_current::<M>().then(|| {
            let state = M::initial(snapshot.stream);
            Box::new(Fold::<M> { state, seq: snapshot.seq, wanted: snapshot.state::<M>() })
                as Box<dyn Folding>
        })
    }
    match snapshot.stream {
        StreamId::Stock(_) => of::<Inventory>(snapshot),
        StreamId::Vendor(_) => of::<Vendor>(snapshot),
        StreamId::Product(_) => of::<Product>(snapshot),
        StreamId::Checkout(_) => of::<Checkout>(snapshot),
        StreamId::Payment(_) => of::<Payment>(snapshot),
        StreamId::Order(_) => of::<Order>(snapshot),
        StreamId::Person(_) => of::<Person>(snapshot),
        StreamId::Family(_) => of::<Family>(snapshot),
        // No machine of this version writes these.
        StreamId::Account(_) | StreamId::Limited(_) => None,
    }
}
