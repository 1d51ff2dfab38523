use souk_core::any::AnyEvent;
use souk_core::ids::MovementId;
use souk_core::inventory::{Event, Movement};

use super::{AT, HOLD, LOCATION, PAYMENT, SKU};

pub fn events() -> Vec<AnyEvent> {
    let (sku, location, hold) = (SKU, LOCATION, HOLD);
    let movement = Movement { movement: MovementId(14), sku, location, quantity: 5 };
    let held = |pin| Event::Held { hold, sku, location, quantity: 3, deadline: AT, pin, asked: 8 };
    let events = [
        Event::Opened { sku, asked: 6 },
        Event::Closed { sku, asked: 7 },
        Event::Received(movement),
        Event::Restocked(movement),
        Event::Adjusted { movement: MovementId(15), sku, location, delta: -4 },
        held(None),
        held(Some(PAYMENT)),
        Event::Pinned { hold, payment: PAYMENT, asked: 9 },
        Event::Unpinned { hold, deadline: AT, asked: 10 },
        Event::Committed { hold, asked: 11 },
        Event::Released { hold },
        Event::Expired { hold },
        Event::Deallocated { hold },
        Event::Barred { hold, until: AT },
        Event::Shipped { hold },
    ];
    events.map(AnyEvent::Stock).into()
}
