//! The closed world: every machine's events, outcomes and effects under one name each, for the parts that
//! serve all machines (journal, verifier, simulator).

use serde::{Deserialize, Serialize};

use crate::ids::{CredentialId, OrderId, SubjectId, UserId, VendorId};
use crate::machine::Outcome;
use crate::{checkout, family, inventory, order, payment, person, product, vendor};

/// An event of any machine.
#[derive(Clone, PartialEq, Debug)]
pub enum AnyEvent {
    /// Of a stock shard.
    Stock(inventory::Event),
    /// Of a vendor.
    Vendor(vendor::Event),
    /// Of a product.
    Product(product::Event),
    /// Of a checkout.
    Checkout(checkout::Event),
    /// Of a payment.
    Payment(payment::Event),
    /// Of an order.
    Order(order::Event),
    /// Of a person.
    Person(person::Event),
    /// Of a sign-in.
    Family(family::Event),
}

/// The answer of any machine to a request from outside.
#[derive(Clone, PartialEq, Debug)]
pub enum AnyOutcome {
    /// Of a stock shard.
    Stock(Outcome<inventory::Inventory>),
    /// Of a vendor.
    Vendor(Outcome<vendor::Vendor>),
    /// Of a product.
    Product(Outcome<product::Product>),
    /// Of a checkout.
    Checkout(Outcome<checkout::Checkout>),
    /// Of a payment.
    Payment(Outcome<payment::Payment>),
    /// Of an order.
    Order(Outcome<order::Order>),
    /// Of a person.
    Person(Outcome<person::Person>),
    /// Of a sign-in.
    Family(Outcome<family::Family>),
}

impl AnyEvent {
    /// The person whose data lies in the vault that this event names, if it names one. A test compares this with the
    /// payload of every kind of event: what is missing here would be swept from the vault.
    pub fn subject(&self) -> Option<SubjectId> {
        match self {
            AnyEvent::Vendor(vendor::Event::Applied(application)) => application.contact,
            AnyEvent::Vendor(vendor::Event::Invited { mail, .. }) => Some(*mail),
            AnyEvent::Checkout(checkout::Event::Addressed(address)) => Some(address.subject),
            AnyEvent::Order(order::Event::Placed(placed)) => Some(placed.subject),
            AnyEvent::Person(person::Event::SignedUp { mail }) => Some(*mail),
            AnyEvent::Stock(_)
            | AnyEvent::Vendor(_)
            | AnyEvent::Product(_)
            | AnyEvent::Checkout(_)
            | AnyEvent::Payment(_)
            | AnyEvent::Order(_)
            | AnyEvent::Person(_)
            | AnyEvent::Family(_) => None,
        }
    }
}

impl AnyEvent {
    /// The password whose hash lies in the plain rows that this event names, if it names one: likewise.
    pub fn credential(&self) -> Option<CredentialId> {
        match self {
            AnyEvent::Person(event) => event.password(),
            AnyEvent::Stock(_)
            | AnyEvent::Vendor(_)
            | AnyEvent::Product(_)
            | AnyEvent::Checkout(_)
            | AnyEvent::Payment(_)
            | AnyEvent::Order(_)
            | AnyEvent::Family(_) => None,
        }
    }
}

macro_rules! into_any {
    ($($module:ident => $variant:ident),* $(,)?) => {
        $(impl From<$module::Event> for AnyEvent {
            fn from(event: $module::Event) -> Self {
                AnyEvent::$variant(event)
            }
        })*
    };
}

into_any! {
    inventory => Stock,
    vendor => Vendor,
    product => Product,
    checkout => Checkout,
    payment => Payment,
    order => Order,
    person => Person,
    family => Family,
}

/// An order to the outside world: an outbox row of the append that decided it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Effect {
    /// Call the payment provider. The outcome comes back as a command that names this effect.
    Payment(payment::ProviderCall),
    /// Send a mail.
    Mail(Mail),
}

/// A mail to send: what it says and to whom, by ids. The address is read from the vault when it is sent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Mail {
    /// About an order.
    Order(OrderMail),
    /// About a person's account.
    Person(PersonMail),
    /// From a vendor's team.
    Vendor(VendorMail),
}

/// A mail about an order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OrderMail {
    /// Which text.
    pub template: OrderTemplate,
    /// To whom.
    pub to: SubjectId,
    /// About which order.
    pub order: OrderId,
}

/// A mail about a person's account. It names a token by its number: what it says is made when it is sent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PersonMail {
    /// Which text.
    pub template: PersonTemplate,
    /// To whom.
    pub to: SubjectId,
    /// Whose account.
    pub person: UserId,
}

/// A mail from a vendor's team.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct VendorMail {
    /// Which text.
    pub template: VendorTemplate,
    /// To whom.
    pub to: SubjectId,
    /// Which vendor.
    pub vendor: VendorId,
}

/// The mails from teams.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum VendorTemplate {
    /// You are asked to join a team.
    Invitation {
        /// The invitation's number.
        invitation: u32,
    },
}

/// The mails about accounts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum PersonTemplate {
    /// Use this token to show that the address is yours, and choose a password.
    VerifyMail {
        /// The token's number.
        token: u32,
    },
    /// Use this token to choose another password.
    ResetPassword {
        /// The token's number.
        token: u32,
    },
    /// Somebody chose another password for your account.
    PasswordChanged,
    /// Somebody wants an account with your address, and you have one.
    HasAccount,
    /// They have a second factor from now on.
    SecondFactorOn,
    /// They have none any more.
    SecondFactorOff,
    /// One of their recovery codes was used.
    RecoveryCodeUsed,
}

/// The mails about orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum OrderTemplate {
    /// Thank you, here is what you ordered.
    OrderPlaced,
    /// A parcel is on its way.
    ParcelShipped,
    /// Something was cancelled and its money is on its way back.
    Cancelled,
}
