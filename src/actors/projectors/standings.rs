//! The walker: tells products how their vendors stand. A product asks nobody whether a vendor may sell; it keeps what it
//! was told last, and closes or opens the vendor's offers at the shards accordingly.
//!
//! It follows two kinds of events that lie in different partitions and may be seen in any order: a vendor is suspended,
//! closed or reinstated; a product gets an offer of a vendor. Of the first it keeps each vendor's last, of the second
//! every pair of vendor and product, and beside each pair the vendor's event that the product was told of last. The rule
//! is one comparison of these rows: **a product is owed word of a vendor while the last it was told of is older than the
//! vendor's last event of that kind.** Whichever of the two events is seen later, the rows say then that word is owed. So
//! no offer is missed that is attached while, or after, its vendor's products are walked, and no other projection has to
//! be up to date.
//!
//! Word goes out only when everything that was in the journal at the beginning of a step has been read: a walker that
//! starts from the beginning must not repeat what vendors were years ago to products that never heard it. A row says
//! that word was heard after the product has answered, so after a kill it is said again, and again when the rows are
//! dropped. That is harmless: of two words about one vendor the product heeds the higher seq, and the same one twice
//! changes nothing. A product that does not answer holds up no other; it is told again until it does.
//!
//! These commands belong to an order that was admitted, so they take no permit.

use std::fmt;
use std::time::Duration;

use souk_core::any::AnyEvent;
use souk_core::ids::{PARTITIONS, StreamId};
use souk_core::journal::{Origin, Recorded};
use souk_core::product::{self, Product};
use tokio::task::JoinSet;

use crate::actors::handle::Handle;
use crate::journal::{JournalError, Reader};
use crate::store::read::{ReadModels, Standing, Word};

use super::stand::Stand;
use super::windows::{Gathered, Windows};

/// What it needs to see.
const KINDS: &[&str] = &["vendor.", "product.offer_attached"];
/// Products that are told at once.
const AT_ONCE: u32 = 64;
/// How long one is waited for before the others' turn comes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the walker has to try again.
#[derive(Debug)]
pub(super) enum WalkError {
    /// The journal or its own tables did not answer.
    Journal(JournalError),
    /// So many products have not answered.
    Unheard(usize),
}

impl fmt::Display for WalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WalkError::Journal(error) => error.fmt(f),
            WalkError::Unheard(count) => {
                write!(f, "{count} products have not heard how their vendors stand")
            }
        }
    }
}

impl From<JournalError> for WalkError {
    fn from(error: JournalError) -> Self {
        WalkError::Journal(error)
    }
}

/// One way through the words that are owed.
#[derive(Debug, Default)]
struct Walk {
    /// Where the next page begins.
    after: Option<Word>,
    /// Products that did not answer.
    unheard: usize,
    /// Whether rows have changed meanwhile, perhaps behind it.
    again: bool,
}

/// Follows vendors and offers, and tells products what they must hear.
#[derive(Debug)]
pub(super) struct Walker {
    windows: Windows,
    models: ReadModels,
    products: Handle<Product>,
    /// `None` until the cursors are read.
    stand: Option<Stand>,
    /// Begun when something may be owed: at the start, and whenever rows have changed.
    walk: Option<Walk>,
}

impl Walker {
    pub(super) fn new(reader: Reader, models: ReadModels, products: Handle<Product>) -> Self {
        let windows = Windows::new(reader, KINDS);
        Walker { windows, models, products, stand: None, walk: Some(Walk::default()) }
    }

    /// The positions up to which it has told everything, by partition; `None` while something is owed.
    pub(super) fn reached(&self) -> Option<&[u64]> {
        self.stand.as_ref().map(Stand::read).filter(|_| self.walk.is_none())
    }

    /// Reads a batch of what it has not seen, or tells a few products. Returns whether there is more to do.
    pub(super) async fn step(&mut self) -> Result<bool, WalkError> {
        match self.read_on().await {
            Ok(true) => Ok(true),
            Ok(false) => self.tell_some().await,
            Err(error) => {
                self.forget();
                Err(error.into())
            }
        }
    }

    pub(super) fn forget(&mut self) {
        self.stand = None;
        self.walk = Some(Walk::default());
    }

    async fn read_on(&mut self) -> Result<bool, JournalError> {
        let mut stand = match self.stand.take() {
            Some(stand) => stand,
            None => Stand::at(self.cursors().await?),
        };
        let ends = self.windows.reader().ends_to_follow().await?;
        let Gathered { advances, events, more } = self.windows.gather(stand.read(), &ends).await?;
        stand.pass(&advances);
        if !events.is_empty() || stand.is_due() {
            let standings: Vec<Standing> = events.iter().filter_map(standing).collect();
            let changed = !standings.is_empty();
            let journal_id = &self.windows.reader().meta().journal_id;
            if !self.models.note_standings(journal_id, standings, &stand.unwritten()).await? {
                tracing::info!("the walker's cursors were moved by somebody else");
                self.forget();
                return Ok(true);
            }
            if changed {
                match &mut self.walk {
                    Some(walk) => walk.again = true,
                    None => self.walk = Some(Walk::default()),
                }
            }
            stand.is_written();
        }
        self.stand = Some(stand);
        Ok(more)
    }

    async fn cursors(&self) -> Result<Vec<u64>, JournalError> {
        let cursors = self.models.standing_cursors().await?;
        // Only then where the journal ends: another server may have moved them on, while this one was frozen.
        let ends = self.windows.reader().ends().await?;
        if let Some(positions) = self.windows.stand(cursors, &ends) {
            return Ok(positions);
        }
        tracing::warn!("the walker's cursors are of another journal or ahead of this one; walking again");
        self.models.reset_standings().await?;
        Ok(vec![0; usize::from(PARTITIONS)])
    }

    async fn tell_some(&mut self) -> Result<bool, WalkError> {
        let Some(mut walk) = self.walk.take() else { return Ok(false) };
        match self.tell_page(&mut walk).await {
            Ok(true) => {
                self.walk = Some(walk);
                Ok(true)
            }
            Ok(false) => {
                if walk.again || walk.unheard > 0 {
                    self.walk = Some(Walk::default());
                }
                if walk.unheard > 0 { Err(WalkError::Unheard(walk.unheard)) } else { Ok(walk.again) }
            }
            Err(error) => {
                self.forget();
                Err(error.into())
            }
        }
    }

    /// Tells the next few. Returns whether there were any.
    async fn tell_page(&self, walk: &mut Walk) -> Result<bool, JournalError> {
        let page = self.models.words_owed(walk.after.as_ref(), AT_ONCE).await?;
        let Some(last) = page.last().copied() else { return Ok(false) };
        let mut telling = JoinSet::new();
        for word in &page {
            telling.spawn(tell(self.products.clone(), *word));
        }
        let heard: Vec<Word> = telling.join_all().await.into_iter().flatten().collect();
        self.models.words_heard(&heard).await?;
        walk.unheard += page.len() - heard.len();
        walk.after = Some(last);
        Ok(true)
    }
}

fn standing(recorded: &Recorded) -> Option<Standing> {
    match (&recorded.event, recorded.stream) {
        (AnyEvent::Vendor(event), StreamId::Vendor(vendor)) => {
            event.standing().map(|sells| Standing::Vendor { vendor, sells, seq: recorded.seq })
        }
        (AnyEvent::Product(product::Event::OfferAttached { offer }), StreamId::Product(product)) => {
            Some(Standing::Offers { vendor: offer.vendor, product })
        }
        _ => None,
    }
}

/// Tells one product. `None` when it did not answer. A no is an answer: it has heard a later word.
async fn tell(products: Handle<Product>, word: Word) -> Option<Word> {
    let Word { vendor, product, sells, seq } = word;
    let command = if sells {
        product::Command::ReopenOffersOf { vendor, version: seq }
    } else {
        product::Command::CloseOffersOf { vendor, version: seq }
    };
    let origin = Origin { cause: Some((StreamId::Vendor(vendor), seq)), ..Origin::default() };
    match products.report(StreamId::Product(product), command, origin, PATIENCE).await {
        Ok(_) => Some(word),
        Err(error) => {
            tracing::warn!(%vendor, %product, %error, "a product did not hear how a vendor stands; telling it again");
            None
        }
    }
}
