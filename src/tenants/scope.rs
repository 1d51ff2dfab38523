//! Scopes: what somebody who has proved who they are may reach.
//!
//! Their constructors are private to `tenants/`. A function that takes a scope can only be called by somebody
//! who proved it, and it cannot forget to ask whose things these are.

use std::collections::BTreeSet;
use std::sync::Arc;

use souk_core::family::{Audience, SignIn};
use souk_core::ids::{BuyerId, CheckoutId, FamilyId, KeyId, OrderId, Principal, UserId, VendorId};
use souk_core::person::{OperatorRole, Standing};
use souk_core::time::Timestamp;
use souk_core::vendor::{KeyScope, Role};

use super::policy::{OperatorPower, Power, Powers};

/// Whose shop somebody acts in. Part of every command's name, so that keys of two tenants never meet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tenant {
    /// The marketplace itself: its operators and its shoppers.
    Market,
    /// A vendor.
    Vendor(VendorId),
}

/// May do what the marketplace's operators may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OperatorScope {
    principal: Principal,
    /// What a person has shown; a key shows nothing else.
    proof: Option<Proof>,
}

impl OperatorScope {
    pub(super) fn of_key(key: u128) -> Self {
        OperatorScope { principal: Principal::Key(key), proof: None }
    }

    /// Of a person who is signed in as an operator, with the role that they have now; `None` when the role does not have this
    /// power.
    pub fn of_person(person: &PersonScope, role: OperatorRole, power: OperatorPower) -> Option<Self> {
        let is_operator = person.audience() == Audience::Operator && power.is_of(role);
        let (principal, proof) = (person.principal(), Some(person.proof));
        is_operator.then_some(OperatorScope { principal, proof })
    }

    /// As [`PersonScope::stepped_up`]; whoever holds an operator's key has shown as much as there is to show.
    ///
    /// # Errors
    /// [`StepUpNeeded`].
    pub fn stepped_up(&self, now: Timestamp) -> Result<(), StepUpNeeded> {
        self.proof.map_or(Ok(()), |proof| proof.is_fresh(now))
    }

    /// The person at souk's own command line. Nothing is checked: whoever can start souk here can open its
    /// database anyway. For `cli/` and what it starts, never for a request.
    pub fn of_console() -> Self {
        OperatorScope { principal: Principal::System, proof: None }
    }

    /// Who acts.
    pub fn principal(&self) -> Principal {
        self.principal
    }

    /// Where.
    pub fn tenant(&self) -> Tenant {
        Tenant::Market
    }
}

/// May do what one vendor may, with what belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VendorScope {
    vendor: VendorId,
    principal: Principal,
    powers: Powers,
    /// What the member has shown; a key shows nothing.
    proof: Option<Proof>,
}

impl VendorScope {
    pub(super) fn of_key(vendor: VendorId, key: u128) -> Self {
        VendorScope { vendor, principal: Principal::Key(key), powers: Powers::of_console_key(), proof: None }
    }

    pub(super) fn of_service_key(vendor: VendorId, key: KeyId, scopes: &[KeyScope]) -> Self {
        VendorScope { vendor, principal: key.principal(), powers: Powers::of_scopes(scopes), proof: None }
    }

    /// Whether whoever acts has this power, too.
    pub fn has(&self, power: Power) -> bool {
        self.powers.have(power)
    }

    /// Of a person who is signed in for a vendor, with the role that they have in its team now; `None` when the role does not
    /// have this power.
    pub fn of_member(person: &PersonScope, role: Role, power: Power) -> Option<Self> {
        let Audience::Vendor(vendor) = person.audience() else { return None };
        let (principal, proof) = (person.principal(), Some(person.proof));
        power.is_of(role).then_some(VendorScope { vendor, principal, powers: Powers::of_role(role), proof })
    }

    /// As [`PersonScope::stepped_up`]. A key never has.
    ///
    /// # Errors
    /// [`StepUpNeeded`].
    pub fn stepped_up(&self, now: Timestamp) -> Result<(), StepUpNeeded> {
        self.proof.ok_or(StepUpNeeded)?.is_fresh(now)
    }

    /// Which vendor.
    pub fn vendor(&self) -> VendorId {
        self.vendor
    }

    /// Who acts.
    pub fn principal(&self) -> Principal {
        self.principal
    }

    /// Where.
    pub fn tenant(&self) -> Tenant {
        Tenant::Vendor(self.vendor)
    }
}

/// May see what every visitor of the store may: what is listed. Nobody has to prove anything for it, but a query
/// that takes it says that its answer is for everybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreScope(());

impl StoreScope {
    /// Anybody's.
    pub fn of_anybody() -> Self {
        StoreScope(())
    }
}

/// May do what one shopper may, with one cart or one order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BuyerScope {
    buyer: BuyerId,
    reach: Reach,
}

/// May do what those shoppers may that a person was as a guest: see what they ordered, and cancel it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuyersScope {
    person: UserId,
    buyers: Arc<BTreeSet<BuyerId>>,
}

impl BuyersScope {
    /// Of a person who is signed in to the store, with the shoppers that they have shown to have been.
    pub fn of_person(person: &PersonScope, buyers: Arc<BTreeSet<BuyerId>>) -> Self {
        BuyersScope { person: person.person(), buyers }
    }

    /// Which shoppers.
    pub fn buyers(&self) -> &BTreeSet<BuyerId> {
        &self.buyers
    }

    /// Whether this one is among them.
    pub fn covers(&self, buyer: BuyerId) -> bool {
        self.buyers.contains(&buyer)
    }

    /// Who acts.
    pub fn principal(&self) -> Principal {
        Principal::Person(self.person)
    }

    /// Where.
    pub fn tenant(&self) -> Tenant {
        Tenant::Market
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reach {
    Checkout(CheckoutId),
    Order(OrderId),
}

impl BuyerScope {
    pub(super) fn of_checkout(buyer: BuyerId, checkout: CheckoutId) -> Self {
        BuyerScope { buyer, reach: Reach::Checkout(checkout) }
    }

    pub(super) fn of_order(buyer: BuyerId, order: OrderId) -> Self {
        BuyerScope { buyer, reach: Reach::Order(order) }
    }

    /// Which shopper.
    pub fn buyer(&self) -> BuyerId {
        self.buyer
    }

    /// The checkout this is for. An order's token opens none: it is passed on to whoever receives the parcel.
    pub fn checkout(&self) -> Option<CheckoutId> {
        match self.reach {
            Reach::Checkout(checkout) => Some(checkout),
            Reach::Order(_) => None,
        }
    }

    /// The order this is for. Whoever has the cart's token may see what was ordered with it.
    pub fn order(&self) -> OrderId {
        match self.reach {
            // A checkout and the order that it places share their key.
            Reach::Checkout(checkout) => OrderId(checkout.0),
            Reach::Order(order) => order,
        }
    }

    /// Who acts.
    pub fn principal(&self) -> Principal {
        Principal::Buyer(self.buyer.0)
    }

    /// Where.
    pub fn tenant(&self) -> Tenant {
        Tenant::Market
    }
}

/// How long after somebody has shown who they are they may do what a thief of their sign-in must not, in ms: five minutes.
pub const STEPPED_UP_FOR_MS: i64 = 5 * 60 * 1_000;

/// Somebody who is signed in has not shown lately who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("show once more who you are, at /v1/auth/step-ups, and send this again within five minutes")]
pub struct StepUpNeeded;

/// May do what one person may with their own account: they are signed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PersonScope {
    person: UserId,
    family: FamilyId,
    sign_in: SignIn,
    proof: Proof,
}

/// What somebody who is signed in has shown, and when: of the sign-in that theirs came of, if it came of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Proof {
    shown_at: Timestamp,
    /// Whether it was, or is not asked for, a code of the second factor.
    is_whole: bool,
    /// Whether there is a second factor, and a code of it was shown.
    has_second: bool,
}

impl Proof {
    fn is_fresh(&self, now: Timestamp) -> Result<(), StepUpNeeded> {
        let is_fresh = self.is_whole && now < self.shown_at.plus_millis(STEPPED_UP_FOR_MS);
        if is_fresh { Ok(()) } else { Err(StepUpNeeded) }
    }
}

impl PersonScope {
    /// `root` is the sign-in that this one came of, or itself.
    pub(super) fn of_sign_in(family: FamilyId, sign_in: SignIn, root: &SignIn, standing: &Standing) -> Self {
        let (has_factor, has_code) = (standing.second.is_some(), root.has_shown_code());
        let proof = Proof {
            shown_at: root.shown_at(),
            is_whole: has_code || !has_factor,
            has_second: has_code && has_factor,
        };
        PersonScope { person: sign_in.person, family, sign_in, proof }
    }

    /// Whether they have shown lately who they are: by signing in, or since then; with a code of their second factor, if they
    /// have one. What a thief of a sign-in must not do asks for it.
    ///
    /// # Errors
    /// [`StepUpNeeded`] when they have not.
    pub fn stepped_up(&self, now: Timestamp) -> Result<(), StepUpNeeded> {
        self.proof.is_fresh(now)
    }

    /// Whether they have a second factor, and this sign-in has shown a code of it.
    pub fn has_shown_second_factor(&self) -> bool {
        self.proof.has_second
    }

    /// The sign-in as it stood.
    pub fn sign_in(&self) -> SignIn {
        self.sign_in
    }

    /// Which person.
    pub fn person(&self) -> UserId {
        self.person
    }

    /// By which sign-in.
    pub fn family(&self) -> FamilyId {
        self.family
    }

    /// For which surface.
    pub fn audience(&self) -> Audience {
        self.sign_in.audience
    }

    /// Who acts.
    pub fn principal(&self) -> Principal {
        Principal::Person(self.person)
    }
}

/// What a verified API key gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// An operator's.
    Operator(OperatorScope),
    /// A vendor's.
    Vendor(VendorScope),
}

impl Access {
    /// The operator's scope, if that is what it is.
    pub fn operator(self) -> Option<OperatorScope> {
        match self {
            Access::Operator(scope) => Some(scope),
            Access::Vendor(_) => None,
        }
    }

    /// The vendor's scope, if that is what it is. An operator's key does not stand for a vendor's.
    pub fn vendor(self) -> Option<VendorScope> {
        match self {
            Access::Vendor(scope) => Some(scope),
            Access::Operator(_) => None,
        }
    }
}
