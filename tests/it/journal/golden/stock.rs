use souk_core::any::AnyEvent;
use souk_core::ids::MovementId;
use souk_core::inventory::{Event, Movement};

use super::{AT, HOLD, LOCATION, PAYMENT, SKU};

pub fn events() -> Vec<AnyEvent> {
    let movement = Movement { movement: MovementId(20), sku: SKU, location: LOCATION, quantity: 40 };
    let events = [
        Event::Opened { sku: SKU, asked: 3 },
        Event::Closed { sku: SKU, asked: 4 },
        Event::Received(movement),
        Event::Restocked(movement),
        Event::Adjusted { movement: MovementId(21), sku: SKU, location: LOCATION, delta: -2 },
        Event::Held {
            hold: HOLD,
            sku: SKU,
            location: LOCATION,
            quantity: 2,
            deadline: AT,
            pin: Some(PAYMENT),
            asked: 8,
        },
        Event::Pinned { hold: HOLD, payment: PAYMENT, asked: 9 },
        Event::Unpinned { hold: HOLD, deadline: AT, asked: 10 },
        Event::Committed { hold: HOLD, asked: 11 },
        Event::Released { hold: HOLD },
        Event::Expired { hold: HOLD },
        Event::Deallocated { hold: HOLD },
        Event::Barred { hold: HOLD, until: AT },
        Event::Shipped { hold: HOLD },
    ];
    events.map(AnyEvent::Stock).into()
}
