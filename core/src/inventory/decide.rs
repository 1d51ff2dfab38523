//! The rules of a shard.

use crate::ids::{HoldId, LocationId, PaymentId, SkuId, StreamId};
use crate::machine::{Ctx, Decision};
use crate::planted::{self, Bug};
use crate::time::Timestamp;

use super::{
    Command, EndedHold, Event, HOLD_TTL_MAX_MS, Hold, HoldState, Inventory, Moved, MovedAs, Movement,
    ON_HAND_MAX, QUANTITY_MAX, Rejection, Reply, Request, Sku, SkuRequest, State,
};

type Decided = Result<Decision<Inventory>, Rejection>;

/// Holds whose deadline has come. A pinned hold has none.
pub(super) fn expired(state: &State, now: Timestamp) -> Vec<Event> {
    if planted::is(Bug::PinnedExpires) {
        let due = |hold: &Hold| hold.state != HoldState::Allocated && hold.deadline <= now;
        let due = state.holds.iter().filter(|(_, hold)| due(hold));
        return due.map(|(id, _)| Event::Expired { hold: *id }).collect();
    }
    state
        .expiries
        .iter()
        .take_while(|(deadline, _)| *deadline <= now)
        .map(|(_, hold)| Event::Expired { hold: *hold })
        .collect()
}

pub(super) fn decide(state: &State, command: &Command, ctx: &Ctx) -> Decided {
    match command {
        Command::Sku { asked, request } => about_sku(state, *asked, request, ctx),
        Command::Receive(movement) => arrive(state, movement, (MovedAs::Received, Event::Received), ctx),
        Command::Restock(movement) => arrive(state, movement, (MovedAs::Restocked, Event::Restocked), ctx),
        Command::Adjust { movement, sku, location, delta } => {
            let known = state.skus.get(sku).ok_or(Rejection::UnknownSku)?;
            let moved = Moved { how: MovedAs::Adjusted, location: *location, delta: *delta };
            if let Some(before) = known.movements.get(movement) {
                return same_movement(*before, moved, known.available());
            }
            if *delta == 0 || delta.unsigned_abs() > u64::from(QUANTITY_MAX) {
                return Err(Rejection::InvalidQuantity);
            }
            let level = known.levels.get(location).copied().unwrap_or_default();
            if level.available() + delta < 0 || level.on_hand + delta > ON_HAND_MAX {
                return Err(Rejection::OutOfRange);
            }
            let event =
                Event::Adjusted { movement: *movement, sku: *sku, location: *location, delta: *delta };
            Ok(Decision::of(vec![event], stock(known.available() + delta)))
        }
        Command::Hold { asked, request } => about_hold(state, *asked, request, ctx),
    }
}

/// An order to close may overtake the one to open: it is remembered although the SKU was never seen, or the late
/// order would open what is archived. An order that changes nothing leaves its seq behind all the same.
fn about_sku(state: &State, asked: u64, request: &SkuRequest, ctx: &Ctx) -> Decided {
    // Units of a SKU in two shards would be sold twice.
    if StreamId::Stock(request.sku().shard()) != ctx.stream {
        return Err(Rejection::UnknownSku);
    }
    let known = state.skus.get(&request.sku());
    let (open, last) = known.map_or((false, 0), |sku| (sku.open, sku.asked));
    let reply = stock(known.map_or(0, Sku::available));
    if asked < last {
        return Err(Rejection::Stale);
    }
    let (wanted, event) = match request {
        SkuRequest::Open { sku } => (true, Event::Opened { sku: *sku, asked }),
        SkuRequest::Close { sku } => (false, Event::Closed { sku: *sku, asked }),
    };
    if asked == last && open == wanted {
        return Ok(Decision::unchanged(reply));
    }
    Ok(Decision::of(vec![event], reply))
}

/// The same movement again changes nothing; another one under its name is a mistake of whoever gave the name, and a yes
/// would lose units.
fn same_movement(before: Moved, again: Moved, available: i64) -> Decided {
    if before == again { Ok(Decision::unchanged(stock(available))) } else { Err(Rejection::MovementReused) }
}

fn stock(available: i64) -> Reply {
    Reply::Stock { available }
}

/// Units may arrive before the SKU is opened: stock comes in while a product waits for its approval.
fn arrive(
    state: &State,
    movement: &Movement,
    (how, event): (MovedAs, fn(Movement) -> Event),
    ctx: &Ctx,
) -> Decided {
    if StreamId::Stock(movement.sku.shard()) != ctx.stream {
        return Err(Rejection::UnknownSku);
    }
    let known = state.skus.get(&movement.sku);
    let available = known.map_or(0, Sku::available);
    let before = known.and_then(|known| known.movements.get(&movement.movement));
    if let Some(before) = before.filter(|_| !planted::is(Bug::MovementTwice)) {
        return same_movement(*before, Moved::arrived(how, movement), available);
    }
    if movement.quantity == 0 || movement.quantity > QUANTITY_MAX {
        return Err(Rejection::InvalidQuantity);
    }
    let quantity = i64::from(movement.quantity);
    let on_hand =
        known.and_then(|known| known.levels.get(&movement.location)).map_or(0, |level| level.on_hand);
    if on_hand + quantity > ON_HAND_MAX {
        return Err(Rejection::OutOfRange);
    }
    Ok(Decision::of(vec![event(*movement)], stock(available + quantity)))
}

fn about_hold(state: &State, asked: u64, request: &Request, ctx: &Ctx) -> Decided {
    let id = request.hold();
    if let Some(ended) = state.ended.get(&id) {
        return about_ended(id, ended.how, request);
    }
    let hold = state.holds.get(&id);
    if hold.is_some_and(|hold| asked < hold.asked) && !planted::is(Bug::StaleOrderApplied) {
        return Err(Rejection::Stale);
    }
    match request {
        Request::Hold { sku, quantity, deadline, pin, .. } => match hold {
            Some(hold) => same_hold(hold, *sku, *quantity, *pin),
            None => take(state, id, *sku, *quantity, *deadline, *pin, asked, ctx.now),
        },
        Request::Pin { payment, .. } => pin(hold.ok_or(Rejection::UnknownHold)?, id, *payment, asked),
        Request::Unpin { deadline, .. } => {
            let hold = hold.ok_or(Rejection::UnknownHold)?;
            match hold.state {
                HoldState::Held if asked == hold.asked => Ok(Decision::unchanged(Reply::Unpinned)),
                HoldState::Allocated => Err(Rejection::WrongState),
                // Also when its pin was overtaken: recorded, so that the pin is stale when it comes.
                HoldState::Held | HoldState::Pinned(_) => {
                    check_deadline(*deadline, ctx.now)?;
                    let event = Event::Unpinned { hold: id, deadline: *deadline, asked };
                    Ok(Decision::of(vec![event], Reply::Unpinned))
                }
            }
        }
        Request::Commit { .. } => {
            let hold = hold.ok_or(Rejection::UnknownHold)?;
            let reply = Reply::Committed { location: hold.location };
            match hold.state {
                HoldState::Allocated => Ok(Decision::unchanged(reply)),
                HoldState::Pinned(_) => Ok(Decision::of(vec![Event::Committed { hold: id, asked }], reply)),
                HoldState::Held => Err(Rejection::WrongState),
            }
        }
        Request::Undo { deadline, .. } => {
            let event = match hold.map(|hold| hold.state) {
                Some(HoldState::Held | HoldState::Pinned(_)) => Event::Released { hold: id },
                Some(HoldState::Allocated) => Event::Deallocated { hold: id },
                // Should the hold still come, it is refused by its deadline. Only what is recorded says so for ever:
                // the next owner's clock may be behind.
                None if *deadline < state.last_at => return Ok(Decision::unchanged(Reply::Undone)),
                None if planted::is(Bug::UndoForgotten) => return Ok(Decision::unchanged(Reply::Undone)),
                None => Event::Barred { hold: id, until: *deadline },
            };
            Ok(Decision::of(vec![event], Reply::Undone))
        }
        Request::Ship { .. } => match hold.ok_or(Rejection::UnknownHold)?.state {
            HoldState::Allocated => Ok(Decision::of(vec![Event::Shipped { hold: id }], Reply::Shipped)),
            HoldState::Held | HoldState::Pinned(_) => Err(Rejection::WrongState),
        },
    }
}

/// An ended hold stays ended: undoing it again says so, shipping a shipped one too, all else is refused.
fn about_ended(id: HoldId, how: EndedHold, request: &Request) -> Decided {
    match (request, how) {
        (Request::Undo { .. }, EndedHold::Released) if planted::is(Bug::DoubleRelease) => {
            Ok(Decision::of(vec![Event::Released { hold: id }], Reply::Undone))
        }
        (Request::Ship { .. }, EndedHold::Shipped) => Ok(Decision::unchanged(Reply::Shipped)),
        (Request::Undo { .. }, EndedHold::Shipped) => Err(Rejection::HoldEnded { how }),
        (Request::Undo { .. }, _) => Ok(Decision::unchanged(Reply::Undone)),
        _ => Err(Rejection::HoldEnded { how }),
    }
}

fn check_deadline(deadline: Timestamp, now: Timestamp) -> Result<(), Rejection> {
    if deadline <= now || deadline.millis_since(now) > HOLD_TTL_MAX_MS {
        return Err(Rejection::InvalidDeadline);
    }
    Ok(())
}

/// The same hold asked for again is the same hold; another claim under its name is not.
fn same_hold(hold: &Hold, sku: SkuId, quantity: u32, pin: Option<PaymentId>) -> Decided {
    let same_pin = match (pin, hold.state) {
        (None, _) | (Some(_), HoldState::Allocated) => true,
        (Some(asked), HoldState::Pinned(payment)) => asked == payment,
        (Some(_), HoldState::Held) => false,
    };
    if hold.sku != sku || hold.quantity != quantity || !same_pin {
        return Err(Rejection::Mismatch);
    }
    Ok(Decision::unchanged(Reply::Held { location: hold.location, deadline: hold.deadline }))
}

#[expect(clippy::too_many_arguments, reason = "the fields of one request, named at the only call")]
fn take(
    state: &State,
    id: HoldId,
    sku: SkuId,
    quantity: u32,
    deadline: Timestamp,
    pin: Option<PaymentId>,
    asked: u64,
    now: Timestamp,
) -> Decided {
    let known = state.skus.get(&sku).ok_or(Rejection::UnknownSku)?;
    if quantity == 0 || quantity > QUANTITY_MAX {
        return Err(Rejection::InvalidQuantity);
    }
    if !planted::is(Bug::LateHoldTaken) {
        check_deadline(deadline, now)?;
    }
    if !known.open {
        return Err(Rejection::NotForSale);
    }
    let location = choose_location(known, quantity).ok_or_else(|| Rejection::OutOfStock {
        available: known.levels.values().map(|level| level.available()).max().unwrap_or(0),
    })?;
    let event = Event::Held { hold: id, sku, location, quantity, deadline, pin, asked };
    Ok(Decision::of(vec![event], Reply::Held { location, deadline }))
}

/// The location with the fewest free units that still has enough: large rests stay together for large orders.
/// Ties go to the lowest id.
fn choose_location(sku: &Sku, quantity: u32) -> Option<LocationId> {
    let free = |level: &super::Level| match planted::is(Bug::HeldSoldAgain) {
        true => level.on_hand - level.allocated,
        false => level.available(),
    };
    sku.levels
        .iter()
        .filter(|(_, level)| free(level) >= i64::from(quantity))
        .min_by_key(|(location, level)| (level.available(), **location))
        .map(|(location, _)| *location)
}

fn pin(hold: &Hold, id: HoldId, payment: PaymentId, asked: u64) -> Decided {
    match hold.state {
        HoldState::Pinned(current) if current != payment => Err(Rejection::Mismatch),
        HoldState::Pinned(_) if asked == hold.asked => Ok(Decision::unchanged(Reply::Pinned)),
        // Pinned already, by an earlier order: recorded, so that an unpin between the two is stale when it comes.
        HoldState::Held | HoldState::Pinned(_) => {
            Ok(Decision::of(vec![Event::Pinned { hold: id, payment, asked }], Reply::Pinned))
        }
        HoldState::Allocated => Err(Rejection::WrongState),
    }
}
