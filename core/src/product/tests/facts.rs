use super::*;

fn invalid(field: Field) -> Outcome {
    Err(Rejection::Invalid { field })
}

fn too_many(field: Field) -> Outcome {
    Err(Rejection::TooMany { field })
}

fn with(facts: Facts, variants: Vec<Variant>) -> Command {
    Command::Create { by: Actor::Operator, steward: STEWARD, facts, variants }
}

#[test]
fn facts_must_be_written_as_they_must_be() {
    let title = |locale: &str, text: &str| Facts {
        title: LocalizedText::from([(locale.to_owned(), text.to_owned())]),
        ..facts("Lamp")
    };
    let described = |text: &str| Facts { description: super::text(text), ..facts("Lamp") };
    let category = |category: &str| Facts { category: category.to_owned(), ..facts("Lamp") };
    let mut babel = facts("Lamp");
    babel.title = (0..=LOCALES_MAX).map(|n| (format!("en-x-{n}"), "Lamp".to_owned())).collect();
    for (facts, expected) in [
        (Facts { title: LocalizedText::new(), ..facts("Lamp") }, invalid(Field::Title)),
        (title("en", ""), invalid(Field::Title)),
        (title("en", "a\nb"), invalid(Field::Title)),
        (title("en", &"x".repeat(TITLE_MAX + 1)), invalid(Field::Title)),
        (title("", "Lamp"), invalid(Field::Title)),
        (title("en_US", "Lamp"), invalid(Field::Title)),
        (title("english", "Lamp"), invalid(Field::Title)),
        (babel, too_many(Field::Title)),
        (described(""), invalid(Field::Description)),
        (described(&"x".repeat(DESCRIPTION_MAX + 1)), invalid(Field::Description)),
        (category("Home"), invalid(Field::Category)),
        (category(""), invalid(Field::Category)),
        (described("Two\nlines"), stands(Status::Draft, 1)),
        (title("pt-BR", "Luminária"), stands(Status::Draft, 1)),
        (title("zh-Hant-TW", "燈"), stands(Status::Draft, 1)),
    ] {
        assert_eq!(Live::new().run(&with(facts.clone(), Vec::new())), expected, "{facts:?}");
    }
}

#[test]
fn variants_must_be_told_apart() {
    let red = || variant(1, "red");
    let many = |count: usize| (0..count as u128).map(|n| variant(n, &format!("color {n}"))).collect();
    let mut options = red();
    options.options = (0..=OPTIONS_MAX).map(|n| (n.to_string(), n.to_string())).collect();
    for (variants, expected) in [
        (vec![red(), variant(1, "blue")], invalid(Field::Variants)),
        (vec![red(), variant(2, "red")], Err(Rejection::SameOptions { variant: VariantId(1) })),
        (vec![variant(1, "")], invalid(Field::Options)),
        (vec![options], too_many(Field::Options)),
        (vec![Variant { barcode: Some(String::new()), ..red() }], invalid(Field::Barcode)),
        (vec![Variant { barcode: Some("é".to_owned()), ..red() }], invalid(Field::Barcode)),
        (many(VARIANTS_MAX + 1), too_many(Field::Variants)),
        (many(VARIANTS_MAX), stands(Status::Draft, 1)),
        (vec![Variant { barcode: None, weight_g: None, size: None, ..red() }], stands(Status::Draft, 1)),
    ] {
        assert_eq!(Live::new().run(&with(facts("Lamp"), variants)), expected);
    }
}

#[test]
fn variants_are_added_one_by_one() {
    let by = Actor::Vendor(STEWARD);
    let add = |variant: Variant| Command::AddVariant { by, variant };
    let added = |id: u128, version| Ok(Reply::Variant { product: ID, variant: VariantId(id), version });
    let mut live = Live::draft();
    script(
        &mut live,
        [
            (add(variant(11, "blue")), added(11, 2)),
            (add(variant(11, "blue")), added(11, 2)),
            (add(variant(11, "green")), Err(Rejection::AlreadyExists)),
            (add(variant(12, "blue")), Err(Rejection::SameOptions { variant: VariantId(11) })),
            (add(variant(12, "")), invalid(Field::Options)),
            (Command::Submit { by }, stands(Status::Submitted, 3)),
            // The operator is looking at it.
            (add(variant(12, "green")), wrong(Status::Submitted)),
            (Command::AddVariant { by: Actor::Operator, variant: variant(12, "green") }, added(12, 4)),
            (Command::Approve { list: true }, stands(Status::Listed, 6)),
            (add(variant(13, "white")), added(13, 7)),
        ],
    );
    for n in live.state.known.as_ref().map_or(0, |known| known.variants.len())..VARIANTS_MAX {
        live.run(&add(variant(1_000 + n as u128, &format!("color {n}")))).expect("still room");
    }
    assert_eq!(live.run(&add(variant(5_000, "too much"))), too_many(Field::Variants));
    live.run(&Command::Archive { by }).expect("its own");
    assert_eq!(live.run(&add(variant(5_001, "late"))), wrong(Status::Archived));
}

#[test]
fn what_was_approved_is_revised_by_the_operator_only() {
    let steward = Actor::Vendor(STEWARD);
    let revise = |by, title: &str| Command::Revise { by, facts: facts(title) };
    let mut live = Live::draft();
    script(
        &mut live,
        [
            (revise(steward, "Lamp"), stands(Status::Draft, 1)),
            (revise(steward, "Lamp of brass"), stands(Status::Draft, 2)),
            (revise(steward, ""), invalid(Field::Title)),
            (Command::Submit { by: steward }, stands(Status::Submitted, 3)),
            (revise(steward, "Gold"), wrong(Status::Submitted)),
            (Command::Approve { list: true }, stands(Status::Listed, 5)),
            (revise(steward, "Gold"), wrong(Status::Listed)),
            (revise(Actor::Operator, "Brass lamp"), stands(Status::Listed, 6)),
            (Command::Archive { by: steward }, stands(Status::Archived, 7)),
            (revise(Actor::Operator, "Gone"), wrong(Status::Archived)),
            // It says something else than when it was created, so this is no repeat.
            (create(), Err(Rejection::AlreadyExists)),
        ],
    );
}
