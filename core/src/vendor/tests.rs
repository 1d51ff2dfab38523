use proptest::prelude::*;

use crate::ask::{Ask, AskAnswer, AskId, AskRequest};
use crate::ids::{CheckoutId, Principal, StreamId, SubjectId, VendorId};
use crate::machine::{self, Ctx, EventMeta, Machine};
use crate::money::{Currency, Rate};
use crate::time::Timestamp;

use super::*;

const ID: VendorId = VendorId(7);
const STREAM: StreamId = StreamId::Vendor(ID);

/// A vendor with its history.
struct Live {
    state: State,
    events: Vec<Event>,
}

impl Live {
    fn new() -> Self {
        Live { state: Vendor::initial(STREAM), events: Vec::new() }
    }

    fn run(&mut self, command: &Command) -> Result<Reply, Rejection> {
        let next_seq = self.events.len() as u64 + 1;
        let now = Timestamp::from_millis(next_seq as i64);
        let ctx = Ctx { stream: STREAM, now, next_seq, key: None, principal: Principal::System };
        let decision = Vendor::decide(&self.state, command, &ctx)?;
        for event in decision.events {
            let meta = EventMeta { seq: self.events.len() as u64 + 1, at: now };
            Vendor::apply(&mut self.state, meta, &event);
            self.events.push(event);
        }
        match decision.reply {
            machine::Reply::Now(reply) => Ok(reply),
            machine::Reply::Parked => panic!("a vendor never parks"),
        }
    }

    /// What a checkout's ask would be told.
    fn asked(&mut self) -> AskAnswer {
        let id = AskId { stream: StreamId::Checkout(CheckoutId(1)), seq: 5, n: 0 };
        let ask = Ask { id, to: STREAM, request: AskRequest::Vendor(Request::Terms) };
        let command = Vendor::command_of_ask(&ask).expect("a vendor's question");
        Vendor::answer_of(&self.run(&command))
    }
}

fn application() -> Application {
    Application {
        name: "Nordlicht".to_owned(),
        legal_entity: LegalEntity {
            name: "Nordlicht Handels GmbH".to_owned(),
            country: "DE".to_owned(),
            tax_id: Some("DE123456789".to_owned()),
            series: "NL-".to_owned(),
        },
        settlement: Currency::EUR,
        seller_of_record: true,
        contact: Some(SubjectId(3)),
    }
}

fn at(rate: u32) -> Commission {
    Commission { rate: Rate(rate), rule: "default".to_owned() }
}

fn because(reason: &str) -> String {
    reason.to_owned()
}

fn stands(status: Status, version: u64) -> Result<Reply, Rejection> {
    Ok(Reply::Vendor { vendor: ID, status, version })
}

fn wrong(status: Status) -> Result<Reply, Rejection> {
    Err(Rejection::WrongState { status })
}

#[test]
fn a_vendors_life() {
    use Command::*;
    use Status::*;
    let mut vendor = Live::new();
    let suspend = || Suspend { reason: because("late parcels") };
    let close = || Close { reason: because("as asked") };
    for (step, (command, expected)) in [
        (Approve(at(1_000)), Err(Rejection::NotFound)),
        (close(), Err(Rejection::NotFound)),
        (Apply(application()), stands(Applied, 1)),
        (Apply(application()), stands(Applied, 1)),
        (Apply(Application { name: because("Other"), ..application() }), Err(Rejection::AlreadyExists)),
        (suspend(), wrong(Applied)),
        (Reinstate, wrong(Applied)),
        (SetCommission(at(500)), wrong(Applied)),
        (Approve(at(10_001)), Err(Rejection::InvalidRate)),
        (Approve(at(1_000)), stands(Active, 2)),
        (Approve(at(1_000)), stands(Active, 2)),
        (Approve(at(900)), wrong(Active)),
        (Apply(application()), stands(Active, 2)),
        (Reinstate, stands(Active, 2)),
        (SetCommission(at(1_000)), stands(Active, 2)),
        (SetCommission(at(10_000)), stands(Active, 3)),
        (suspend(), stands(Suspended, 4)),
        (suspend(), stands(Suspended, 4)),
        (Approve(at(10_000)), wrong(Suspended)),
        (SetCommission(at(0)), stands(Suspended, 5)),
        (Reinstate, stands(Active, 6)),
        (suspend(), stands(Suspended, 7)),
        (close(), stands(Closed, 8)),
        (close(), stands(Closed, 8)),
        (Reinstate, wrong(Closed)),
        (suspend(), wrong(Closed)),
        (Approve(at(0)), wrong(Closed)),
        (SetCommission(at(0)), wrong(Closed)),
        (Apply(application()), stands(Closed, 8)),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(vendor.run(&command), expected, "step {step}: {command:?}");
    }
}

#[test]
fn an_application_may_be_turned_down() {
    let mut vendor = Live::new();
    vendor.run(&Command::Apply(application())).expect("new");
    let no = Command::Close { reason: because("no documents") };
    assert_eq!(vendor.run(&no), stands(Status::Closed, 2));
}

#[test]
fn terms_are_those_of_the_moment() {
    let mut vendor = Live::new();
    assert_eq!(vendor.asked(), AskAnswer::Unknown);
    let terms = |active, rate, rule: &str, version| {
        AskAnswer::Vendor(Answer::Terms {
            active,
            commission: Rate(rate),
            rule: rule.to_owned(),
            settlement: Currency::EUR,
            seller_of_record: true,
            version,
        })
    };
    for (command, expected) in [
        (Command::Apply(application()), terms(false, 0, "", 1)),
        (Command::Approve(at(1_000)), terms(true, 1_000, "default", 2)),
        (Command::SetCommission(at(1_200)), terms(true, 1_200, "default", 3)),
        (Command::Suspend { reason: because("x") }, terms(false, 1_200, "default", 4)),
        (Command::Reinstate, terms(true, 1_200, "default", 5)),
        (Command::Close { reason: because("x") }, terms(false, 1_200, "default", 6)),
    ] {
        vendor.run(&command).expect("allowed");
        assert_eq!(vendor.asked(), expected, "{command:?}");
    }
    assert_eq!(vendor.events.len(), 6, "a question leaves no event");
}

#[test]
fn only_vendors_questions_are_heard() {
    let id = AskId { stream: STREAM, seq: 1, n: 0 };
    let ask = Ask { id, to: STREAM, request: AskRequest::Payment(crate::payment::Request::Capture) };
    assert_eq!(Vendor::command_of_ask(&ask), None);
}

#[test]
fn texts_must_be_said_and_short() {
    let entity = |change: fn(&mut LegalEntity)| {
        let mut facts = application();
        change(&mut facts.legal_entity);
        Command::Apply(facts)
    };
    let long = || "x".repeat(NAME_MAX + 1);
    let mut vendor = Live::new();
    for (command, field) in [
        (Command::Apply(Application { name: String::new(), ..application() }), Field::Name),
        (Command::Apply(Application { name: long(), ..application() }), Field::Name),
        (Command::Apply(Application { name: because("a\nb"), ..application() }), Field::Name),
        (entity(|entity| entity.name = " ".to_owned()), Field::LegalName),
        (entity(|entity| entity.country = "de".to_owned()), Field::Country),
        (entity(|entity| entity.country = "DEU".to_owned()), Field::Country),
        (entity(|entity| entity.tax_id = Some(String::new())), Field::TaxId),
        (entity(|entity| entity.series = "a b".to_owned()), Field::Series),
        (entity(|entity| entity.series = "x".repeat(CODE_MAX + 1)), Field::Series),
    ] {
        assert_eq!(vendor.run(&command), Err(Rejection::Invalid { field }), "{command:?}");
    }
    vendor.run(&Command::Apply(application())).expect("in order");
    for (command, field) in [
        (Command::Approve(Commission { rate: Rate(1), rule: String::new() }), Field::Rule),
        (Command::Suspend { reason: String::new() }, Field::Reason),
        (Command::Close { reason: "x".repeat(REASON_MAX + 1) }, Field::Reason),
    ] {
        assert_eq!(vendor.run(&command), Err(Rejection::Invalid { field }), "{command:?}");
    }
}

fn any_commission() -> impl Strategy<Value = Commission> {
    (0u32..12_000, prop::sample::select(vec!["default", "summer", ""]))
        .prop_map(|(rate, rule)| Commission { rate: Rate(rate), rule: rule.to_owned() })
}

fn any_reason() -> impl Strategy<Value = String> {
    prop::sample::select(vec![because("late parcels"), because("fraud"), String::new()])
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        1 => Just(Command::Apply(application())),
        1 => Just(Command::Apply(Application { seller_of_record: false, ..application() })),
        3 => any_commission().prop_map(Command::Approve),
        3 => any_reason().prop_map(|reason| Command::Suspend { reason }),
        3 => Just(Command::Reinstate),
        1 => any_reason().prop_map(|reason| Command::Close { reason }),
        3 => any_commission().prop_map(Command::SetCommission),
        1 => Just(Command::Ask(Request::Terms)),
    ]
}

fn may_follow(from: Option<Status>, to: Status) -> bool {
    use Status::*;
    match (from, to) {
        (None, Applied) => true,
        (Some(Applied), Active | Closed) => true,
        (Some(Active), Suspended | Closed) | (Some(Suspended), Active | Closed) => true,
        (Some(from), to) => from == to,
        (None, _) => false,
    }
}

proptest! {
    #[test]
    fn no_sequence_of_orders_breaks_a_vendor(commands in prop::collection::vec(any_command(), 0..40)) {
        let mut vendor = Live::new();
        for command in &commands {
            let before = vendor.state.clone();
            let outcome = vendor.run(command);
            if outcome.is_err() {
                prop_assert_eq!(&before, &vendor.state, "a refusal changes nothing");
            }
            prop_assert_eq!(vendor.state.version, vendor.events.len() as u64);
            let Some(profile) = &vendor.state.profile else {
                prop_assert!(vendor.events.is_empty());
                continue;
            };
            let from = before.profile.as_ref().map(|profile| profile.status);
            prop_assert!(may_follow(from, profile.status), "{:?} after {:?}", profile.status, from);
            let commission = profile.commission.as_ref();
            prop_assert!(commission.is_none_or(|commission| commission.rate <= Rate::ONE));
            prop_assert!(commission.is_some() || matches!(profile.status, Status::Applied | Status::Closed));
            let reasoned = matches!(profile.status, Status::Suspended | Status::Closed);
            prop_assert_eq!(profile.reason.is_some(), reasoned);
            if let Ok(Reply::Vendor { status, version, .. }) = outcome {
                prop_assert_eq!((status, version), (profile.status, vendor.state.version));
                let again = vendor.run(command);
                prop_assert_eq!(again, Ok(Reply::Vendor { vendor: ID, status, version }), "a repeat says the same");
            }
        }
        let mut folded = Vendor::initial(STREAM);
        for (seq, event) in (1..).zip(&vendor.events) {
            Vendor::apply(&mut folded, EventMeta { seq, at: Timestamp::ZERO }, event);
        }
        prop_assert_eq!(&folded, &vendor.state);
        let json = serde_json::to_string(&folded).expect("plain data");
        prop_assert_eq!(serde_json::from_str::<State>(&json).expect("what was written"), folded);
    }
}
