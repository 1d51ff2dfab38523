//! The way to an order, step by step.

use super::*;

fn at(step: Step) -> Option<Outcome<Checkout>> {
    Some(Ok(Reply::At { step }))
}

fn no(rejection: Rejection) -> Option<Outcome<Checkout>> {
    Some(Err(rejection))
}

#[test]
fn a_cart_of_one_line_takes_twelve_events() {
    let mut run = Run::quoted(&[line(7, 2)]);
    let quote = run.state.quote.clone().expect("there is a quote");
    assert_eq!(quote.total, brl(2 * 77));
    assert_eq!(
        run.told(),
        Some(&Ok(Reply::Quoted { quote: quote.id, total: quote.total, valid_until: quote.valid_until }))
    );
    assert_eq!(run.pay(), None, "the request waits");
    assert_eq!(run.state.step(), Step::Holding);
    assert!(run.created.is_empty(), "no money is asked for before the units are held");
    run.answer_all(|_| held());
    let intents = run.intents();
    assert_eq!(intents.len(), 1);
    assert_eq!((intents[0].payment, intents[0].amount), (run.payment(), quote.total));
    assert_eq!(run.news(News::Authorised), AskAnswer::Waiting);
    assert_eq!(run.state.step(), Step::Paying(PayingStep::Committing));
    run.answer_all(|_| committed());
    assert_eq!(run.requests(), [AskRequest::Payment(payment::Request::Capture)]);
    run.answer_all(|_| AskAnswer::Waiting);
    assert_eq!(run.told(), None);
    assert_eq!(run.news(News::Captured), AskAnswer::Checkout(Answer::Noted));
    assert_eq!(run.events.len(), 12, "{:#?}", run.events);
    assert_eq!(run.state.step(), Step::Placed);
    assert_eq!((run.orders(), run.requests().len()), (1, 0));
    let order = OrderId(CHECKOUT.0);
    assert_eq!(run.told(), Some(&Ok(Reply::Placed { order, total: quote.total })));
    run.check_fold();
}

#[test]
fn an_order_says_everything_that_was_agreed() {
    let mut run = Run::authorising(&[line(7, 2), line(8, 1), line(9, 3)]);
    run.news(News::Authorised);
    run.answer_all(|_| committed());
    run.news(News::Captured);
    let placed = run.created.iter().flat_map(|creation| &creation.events).find_map(|event| match event {
        AnyEvent::Order(crate::order::Event::Placed(placed)) => Some(placed.clone()),
        _ => None,
    });
    let placed = placed.expect("the order is created in the last append");
    assert_eq!(placed.lines.len(), 3);
    assert_eq!(placed.payments, [(run.payment(), brl(2 * 77 + 88 + 3 * 99))]);
    assert!(placed.sale.imbalance().is_empty());
    assert_eq!((placed.buyer, placed.subject, placed.checkout), (BUYER, SUBJECT, CHECKOUT));
    let first = &placed.lines[0];
    assert_eq!((first.number, first.sku, first.quantity, first.vendor), (1, SkuId(7), 2, VendorId(1)));
    assert_eq!((first.unit_price, first.shipping), (brl(70), brl(14)));
    assert_eq!(first.commission.amount, brl(14));
    assert_eq!(first.hold.shard, SkuId(7).shard());
    let holds: std::collections::BTreeSet<_> = placed.lines.iter().map(|line| line.hold.id).collect();
    assert_eq!(holds.len(), 3);
    let mails = run.created.iter().flat_map(|creation| &creation.effects);
    assert_eq!(mails.filter(|effect| matches!(effect, Effect::Mail(_))).count(), 1);
}

#[test]
fn the_cart_phase_says_what_is_missing() {
    let mut run = Run::new();
    assert_eq!(run.send(Command::SetLine(line(7, 1))), no(Rejection::UnknownCheckout));
    for (reference, expected) in [
        (Some("x".repeat(REFERENCE_MAX + 1)), no(Rejection::InvalidText)),
        (Some("olist-1".to_owned()), at(Step::Open)),
        (Some("olist-1".to_owned()), at(Step::Open)),
        (None, no(Rejection::AlreadyOpen)),
    ] {
        assert_eq!(run.send(Command::Open(Opening { reference, ..opening() })), expected);
    }
    let elsewhere = Address { country: "DE".to_owned(), ..address() };
    for (command, expected) in [
        (Command::RequestQuote, no(Rejection::EmptyCart)),
        (Command::SetLine(line(7, inventory::QUANTITY_MAX + 1)), no(Rejection::InvalidQuantity)),
        (Command::SetLine(line(7, 0)), at(Step::Open)),
        (Command::SetLine(line(7, 1)), at(Step::Open)),
        (Command::RequestQuote, no(Rejection::Incomplete { step: Step::Open })),
        (
            Command::ChooseShipping { method: "standard".to_owned() },
            no(Rejection::Incomplete { step: Step::Open }),
        ),
        (Command::SetAddress(elsewhere), no(Rejection::CountryNotServed)),
        (Command::SetAddress(address()), at(Step::Addressed)),
        (Command::RequestQuote, no(Rejection::Incomplete { step: Step::Addressed })),
        (Command::ChooseShipping { method: "Über Nacht".to_owned() }, no(Rejection::InvalidText)),
        (Command::ChooseShipping { method: "standard".to_owned() }, at(Step::ShippingChosen)),
        (Command::Pay { quote: QuoteId(1), total: brl(1), method: card() }, no(Rejection::NoQuote)),
        (Command::RequestQuote, None),
        (Command::RequestQuote, no(Rejection::QuoteInProgress)),
    ] {
        assert_eq!(run.send(command.clone()), expected, "{command:?}");
    }
    run.check_fold();
}

#[test]
fn one_offer_set_twice_is_one_line() {
    let mut run = Run::new();
    run.shop(&[line(7, 1), line(8, 1), line(7, 5)]);
    assert_eq!(run.state.lines, [line(7, 5), line(8, 1)]);
    run.ok(Command::SetLine(line(7, 0)));
    assert_eq!(run.state.lines, [line(8, 1)]);
    let events = run.events.len();
    run.ok(Command::SetLine(line(8, 1)));
    assert_eq!(run.events.len(), events, "what is so already is no event");
    for sku in 100..100 + LINES_MAX as u128 - 1 {
        run.ok(Command::SetLine(line(sku, 1)));
    }
    assert_eq!(run.send(Command::SetLine(line(999, 1))), no(Rejection::TooManyLines));
    run.ok(Command::SetLine(line(100, 2)));
}

#[test]
fn every_edit_drops_the_quote() {
    let edits: [(Command, Step); 4] = [
        (Command::SetLine(line(7, 3)), Step::ShippingChosen),
        (Command::SetLine(line(7, 0)), Step::ShippingChosen),
        (Command::SetAddress(Address { subject: SubjectId(99), ..address() }), Step::Addressed),
        (Command::ChooseShipping { method: "express".to_owned() }, Step::ShippingChosen),
    ];
    for (edit, step) in edits {
        let mut run = Run::quoted(&[line(7, 2)]);
        let quote = run.state.quote.clone().expect("there is a quote");
        assert_eq!(run.send(edit.clone()), at(step));
        let pay = Command::Pay { quote: quote.id, total: quote.total, method: card() };
        assert_eq!(run.send(pay), no(Rejection::NoQuote));

        let mut run = Run::new();
        run.shop(&[line(7, 2)]);
        run.send(Command::RequestQuote);
        let asks = run.asks();
        assert_eq!(run.send(edit), at(step));
        assert_eq!(run.told(), Some(&Err(Rejection::QuoteDropped)));
        assert!(run.asks().is_empty());
        run.answer(&asks[0], offer(SkuId(7)));
        assert_eq!(run.state.step(), step, "an answer to a closed ask changes nothing");
        run.check_fold();
    }
}

#[test]
fn what_cannot_be_bought_is_named() {
    let answers: [fn(&AskRequest) -> AskAnswer; 4] = [
        |request| match request {
            AskRequest::Product(product::Request::Offer { sku, .. }) if sku.0 == 8 => {
                AskAnswer::Product(product::Answer::NotForSale { sku: *sku })
            }
            AskRequest::Product(product::Request::Offer { sku, .. }) => offer(*sku),
            _ => terms(true),
        },
        |request| match request {
            AskRequest::Product(product::Request::Offer { sku, .. }) if sku.0 == 8 => AskAnswer::Unknown,
            AskRequest::Product(product::Request::Offer { sku, .. }) => offer(*sku),
            _ => terms(true),
        },
        |request| match request {
            AskRequest::Product(product::Request::Offer { sku, .. }) if sku.0 == 8 => {
                AskAnswer::Product(product::Answer::Offer {
                    sku: *sku,
                    variant: VariantId(1),
                    vendor: VendorId(1),
                    unit_price: Money::new(1, Currency::EUR),
                    unit_shipping: brl(1),
                    version: 1,
                })
            }
            AskRequest::Product(product::Request::Offer { sku, .. }) => offer(*sku),
            _ => terms(true),
        },
        // The wrong offer is no offer.
        |request| match request {
            AskRequest::Product(product::Request::Offer { sku, .. }) if sku.0 == 8 => offer(SkuId(7)),
            AskRequest::Product(product::Request::Offer { sku, .. }) => offer(*sku),
            _ => terms(true),
        },
    ];
    for answer in answers {
        let mut run = Run::new();
        run.shop(&[line(7, 1), line(8, 1)]);
        run.send(Command::RequestQuote);
        run.answer_all(answer);
        run.answer_all(answer);
        assert_eq!(run.told(), Some(&Err(Rejection::NotForSale { lines: vec![2] })));
        assert_eq!(run.state.step(), Step::ShippingChosen);
        assert!(run.asks().is_empty());
        run.check_fold();
    }
}

#[test]
fn a_vendor_that_does_not_sell_takes_all_its_lines_along() {
    let mut run = Run::new();
    run.shop(&[line(7, 1), line(8, 1), line(9, 1)]);
    run.send(Command::RequestQuote);
    run.answer_all(|request| match request {
        AskRequest::Product(product::Request::Offer { sku, .. }) => offer(*sku),
        _ => AskAnswer::Waiting,
    });
    assert_eq!(run.asks().len(), 2, "each vendor is asked once");
    for ask in run.asks() {
        run.answer(&ask, terms(ask.to != StreamId::Vendor(VendorId(1))));
    }
    assert_eq!(run.told(), Some(&Err(Rejection::NotForSale { lines: vec![1, 3] })));
}

#[test]
fn an_operator_prices_every_line_and_nothing_else() {
    let write = |sku, price, shipping| WrittenLine {
        sku: SkuId(sku),
        quantity: None,
        unit_price: brl(price),
        unit_shipping: brl(shipping),
    };
    let mut run = Run::new();
    run.shop(&[line(7, 2), line(8, 1)]);
    let euros = WrittenLine { unit_price: Money::new(5, Currency::EUR), ..write(8, 1, 1) };
    for lines in [
        vec![],
        vec![write(7, 1, 1)],
        vec![write(7, 1, 1), write(7, 1, 1)],
        vec![write(7, 1, 1), write(8, -1, 1)],
        vec![write(7, 1, 1), euros],
        vec![write(7, 1, 1), write(8, 1, 1), write(9, 1, 1)],
    ] {
        assert_eq!(run.send(Command::WriteQuote { lines }), no(Rejection::QuoteMismatch));
    }
    assert_eq!(run.send(Command::WriteQuote { lines: vec![write(8, 500, 50), write(7, 33, 3)] }), None);
    run.answer_quote();
    let quote = run.state.quote.clone().expect("there is a quote");
    assert!(quote.assisted);
    assert_eq!(quote.total, brl(2 * 36 + 550));
    assert_eq!((quote.lines[0].list_price, quote.lines[0].unit_price), (brl(70), brl(33)));
    assert_eq!(quote.lines[0].commission.amount, brl(7), "6.6, rounded once");
    assert_eq!(quote.shipping, [(VendorId(1), brl(6)), (VendorId(2), brl(50))]);
}

#[test]
fn an_offer_priced_in_parts_is_a_line_of_the_order_for_each() {
    let part = |sku, quantity, price, shipping| WrittenLine {
        sku: SkuId(sku),
        quantity,
        unit_price: brl(price),
        unit_shipping: brl(shipping),
    };
    let mut run = Run::new();
    run.shop(&[line(7, 3), line(8, 1)]);
    let other = part(8, None, 500, 50);
    for parts in [
        vec![part(7, Some(2), 33, 3), other],
        vec![part(7, Some(2), 33, 3), part(7, Some(2), 30, 3), other],
        vec![part(7, Some(3), 33, 3), part(7, Some(0), 30, 3), other],
        vec![part(7, None, 33, 3), part(7, Some(1), 30, 3), other],
        vec![part(7, Some(u32::MAX), 33, 3), part(7, Some(4), 30, 3), other],
        vec![part(7, Some(3), 33, 3), part(8, Some(2), 30, 3)],
    ] {
        assert_eq!(run.send(Command::WriteQuote { lines: parts }), no(Rejection::QuoteMismatch));
    }
    let many = vec![part(7, Some(1), 1, 1); LINES_MAX + 1];
    assert_eq!(run.send(Command::WriteQuote { lines: many }), no(Rejection::TooManyLines));

    let parts = vec![part(7, Some(2), 33, 3), other, part(7, Some(1), 37, 5)];
    assert_eq!(run.send(Command::WriteQuote { lines: parts }), None);
    run.answer_quote();
    let quote = run.state.quote.clone().expect("there is a quote");
    let lines: Vec<_> =
        quote.lines.iter().map(|line| (line.number, line.sku.0, line.quantity, line.unit_price)).collect();
    assert_eq!(lines, [(1, 7, 2, brl(33)), (2, 7, 1, brl(37)), (3, 8, 1, brl(500))]);
    assert_eq!(quote.total, brl(2 * 36 + 42 + 550));
    let commission: Vec<_> = quote.lines.iter().map(|line| line.commission.amount).collect();
    assert_eq!(commission, [brl(7), brl(4), brl(50)], "6.6 and 3.7, rounded once each");

    run.pay();
    run.answer_all(|_| held());
    run.news(News::Authorised);
    run.answer_all(|_| committed());
    run.news(News::Captured);
    let placed = run.created.iter().flat_map(|creation| &creation.events).find_map(|event| match event {
        AnyEvent::Order(crate::order::Event::Placed(placed)) => Some(placed.clone()),
        _ => None,
    });
    let placed = placed.expect("it is placed");
    let lines: Vec<_> =
        placed.lines.iter().map(|line| (line.number, line.sku.0, line.quantity, line.hold.id.n)).collect();
    assert_eq!(lines, [(1, 7, 2, 1), (2, 7, 1, 2), (3, 8, 1, 3)], "each has a hold of its own");
    assert!(placed.sale.imbalance().is_empty());
    run.check_fold();
}

#[test]
fn lines_of_one_offer_are_one_line_of_the_cart() {
    let assisted = |sku, quantity, price| AssistedLine {
        sku: SkuId(sku),
        product: ProductId(1),
        quantity,
        unit_price: brl(price),
        unit_shipping: brl(1),
    };
    let lines = [assisted(7, 2, 33), assisted(8, 1, 5), assisted(7, 1, 30), assisted(7, 3, 33)];
    let (cart, written) = AssistedLine::cart(&lines).expect("a cart");
    let cart: Vec<_> = cart.iter().map(|line| (line.sku.0, line.quantity)).collect();
    assert_eq!(cart, [(7, 6), (8, 1)]);
    let written: Vec<_> =
        written.iter().map(|part| (part.sku.0, part.quantity, part.unit_price.minor)).collect();
    assert_eq!(written, [(7, Some(5), 33), (8, Some(1), 5), (7, Some(1), 30)], "what costs the same is one");
    let elsewhere = AssistedLine { product: ProductId(2), ..assisted(7, 1, 1) };
    assert_eq!(AssistedLine::cart(&[assisted(7, 1, 1), elsewhere]), Err(Rejection::QuoteMismatch));
    let huge = [assisted(7, u32::MAX, 1), assisted(7, 1, 1)];
    assert_eq!(AssistedLine::cart(&huge), Err(Rejection::InvalidQuantity));
}

#[test]
fn taxes_are_part_of_the_price_or_come_on_top() {
    for (included, tax, total) in [(true, 12, 140 + 14), (false, 14, 140 + 14 + 14)] {
        let mut run = Run::new();
        let mut opening = opening();
        let rule = crate::market::TaxRule { jurisdiction: "BR".to_owned(), rate: Rate(950) };
        opening.market.prices_include_tax = included;
        opening.market.tax = Some(rule);
        run.ok(Command::Open(opening));
        run.ok(Command::SetLine(line(7, 2)));
        run.ok(Command::SetAddress(address()));
        run.ok(Command::ChooseShipping { method: "standard".to_owned() });
        run.send(Command::RequestQuote);
        run.answer_quote();
        let quote = run.state.quote.clone().expect("there is a quote");
        let taxes: Vec<i64> = quote.lines[0].taxes.iter().map(|tax| tax.amount.minor).collect();
        // 140 × 9.5 / 109.5 = 12.1; 140 × 9.5 % = 13.3.
        let expected = if included { tax } else { 13 };
        assert_eq!((taxes, quote.total), (vec![expected], brl(if included { total } else { total - 1 })));
    }
}

#[test]
fn a_quote_too_large_to_handle_is_none() {
    let mut run = Run::new();
    run.shop(&[line(7, inventory::QUANTITY_MAX)]);
    let huge =
        WrittenLine { sku: SkuId(7), quantity: None, unit_price: brl(i64::MAX), unit_shipping: brl(0) };
    run.send(Command::WriteQuote { lines: vec![huge] });
    run.answer_quote();
    assert_eq!(run.told(), Some(&Err(Rejection::TooLarge)));
    run.check_fold();
}

#[test]
fn a_payment_of_another_quote_is_told_the_right_one() {
    let mut run = Run::quoted(&[line(7, 2)]);
    let quote = run.state.quote.clone().expect("there is a quote");
    let changed = no(Rejection::QuoteChanged { quote: quote.id, total: quote.total });
    let pay = |quote, total| Command::Pay { quote, total, method: card() };
    assert_eq!(run.send(pay(QuoteId(1), quote.total)), changed);
    assert_eq!(run.send(pay(quote.id, brl(1))), changed);
    let token = Method::Card { token: String::new() };
    let empty = Command::Pay { quote: quote.id, total: quote.total, method: token };
    assert_eq!(run.send(empty), no(Rejection::InvalidText));
    run.wait(limits().quote_ttl_ms);
    assert_eq!(run.last(), &Event::QuoteDropped { why: QuoteDropped::Expired });
    assert_eq!(run.send(pay(quote.id, quote.total)), no(Rejection::NoQuote));
}

#[test]
fn a_quote_that_nobody_answers_is_given_up() {
    let mut run = Run::new();
    run.shop(&[line(7, 2)]);
    run.send(Command::RequestQuote);
    run.wait(limits().quote_ttl_ms);
    assert_eq!(run.told(), Some(&Err(Rejection::NoAnswer)));
    assert!(run.asks().is_empty());
    run.wait(limits().cart_ttl_ms);
    assert_eq!(run.state.step(), Step::Expired);
    assert_eq!(run.send(Command::SetLine(line(7, 1))), no(Rejection::Ended));
    run.check_fold();
}

#[test]
fn nothing_is_touched_while_it_is_paid_for() {
    let mut run = Run::quoted(&[line(7, 2)]);
    run.pay();
    for command in [
        Command::SetLine(line(7, 1)),
        Command::SetAddress(Address { subject: SubjectId(1), ..address() }),
        Command::ChooseShipping { method: "express".to_owned() },
        Command::RequestQuote,
        Command::Pay { quote: QuoteId(1), total: brl(1), method: card() },
    ] {
        assert_eq!(run.send(command), no(Rejection::PaymentInProgress));
    }
}
