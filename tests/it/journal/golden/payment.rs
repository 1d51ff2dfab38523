use souk_core::any::AnyEvent;
use souk_core::ask::AskId;
use souk_core::ids::StreamId;
use souk_core::payment::{CallKind, Event, Intent, Limits, Method, RefundId};

use super::{AT, ORDER, PAYMENT, eur};

pub fn events() -> Vec<AnyEvent> {
    let refund = RefundId { order: ORDER, n: 1 };
    let key = |kind: CallKind| kind.key(PAYMENT);
    let intent = Intent {
        payment: PAYMENT,
        amount: eur(4_470),
        method: Method::PayLater { token: "tok_slip".to_owned() },
        limits: Limits { attempt_until: AT, look_up_every_ms: 30_000, late_money_ms: 259_200_000 },
    };
    let events = [
        Event::Created(intent),
        Event::ActionNeeded { url: "https://bank.example/3ds".to_owned() },
        Event::AwaitingPayment { reference: "34191.79001".to_owned() },
        Event::Authorised,
        Event::CaptureStarted { key: key(CallKind::Capture), asked: 12 },
        Event::CaptureRefused { reason: "expired".to_owned() },
        Event::Captured,
        Event::Failed { reason: "card_declined".to_owned() },
        Event::VoidRequested { asked: 13 },
        Event::VoidStarted { key: key(CallKind::Void) },
        Event::Voided,
        Event::NeverReached,
        Event::NeverCame,
        Event::OutcomeUnknown { key: key(CallKind::Authorise) },
        Event::LookUpStarted { keys: vec![key(CallKind::Capture), key(CallKind::Refund(1))] },
        Event::CallRepeated { key: key(CallKind::Void) },
        Event::RefundStarted { refund, amount: eur(990), key: key(CallKind::Refund(1)) },
        Event::Refunded { refund },
        Event::RefundFailed { refund, reason: "account_closed".to_owned() },
        Event::RefundRetried { refund, key: key(CallKind::RefundAgain(0, 2)) },
        Event::Told { ask: AskId { stream: StreamId::Payment(PAYMENT), seq: 4, n: 0 } },
    ];
    events.map(AnyEvent::Payment).into()
}
