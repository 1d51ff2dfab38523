//! What the roles of a vendor's team may do: the one table of it. A vendor's route names the power that it takes, and cannot be
//! mounted without one.

use souk_core::vendor::Role;

/// Something that a member of a team may be allowed to do.
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
}

impl Power {
    /// All of them.
    pub const ALL: [Power; 9] = [
        Power::SeeProducts,
        Power::ChangeProducts,
        Power::MoveStock,
        Power::SeeOrders,
        Power::Pack,
        Power::CancelOrders,
        Power::SeeMoney,
        Power::SeeTeam,
        Power::ManageTeam,
    ];

    /// Whether a member of this role has it.
    pub const fn is_of(self, role: Role) -> bool {
        use Role::{Accountant, Manager, Owner, Packer};
        match self {
            Power::SeeProducts | Power::SeeTeam => matches!(role, Owner | Manager | Packer | Accountant),
            Power::ChangeProducts | Power::CancelOrders => matches!(role, Owner | Manager),
            Power::MoveStock | Power::Pack => matches!(role, Owner | Manager | Packer),
            Power::SeeOrders => matches!(role, Owner | Manager | Packer | Accountant),
            Power::SeeMoney => matches!(role, Owner | Accountant),
            Power::ManageTeam => matches!(role, Owner),
        }
    }

    /// Whether an API key has it: everything but what a person must answer for.
    pub const fn is_of_keys(self) -> bool {
        !matches!(self, Power::SeeTeam | Power::ManageTeam)
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
        }
        assert!(!Power::SeeMoney.is_of(Role::Packer) && !Power::SeeMoney.is_of(Role::Manager));
        assert!(!Power::MoveStock.is_of(Role::Accountant) && !Power::Pack.is_of(Role::Accountant));
        assert!(!Power::ManageTeam.is_of_keys());
    }
}
