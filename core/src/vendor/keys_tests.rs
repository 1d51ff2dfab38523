use crate::ids::{KeyId, Principal, StreamId, UserId, VendorId};
use crate::machine::{self, Ctx, EventMeta, Machine};
use crate::money::{Currency, Rate};
use crate::time::Timestamp;

use super::keys::{KEYS_MAX, LASTS_MAX_MS, OVERLAP_MAX_MS, Order};
use super::team::{self, By};
use super::*;

const ID: VendorId = VendorId(7);
const STREAM: StreamId = StreamId::Vendor(ID);
const OWNER: By = By::Person(UserId(1));
const PACKER: By = By::Person(UserId(2));
const KEY: KeyId = KeyId(10);
const DAY: i64 = 24 * 60 * 60 * 1000;

struct Live {
    state: State,
    seq: u64,
    now: i64,
}

impl Live {
    /// A vendor with an owner and a packer.
    fn new() -> Self {
        let mut live = Live { state: Vendor::initial(STREAM), seq: 0, now: 1_000 };
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
        live.run(Command::Approve(Commission { rate: Rate(1_000), rule: "r".to_owned() })).expect("approved");
        for (invitation, role, person) in [(1, Role::Owner, UserId(1)), (2, Role::Packer, UserId(2))] {
            let invite = team::Order::Invite { by: By::Operator, mail: SubjectId(1), role };
            live.run(Command::Team(invite)).expect("invited");
            live.run(Command::Team(team::Order::Join { invitation, person })).expect("joined");
        }
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
        match decision.reply {
            machine::Reply::Now(reply) => Ok(reply),
            machine::Reply::Parked => panic!("a vendor never parks"),
        }
    }

    fn make(&mut self, by: By, key: KeyId, lasts_ms: Option<i64>) -> Result<Reply, Rejection> {
        let scopes = vec![KeyScope::OrdersPack, KeyScope::OrdersRead];
        self.run(Command::Keys(Order::Make { by, key, scopes, lasts_ms }))
    }

    fn roll(&mut self, key: KeyId, successor: KeyId, overlap_ms: i64) -> Result<Reply, Rejection> {
        self.run(Command::Keys(Order::Roll { by: OWNER, key, successor, overlap_ms }))
    }

    fn is_good(&self, key: KeyId) -> bool {
        let known = self.state.standing().expect("a vendor").keys.get(&key).cloned();
        known.is_some_and(|known| known.is_good(Timestamp::from_millis(self.now)))
    }
}

#[test]
fn a_key_may_what_it_was_made_for_until_it_ends_or_is_revoked() {
    let mut live = Live::new();
    let made = live.make(OWNER, KEY, Some(DAY)).expect("made");
    let at = Some(Timestamp::from_millis(live.now));
    assert_eq!(made, Reply::Key { vendor: ID, key: KEY, made_at: at, version: live.seq });
    let scopes = &live.state.keys.known[&KEY].scopes;
    assert_eq!(*scopes, [KeyScope::OrdersRead, KeyScope::OrdersPack], "in order, each once");
    live.now += DAY - 1;
    assert!(live.is_good(KEY));
    live.now += 1;
    assert!(!live.is_good(KEY), "it has ended");

    let other = KeyId(11);
    live.make(By::Operator, other, None).expect("made");
    assert!(live.is_good(other) && !live.state.keys.known.contains_key(&KEY), "what has ended is forgotten");
    let revoke = Command::Keys(Order::Revoke { by: OWNER, key: other });
    live.run(revoke.clone()).expect("revoked");
    assert!(!live.is_good(other));
    assert_eq!(live.run(revoke), Err(Rejection::NoSuchKey));
}

#[test]
fn only_owners_and_operators_decide_about_keys() {
    let mut live = Live::new();
    assert_eq!(live.make(PACKER, KEY, None), Err(Rejection::NotAllowed));
    assert_eq!(live.make(By::Person(UserId(9)), KEY, None), Err(Rejection::NotAllowed));
    live.make(OWNER, KEY, None).expect("made");
    let revoke = Command::Keys(Order::Revoke { by: PACKER, key: KEY });
    assert_eq!(live.run(revoke), Err(Rejection::NotAllowed));
    let roll = Order::Roll { by: PACKER, key: KEY, successor: KeyId(12), overlap_ms: 0 };
    assert_eq!(live.run(Command::Keys(roll)), Err(Rejection::NotAllowed));
    assert!(live.is_good(KEY));
}

#[test]
fn a_key_that_is_rolled_goes_on_for_a_while() {
    let mut live = Live::new();
    live.make(OWNER, KEY, Some(10 * DAY)).expect("made");
    let successor = KeyId(11);
    live.now += DAY;
    live.roll(KEY, successor, 2 * DAY).expect("rolled");
    assert!(live.is_good(KEY) && live.is_good(successor));
    let known = &live.state.keys.known;
    assert_eq!((known[&KEY].successor, known[&successor].scopes.len()), (Some(successor), 2));
    assert_eq!(live.roll(KEY, KeyId(12), 0), Err(Rejection::KeyRolled), "it has a successor");
    live.now += 2 * DAY;
    assert!(!live.is_good(KEY) && live.is_good(successor));
    assert_eq!(live.roll(KEY, KeyId(12), 0), Err(Rejection::NoSuchKey), "it is over");
    live.now += 8 * DAY - 1;
    assert!(live.is_good(successor), "the successor lasts as long as its predecessor was to");
    live.roll(successor, KeyId(13), OVERLAP_MAX_MS).expect("rolled");
    live.now += 1;
    assert!(!live.is_good(successor), "being rolled makes no key last longer");
    let at_once = KeyId(14);
    live.roll(KeyId(13), at_once, 0).expect("rolled");
    assert!(!live.is_good(KeyId(13)) && live.is_good(at_once));
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let mut live = Live::new();
    let before = live.state.clone();
    for lasts_ms in [0, -1, LASTS_MAX_MS + 1, i64::MAX] {
        assert_eq!(live.make(OWNER, KEY, Some(lasts_ms)), Err(Rejection::InvalidTime));
    }
    for scopes in [vec![], vec![KeyScope::MoneyRead, KeyScope::MoneyRead]] {
        let make = Order::Make { by: OWNER, key: KEY, scopes, lasts_ms: None };
        assert_eq!(live.run(Command::Keys(make)), Err(Rejection::InvalidScopes));
    }
    assert_eq!(live.roll(KEY, KeyId(11), 0), Err(Rejection::NoSuchKey));
    assert_eq!(live.state, before);
    live.make(OWNER, KEY, None).expect("made");
    assert_eq!(live.make(OWNER, KEY, None), Err(Rejection::AlreadyExists));
    for overlap_ms in [-1, OVERLAP_MAX_MS + 1] {
        assert_eq!(live.roll(KEY, KeyId(11), overlap_ms), Err(Rejection::InvalidTime));
    }
}

#[test]
fn keys_are_bounded() {
    let mut live = Live::new();
    for number in 0..KEYS_MAX as u128 {
        live.make(OWNER, KeyId(100 + number), None).expect("made");
    }
    assert_eq!(live.make(OWNER, KeyId(1), None), Err(Rejection::TooManyKeys));
    live.run(Command::Keys(Order::Revoke { by: OWNER, key: KeyId(100) })).expect("revoked");
    live.make(OWNER, KeyId(1), None).expect("there is room again");
    for number in 0.. {
        let key = KeyId(1_000 + number);
        live.run(Command::Keys(Order::Revoke { by: OWNER, key: KeyId(101) })).ok();
        match live.make(OWNER, key, Some(1)) {
            Ok(_) => live.now += 1,
            Err(rejection) => {
                assert_eq!((rejection, number), (Rejection::TooManyKeys, 149), "200 within a day");
                break;
            }
        }
    }
    live.now += DAY;
    live.make(OWNER, KeyId(2), None).expect("another day");
}

#[test]
fn a_vendor_that_is_closed_makes_no_keys_and_revokes_those_it_has() {
    let mut live = Live::new();
    live.make(OWNER, KEY, None).expect("made");
    live.run(Command::Close { reason: "over".to_owned() }).expect("closed");
    let closed = Rejection::WrongState { status: Status::Closed };
    assert_eq!(live.make(OWNER, KeyId(11), None), Err(closed));
    assert_eq!(live.roll(KEY, KeyId(11), 0), Err(closed));
    live.run(Command::Keys(Order::Revoke { by: OWNER, key: KEY })).expect("revoked");
}
