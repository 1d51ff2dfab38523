//! The rules of an order.

use std::collections::BTreeSet;

use crate::any::{Effect, Mail, OrderMail, OrderTemplate};
use crate::ask::{Ask, AskAnswer, AskId, AskRequest};
use crate::ids::{ParcelId, VendorId};
use crate::inventory;
use crate::ledger;
use crate::machine::Decision;
use crate::money::{Money, MoneyError};
use crate::payment::{self, RefundId};
use crate::planted::{self, Bug};
use crate::text::is_line;

use super::state::refund_of_ask;
use super::{
    Actor, CancelReason, Command, Event, LineStage, Order, PlacedOrder, RefundPart, RefundStage, Rejection,
    Reply, Scope, State, TRACKING_MAX, VendorOrder,
};

type Decided = Result<Decision<Order>, Rejection>;

pub(super) fn decide(state: &State, command: &Command) -> Decided {
    let placed = state.placed.as_ref().ok_or(Rejection::UnknownOrder)?;
    match command {
        Command::Accept { by, vendor_order } => accept(state, *by, *vendor_order),
        Command::Ship { by, vendor_order, parcel, lines, tracking } => {
            let asked = Shipment { parcel: *parcel, vendor_order: *vendor_order, lines, tracking };
            ship(state, placed, *by, &asked)
        }
        Command::Deliver { by, parcel } => deliver(state, *by, *parcel),
        Command::Cancel { by, scope, reason } => cancel(state, placed, *by, *scope, *reason),
        Command::RetryRefund { by, refund } => retry_refund(state, *by, *refund),
        Command::RefundMoved { refund } => refund_moved(state, *refund),
        Command::RefundFailed { refund } => refund_failed(state, *refund),
        Command::Answered { ask, answer } => answered(state, *ask, answer),
    }
}

impl Actor {
    /// Whether this actor may handle (accept, ship, deliver) what this vendor sold.
    fn handles(self, vendor: VendorId) -> bool {
        match self {
            Actor::Vendor(own) => own == vendor,
            Actor::Operator => true,
            Actor::Buyer => false,
        }
    }

    /// Whether this actor may cancel what this vendor sold.
    fn cancels(self, vendor: VendorId) -> bool {
        self == Actor::Buyer || self.handles(vendor)
    }
}

fn handled(state: &State, by: Actor, number: u32) -> Result<&VendorOrder, Rejection> {
    let part = state.vendor_orders.get(&number).ok_or(Rejection::UnknownVendorOrder)?;
    if by.handles(part.vendor) { Ok(part) } else { Err(Rejection::NotYours) }
}

fn stage(state: &State, line: u32) -> Option<LineStage> {
    state.lines.get(&line).map(|line| line.stage)
}

/// Fails, and says why, unless the line can still be sent or cancelled.
fn open(state: &State, line: u32) -> Result<(), Rejection> {
    match stage(state, line).ok_or(Rejection::UnknownLine)? {
        LineStage::Open => Ok(()),
        LineStage::Shipped(_) | LineStage::Delivered(_) => Err(Rejection::AlreadyShipped { line }),
        LineStage::Cancelled => Err(Rejection::AlreadyCancelled { line }),
    }
}

fn accept(state: &State, by: Actor, number: u32) -> Decided {
    let part = handled(state, by, number)?;
    if part.accepted {
        return Ok(Decision::unchanged(Reply::Accepted));
    }
    let cancelled = |line: &&u32| stage(state, **line) == Some(LineStage::Cancelled);
    if part.lines.iter().all(|line| cancelled(&line)) {
        return Err(Rejection::AlreadyCancelled { line: part.lines.first().copied().unwrap_or_default() });
    }
    Ok(Decision::of(vec![Event::Accepted { vendor_order: number }], Reply::Accepted))
}

/// What a `Ship` command names.
struct Shipment<'a> {
    parcel: ParcelId,
    vendor_order: u32,
    lines: &'a Option<Vec<u32>>,
    tracking: &'a Option<String>,
}

fn ship(state: &State, placed: &PlacedOrder, by: Actor, asked: &Shipment) -> Decided {
    let part = handled(state, by, asked.vendor_order)?;
    let wanted: Option<BTreeSet<u32>> = asked.lines.as_ref().map(|lines| lines.iter().copied().collect());
    if state.parcels.contains_key(&asked.parcel) {
        return same_parcel(state, asked, wanted.as_ref());
    }
    check_tracking(asked.tracking.as_deref())?;
    let lines = lines_to_ship(state, part, wanted)?;
    let number = state.parcels.len() as u32 + 1;
    let reply = Reply::Shipped { number, lines: lines.clone() };
    let mut events = Vec::new();
    if !part.accepted {
        events.push(Event::Accepted { vendor_order: asked.vendor_order });
    }
    events.push(Event::Shipped {
        parcel: asked.parcel,
        vendor_order: asked.vendor_order,
        lines,
        tracking: asked.tracking.clone(),
    });
    let mut decision = Decision::of(events, reply);
    decision.effects.push(mail(placed, OrderTemplate::ParcelShipped));
    Ok(decision)
}

/// The same parcel shipped again is the same parcel; another one under its name is not.
fn same_parcel(state: &State, asked: &Shipment, wanted: Option<&BTreeSet<u32>>) -> Decided {
    let known = state.parcels.get(&asked.parcel).ok_or(Rejection::UnknownParcel)?;
    let same_lines = wanted.is_none_or(|wanted| wanted.iter().eq(&known.lines));
    if !same_lines || known.vendor_order != asked.vendor_order || known.tracking != *asked.tracking {
        return Err(Rejection::ParcelMismatch);
    }
    Ok(Decision::unchanged(Reply::Shipped { number: known.number, lines: known.lines.clone() }))
}

fn lines_to_ship(
    state: &State,
    part: &VendorOrder,
    wanted: Option<BTreeSet<u32>>,
) -> Result<Vec<u32>, Rejection> {
    let lines: Vec<u32> = match wanted {
        None => part.lines.iter().copied().filter(|line| open(state, *line).is_ok()).collect(),
        Some(wanted) => {
            for line in &wanted {
                // A line of another vendor order is nothing this command may know of.
                if !part.lines.contains(line) {
                    return Err(Rejection::UnknownLine);
                }
                open(state, *line)?;
            }
            wanted.into_iter().collect()
        }
    };
    if lines.is_empty() { Err(Rejection::NothingToShip) } else { Ok(lines) }
}

fn check_tracking(tracking: Option<&str>) -> Result<(), Rejection> {
    let valid = tracking.is_none_or(|reference| is_line(reference, TRACKING_MAX));
    if valid { Ok(()) } else { Err(Rejection::InvalidTracking) }
}

fn deliver(state: &State, by: Actor, id: ParcelId) -> Decided {
    let parcel = state.parcels.get(&id).ok_or(Rejection::UnknownParcel)?;
    handled(state, by, parcel.vendor_order)?;
    let events =
        if parcel.delivered_at.is_some() { Vec::new() } else { vec![Event::Delivered { parcel: id }] };
    Ok(Decision::of(events, Reply::Delivered))
}

/// The lines a cancellation is about; the actor may cancel all of them.
fn lines_in_scope(state: &State, by: Actor, scope: Scope) -> Result<Vec<u32>, Rejection> {
    let parts: Vec<&VendorOrder> = match scope {
        Scope::Line(line) => {
            let line = state.lines.get(&line).ok_or(Rejection::UnknownLine)?;
            state.vendor_orders.get(&line.vendor_order).into_iter().collect()
        }
        Scope::VendorOrder(number) => {
            vec![state.vendor_orders.get(&number).ok_or(Rejection::UnknownVendorOrder)?]
        }
        Scope::Order => state.vendor_orders.values().collect(),
    };
    if !parts.iter().all(|part| by.cancels(part.vendor)) {
        return Err(Rejection::NotYours);
    }
    Ok(match scope {
        Scope::Line(line) => vec![line],
        _ => parts.iter().flat_map(|part| part.lines.iter().copied()).collect(),
    })
}

fn cancel(state: &State, placed: &PlacedOrder, by: Actor, scope: Scope, reason: CancelReason) -> Decided {
    let mut scope = lines_in_scope(state, by, scope)?;
    scope.sort_unstable();
    let (lines, rest): (Vec<u32>, Vec<u32>) = scope.into_iter().partition(|line| open(state, *line).is_ok());
    let mut cancelled: Vec<u32> =
        rest.iter().copied().filter(|line| stage(state, *line) == Some(LineStage::Cancelled)).collect();
    if lines.is_empty() {
        if let (true, Some(line)) = (cancelled.is_empty(), rest.first()) {
            return Err(Rejection::AlreadyShipped { line: *line });
        }
        let refunded = Money::zero(placed.currency);
        return Ok(Decision::unchanged(Reply::Cancelled { lines: cancelled, refunded }));
    }
    let amounts = lines.iter().filter_map(|line| placed.line(*line)).map(|line| line.amounts());
    let amounts = amounts.collect::<Result<Vec<_>, _>>().map_err(unbalanced)?;
    let transaction = ledger::cancellation(placed.currency, &amounts).map_err(unbalanced)?;
    let charged = amounts.iter().map(ledger::LineAmounts::charged).collect::<Result<Vec<_>, _>>();
    let refunded = Money::sum(placed.currency, charged.map_err(unbalanced)?).map_err(unbalanced)?;
    let refunds = if planted::is(Bug::RefundOfWholeOrder) {
        let n = last_refund(state) + 1;
        let whole = |(payment, amount): &(crate::ids::PaymentId, Money)| {
            let refund = RefundId { order: placed.id(), n };
            RefundPart { refund, payment: *payment, amount: *amount }
        };
        placed.payments.iter().take(1).map(whole).collect()
    } else {
        split_refund(state, placed, refunded)?
    };
    cancelled.extend(&lines);
    cancelled.sort_unstable();
    let event = Event::Cancelled { lines, by, reason, refunds, transaction };
    let mut decision = Decision::of(vec![event], Reply::Cancelled { lines: cancelled, refunded });
    decision.effects.push(mail(placed, OrderTemplate::Cancelled));
    Ok(decision)
}

fn unbalanced(_: MoneyError) -> Rejection {
    Rejection::Unbalanced
}

/// Which payment gives back how much: the first ones first, none more than is left of what it took.
fn split_refund(state: &State, placed: &PlacedOrder, amount: Money) -> Result<Vec<RefundPart>, Rejection> {
    let mut n = last_refund(state);
    let mut left = amount.minor;
    let mut parts = Vec::new();
    for (payment, captured) in &placed.payments {
        let asked =
            state.refunds.values().filter(|refund| refund.part.payment == *payment && refund.counts());
        let asked: i64 = asked.map(|refund| refund.part.amount.minor).sum();
        let share = left.min(captured.minor - asked);
        if share > 0 {
            n += 1;
            left -= share;
            let refund = RefundId { order: placed.id(), n };
            parts.push(RefundPart { refund, payment: *payment, amount: Money::new(share, amount.currency) });
        }
    }
    if left == 0 { Ok(parts) } else { Err(Rejection::Unbalanced) }
}

/// The number of the last refund; zero before the first.
fn last_refund(state: &State) -> u32 {
    state.refunds.keys().last().copied().unwrap_or_default()
}

/// What is owed stays owed, and stays as much: the new refund takes the old one's place. Whoever repeats the order
/// is told what has taken its place already.
fn retry_refund(state: &State, by: Actor, number: u32) -> Decided {
    if by != Actor::Operator {
        return Err(Rejection::NotYours);
    }
    let known = state.refunds.get(&number).ok_or(Rejection::UnknownRefund)?;
    let order = known.part.refund.order;
    match known.stage {
        RefundStage::Replaced { by: n } => {
            Ok(Decision::unchanged(Reply::RefundRetried { refund: RefundId { order, n } }))
        }
        RefundStage::Pending | RefundStage::Done => Err(Rejection::RefundNotRefused),
        RefundStage::Refused => {
            let refund = RefundId { order, n: last_refund(state) + 1 };
            let part = RefundPart { refund, ..known.part };
            let event = Event::RefundRetried { part, replaces: known.part.refund };
            Ok(Decision::of(vec![event], Reply::RefundRetried { refund }))
        }
    }
}

/// A refund that went through went through, even when the payment had refused it before.
fn refund_moved(state: &State, id: RefundId) -> Decided {
    let known = state.refunds.get(&id.n).filter(|known| known.part.refund == id);
    let known = known.ok_or(Rejection::UnknownRefund)?;
    if known.stage == RefundStage::Done {
        return Ok(Decision::unchanged(Reply::Noted));
    }
    let event = Event::Refunded { refund: id, transaction: ledger::refund(known.part.amount) };
    Ok(Decision::of(vec![event], Reply::Noted))
}

/// The provider has said no to it, after the payment had taken it on.
fn refund_failed(state: &State, id: RefundId) -> Decided {
    let known = state.refunds.get(&id.n).filter(|known| known.part.refund == id);
    let known = known.ok_or(Rejection::UnknownRefund)?;
    if known.stage != RefundStage::Pending {
        return Ok(Decision::unchanged(Reply::Noted));
    }
    let event = Event::RefundRefused { refund: id, why: Some(payment::RefundRefused::Declined) };
    Ok(Decision::of(vec![event], Reply::Noted))
}

fn answered(state: &State, id: AskId, answer: &AskAnswer) -> Decided {
    let Some(ask) = state.asks.get(&id) else { return Ok(Decision::unchanged(Reply::Noted)) };
    if *answer == AskAnswer::Waiting {
        return Ok(Decision::unchanged(Reply::Noted));
    }
    match &ask.request {
        AskRequest::Stock(_) => stock_answered(state, ask, answer),
        _ => match refund_of_ask(ask) {
            Some(refund) => refund_answered(state, refund, answer),
            None => Ok(Decision::unchanged(Reply::Noted)),
        },
    }
}

fn stock_answered(state: &State, ask: &Ask, answer: &AskAnswer) -> Decided {
    let refused = match answer {
        AskAnswer::Stock(inventory::Answer::Done(_)) => None,
        AskAnswer::Stock(inventory::Answer::Refused(why)) => Some(*why),
        AskAnswer::Stale => Some(inventory::Rejection::Stale),
        _ => Some(inventory::Rejection::UnknownHold),
    };
    let line = state.line_of_ask(ask).unwrap_or_default();
    Ok(Decision::of(vec![Event::StockAnswered { ask: ask.id, line, refused }], Reply::Noted))
}

fn refund_answered(state: &State, refund: RefundId, answer: &AskAnswer) -> Decided {
    let why = match answer {
        AskAnswer::Payment(payment::Answer::Refunded { refund: moved }) if *moved == refund => {
            return refund_moved(state, refund);
        }
        AskAnswer::Payment(payment::Answer::Refused(why)) => Some(*why),
        AskAnswer::Unknown => None,
        // Anything else says nothing about this refund; it stays open and is asked again.
        _ => return Ok(Decision::unchanged(Reply::Noted)),
    };
    Ok(Decision::of(vec![Event::RefundRefused { refund, why }], Reply::Noted))
}

fn mail(placed: &PlacedOrder, template: OrderTemplate) -> Effect {
    Effect::Mail(Mail::Order(OrderMail { template, to: placed.subject, order: placed.id() }))
}
