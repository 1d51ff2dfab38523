//! Events and outcomes of a vendor.

use souk_core::ids::{KeyId, SubjectId, UserId, VendorId};
use souk_core::money::{Currency, Rate};
use souk_core::time::Timestamp;
use souk_core::vendor::{self, Event};

use super::outcome::Short;

events! {
    Event:
    "vendor.applied" 1 => Applied(application: Application),
    "vendor.approved" 1 => Approved(commission: Commission),
    "vendor.suspended" 1 => Suspended { reason: String },
    "vendor.reinstated" 1 => Reinstated,
    "vendor.closed" 1 => Closed { reason: String },
    "vendor.commission_set" 1 => CommissionSet(commission: Commission),
    "vendor.invited" 1 => Invited { invitation: u32, mail: SubjectId, role: Role },
    "vendor.invitation_withdrawn" 1 => InvitationWithdrawn { invitation: u32 },
    "vendor.joined" 1 => Joined { invitation: u32, person: UserId, role: Role },
    "vendor.role_set" 1 => RoleSet { person: UserId, role: Role },
    "vendor.dismissed" 1 => Dismissed { person: UserId },
    "vendor.key_made" 1 => KeyMade {
        key: KeyId,
        scopes: Vec<KeyScope>,
        ends_at: Option<Timestamp>,
        replaces: Option<KeyId>,
    },
    "vendor.key_ends" 1 => KeyEnds { key: KeyId, at: Timestamp },
    "vendor.key_revoked" 1 => KeyRevoked { key: KeyId },
}

mirror! {
    struct Application = vendor::Application {
        name: String,
        legal_entity: LegalEntity,
        settlement: Currency,
        seller_of_record: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        contact: Option<SubjectId>,
    }

    struct LegalEntity = vendor::LegalEntity {
        name: String,
        country: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        tax_id: Option<String>,
        series: String,
    }

    struct Commission = vendor::Commission { rate: Rate, rule: String }

    enum Role = vendor::Role { Owner, Manager, Packer, Accountant }

    enum KeyScope = vendor::KeyScope {
        ProductsRead,
        ProductsWrite,
        StockWrite,
        OrdersRead,
        OrdersPack,
        OrdersCancel,
        MoneyRead,
    }

    /// A vendor's yes, as a stored reply holds it.
    enum Yes = vendor::Reply {
        Vendor { vendor: VendorId, status: Status, version: u64 },
        Invited { vendor: VendorId, invitation: u32, version: u64 },
        Member { vendor: VendorId, person: UserId, role: Option<Role>, version: u64 },
        Key { vendor: VendorId, key: KeyId, made_at: Option<Timestamp>, version: u64 },
        Answer(answer: Answer),
    }

    enum Answer = vendor::Answer {
        Terms {
            active: bool,
            commission: Rate,
            rule: Short,
            settlement: Currency,
            seller_of_record: bool,
            version: u64,
        },
    }

    enum Status = vendor::Status { Applied, Active, Suspended, Closed }

    /// A vendor's no, as a stored reply holds it.
    enum No = vendor::Rejection {
        NotFound,
        AlreadyExists,
        WrongState { status: Status },
        Invalid { field: Field },
        InvalidRate,
        NotAllowed,
        NoSuchMember,
        NoSuchInvitation,
        InvitationOver,
        AlreadyMember,
        LastOwner,
        TeamFull,
        NoSuchKey,
        InvalidScopes,
        InvalidTime,
        KeyRolled,
        TooManyKeys,
    }

    enum Field = vendor::Field { Name, LegalName, Country, TaxId, Series, Rule, Reason }
}
