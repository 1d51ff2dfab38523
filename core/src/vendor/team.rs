//! A vendor's team: who acts for it, in which role, and who is asked to.
//!
//! Owners decide who is in the team; operators can, too, so that a vendor has a first owner. Anybody may leave, but never the
//! last owner. Whoever is invited gets a letter whose token is good once and for a week; accepting it needs an account.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::any::{Effect, Mail, VendorMail, VendorTemplate};
use crate::ids::{SubjectId, UserId};
use crate::machine::{Ctx, Decision};
use crate::time::Timestamp;

use super::{Event, Profile, Rejection, Reply, State, Status, Vendor};

/// How long an invitation is good, in ms: a week.
pub const INVITATION_WITHIN_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// The most members and open invitations together, and the most invitations within a day.
pub const MEMBERS_MAX: usize = 100;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a member is in a team. What that allows is written in one place, `src/tenants/policy.rs`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Role {
    /// Everything, and who is in the team.
    Owner,
    /// What is sold, and what happens to it.
    Manager,
    /// Parcels and stock.
    Packer,
    /// Money that came and goes.
    Accountant,
}

/// Who gives an order about a team, or about keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// An operator.
    Operator,
    /// Somebody who may be a member: their role is looked up here.
    Person(UserId),
}

/// An order about a team.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Somebody is to join.
    Invite {
        /// Who says so.
        by: By,
        /// Names the address that the letter goes to.
        mail: SubjectId,
        /// As what.
        role: Role,
    },
    /// They are not, after all.
    Withdraw {
        /// Who says so.
        by: By,
        /// Which invitation.
        invitation: u32,
    },
    /// Somebody comes with the token of an invitation.
    Join {
        /// Which.
        invitation: u32,
        /// Who.
        person: UserId,
    },
    /// A member becomes something else.
    SetRole {
        /// Who says so.
        by: By,
        /// Who becomes it.
        person: UserId,
        /// What.
        role: Role,
    },
    /// A member is one no more.
    Dismiss {
        /// Who says so; a member may say so of themself.
        by: By,
        /// Who.
        person: UserId,
    },
}

/// Members and who is asked to be one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Team {
    /// What each member is.
    pub members: BTreeMap<UserId, Role>,
    /// Invitations that were neither accepted nor withdrawn; some may have had their time.
    pub invitations: BTreeMap<u32, Invitation>,
    /// Invitations there ever were.
    pub invited: u32,
    /// When the first of the last ones was sent, and how many within a day of it.
    pub lately: Option<(Timestamp, usize)>,
}

/// Somebody is asked to join.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Invitation {
    /// Names the address that the letter went to.
    pub mail: SubjectId,
    /// As what.
    pub role: Role,
    /// When.
    pub asked_at: Timestamp,
}

impl Invitation {
    /// Whether it can be accepted at this time.
    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.asked_at.plus_millis(INVITATION_WITHIN_MS)
    }
}

impl Team {
    fn owners(&self) -> usize {
        self.members.values().filter(|role| **role == Role::Owner).count()
    }

    fn is_last_owner(&self, person: UserId) -> bool {
        self.members.get(&person) == Some(&Role::Owner) && self.owners() == 1
    }

    pub(super) fn decides(&self, by: By) -> Result<(), Rejection> {
        let may = match by {
            By::Operator => true,
            By::Person(person) => self.members.get(&person) == Some(&Role::Owner),
        };
        if may { Ok(()) } else { Err(Rejection::NotAllowed) }
    }

    /// Whoever is no owner any more leaves no invitation behind, by which they could come back.
    fn leaves_nothing(&mut self, was: Option<Role>) {
        if was == Some(Role::Owner) {
            self.invitations.clear();
        }
    }

    pub(super) fn fold(&mut self, at: Timestamp, event: &Event) {
        match *event {
            Event::Invited { invitation, mail, role } => {
                self.invitations.retain(|_, invitation| invitation.is_open(at));
                self.invitations.insert(invitation, Invitation { mail, role, asked_at: at });
                self.invited = invitation;
                let within_a_day = self.lately.filter(|(first, _)| at < first.plus_millis(DAY_MS));
                self.lately = Some(within_a_day.map_or((at, 1), |(first, count)| (first, count + 1)));
            }
            Event::InvitationWithdrawn { invitation } => {
                self.invitations.remove(&invitation);
            }
            Event::Joined { invitation, person, role } => {
                self.invitations.remove(&invitation);
                self.members.insert(person, role);
            }
            Event::RoleSet { person, role } => {
                let was = self.members.insert(person, role);
                self.leaves_nothing(was);
            }
            Event::Dismissed { person } => {
                let was = self.members.remove(&person);
                self.leaves_nothing(was);
            }
            _ => {}
        }
    }
}

type Decided = Result<Decision<Vendor>, Rejection>;

pub(super) fn decide(state: &State, profile: &Profile, order: Order, ctx: &Ctx) -> Decided {
    // Also of a vendor that is closed somebody may leave, or be made to.
    let lets_go = matches!(order, Order::Dismiss { .. } | Order::Withdraw { .. });
    if profile.status == Status::Closed && !lets_go {
        return Err(Rejection::WrongState { status: profile.status });
    }
    let team = &state.team;
    match order {
        Order::Invite { by, mail, role } => {
            team.decides(by)?;
            let open = team.invitations.values().filter(|invitation| invitation.is_open(ctx.now)).count();
            let lately = team.lately.filter(|(first, _)| ctx.now < first.plus_millis(DAY_MS));
            let too_often = lately.is_some_and(|(_, count)| count >= MEMBERS_MAX);
            if too_often || team.members.len() + open >= MEMBERS_MAX {
                return Err(Rejection::TeamFull);
            }
            let invitation = team.invited.checked_add(1).ok_or(Rejection::TeamFull)?;
            let reply = Reply::Invited { vendor: state.id, invitation, version: ctx.next_seq };
            let mut decision = Decision::of(vec![Event::Invited { invitation, mail, role }], reply);
            let template = VendorTemplate::Invitation { invitation };
            let letter = VendorMail { template, to: mail, vendor: state.id };
            decision.effects.push(Effect::Mail(Mail::Vendor(letter)));
            Ok(decision)
        }
        Order::Withdraw { by, invitation } => {
            team.decides(by)?;
            let told = |version| Reply::Invited { vendor: state.id, invitation, version };
            if !team.invitations.contains_key(&invitation) {
                // Whatever has become of it, it cannot be accepted any more.
                let ever = (1..=team.invited).contains(&invitation);
                let unchanged = Decision::unchanged(told(state.version));
                return if ever { Ok(unchanged) } else { Err(Rejection::NoSuchInvitation) };
            }
            let reply = told(ctx.next_seq);
            Ok(Decision::of(vec![Event::InvitationWithdrawn { invitation }], reply))
        }
        Order::Join { invitation, person } => join(state, invitation, person, ctx),
        Order::SetRole { by, person, role } => {
            team.decides(by)?;
            let known = *team.members.get(&person).ok_or(Rejection::NoSuchMember)?;
            if known == role {
                return Ok(Decision::unchanged(member(state, person, Some(role), state.version)));
            }
            if team.is_last_owner(person) {
                return Err(Rejection::LastOwner);
            }
            let reply = member(state, person, Some(role), ctx.next_seq);
            Ok(Decision::of(vec![Event::RoleSet { person, role }], reply))
        }
        Order::Dismiss { by, person } => {
            if by != By::Person(person) {
                team.decides(by)?;
            }
            if !team.members.contains_key(&person) {
                return Err(Rejection::NoSuchMember);
            }
            if team.is_last_owner(person) {
                return Err(Rejection::LastOwner);
            }
            let reply = member(state, person, None, ctx.next_seq);
            Ok(Decision::of(vec![Event::Dismissed { person }], reply))
        }
    }
}

fn join(state: &State, invitation: u32, person: UserId, ctx: &Ctx) -> Decided {
    let open = state.team.invitations.get(&invitation).filter(|invitation| invitation.is_open(ctx.now));
    match (open, state.team.members.get(&person)) {
        // Its answer was lost, or somebody else used it and they are in the team anyway.
        (None, Some(role)) => Ok(Decision::unchanged(member(state, person, Some(*role), state.version))),
        (None, None) => Err(Rejection::InvitationOver),
        // What a member is an owner changes, knowingly.
        (Some(_), Some(_)) => Err(Rejection::AlreadyMember),
        (Some(open), None) => {
            let reply = member(state, person, Some(open.role), ctx.next_seq);
            Ok(Decision::of(vec![Event::Joined { invitation, person, role: open.role }], reply))
        }
    }
}

fn member(state: &State, person: UserId, role: Option<Role>, version: u64) -> Reply {
    Reply::Member { vendor: state.id, person, role, version }
}
