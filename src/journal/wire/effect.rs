//! Orders to the outside world, as outbox rows hold them.

use souk_core::any::{self, Effect, Mail};
use souk_core::ids::{OrderId, SubjectId, UserId, VendorId};

use super::mirror::Mirror;
use super::payment::ProviderCall;
use super::{Encoded, WireError, read, unknown, write};

/// The lane of calls to the payment provider.
pub const PAYMENT_LANE: &str = "payment";
/// The lane of mails.
pub const MAIL_LANE: &str = "mail";

/// An effect as its outbox row holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedEffect {
    /// The lane it is worked in; a lane that stands still delays no other.
    pub lane: String,
    /// What is ordered.
    pub kind: String,
    /// The payload's shape.
    pub version: u32,
    /// JSON.
    pub payload: String,
}

mirror! {
    struct OrderMail = any::OrderMail { template: OrderTemplate, to: SubjectId, order: OrderId }

    enum OrderTemplate = any::OrderTemplate { OrderPlaced, ParcelShipped, Cancelled }

    struct VendorMail = any::VendorMail { template: VendorTemplate, to: SubjectId, vendor: VendorId }

    enum VendorTemplate = any::VendorTemplate { Invitation { invitation: u32 } }

    struct PersonMail = any::PersonMail { template: PersonTemplate, to: SubjectId, person: UserId }

    enum PersonTemplate = any::PersonTemplate {
        VerifyMail { token: u32 },
        ResetPassword { token: u32 },
        PasswordChanged,
        HasAccount,
        SecondFactorOn,
        SecondFactorOff,
        RecoveryCodeUsed,
    }
}

/// The effect as its row holds it.
///
/// # Errors
/// Only when a wire type is wrong.
pub fn encode_effect(effect: &Effect) -> Result<EncodedEffect, WireError> {
    let (lane, Encoded { kind, version, payload }) = match effect {
        Effect::Payment(call) => (PAYMENT_LANE, write("payment.call", 1, &ProviderCall::of(call))?),
        Effect::Mail(Mail::Order(mail)) => (MAIL_LANE, write("mail.send", 1, &OrderMail::of(mail))?),
        Effect::Mail(Mail::Vendor(mail)) => (MAIL_LANE, write("mail.vendor", 1, &VendorMail::of(mail))?),
        Effect::Mail(Mail::Person(mail)) => (MAIL_LANE, write("mail.person", 1, &PersonMail::of(mail))?),
    };
    Ok(EncodedEffect { lane: lane.to_owned(), kind: kind.to_owned(), version, payload })
}

/// The effect that a row holds.
///
/// # Errors
/// When the kind or version is unknown or the payload is not of its shape.
pub fn decode_effect(kind: &str, version: i64, payload: &str) -> Result<Effect, WireError> {
    match (kind, version) {
        ("payment.call", 1) => {
            Ok(Effect::Payment(read::<ProviderCall>("effect", kind, payload)?.into_core()))
        }
        ("mail.send", 1) => {
            Ok(Effect::Mail(Mail::Order(read::<OrderMail>("effect", kind, payload)?.into_core())))
        }
        ("mail.vendor", 1) => {
            Ok(Effect::Mail(Mail::Vendor(read::<VendorMail>("effect", kind, payload)?.into_core())))
        }
        ("mail.person", 1) => {
            Ok(Effect::Mail(Mail::Person(read::<PersonMail>("effect", kind, payload)?.into_core())))
        }
        _ => Err(unknown("effect", kind, version)),
    }
}
