//! Who else there is: products and vendors that answer, and shoppers who do as they please.

use crate::ask::{Ask, AskAnswer, AskRequest};
use crate::ids::{CheckoutId, LocationId, MovementId, SkuId, StreamId};
use crate::inventory;
use crate::machine::{CommandId, CommandKey};
use crate::payment::Method;
use crate::product;

use super::super::{CartLine, Command, PayStep, Stage, State, Step, WrittenLine};
use super::bank::Dice;
use super::bus::{AnyCommand, Bus};
use super::{address, brl, line, offer, opening, terms};

/// What products and vendors say; `None` when somebody else is asked.
pub(super) fn answer(ask: &Ask, dice: &mut Dice) -> Option<AskAnswer> {
    match &ask.request {
        AskRequest::Product(product::Request::Offer { sku, .. }) if dice.percent(4) => {
            Some(AskAnswer::Product(product::Answer::NotForSale { sku: *sku }))
        }
        AskRequest::Product(product::Request::Offer { sku, .. }) => Some(offer(*sku)),
        AskRequest::Vendor(_) => Some(terms(!dice.percent(4))),
        _ => None,
    }
}

/// An operator's prices: another one for every unit.
fn unit_by_unit(lines: &[CartLine]) -> Vec<WrittenLine> {
    let unit = |sku| {
        move |n: u32| WrittenLine {
            sku,
            quantity: Some(1),
            unit_price: brl(100 + i64::from(n)),
            unit_shipping: brl(i64::from(n)),
        }
    };
    lines.iter().flat_map(|line| (0..line.quantity).map(unit(line.sku))).collect()
}

/// Puts units of a SKU on the shelf.
pub(super) fn stock(bus: &mut Bus, sku: SkuId, quantity: u32) {
    let stream = StreamId::Stock(sku.shard());
    let open = inventory::Command::Sku { asked: 1, request: inventory::SkuRequest::Open { sku } };
    bus.command(stream, AnyCommand::Stock(open), None, 0);
    let movement =
        inventory::Movement { movement: MovementId(sku.0), sku, location: LocationId::MAIN, quantity };
    bus.command(stream, AnyCommand::Stock(inventory::Command::Receive(movement)), None, 0);
}

/// Somebody who wants two kinds of things and has a few cards.
pub(super) struct Shopper {
    pub checkout: CheckoutId,
    wants: Vec<(u128, u32)>,
    tries: u64,
    commands: u128,
}

impl Shopper {
    pub fn new(n: u128, dice: &mut Dice) -> Self {
        let mut shopper = Shopper::of_one_line(n);
        shopper.wants =
            (1..=3).map(|sku| (sku, dice.roll(3) as u32)).filter(|(_, quantity)| *quantity > 0).collect();
        shopper.tries = 2 + dice.roll(2);
        shopper
    }

    /// One unit of one thing.
    pub fn of_one_line(n: u128) -> Self {
        Shopper { checkout: CheckoutId(1_000 * n), wants: vec![(1, 1)], tries: 1, commands: 0 }
    }

    /// Does the next thing, whatever it is.
    pub fn act(&mut self, bus: &mut Bus) {
        let stream = StreamId::Checkout(self.checkout);
        let state = bus.checkout(stream);
        if let Some(command) = self.next(&state, bus) {
            self.commands += 1;
            let id = self.checkout.0 + self.commands;
            let key = CommandKey { id: CommandId(id), fingerprint: 0 };
            bus.command(stream, AnyCommand::Checkout(command), Some(key), id);
        }
    }

    fn next(&mut self, state: &State, bus: &mut Bus) -> Option<Command> {
        if state.opening.is_none() {
            return Some(Command::Open(opening()));
        }
        if bus.dice.roll(400) == 0 {
            return Some(Command::Abandon);
        }
        let missing = self.wants.iter().find(|(sku, _)| !state.lines.iter().any(|line| line.sku.0 == *sku));
        match (state.step(), missing) {
            (Step::Open | Step::Addressed | Step::ShippingChosen, Some((sku, quantity))) => {
                Some(Command::SetLine(line(*sku, *quantity)))
            }
            (Step::Open, None) => Some(Command::SetAddress(address())),
            (Step::Addressed, None) => Some(Command::ChooseShipping { method: "standard".to_owned() }),
            (Step::ShippingChosen, None) if bus.dice.percent(20) => {
                Some(Command::WriteQuote { lines: unit_by_unit(&state.lines) })
            }
            (Step::ShippingChosen, None) => Some(Command::RequestQuote),
            (Step::Quoted, _) => self.pay(state, bus),
            _ => {
                self.at_the_bank(state, bus);
                None
            }
        }
    }

    fn pay(&mut self, state: &State, bus: &mut Bus) -> Option<Command> {
        if self.tries == 0 {
            return Some(Command::Abandon);
        }
        self.tries -= 1;
        let quote = state.quote.as_ref()?;
        let token = "tok".to_owned();
        let method = match bus.dice.roll(4) {
            0 => Method::Instant { token },
            1 => Method::PayLater { token },
            _ => Method::Card { token },
        };
        Some(Command::Pay { quote: quote.id, total: quote.total, method })
    }

    /// Types in what the bank wants, pays the slip, or forgets about it.
    fn at_the_bank(&self, state: &State, bus: &mut Bus) {
        let Stage::Paying(attempt) = &state.stage else { return };
        let asked = matches!(attempt.step, PayStep::ActionNeeded { .. } | PayStep::AwaitingPayment { .. });
        if asked && bus.dice.percent(30) {
            bus.bank.shopper_acts(attempt.payment, &mut bus.dice);
        }
    }
}
