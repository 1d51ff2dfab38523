//! Values that must go together.

use super::fault::Fault;
use super::load::Values;
use super::value::Value;

/// The first must be shorter than the second, or else this happens.
const SHORTER: &[(&str, &str, &str)] = &[
    ("checkout.hold_ttl_ms", "checkout.cart_ttl_ms", "a hold must not outlive its cart"),
    ("checkout.quote_ttl_ms", "checkout.cart_ttl_ms", "a quote must not outlive its cart"),
    (
        "checkout.look_up_every_ms",
        "checkout.attempt_card_ms",
        "a card payment of unknown outcome would be given up before it is looked up",
    ),
    (
        "checkout.look_up_every_ms",
        "checkout.attempt_instant_ms",
        "a payment of unknown outcome would be given up before it is looked up",
    ),
    (
        "checkout.look_up_every_ms",
        "checkout.attempt_pay_later_ms",
        "a later payment of unknown outcome would be given up before it is looked up",
    ),
    (
        "checkout.pay_answer_ms",
        "server.request_timeout_ms",
        "a pay request would be cut off before it can be answered with its state",
    ),
    (
        "server.header_timeout_ms",
        "server.request_timeout_ms",
        "a request would be over before its headers are late",
    ),
    (
        "server.request_timeout_ms",
        "server.drain_timeout_ms",
        "a request accepted just before the end would be cut off",
    ),
];

/// Looks at the values as they are written, so that a fault elsewhere hides none of these.
pub(super) fn check(values: &Values, faults: &mut Vec<Fault>) {
    for (shorter, longer, why) in SHORTER {
        let whole = |key: &str| values.get(key).and_then(|(value, _)| value.whole());
        if let (Some(short), Some(long)) = (whole(shorter), whole(longer))
            && short >= long
        {
            let what = format!("{} must be less than {}", said(values, shorter), said(values, longer));
            faults.push(Fault::Conflict { what, why });
        }
    }
    check_logins(values, faults);
    let (rate, jurisdiction) = ("market.tax_rate", "market.tax_jurisdiction");
    let is_set = |key: &str| values.get(key).is_some_and(|(value, _)| *value != Value::Text(String::new()));
    if is_set(rate) != is_set(jurisdiction) {
        let what =
            format!("{} and {} must both be set, or neither", said(values, rate), said(values, jurisdiction));
        faults.push(Fault::Conflict { what, why: "a tax needs a rate and somebody whose tax it is" });
    }
}

/// Logins are to the Postgres that `database.url` names.
const LOGINS: &[&str] =
    &["database.migrator_url", "database.engine_url", "database.app_url", "database.vault_url"];

fn check_logins(values: &Values, faults: &mut Vec<Fault>) {
    let text = |key: &str| match values.get(key) {
        Some((Value::Text(text), _)) => text.as_str(),
        _ => "",
    };
    if text("database.url").starts_with("postgres") {
        return;
    }
    for login in LOGINS.iter().filter(|login| !text(login).is_empty()) {
        // Neither is shown: both may hold a password.
        faults.push(Fault::Conflict {
            what: format!("{login} is set, and database.url names no Postgres"),
            why: "a login of its own is to the same database as the others'",
        });
    }
}

fn said(values: &Values, key: &str) -> String {
    match values.get(key) {
        Some((value, origin)) => format!("{key} = {value} ({origin})"),
        None => key.to_owned(),
    }
}
