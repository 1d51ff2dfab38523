use super::*;

fn submit(by: Actor) -> Command {
    Command::Submit { by }
}

#[test]
fn from_draft_to_archive() {
    use Status::*;
    let steward = Actor::Vendor(STEWARD);
    let reject = || Command::Reject { reason: "which lamp?".to_owned() };
    let list = || Command::List { by: steward };
    let mut live = Live::new();
    script(
        &mut live,
        [
            (submit(steward), Err(Rejection::NotFound)),
            (create(), stands(Draft, 1)),
            (create(), stands(Draft, 1)),
            (Command::Approve { list: false }, wrong(Draft)),
            (reject(), wrong(Draft)),
            (list(), wrong(Draft)),
            (submit(steward), stands(Submitted, 2)),
            (submit(steward), stands(Submitted, 2)),
            (list(), wrong(Submitted)),
            (reject(), stands(Draft, 3)),
            (reject(), stands(Draft, 3)),
            (submit(steward), stands(Submitted, 4)),
            (Command::Approve { list: false }, stands(Approved, 5)),
            (Command::Approve { list: false }, stands(Approved, 5)),
            (submit(steward), wrong(Approved)),
            (reject(), wrong(Approved)),
            (list(), stands(Listed, 6)),
            (list(), stands(Listed, 6)),
            (Command::Approve { list: true }, stands(Listed, 6)),
            (submit(steward), wrong(Listed)),
            (Command::Archive { by: steward }, stands(Archived, 7)),
            (Command::Archive { by: Actor::Operator }, stands(Archived, 7)),
            (list(), wrong(Archived)),
            (submit(steward), wrong(Archived)),
            (Command::Approve { list: true }, wrong(Archived)),
            (reject(), wrong(Archived)),
            (create(), stands(Archived, 7)),
        ],
    );
}

#[test]
fn approval_may_list_at_once() {
    let mut live = Live::draft();
    script(
        &mut live,
        [
            (submit(Actor::Operator), stands(Status::Submitted, 2)),
            (Command::Approve { list: true }, stands(Status::Listed, 4)),
        ],
    );
    assert_eq!(live.events[2..], [Event::Approved, Event::Listed]);

    let mut live = Live::draft();
    script(
        &mut live,
        [
            (submit(Actor::Operator), stands(Status::Submitted, 2)),
            (Command::Approve { list: false }, stands(Status::Approved, 3)),
            (Command::Approve { list: true }, stands(Status::Listed, 4)),
        ],
    );
}

#[test]
fn nothing_is_submitted_without_a_variant() {
    let mut live = Live::new();
    let by = Actor::Operator;
    let empty = Command::Create { by, steward: STEWARD, facts: facts("Lamp"), variants: Vec::new() };
    script(
        &mut live,
        [
            (empty, stands(Status::Draft, 1)),
            (submit(by), Err(Rejection::NoVariant)),
            (
                Command::AddVariant { by, variant: variant(10, "red") },
                Ok(Reply::Variant { product: ID, variant: VariantId(10), version: 2 }),
            ),
            (submit(by), stands(Status::Submitted, 3)),
        ],
    );
}

#[test]
fn an_unsold_draft_may_be_archived() {
    let mut live = Live::draft();
    script(&mut live, [(Command::Archive { by: Actor::Vendor(STEWARD) }, stands(Status::Archived, 2))]);
}

#[test]
fn the_reason_is_kept_until_the_next_try() {
    let mut live = Live::draft();
    live.run(&submit(Actor::Operator)).expect("a draft");
    live.run(&Command::Reject { reason: "blurred".to_owned() }).expect("submitted");
    let rejected = |live: &Live| live.state.known.as_ref().and_then(|known| known.rejected.clone());
    assert_eq!(rejected(&live).as_deref(), Some("blurred"));
    live.run(&submit(Actor::Operator)).expect("a draft again");
    assert_eq!(rejected(&live), None);
}

#[test]
fn a_foreign_vendor_can_do_nothing_to_a_product() {
    let by = Actor::Vendor(OTHER);
    for mut live in [Live::draft(), Live::listed()] {
        let before = live.state.clone();
        for command in [
            Command::Revise { by, facts: facts("Mine") },
            Command::AddVariant { by, variant: variant(11, "blue") },
            attach(OTHER, offer(SkuId(7), STEWARD)),
            Command::Submit { by },
            Command::List { by },
            Command::Archive { by },
            Command::Create { by, steward: STEWARD, facts: facts("Lamp"), variants: Vec::new() },
            Command::Create { by, steward: OTHER, facts: facts("Lamp"), variants: Vec::new() },
        ] {
            assert_eq!(live.run(&command), Err(Rejection::NotYours), "{command:?}");
        }
        assert_eq!(live.state, before);
    }
    let mut live = Live::new();
    let for_another = Command::Create { by, steward: STEWARD, facts: facts("Lamp"), variants: Vec::new() };
    assert_eq!(live.run(&for_another), Err(Rejection::NotYours));
}

#[test]
fn a_foreign_vendor_can_do_nothing_to_an_offer() {
    let by = Actor::Vendor(OTHER);
    let mut live = Live::listed();
    for command in [
        Command::SetPrice { by, sku: SKU, market: MarketId::main(), price: eur(1, 0) },
        Command::Withhold { by, sku: SKU },
        Command::Resume { by, sku: SKU },
        // Another's offer under its own name.
        attach(OTHER, NewOffer { vendor: OTHER, ..offer(SKU, STEWARD) }),
    ] {
        assert_eq!(live.run(&command), Err(Rejection::NotYours), "{command:?}");
    }
}
