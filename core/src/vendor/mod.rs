//! A vendor, the tenant: applied → active ⇄ suspended → closed.
//!
//! The machine knows who the vendor is in business (its company, how it is paid, what the marketplace keeps) and
//! whether it may sell, and who is in its team. Persons appear by their ids only.

mod decide;
pub mod keys;
#[cfg(test)]
mod keys_tests;
mod machine;
mod state;
pub mod team;
#[cfg(test)]
mod team_tests;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::ids::{KeyId, SubjectId, UserId, VendorId};
use crate::money::{Currency, Rate};
use crate::time::Timestamp;

pub use keys::{KeyScope, Keys, ServiceKey};
pub use machine::Vendor;
pub use state::{Profile, Standing, State};
pub use team::{By, Role, Team};

/// The longest name of a vendor or a company, in characters.
pub const NAME_MAX: usize = 200;
/// The longest series of document numbers and the longest tax number, in characters.
pub const CODE_MAX: usize = 32;
/// The longest name of a commission rule, in characters.
pub const RULE_MAX: usize = 64;
/// The longest reason, in characters.
pub const REASON_MAX: usize = 500;

/// What another machine may ask a vendor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// The checkout's quote: does the vendor sell now, and at which commission?
    Terms,
}

/// What a vendor answers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Its terms as of now; the checkout freezes them on its lines.
    Terms {
        /// Whether it may sell.
        active: bool,
        /// The marketplace's share of goods.
        commission: Rate,
        /// Names the rule the rate came from.
        rule: String,
        /// The currency it is paid in.
        settlement: Currency,
        /// Whether the vendor (rather than the marketplace) is the seller of record.
        seller_of_record: bool,
        /// The vendor's seq these terms are from.
        version: u64,
    },
}

/// Who the vendor is in business; facts of a company, not of a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LegalEntity {
    /// The company's registered name.
    pub name: String,
    /// Where it is registered: ISO 3166 alpha-2.
    pub country: String,
    /// Its tax number, as that country writes it.
    pub tax_id: Option<String>,
    /// What its document numbers begin with; they are gapless per legal entity.
    pub series: String,
}

/// What a vendor says of itself when it applies.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Application {
    /// The name shoppers see.
    pub name: String,
    /// The company behind it.
    pub legal_entity: LegalEntity,
    /// The currency it is paid in.
    pub settlement: Currency,
    /// Whether the vendor (rather than the marketplace) is the seller of record.
    pub seller_of_record: bool,
    /// Whom to write to; the address lies in the vault.
    pub contact: Option<SubjectId>,
}

/// What the marketplace keeps of a vendor's goods.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Commission {
    /// The share, at most [`Rate::ONE`].
    pub rate: Rate,
    /// Names the rule it came from.
    pub rule: String,
}

/// Where a vendor stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Status {
    /// Has applied; nobody has decided yet.
    Applied,
    /// May sell.
    Active,
    /// May not sell for now; what was sold is still delivered and paid.
    Suspended,
    /// Will never sell again; also an application that was turned down or withdrawn.
    Closed,
}

/// An order to a vendor.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// A new vendor applies.
    Apply(Application),
    /// The operator lets it sell, at this commission.
    Approve(Commission),
    /// The operator stops it from selling.
    Suspend {
        /// Why; the vendor reads it.
        reason: String,
    },
    /// The operator lets it sell again.
    Reinstate,
    /// It leaves for good, or its application is turned down.
    Close {
        /// Why; the vendor reads it.
        reason: String,
    },
    /// The operator changes what the marketplace keeps. What was quoted or sold before keeps its rate.
    SetCommission(Commission),
    /// About its team.
    Team(team::Order),
    /// About its service keys.
    Keys(keys::Order),
    /// Another machine's question.
    Ask(Request),
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A vendor applied.
    Applied(Application),
    /// It may sell.
    Approved(Commission),
    /// It may not sell for now.
    Suspended {
        /// Why.
        reason: String,
    },
    /// It may sell again.
    Reinstated,
    /// It left for good.
    Closed {
        /// Why.
        reason: String,
    },
    /// The marketplace keeps another share from now on.
    CommissionSet(Commission),
    /// Somebody is asked to join its team.
    Invited {
        /// The invitation's number, from 1.
        invitation: u32,
        /// Names the address that the letter goes to.
        mail: SubjectId,
        /// As what.
        role: Role,
    },
    /// They are not, after all.
    InvitationWithdrawn {
        /// Which.
        invitation: u32,
    },
    /// Somebody has accepted.
    Joined {
        /// Which invitation; it is spent.
        invitation: u32,
        /// Who.
        person: UserId,
        /// As what.
        role: Role,
    },
    /// A member is something else from here on.
    RoleSet {
        /// Who.
        person: UserId,
        /// What.
        role: Role,
    },
    /// A member has left or was dismissed.
    Dismissed {
        /// Who.
        person: UserId,
    },
    /// There is another service key.
    KeyMade {
        /// What it is called.
        key: KeyId,
        /// What it may do, in order, each once.
        scopes: Vec<KeyScope>,
        /// When it ends by itself.
        ends_at: Option<Timestamp>,
        /// The key whose place it takes.
        replaces: Option<KeyId>,
    },
    /// A key that was rolled goes on no longer than this.
    KeyEnds {
        /// Which.
        key: KeyId,
        /// Until when.
        at: Timestamp,
    },
    /// A key opens nothing any more.
    KeyRevoked {
        /// Which.
        key: KeyId,
    },
}

impl Event {
    /// Whether the vendor's offers may be sold from here on, when this event changes that for offers that may be there
    /// already: its products must hear of it. An approval changes nothing for them, it comes before anything is sold.
    pub fn standing(&self) -> Option<bool> {
        match self {
            Event::Suspended { .. } | Event::Closed { .. } => Some(false),
            Event::Reinstated => Some(true),
            Event::Applied(_)
            | Event::Approved(_)
            | Event::CommissionSet(_)
            | Event::Invited { .. }
            | Event::InvitationWithdrawn { .. }
            | Event::Joined { .. }
            | Event::RoleSet { .. }
            | Event::Dismissed { .. }
            | Event::KeyMade { .. }
            | Event::KeyEnds { .. }
            | Event::KeyRevoked { .. } => None,
        }
    }
}

/// A vendor's yes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// Where the vendor stands after the command.
    Vendor {
        /// Which vendor.
        vendor: VendorId,
        /// Where it stands.
        status: Status,
        /// The seq of its last event.
        version: u64,
    },
    /// An invitation was sent, or withdrawn.
    Invited {
        /// Whose team.
        vendor: VendorId,
        /// The invitation's number.
        invitation: u32,
        /// The seq of its last event.
        version: u64,
    },
    /// What somebody is in the team.
    Member {
        /// Whose team.
        vendor: VendorId,
        /// Who.
        person: UserId,
        /// What; `None` when they are not in it.
        role: Option<Role>,
        /// The seq of its last event.
        version: u64,
    },
    /// There is such a key, or there was until now.
    Key {
        /// Whose.
        vendor: VendorId,
        /// Which.
        key: KeyId,
        /// When it was made; `None` when it was revoked.
        made_at: Option<Timestamp>,
        /// The seq of its last event.
        version: u64,
    },
    /// What was asked.
    Answer(Answer),
}

/// A vendor's no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Rejection {
    /// Nobody has applied under this id.
    NotFound,
    /// Somebody has applied under this id, with other facts.
    AlreadyExists,
    /// The vendor does not stand where this can be done.
    WrongState {
        /// Where it stands.
        status: Status,
    },
    /// A text is empty, too long, or not written as it must be.
    Invalid {
        /// Which.
        field: Field,
    },
    /// The commission is more than the whole.
    InvalidRate,
    /// Only an owner or an operator decides that.
    NotAllowed,
    /// Nobody in the team is that person.
    NoSuchMember,
    /// Nobody was ever invited by this number.
    NoSuchInvitation,
    /// The invitation was used, withdrawn, or has had its time.
    InvitationOver,
    /// Whoever was invited is in the team already.
    AlreadyMember,
    /// A team without an owner could never have one again.
    LastOwner,
    /// There are as many members and invitations as a team may have.
    TeamFull,
    /// No service key that is good has this id.
    NoSuchKey,
    /// A key may do nothing, or one thing twice.
    InvalidScopes,
    /// A time is not within its bounds.
    InvalidTime,
    /// Another key takes its place already.
    KeyRolled,
    /// There are as many good keys as there may be, or as many were made within a day.
    TooManyKeys,
}

/// A text that a command carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Field {
    /// The vendor's name: 1 to [`NAME_MAX`] characters.
    Name,
    /// The company's name: likewise.
    LegalName,
    /// The company's country: two capital letters.
    Country,
    /// The tax number: 1 to [`CODE_MAX`] characters, when there is one.
    TaxId,
    /// The series of document numbers: 1 to [`CODE_MAX`] letters, digits, `-`, `_`, `.` and `/`.
    Series,
    /// The name of the commission rule: 1 to [`RULE_MAX`] characters.
    Rule,
    /// The reason: 1 to [`REASON_MAX`] characters.
    Reason,
}
