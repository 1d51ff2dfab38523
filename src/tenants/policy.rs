//! What those who act for a vendor or for the marketplace may do: the one table of it. A route of theirs names the power that
//! it takes, and cannot be mounted without one.

use souk_core::person::OperatorRole;
use souk_core::vendor::{KeyScope, Role};

/// Something that whoever acts for a vendor may be allowed to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Power {
    /// Look at products and offers.
    SeeProducts,
    /// Make and change them.
    ChangeProducts,
    /// Receive units and correct counts.
    MoveStock,
    /// Look at the own parts of orders, and where they go.
    SeeOrders,
    /// Accept, ship and deliver them.
    Pack,
    /// Cancel them: money goes back.
    CancelOrders,
    /// Look at what orders come to.
    SeeMoney,
    /// See who is in the team; leave it.
    SeeTeam,
    /// Decide who is in the team.
    ManageTeam,
    /// Make, roll and revoke what its programs act with.
    ManageKeys,
}

impl Power {
    /// All of them.
    pub const ALL: [Power; 10] = [
        Power::SeeProducts,
        Power::ChangeProducts,
        Power::MoveStock,
        Power::SeeOrders,
        Power::Pack,
        Power::CancelOrders,
        Power::SeeMoney,
        Power::SeeTeam,
        Power::ManageTeam,
        Power::ManageKeys,
    ];

    /// As the API's description names it.
    pub const fn text(self) -> &'static str {
        match self {
            Power::SeeProducts => "see_products",
            Power::ChangeProducts => "change_products",
            Power::MoveStock => "move_stock",
            Power::SeeOrders => "see_orders",
            Power::Pack => "pack",
            Power::CancelOrders => "cancel_orders",
            Power::SeeMoney => "see_money",
            Power::SeeTeam => "see_team",
            Power::ManageTeam => "manage_team",
            Power::ManageKeys => "manage_keys",
        }
    }

    /// Whether a member of this role has it.
    pub const fn is_of(self, role: Role) -> bool {
        use Role::{Accountant, Manager, Owner, Packer};
        match self {
            Power::SeeProducts | Power::SeeTeam => matches!(role, Owner | Manager | Packer | Accountant),
            Power::ChangeProducts | Power::CancelOrders => matches!(role, Owner | Manager),
            Power::MoveStock | Power::Pack => matches!(role, Owner | Manager | Packer),
            Power::SeeOrders => matches!(role, Owner | Manager | Packer | Accountant),
            Power::SeeMoney => matches!(role, Owner | Accountant),
            Power::ManageTeam | Power::ManageKeys => matches!(role, Owner),
        }
    }

    /// The scope with which a key has it; `None` for what a person must answer for.
    pub const fn scope(self) -> Option<KeyScope> {
        match self {
            Power::SeeProducts => Some(KeyScope::ProductsRead),
            Power::ChangeProducts => Some(KeyScope::ProductsWrite),
            Power::MoveStock => Some(KeyScope::StockWrite),
            Power::SeeOrders => Some(KeyScope::OrdersRead),
            Power::Pack => Some(KeyScope::OrdersPack),
            Power::CancelOrders => Some(KeyScope::OrdersCancel),
            Power::SeeMoney => Some(KeyScope::MoneyRead),
            Power::SeeTeam | Power::ManageTeam | Power::ManageKeys => None,
        }
    }

    /// Whether some key has it.
    pub const fn is_of_keys(self) -> bool {
        self.scope().is_some()
    }
}

/// What somebody who acts for a vendor may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Powers(u16);

impl Powers {
    fn those(has: impl Fn(Power) -> bool) -> Self {
        let bit = |power: &Power| 1 << *power as u16;
        Powers(Power::ALL.iter().filter(|power| has(**power)).map(bit).sum())
    }

    /// Of a member of a team.
    pub fn of_role(role: Role) -> Self {
        Powers::those(|power| power.is_of(role))
    }

    /// Of a key with these scopes.
    pub fn of_scopes(scopes: &[KeyScope]) -> Self {
        Powers::those(|power| power.scope().is_some_and(|scope| scopes.contains(&scope)))
    }

    /// Of a key that was made at souk's own command line: everything that keys may do.
    pub fn of_console_key() -> Self {
        Powers::those(Power::is_of_keys)
    }

    /// Whether this is among them.
    pub fn have(self, power: Power) -> bool {
        self.0 & (1 << power as u16) != 0
    }
}

/// Something that whoever acts for the marketplace may be allowed to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OperatorPower {
    /// Look at vendors.
    SeeVendors,
    /// Decide who may sell, and at which commission.
    DecideVendors,
    /// See and decide who is in a vendor's team, and what its programs act with.
    HelpTeams,
    /// Look at products, wherever they stand.
    SeeProducts,
    /// Decide which are shown.
    DecideProducts,
    /// Look at orders.
    SeeOrders,
    /// Price a cart for a shopper.
    AssistOrders,
    /// Send money back once more.
    Refund,
    /// Look at the ledger.
    SeeLedger,
    /// See how the engine does, and what it gave up.
    SeeEngine,
    /// Set something going again.
    RunEngine,
    /// Decide which pages of others may use the store.
    ManageOrigins,
    /// Decide who is an operator.
    ManageOperators,
}

impl OperatorPower {
    /// All of them.
    pub const ALL: [OperatorPower; 13] = [
        OperatorPower::SeeVendors,
        OperatorPower::DecideVendors,
        OperatorPower::HelpTeams,
        OperatorPower::SeeProducts,
        OperatorPower::DecideProducts,
        OperatorPower::SeeOrders,
        OperatorPower::AssistOrders,
        OperatorPower::Refund,
        OperatorPower::SeeLedger,
        OperatorPower::SeeEngine,
        OperatorPower::RunEngine,
        OperatorPower::ManageOrigins,
        OperatorPower::ManageOperators,
    ];

    /// As the API's description names it.
    pub const fn text(self) -> &'static str {
        match self {
            OperatorPower::SeeVendors => "see_vendors",
            OperatorPower::DecideVendors => "decide_vendors",
            OperatorPower::HelpTeams => "help_teams",
            OperatorPower::SeeProducts => "see_products",
            OperatorPower::DecideProducts => "decide_products",
            OperatorPower::SeeOrders => "see_orders",
            OperatorPower::AssistOrders => "assist_orders",
            OperatorPower::Refund => "refund",
            OperatorPower::SeeLedger => "see_ledger",
            OperatorPower::SeeEngine => "see_engine",
            OperatorPower::RunEngine => "run_engine",
            OperatorPower::ManageOrigins => "manage_origins",
            OperatorPower::ManageOperators => "manage_operators",
        }
    }

    /// Whether a person who changes something by it must have shown lately who they are: who acts for whom, and with what.
    pub const fn asks_who_one_is(self) -> bool {
        matches!(
            self,
            OperatorPower::HelpTeams | OperatorPower::ManageOrigins | OperatorPower::ManageOperators
        )
    }

    /// Whether an operator of this role has it. An operator's key has all: whoever can make one, at souk's own command line,
    /// can open its database anyway.
    pub const fn is_of(self, role: OperatorRole) -> bool {
        use OperatorPower as P;
        match role {
            OperatorRole::Chief => true,
            OperatorRole::Curator => {
                matches!(self, P::SeeVendors | P::DecideVendors | P::SeeProducts | P::DecideProducts)
            }
            OperatorRole::Support => {
                let sees = matches!(self, P::SeeVendors | P::SeeProducts | P::SeeOrders);
                sees || matches!(self, P::HelpTeams | P::AssistOrders)
            }
            OperatorRole::Finance => matches!(self, P::SeeVendors | P::SeeOrders | P::Refund | P::SeeLedger),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_may_everything_and_nobody_else_decides_who_is_in_the_team() {
        assert!(Power::ALL.iter().all(|power| power.is_of(Role::Owner)));
        for role in [Role::Manager, Role::Packer, Role::Accountant] {
            assert!(!Power::ManageTeam.is_of(role) && Power::SeeTeam.is_of(role), "{role:?}");
            assert!(!Power::ManageKeys.is_of(role), "{role:?}");
        }
        assert!(!Power::SeeMoney.is_of(Role::Packer) && !Power::SeeMoney.is_of(Role::Manager));
        assert!(!Power::MoveStock.is_of(Role::Accountant) && !Power::Pack.is_of(Role::Accountant));
    }

    #[test]
    fn a_key_has_what_its_scopes_say_and_never_what_a_person_must_answer_for() {
        for power in [Power::SeeTeam, Power::ManageTeam, Power::ManageKeys] {
            assert!(!Powers::of_console_key().have(power) && !Powers::of_scopes(&KeyScope::ALL).have(power));
        }
        assert_eq!(Powers::of_scopes(&KeyScope::ALL), Powers::of_console_key());
        for scope in KeyScope::ALL {
            let powers = Powers::of_scopes(&[scope]);
            let has: Vec<Power> = Power::ALL.into_iter().filter(|power| powers.have(*power)).collect();
            assert!(matches!(has[..], [power] if power.scope() == Some(scope)), "{scope:?}: {has:?}");
        }
    }

    #[test]
    fn powers_are_those_of_the_role() {
        for role in [Role::Owner, Role::Manager, Role::Packer, Role::Accountant] {
            for power in Power::ALL {
                assert_eq!(Powers::of_role(role).have(power), power.is_of(role), "{role:?} {power:?}");
            }
        }
    }

    #[test]
    fn only_a_chief_decides_who_is_an_operator_and_every_other_role_may_less() {
        assert!(OperatorPower::ALL.iter().all(|power| power.is_of(OperatorRole::Chief)));
        for role in [OperatorRole::Curator, OperatorRole::Support, OperatorRole::Finance] {
            for power in
                [OperatorPower::ManageOperators, OperatorPower::RunEngine, OperatorPower::ManageOrigins]
            {
                assert!(!power.is_of(role), "{role:?} {power:?}");
            }
        }
        assert!(!OperatorPower::Refund.is_of(OperatorRole::Support));
        assert!(!OperatorPower::SeeLedger.is_of(OperatorRole::Curator));
    }
}
