//! The rules of a product: its facts, its variants, and its way from draft to archive.

use crate::ask::{AskAnswer, AskId};
use crate::ids::VendorId;
use crate::inventory;
use crate::machine::{Ctx, Decision};

use super::{
    Actor, Command, Event, Facts, Field, Known, Product, Rejection, Reply, State, Status, VARIANTS_MAX,
    Variant, check, offers,
};

pub(super) type Decided = Result<Decision<Product>, Rejection>;

pub(super) fn decide(state: &State, command: &Command, ctx: &Ctx) -> Decided {
    if let Command::Answered { id, answer } = command {
        return Ok(answered(state, *id, answer));
    }
    let product = match (&state.known, command) {
        (None, Command::Create { by, steward, facts, variants }) => {
            return create(state, *by, *steward, facts, variants, ctx);
        }
        (None, _) => return Err(Rejection::NotFound),
        (Some(known), _) => Deciding { state, known, next_seq: ctx.next_seq },
    };
    match command {
        Command::Create { by, steward, facts, variants } => product.same(*by, *steward, facts, variants),
        Command::Revise { by, facts } => product.revise(*by, facts),
        Command::AddVariant { by, variant } => product.add_variant(*by, variant),
        Command::AttachOffer { by, offer } => offers::attach(&product, *by, offer),
        Command::SetPrice { by, sku, market, price } => {
            offers::set_price(&product, *by, *sku, market, *price)
        }
        Command::Withhold { by, sku } => offers::withhold(&product, *by, *sku),
        Command::Resume { by, sku } => offers::resume(&product, *by, *sku),
        Command::CloseOffersOf { vendor, version } => {
            offers::set_standing(&product, *vendor, false, *version)
        }
        Command::ReopenOffersOf { vendor, version } => {
            offers::set_standing(&product, *vendor, true, *version)
        }
        Command::Submit { by } => product.submit(*by),
        Command::Approve { list } => product.approve(*list),
        Command::Reject { reason } => product.reject(reason),
        Command::List { by } => product.list(*by),
        Command::Archive { by } => product.archive(*by),
        Command::Ask(request) => Ok(Decision::unchanged(Reply::Answer(offers::answer(&product, request)))),
        // Handled above: an answer is heard whatever has become of the product.
        Command::Answered { .. } => Ok(Decision::unchanged(Reply::Noted)),
    }
}

/// A product that exists, while it decides one command.
pub(super) struct Deciding<'a> {
    pub(super) state: &'a State,
    pub(super) known: &'a Known,
    next_seq: u64,
}

fn create(
    state: &State,
    by: Actor,
    steward: VendorId,
    facts: &Facts,
    variants: &[Variant],
    ctx: &Ctx,
) -> Decided {
    if !acts_for(by, steward) {
        return Err(Rejection::NotYours);
    }
    check::facts(facts)?;
    check::variants(variants)?;
    let event = Event::Created { steward, facts: facts.clone(), variants: variants.to_vec() };
    let reply = Reply::Product { product: state.id, status: Status::Draft, version: ctx.next_seq };
    Ok(Decision::of(vec![event], reply))
}

/// The shard did as it was asked, or had already done a later order's bidding: the ask is closed. Anything else
/// (a shard never says it) leaves it open, so that it is asked again rather than forgotten.
fn answered(state: &State, id: AskId, answer: &AskAnswer) -> Decision<Product> {
    let closes = match answer {
        AskAnswer::Stock(inventory::Answer::Done(_)) | AskAnswer::Stale => state.asks.contains(&id),
        _ => false,
    };
    let events = if closes { vec![Event::SkuAnswered { ask: id }] } else { Vec::new() };
    Decision::of(events, Reply::Noted)
}

pub(super) fn acts_for(by: Actor, vendor: VendorId) -> bool {
    by == Actor::Operator || by == Actor::Vendor(vendor)
}

impl Deciding<'_> {
    /// The version the product has after `events` events; the last of them is what changed it.
    pub(super) fn version_after(&self, events: usize) -> u64 {
        if events == 0 { self.known.version } else { self.next_seq + events as u64 - 1 }
    }

    /// Refused where the product stands.
    pub(super) fn wrong_state<T>(&self) -> Result<T, Rejection> {
        Err(Rejection::WrongState { status: self.known.status })
    }

    fn moves(&self, events: Vec<Event>, status: Status) -> Decided {
        let version = self.version_after(events.len());
        Ok(Decision::of(events, Reply::Product { product: self.state.id, status, version }))
    }

    fn stays(&self) -> Decided {
        self.moves(Vec::new(), self.known.status)
    }

    fn check_steward(&self, by: Actor) -> Result<(), Rejection> {
        if acts_for(by, self.known.steward) { Ok(()) } else { Err(Rejection::NotYours) }
    }

    /// The same product asked for again is the same product, as long as it still says the same; what came later
    /// (more variants, offers, approval) does not make it another.
    fn same(&self, by: Actor, steward: VendorId, facts: &Facts, variants: &[Variant]) -> Decided {
        if !acts_for(by, self.known.steward) {
            return Err(Rejection::NotYours);
        }
        let there = |variant: &Variant| self.known.variants.get(&variant.id) == Some(variant);
        if steward == self.known.steward && *facts == self.known.facts && variants.iter().all(there) {
            return self.stays();
        }
        Err(Rejection::AlreadyExists)
    }

    fn revise(&self, by: Actor, facts: &Facts) -> Decided {
        self.check_steward(by)?;
        match (self.known.status, by) {
            (Status::Archived, _) => return self.wrong_state(),
            (Status::Draft, _) | (_, Actor::Operator) => {}
            (_, Actor::Vendor(_)) => return self.wrong_state(),
        }
        check::facts(facts)?;
        if *facts == self.known.facts {
            return self.stays();
        }
        self.moves(vec![Event::Revised { facts: facts.clone() }], self.known.status)
    }

    fn add_variant(&self, by: Actor, variant: &Variant) -> Decided {
        self.check_steward(by)?;
        match (self.known.variants.get(&variant.id), self.known.status, by) {
            (Some(there), ..) if there == variant => return Ok(self.variant(Vec::new(), variant)),
            (Some(_), ..) => return Err(Rejection::AlreadyExists),
            (None, Status::Archived, _) | (None, Status::Submitted, Actor::Vendor(_)) => {
                return self.wrong_state();
            }
            (None, ..) => {}
        }
        check::variant(variant)?;
        if self.known.variants.len() >= VARIANTS_MAX {
            return Err(Rejection::TooMany { field: Field::Variants });
        }
        if let Some(same) = self.known.variants.values().find(|there| there.options == variant.options) {
            return Err(Rejection::SameOptions { variant: same.id });
        }
        Ok(self.variant(vec![Event::VariantAdded { variant: variant.clone() }], variant))
    }

    fn variant(&self, events: Vec<Event>, variant: &Variant) -> Decision<Product> {
        let version = self.version_after(events.len());
        Decision::of(events, Reply::Variant { product: self.state.id, variant: variant.id, version })
    }

    fn submit(&self, by: Actor) -> Decided {
        self.check_steward(by)?;
        match self.known.status {
            Status::Submitted => self.stays(),
            Status::Draft if self.known.variants.is_empty() => Err(Rejection::NoVariant),
            Status::Draft => self.moves(vec![Event::Submitted], Status::Submitted),
            Status::Approved | Status::Listed | Status::Archived => self.wrong_state(),
        }
    }

    fn approve(&self, list: bool) -> Decided {
        match (self.known.status, list) {
            (Status::Submitted, false) => self.moves(vec![Event::Approved], Status::Approved),
            (Status::Submitted, true) => self.moves(vec![Event::Approved, Event::Listed], Status::Listed),
            (Status::Approved, false) | (Status::Listed, _) => self.stays(),
            (Status::Approved, true) => self.moves(vec![Event::Listed], Status::Listed),
            (Status::Draft | Status::Archived, _) => self.wrong_state(),
        }
    }

    fn reject(&self, reason: &str) -> Decided {
        check::reason(reason)?;
        match self.known.status {
            Status::Draft if self.known.rejected.as_deref() == Some(reason) => self.stays(),
            Status::Submitted => {
                self.moves(vec![Event::Rejected { reason: reason.to_owned() }], Status::Draft)
            }
            _ => self.wrong_state(),
        }
    }

    fn list(&self, by: Actor) -> Decided {
        self.check_steward(by)?;
        match self.known.status {
            Status::Listed => self.stays(),
            Status::Approved => self.moves(vec![Event::Listed], Status::Listed),
            Status::Draft | Status::Submitted | Status::Archived => self.wrong_state(),
        }
    }

    fn archive(&self, by: Actor) -> Decided {
        self.check_steward(by)?;
        match self.known.status {
            Status::Archived => self.stays(),
            _ => self.moves(vec![Event::Archived], Status::Archived),
        }
    }
}
