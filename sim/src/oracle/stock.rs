//! Facts about stock over the durable history, from the verifier's books and the events alone.

use std::collections::BTreeMap;

use souk_core::ids::{HoldId, LocationId, SkuId};
use souk_core::inventory::{Command, EndedHold, Event, Inventory, Rejection, Reply, Request, SkuRequest};
use souk_core::journal::{Incarnation, Recorded};
use souk_core::machine::Outcome;
use souk_core::verify::Verifier;

/// One SKU from an event on.
#[derive(Clone, PartialEq, Debug)]
struct Point {
    seq: u64,
    known: bool,
    open: bool,
    /// Free units by location.
    free: Vec<i64>,
}

impl Point {
    fn available(&self) -> i64 {
        self.free.iter().sum()
    }
}

/// A hold from an event on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fact {
    Held,
    Pinned,
    Allocated,
    Ended(EndedHold),
}

#[derive(Debug)]
pub(super) struct StockFacts {
    locations: Vec<LocationId>,
    skus: BTreeMap<SkuId, Vec<Point>>,
    holds: BTreeMap<HoldId, Vec<(u64, Fact)>>,
    places: BTreeMap<HoldId, (SkuId, LocationId)>,
    /// How far each start of a host has come in publishing, per SKU: an index of its points.
    published: BTreeMap<(Incarnation, SkuId), usize>,
    publishers: BTreeMap<Incarnation, u64>,
}

impl StockFacts {
    pub fn new(locations: &[LocationId]) -> Self {
        StockFacts {
            locations: locations.to_vec(),
            skus: BTreeMap::new(),
            holds: BTreeMap::new(),
            places: BTreeMap::new(),
            published: BTreeMap::new(),
            publishers: BTreeMap::new(),
        }
    }

    pub fn event(&mut self, recorded: &Recorded, event: &Event, books: &Verifier) {
        let seq = recorded.seq;
        let mut open = None;
        let (hold, fact) = match event {
            Event::Opened { sku, .. } | Event::Closed { sku, .. } => {
                open = Some(matches!(event, Event::Opened { .. }));
                return self.point(*sku, seq, open, books);
            }
            Event::Received(movement) | Event::Restocked(movement) => {
                return self.point(movement.sku, seq, open, books);
            }
            Event::Adjusted { sku, .. } => return self.point(*sku, seq, open, books),
            Event::Held { hold, sku, location, pin, .. } => {
                self.places.insert(*hold, (*sku, *location));
                (hold, if pin.is_some() { Fact::Pinned } else { Fact::Held })
            }
            Event::Pinned { hold, .. } => (hold, Fact::Pinned),
            Event::Unpinned { hold, .. } => (hold, Fact::Held),
            Event::Committed { hold, .. } => (hold, Fact::Allocated),
            Event::Released { hold } => (hold, Fact::Ended(EndedHold::Released)),
            Event::Expired { hold } => (hold, Fact::Ended(EndedHold::Expired)),
            Event::Deallocated { hold } => (hold, Fact::Ended(EndedHold::Deallocated)),
            Event::Barred { hold, .. } => (hold, Fact::Ended(EndedHold::Barred)),
            Event::Shipped { hold } => (hold, Fact::Ended(EndedHold::Shipped)),
        };
        self.holds.entry(*hold).or_default().push((seq, fact));
        if let Some((sku, _)) = self.places.get(hold).copied() {
            self.point(sku, seq, open, books);
        }
    }

    fn point(&mut self, sku: SkuId, seq: u64, open: Option<bool>, books: &Verifier) {
        let free = self.locations.iter().map(|location| books.level(sku, *location).available()).collect();
        let points = self.skus.entry(sku).or_insert_with(|| vec![unknown(&self.locations)]);
        let before = points.last().is_some_and(|point| point.open);
        points.push(Point { seq, known: true, open: open.unwrap_or(before), free });
    }

    /// The SKU as it was at some time while `from..=to` was durable.
    fn points(&self, sku: SkuId, from: u64, to: u64) -> Vec<Point> {
        match self.skus.get(&sku) {
            None => vec![unknown(&self.locations)],
            Some(points) => within(points, |point| point.seq, from, to).to_vec(),
        }
    }

    /// The hold, likewise; `None` for a time before it was seen.
    fn facts(&self, hold: HoldId, from: u64, to: u64) -> Vec<Option<Fact>> {
        let Some(facts) = self.holds.get(&hold) else { return vec![None] };
        let mut seen: Vec<_> =
            within(facts, |(seq, _)| *seq, from, to).iter().map(|(_, fact)| Some(*fact)).collect();
        if facts.first().is_some_and(|(first, _)| *first > from) {
            seen.push(None);
        }
        seen
    }

    /// Whether some durable state in between justifies the outcome.
    pub fn bears_out(
        &self,
        command: &Command,
        outcome: &Outcome<Inventory>,
        from: u64,
        to: u64,
    ) -> Result<(), String> {
        let borne_out = match command {
            Command::Sku { request, .. } => {
                let (sku, wanted) = (&request.sku(), matches!(request, SkuRequest::Open { .. }));
                let fits = |point: &Point| {
                    *outcome == Ok(Reply::Stock { available: point.available() }) && point.open == wanted
                };
                self.any(*sku, outcome, from, to, fits)
            }
            Command::Receive(movement) | Command::Restock(movement) => {
                let fits = |point: &Point| *outcome == Ok(Reply::Stock { available: point.available() });
                self.any(movement.sku, outcome, from, to, fits)
            }
            Command::Adjust { sku, location, delta, .. } => {
                let place = self.locations.iter().position(|known| known == location).unwrap_or_default();
                self.any(*sku, outcome, from, to, |point| match outcome {
                    Ok(Reply::Stock { available }) => *available == point.available(),
                    Err(Rejection::OutOfRange) => point.free[place] + delta < 0,
                    _ => false,
                })
            }
            Command::Hold { request, .. } => self.hold_borne_out(request, outcome, from, to),
        };
        if borne_out { Ok(()) } else { Err(format!("{command:?} was told {outcome:?}")) }
    }

    fn any(
        &self,
        sku: SkuId,
        outcome: &Outcome<Inventory>,
        from: u64,
        to: u64,
        fits: impl Fn(&Point) -> bool,
    ) -> bool {
        let unknown = *outcome == Err(Rejection::UnknownSku);
        self.points(sku, from, to).iter().any(|point| if unknown { !point.known } else { fits(point) })
    }

    fn hold_borne_out(&self, request: &Request, outcome: &Outcome<Inventory>, from: u64, to: u64) -> bool {
        let hold = request.hold();
        let facts = self.facts(hold, from, to);
        let was = |fits: fn(Fact) -> bool| facts.iter().any(|fact| fact.is_some_and(fits));
        let lives = |fact| matches!(fact, Fact::Held | Fact::Pinned | Fact::Allocated);
        match outcome {
            Ok(Reply::Held { location, .. }) => {
                self.places.get(&hold).is_some_and(|(_, place)| place == location) && was(lives)
            }
            Ok(Reply::Committed { location }) => {
                self.places.get(&hold).is_some_and(|(_, place)| place == location)
                    && was(|fact| fact == Fact::Allocated)
            }
            Ok(Reply::Pinned) => was(|fact| fact == Fact::Pinned),
            Ok(Reply::Unpinned) => was(|fact| fact == Fact::Held),
            Ok(Reply::Shipped) => was(|fact| fact == Fact::Ended(EndedHold::Shipped)),
            // Also of a hold that was never seen and, its deadline being over, never will be.
            Ok(Reply::Undone) => {
                let gone = |fact| matches!(fact, Fact::Ended(how) if how != EndedHold::Shipped);
                was(gone) || facts.contains(&None)
            }
            Ok(Reply::Stock { .. }) => false,
            Err(Rejection::HoldEnded { how }) => facts.contains(&Some(Fact::Ended(*how))),
            // A hold that ended is forgotten after a while.
            Err(Rejection::UnknownHold) => {
                facts.contains(&None) || was(|fact| matches!(fact, Fact::Ended(_)))
            }
            Err(Rejection::Mismatch | Rejection::Stale) => was(lives),
            Err(Rejection::WrongState) => match request {
                Request::Commit { .. } => was(|fact| fact == Fact::Held),
                Request::Ship { .. } => was(|fact| matches!(fact, Fact::Held | Fact::Pinned)),
                _ => was(|fact| fact == Fact::Allocated),
            },
            Err(Rejection::OutOfStock { available }) => {
                self.some_point(request, from, to, |point, quantity| {
                    let most = point.free.iter().copied().max().unwrap_or_default();
                    point.open && most == *available && most < quantity
                })
            }
            Err(Rejection::NotForSale) => {
                self.some_point(request, from, to, |point, _| point.known && !point.open)
            }
            Err(Rejection::UnknownSku) => self.some_point(request, from, to, |point, _| !point.known),
            // Against the clock, which the journal does not know.
            Err(Rejection::InvalidDeadline) => {
                matches!(request, Request::Hold { .. } | Request::Unpin { .. })
            }
            Err(Rejection::InvalidQuantity | Rejection::MovementReused | Rejection::OutOfRange) => false,
        }
    }

    fn some_point(&self, request: &Request, from: u64, to: u64, fits: impl Fn(&Point, i64) -> bool) -> bool {
        let Request::Hold { sku, quantity, .. } = request else { return false };
        self.points(*sku, from, to).iter().any(|point| fits(point, i64::from(*quantity)))
    }

    /// A host starts to publish; it knows what is durable up to `seq`.
    pub fn publisher(&mut self, incarnation: Incarnation, seq: u64) {
        self.publishers.insert(incarnation, seq);
    }

    /// What is published was durable, and never older than what this host published before.
    pub fn published(
        &mut self,
        incarnation: Incarnation,
        sku: SkuId,
        available: i64,
        open: bool,
    ) -> Result<(), String> {
        let points = self.skus.get(&sku).map_or(&[][..], Vec::as_slice);
        let since = self.publishers.get(&incarnation).copied().unwrap_or_default();
        let first = points.partition_point(|point| point.seq <= since).saturating_sub(1);
        let from = self.published.get(&(incarnation, sku)).copied().unwrap_or(first);
        let found =
            points[from..].iter().position(|point| point.available() == available && point.open == open);
        let Some(found) = found else {
            return Err(format!("publishes {available} of {sku} (open: {open}), which is not durable"));
        };
        self.published.insert((incarnation, sku), from + found);
        Ok(())
    }

    /// Whether these views are the newest.
    pub fn newest<'a>(
        &self,
        views: impl Iterator<Item = (&'a SkuId, &'a (i64, bool))>,
    ) -> Result<(), String> {
        for (sku, view) in views {
            let newest = self.skus.get(sku).and_then(|points| points.last());
            let newest = newest.map(|point| (point.available(), point.open));
            if newest != Some(*view) {
                return Err(format!("readers see {view:?} of {sku}, it is {newest:?}"));
            }
        }
        Ok(())
    }

    /// Units that anybody could hold.
    pub fn available(&self, sku: SkuId) -> i64 {
        self.skus.get(&sku).and_then(|points| points.last()).map_or(0, Point::available)
    }

    pub fn first_pinned(&self) -> Option<HoldId> {
        let pinned = |facts: &Vec<(u64, Fact)>| facts.last().is_some_and(|(_, fact)| *fact == Fact::Pinned);
        self.holds.iter().find(|(_, facts)| pinned(facts)).map(|(hold, _)| *hold)
    }
}

fn unknown(locations: &[LocationId]) -> Point {
    Point { seq: 0, known: false, open: false, free: vec![0; locations.len()] }
}

/// The last at or before `from`, and everything after it up to `to`.
fn within<T>(history: &[T], seq: impl Fn(&T) -> u64, from: u64, to: u64) -> &[T] {
    let start = history.partition_point(|entry| seq(entry) <= from).saturating_sub(1);
    let end = history.partition_point(|entry| seq(entry) <= to);
    &history[start.min(end)..end]
}
