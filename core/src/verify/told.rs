//! What clients were told, for the check that nothing acknowledged is lost.

use std::fmt;
use std::str::FromStr;

use crate::ids::{HoldId, InvalidId, OrderId, StreamId};

/// Something a client was told, as its own log has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// `held HOLD`
    Held(HoldId),
    /// `committed HOLD`
    Committed(HoldId),
    /// `undone HOLD`
    Undone(HoldId),
    /// `placed ORDER`
    Placed(OrderId),
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Held(hold) => write!(f, "held {hold}"),
            Told::Committed(hold) => write!(f, "committed {hold}"),
            Told::Undone(hold) => write!(f, "undone {hold}"),
            Told::Placed(order) => write!(f, "placed {order}"),
        }
    }
}

impl FromStr for Told {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (what, id) = text.split_once(' ').ok_or(InvalidId)?;
        match what {
            "held" => id.parse().map(Told::Held),
            "committed" => id.parse().map(Told::Committed),
            "undone" => id.parse().map(Told::Undone),
            "placed" => id.parse().map(Told::Placed),
            _ => Err(InvalidId),
        }
    }
}

impl Told {
    /// The stream that must bear it out, as far as the id alone says.
    pub(super) fn stream(&self) -> StreamId {
        match self {
            Told::Held(hold) | Told::Committed(hold) | Told::Undone(hold) => {
                StreamId::Checkout(hold.checkout)
            }
            Told::Placed(order) => StreamId::Order(*order),
        }
    }
}
