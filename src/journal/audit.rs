//! Reads a whole journal and checks every row against its checksum and its partition's chain. For `souk verify`.

use souk_core::journal::Recorded;

use super::checksum::{CHAIN_START, Hash};
use super::database::Database;
use super::error::JournalError;
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
