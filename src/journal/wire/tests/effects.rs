//! Orders to the outside world survive their rows, and are worked in their lanes.

use souk_core::any::{
    Effect, Mail, OrderMail, OrderTemplate, PersonMail, PersonTemplate, VendorMail, VendorTemplate,
};
use souk_core::ids::{SubjectId, UserId};
use souk_core::payment::{Method, Operation, ProviderCall};

use super::super::{MAIL_LANE, PAYMENT_LANE, decode_effect, encode_effect};
use super::{ORDER, PAYMENT, VENDOR, eur};

fn survives(lane: &str, effect: &Effect) {
    let row = encode_effect(effect).unwrap();
    assert_eq!(row.lane, lane);
    let read = decode_effect(&row.kind, i64::from(row.version), &row.payload);
    assert_eq!(read.unwrap(), *effect, "{}", row.payload);
}

#[test]
fn calls_to_the_provider() {
    let token = "tok_1".to_owned();
    for operation in [
        Operation::Authorise { amount: eur(1), method: Method::Card { token } },
        Operation::Capture { amount: eur(2) },
        Operation::Void,
        Operation::Refund { amount: eur(3) },
        Operation::LookUp { of: "key".to_owned() },
    ] {
        let call = ProviderCall { payment: PAYMENT, key: format!("{PAYMENT}/capture"), operation };
        survives(PAYMENT_LANE, &Effect::Payment(call));
    }
}

#[test]
fn mails() {
    let to = SubjectId(4);
    for template in [OrderTemplate::OrderPlaced, OrderTemplate::ParcelShipped, OrderTemplate::Cancelled] {
        survives(MAIL_LANE, &Effect::Mail(Mail::Order(OrderMail { template, to, order: ORDER })));
    }
    let template = VendorTemplate::Invitation { invitation: u32::MAX };
    survives(MAIL_LANE, &Effect::Mail(Mail::Vendor(VendorMail { template, to, vendor: VENDOR })));
    for template in [
        PersonTemplate::VerifyMail { token: 1 },
        PersonTemplate::ResetPassword { token: u32::MAX },
        PersonTemplate::PasswordChanged,
        PersonTemplate::HasAccount,
        PersonTemplate::SecondFactorOn,
        PersonTemplate::SecondFactorOff,
        PersonTemplate::RecoveryCodeUsed,
    ] {
        let mail = PersonMail { template, to, person: UserId(5) };
        survives(MAIL_LANE, &Effect::Mail(Mail::Person(mail)));
    }
}
