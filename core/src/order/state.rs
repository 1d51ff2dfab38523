//! What an order knows, and how an event changes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ask::{Ask, AskId, AskRequest, OpenAsks};
use crate::ids::{OrderId, ParcelId, StreamId, VendorId};
use crate::inventory::{self, Rejection};
use crate::machine::EventMeta;
use crate::payment::{self, RefundId, RefundRefused};
use crate::time::Timestamp;

use super::{Event, OrderLine, PlacedOrder, RefundPart};

/// An order's state.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// What was sold; `None` before the first event.
    pub placed: Option<PlacedOrder>,
    /// When.
    pub placed_at: Timestamp,
    /// What has become of each line, by its number.
    pub lines: BTreeMap<u32, LineState>,
    /// The vendors' parts, by number (`-1`, `-2`, … in the order of vendor ids).
    pub vendor_orders: BTreeMap<u32, VendorOrder>,
    /// What was sent.
    pub parcels: BTreeMap<ParcelId, Parcel>,
    /// What goes back to the shopper, by the refund's number.
    pub refunds: BTreeMap<u32, Refund>,
    /// What a person must look at, oldest first.
    pub flags: Vec<Flag>,
    /// What shards and payments were asked and have not answered.
    pub asks: OpenAsks,
}

/// What has become of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LineState {
    /// The vendor order it belongs to.
    pub vendor_order: u32,
    /// How far it is.
    pub stage: LineStage,
}

/// How far a line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LineStage {
    /// Neither sent nor cancelled.
    Open,
    /// In this parcel, on its way.
    Shipped(ParcelId),
    /// In this parcel, arrived.
    Delivered(ParcelId),
    /// Will not be sent.
    Cancelled,
}

/// One vendor's part of an order. How far it is follows from its lines: see [`super::summary()`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VendorOrder {
    /// Whose.
    pub vendor: VendorId,
    /// Its lines, ascending.
    pub lines: Vec<u32>,
    /// Whether the vendor has taken it on.
    pub accepted: bool,
}

/// Lines that travel together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Parcel {
    /// Its number within the order, from 1.
    pub number: u32,
    /// Of which vendor order.
    pub vendor_order: u32,
    /// With which lines, ascending.
    pub lines: Vec<u32>,
    /// What the carrier calls it.
    pub tracking: Option<String>,
    /// When it left.
    pub shipped_at: Timestamp,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
}

/// Money on its way back, or back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refund {
    /// What was asked of which payment.
    pub part: RefundPart,
    /// How far it is.
    pub stage: RefundStage,
}

/// How far a refund is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum RefundStage {
    /// The payment was asked.
    Pending,
    /// The money is back.
    Done,
    /// The payment or the provider refused. The order is flagged until a person has it tried again.
    Refused,
    /// It was refused, and this one stands for it now.
    Replaced {
        /// Its number.
        by: u32,
    },
}

impl Refund {
    /// Whether it is part of what the order owes the shopper or has given back.
    pub fn counts(&self) -> bool {
        !matches!(self.stage, RefundStage::Replaced { .. })
    }
}

/// Something that only a person can put right.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Flag {
    /// A payment will not give back what the order owes the shopper.
    RefundRefused {
        /// Which refund.
        refund: RefundId,
        /// Why; `None` when there is no such payment.
        why: Option<RefundRefused>,
    },
    /// A shard will not ship or free a line's units.
    StockRefused {
        /// Which line.
        line: u32,
        /// Why.
        why: Rejection,
    },
}

impl State {
    /// The line that this hold belongs to.
    pub(super) fn line_of_ask(&self, ask: &Ask) -> Option<u32> {
        let AskRequest::Stock(request) = &ask.request else { return None };
        let hold = request.hold();
        self.placed.as_ref()?.lines.iter().find(|line| line.hold.id == hold).map(|line| line.number)
    }

    pub(super) fn fold(&mut self, meta: EventMeta, event: &Event) {
        match event {
            Event::Placed(placed) => self.place(meta, placed),
            Event::Accepted { vendor_order } => self.accept(*vendor_order),
            Event::Shipped { parcel, vendor_order, lines, tracking } => {
                let new = Parcel {
                    number: self.parcels.len() as u32 + 1,
                    vendor_order: *vendor_order,
                    lines: lines.clone(),
                    tracking: tracking.clone(),
                    shipped_at: meta.at,
                    delivered_at: None,
                };
                self.parcels.insert(*parcel, new);
                self.move_lines(lines, LineStage::Shipped(*parcel));
                self.ask_stock(meta, lines, |hold| inventory::Request::Ship { hold });
            }
            Event::Delivered { parcel } => self.deliver(meta, parcel),
            Event::Cancelled { lines, refunds, .. } => {
                self.move_lines(lines, LineStage::Cancelled);
                // The hold has long been seen, so its name needs no barring: any past deadline will do.
                let undo = |hold| inventory::Request::Undo { hold, deadline: Timestamp::ZERO };
                let asked = self.ask_stock(meta, lines, undo);
                self.ask_refunds(meta, asked, refunds);
            }
            Event::Refunded { refund, .. } => self.move_refund(refund, RefundStage::Done),
            Event::RefundRefused { refund, why } => {
                self.move_refund(refund, RefundStage::Refused);
                self.flags.push(Flag::RefundRefused { refund: *refund, why: *why });
            }
            Event::RefundRetried { part, replaces } => {
                self.move_refund(replaces, RefundStage::Replaced { by: part.refund.n });
                let answered =
                    |flag: &Flag| matches!(flag, Flag::RefundRefused { refund, .. } if refund == replaces);
                self.flags.retain(|flag| !answered(flag));
                self.ask_refunds(meta, 0, &[*part]);
            }
            Event::StockAnswered { ask, line, refused } => {
                self.asks.close(ask);
                if let Some(why) = refused {
                    self.flags.push(Flag::StockRefused { line: *line, why: *why });
                }
            }
        }
    }

    fn place(&mut self, meta: EventMeta, placed: &PlacedOrder) {
        self.placed_at = meta.at;
        let mut by_vendor: BTreeMap<VendorId, Vec<u32>> = BTreeMap::new();
        for line in &placed.lines {
            by_vendor.entry(line.vendor).or_default().push(line.number);
        }
        for (number, (vendor, mut lines)) in (1..).zip(by_vendor) {
            lines.sort_unstable();
            for line in &lines {
                self.lines.insert(*line, LineState { vendor_order: number, stage: LineStage::Open });
            }
            self.vendor_orders.insert(number, VendorOrder { vendor, lines, accepted: false });
        }
        self.placed = Some(placed.clone());
    }

    fn accept(&mut self, number: u32) {
        if let Some(vendor_order) = self.vendor_orders.get_mut(&number) {
            vendor_order.accepted = true;
        }
    }

    fn deliver(&mut self, meta: EventMeta, id: &ParcelId) {
        let Some(parcel) = self.parcels.get_mut(id) else { return };
        parcel.delivered_at = Some(meta.at);
        let lines = parcel.lines.clone();
        self.move_lines(&lines, LineStage::Delivered(*id));
    }

    fn move_lines(&mut self, lines: &[u32], stage: LineStage) {
        for line in lines {
            if let Some(line) = self.lines.get_mut(line) {
                line.stage = stage;
            }
        }
    }

    fn move_refund(&mut self, refund: &RefundId, stage: RefundStage) {
        if let Some(known) = self.refunds.get_mut(&refund.n) {
            known.stage = stage;
        }
        let asked = self.asks.iter().find(|ask| refund_of_ask(ask) == Some(*refund)).map(|ask| ask.id);
        if let Some(ask) = asked {
            self.asks.close(&ask);
        }
    }

    /// Asks the shard of each line about its hold; says how many asks that were.
    fn ask_stock(
        &mut self,
        meta: EventMeta,
        lines: &[u32],
        request: impl Fn(crate::ids::HoldId) -> inventory::Request,
    ) -> u16 {
        let Some(placed) = &self.placed else { return 0 };
        let stream = StreamId::Order(placed.id());
        let holds: Vec<_> =
            lines.iter().filter_map(|number| placed.line(*number)).map(|line| line.hold).collect();
        // As many as asks of one event can be; a damaged event with more is cut, not a panic.
        let mut asked = 0;
        for (n, hold) in (0..u16::MAX).zip(holds) {
            let id = AskId { stream, seq: meta.seq, n };
            let request = AskRequest::Stock(request(hold.id));
            self.asks.insert(Ask { id, to: StreamId::Stock(hold.shard), request });
            asked = n + 1;
        }
        asked
    }

    fn ask_refunds(&mut self, meta: EventMeta, first: u16, refunds: &[RefundPart]) {
        let Some(stream) = self.id().map(StreamId::Order) else { return };
        for (n, part) in (first..=u16::MAX).zip(refunds) {
            self.refunds.insert(part.refund.n, Refund { part: *part, stage: RefundStage::Pending });
            let id = AskId { stream, seq: meta.seq, n };
            let request = payment::Request::Refund { refund: part.refund, amount: part.amount };
            let to = StreamId::Payment(part.payment);
            self.asks.insert(Ask { id, to, request: AskRequest::Payment(request) });
        }
    }

    /// The order's id, once it is placed.
    pub fn id(&self) -> Option<OrderId> {
        self.placed.as_ref().map(PlacedOrder::id)
    }

    /// The facts of a line.
    pub fn line(&self, number: u32) -> Option<&OrderLine> {
        self.placed.as_ref()?.line(number)
    }
}

/// The refund that an ask to a payment is about.
pub(super) fn refund_of_ask(ask: &Ask) -> Option<RefundId> {
    match &ask.request {
        AskRequest::Payment(payment::Request::Refund { refund, .. }) => Some(*refund),
        _ => None,
    }
}
