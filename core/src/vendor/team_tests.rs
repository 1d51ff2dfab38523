use crate::any::{Effect, Mail, VendorMail, VendorTemplate};
use crate::ids::{Principal, StreamId, SubjectId, UserId, VendorId};
use crate::machine::{self, Ctx, EventMeta, Machine};
use crate::money::{Currency, Rate};
use crate::time::Timestamp;

use super::team::{By, INVITATION_WITHIN_MS, MEMBERS_MAX, Order};
use super::*;

const ID: VendorId = VendorId(7);
const STREAM: StreamId = StreamId::Vendor(ID);
const OWNER: UserId = UserId(1);
const OTHER: UserId = UserId(2);
const PACKER: UserId = UserId(3);
const STRANGER: UserId = UserId(9);

struct Live {
    state: State,
    seq: u64,
    letters: Vec<VendorTemplate>,
    now: i64,
}

impl Live {
    /// A vendor that applied, without a team.
    fn new() -> Self {
        let mut live = Live { state: Vendor::initial(STREAM), seq: 0, letters: Vec::new(), now: 0 };
        let legal_entity = LegalEntity {
            name: "Nordlicht Handels GmbH".to_owned(),
            country: "DE".to_owned(),
            tax_id: None,
            series: "NL-".to_owned(),
        };
        let application = Application {
            name: "Nordlicht".to_owned(),
            legal_entity,
            settlement: Currency::EUR,
            seller_of_record: true,
            contact: None,
        };
        live.run(Command::Apply(application)).expect("applied");
        live
    }

    /// With an owner and a packer.
    fn with_team() -> Self {
        let mut live = Live::new();
        live.joins(By::Operator, Role::Owner, OWNER);
        live.joins(By::Person(OWNER), Role::Packer, PACKER);
        live
    }

    fn run(&mut self, command: Command) -> Result<Reply, Rejection> {
        let (now, next_seq) = (Timestamp::from_millis(self.now), self.seq + 1);
        let ctx = Ctx { stream: STREAM, now, next_seq, key: None, principal: Principal::System };
        let decision = Vendor::decide(&self.state, &command, &ctx)?;
        for event in decision.events {
            self.seq += 1;
            Vendor::apply(&mut self.state, EventMeta { seq: self.seq, at: now }, &event);
        }
        for effect in decision.effects {
            let Effect::Mail(Mail::Vendor(VendorMail { template, vendor: ID, .. })) = effect else {
                panic!("not a letter of this team: {effect:?}")
            };
            self.letters.push(template);
        }
        match decision.reply {
            machine::Reply::Now(reply) => Ok(reply),
            machine::Reply::Parked => panic!("a vendor never parks"),
        }
    }

    fn team(&mut self, order: Order) -> Result<Reply, Rejection> {
        self.run(Command::Team(order))
    }

    fn invite(&mut self, by: By, role: Role) -> Result<u32, Rejection> {
        match self.team(Order::Invite { by, mail: SubjectId(30), role })? {
            Reply::Invited { vendor: ID, invitation, .. } => Ok(invitation),
            other => panic!("{other:?}"),
        }
    }

    fn joins(&mut self, by: By, role: Role, person: UserId) {
        let invitation = self.invite(by, role).expect("invited");
        let told = self.team(Order::Join { invitation, person }).expect("joined");
        assert_eq!(told, Reply::Member { vendor: ID, person, role: Some(role), version: self.seq });
    }

    fn role(&self, person: UserId) -> Option<Role> {
        self.state.standing().expect("applied").members.get(&person).copied()
    }
}

#[test]
fn a_team_begins_with_an_owner_whom_an_operator_invites() {
    let live = Live::with_team();
    assert_eq!((live.role(OWNER), live.role(PACKER)), (Some(Role::Owner), Some(Role::Packer)));
    let letters = [1, 2].map(|invitation| VendorTemplate::Invitation { invitation });
    assert_eq!(live.letters, letters);
    assert!(live.state.team.invitations.is_empty());
}

#[test]
fn only_owners_and_operators_decide_who_is_in_the_team() {
    let mut live = Live::with_team();
    let open = live.invite(By::Operator, Role::Accountant).expect("invited");
    for person in [PACKER, STRANGER] {
        let by = By::Person(person);
        assert_eq!(live.invite(by, Role::Owner), Err(Rejection::NotAllowed));
        for order in [
            Order::Withdraw { by, invitation: open },
            Order::SetRole { by, person, role: Role::Owner },
            Order::Dismiss { by, person: OWNER },
        ] {
            assert_eq!(live.team(order), Err(Rejection::NotAllowed), "{order:?}");
        }
    }
    for by in [By::Operator, By::Person(OWNER)] {
        live.team(Order::SetRole { by, person: PACKER, role: Role::Manager }).expect("set");
        live.team(Order::SetRole { by, person: PACKER, role: Role::Packer }).expect("set");
    }
    live.team(Order::Dismiss { by: By::Person(OWNER), person: PACKER }).expect("dismissed");
    assert_eq!(live.role(PACKER), None);
    assert_eq!(live.invite(By::Person(PACKER), Role::Packer), Err(Rejection::NotAllowed), "dismissed");
}

#[test]
fn an_invitation_is_good_once_for_a_week_and_until_it_is_withdrawn() {
    let mut live = Live::with_team();
    let by = By::Person(OWNER);
    let used = live.invite(by, Role::Accountant).expect("invited");
    let join = |invitation, person| Order::Join { invitation, person };
    live.team(join(used, OTHER)).expect("joined");
    let seq = live.seq;
    live.team(join(used, OTHER)).expect("its answer was lost");
    assert_eq!(live.seq, seq);
    assert_eq!(live.team(join(used, STRANGER)), Err(Rejection::InvitationOver));

    let withdrawn = live.invite(by, Role::Packer).expect("invited");
    live.team(Order::Withdraw { by, invitation: withdrawn }).expect("withdrawn");
    live.team(Order::Withdraw { by, invitation: withdrawn }).expect("its answer was lost");
    assert_eq!(live.team(Order::Withdraw { by, invitation: 99 }), Err(Rejection::NoSuchInvitation));
    assert_eq!(live.team(join(withdrawn, STRANGER)), Err(Rejection::InvitationOver));
    assert_eq!(live.team(join(99, STRANGER)), Err(Rejection::InvitationOver), "there never was one");

    let late = live.invite(by, Role::Packer).expect("invited");
    assert_eq!(live.team(join(late, OTHER)), Err(Rejection::AlreadyMember));
    live.now += INVITATION_WITHIN_MS;
    assert_eq!(live.team(join(late, STRANGER)), Err(Rejection::InvitationOver));
    assert_eq!(live.role(STRANGER), None);
}

#[test]
fn anybody_may_leave_but_never_the_last_owner() {
    let mut live = Live::with_team();
    let leave = |person| Order::Dismiss { by: By::Person(person), person };
    live.team(leave(PACKER)).expect("left");
    assert_eq!(live.team(leave(PACKER)), Err(Rejection::NoSuchMember), "has left");
    for order in [
        leave(OWNER),
        Order::Dismiss { by: By::Operator, person: OWNER },
        Order::SetRole { by: By::Person(OWNER), person: OWNER, role: Role::Manager },
    ] {
        assert_eq!(live.team(order), Err(Rejection::LastOwner), "{order:?}");
    }
    live.joins(By::Person(OWNER), Role::Owner, OTHER);
    live.team(leave(OWNER)).expect("there is another");
    assert_eq!(live.team(leave(OTHER)), Err(Rejection::LastOwner));
    let set = Order::SetRole { by: By::Operator, person: STRANGER, role: Role::Owner };
    assert_eq!(live.team(set), Err(Rejection::NoSuchMember));
}

#[test]
fn whoever_is_no_owner_any_more_leaves_no_invitation_behind() {
    for ends in [
        Order::Dismiss { by: By::Person(OTHER), person: OWNER },
        Order::SetRole { by: By::Operator, person: OWNER, role: Role::Packer },
    ] {
        let mut live = Live::with_team();
        live.joins(By::Person(OWNER), Role::Owner, OTHER);
        let back = live.invite(By::Person(OWNER), Role::Owner).expect("invited");
        live.team(ends).expect("there is another owner");
        let join = Order::Join { invitation: back, person: STRANGER };
        assert_eq!(live.team(join), Err(Rejection::InvitationOver), "{ends:?}");
    }
}

#[test]
fn a_team_sends_no_more_letters_a_day_than_it_may_have_members() {
    let mut live = Live::with_team();
    let by = By::Person(OWNER);
    for _ in 2..MEMBERS_MAX {
        let invitation = live.invite(by, Role::Packer).expect("not so many yet");
        live.team(Order::Withdraw { by, invitation }).expect("withdrawn");
    }
    assert_eq!(live.invite(by, Role::Packer), Err(Rejection::TeamFull));
    live.now += 24 * 60 * 60 * 1000;
    live.invite(by, Role::Packer).expect("another day");
}

#[test]
fn a_team_has_an_end() {
    let mut live = Live::new();
    for _ in 0..MEMBERS_MAX {
        live.invite(By::Operator, Role::Packer).expect("room");
    }
    assert_eq!(live.invite(By::Operator, Role::Packer), Err(Rejection::TeamFull));
    live.now += INVITATION_WITHIN_MS;
    live.invite(By::Operator, Role::Packer).expect("the others have had their time");
    assert_eq!(live.state.team.invitations.len(), 1);
}

#[test]
fn a_vendor_that_is_closed_has_no_more_orders_about_its_team() {
    let mut live = Live::with_team();
    live.run(Command::Approve(Commission { rate: Rate(1), rule: "r".to_owned() })).expect("approved");
    live.run(Command::Suspend { reason: "r".to_owned() }).expect("suspended");
    live.invite(By::Person(OWNER), Role::Packer).expect("it may come back");
    live.run(Command::Close { reason: "r".to_owned() }).expect("closed");
    let closed = Rejection::WrongState { status: Status::Closed };
    assert_eq!(live.invite(By::Operator, Role::Packer), Err(closed));
    live.team(Order::Dismiss { by: By::Person(OWNER), person: PACKER }).expect("dismissed");
}
