//! Every token × every operation, each call made twice with a look-up between; alike in memory, in one process and
//! with a restart before every single step.

use super::*;

#[derive(Clone, Copy, PartialEq)]
enum Life {
    Memory,
    Process,
    Restarts,
}

struct World {
    life: Life,
    dir: tempfile::TempDir,
    clock: Clock,
    bank: Option<TestBank>,
}

impl World {
    fn new(life: Life) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        World { life, dir, clock: Clock::default(), bank: None }
    }

    fn bank(&mut self) -> TestBank {
        if self.life == Life::Restarts {
            self.bank = None;
        }
        let (life, now) = (self.life, self.clock.now());
        let dir = self.dir.path();
        let bank = self.bank.get_or_insert_with(|| match life {
            Life::Memory => TestBank::in_memory(Settings::default(), now),
            _ => TestBank::open(dir, Settings::default(), now).expect("it opens"),
        });
        bank.clone()
    }

    async fn call(&mut self, call: &ProviderCall) -> String {
        let provider = Provider::TestBank(self.bank());
        word(&provider.call(call).await).to_owned()
    }

    /// First answer, look-up, answer to the repeat, look-up.
    async fn step(&mut self, call: &ProviderCall) -> String {
        let mut words = Vec::new();
        for call in [call, &look_up(call), call, &look_up(call)] {
            words.push(self.call(call).await);
        }
        words.join(" ")
    }
}

/// token; then of authorise, capture, a refund of 400, void: first answer, look-up, repeat, look-up; then effects.
const TAKEN: &[(&str, [&str; 4], &[&str])] = &[
    (
        "card_success",
        [
            "authorised authorised authorised authorised",
            "captured captured captured captured",
            "refunded refunded refunded refunded",
            "captured captured captured captured",
        ],
        &["authorise:authorise 1000", "capture:capture 1000", "refund-1:refund 400"],
    ),
    (
        "card_declined",
        [
            "declined declined declined declined",
            "declined declined declined declined",
            "not_captured not_captured not_captured not_captured",
            "declined declined declined declined",
        ],
        &[],
    ),
    (
        "card_3ds",
        [
            "action action action action",
            "action action action action",
            "not_captured not_captured not_captured not_captured",
            "voided voided voided voided",
        ],
        &["void:void 0"],
    ),
    (
        "card_capture_declined",
        [
            "authorised authorised authorised authorised",
            "capture_declined authorised capture_declined authorised",
            "not_captured not_captured not_captured not_captured",
            "voided voided voided voided",
        ],
        &["authorise:authorise 1000", "void:void 1000"],
    ),
    (
        "card_refund_declined",
        [
            "authorised authorised authorised authorised",
            "captured captured captured captured",
            "refund_declined refund_declined refund_declined refund_declined",
            "captured captured captured captured",
        ],
        &["authorise:authorise 1000", "capture:capture 1000"],
    ),
    (
        "card_timeout_then_succeeded",
        [
            "unknown authorised authorised authorised",
            "unknown captured captured captured",
            "unknown refunded refunded refunded",
            "unknown captured captured captured",
        ],
        &["authorise:authorise 1000", "capture:capture 1000", "refund-1:refund 400"],
    ),
    (
        "card_timeout_lost",
        [
            "unknown nothing authorised authorised",
            "unknown authorised captured captured",
            "unknown nothing refunded refunded",
            "unknown captured captured captured",
        ],
        &["authorise:authorise 1000", "capture:capture 1000", "refund-1:refund 400"],
    ),
    (
        "card_late_notice",
        [
            "unknown authorised authorised authorised",
            "unknown captured captured captured",
            "unknown refunded refunded refunded",
            "unknown captured captured captured",
        ],
        &["authorise:authorise 1000", "capture:capture 1000", "refund-1:refund 400"],
    ),
    (
        "card_duplicate_notice",
        [
            "authorised authorised authorised authorised",
            "captured captured captured captured",
            "refunded refunded refunded refunded",
            "captured captured captured captured",
        ],
        &["authorise:authorise 1000", "capture:capture 1000", "refund-1:refund 400"],
    ),
    (
        "card_slow",
        [
            "authorised authorised authorised authorised",
            "captured captured captured captured",
            "refunded refunded refunded refunded",
            "captured captured captured captured",
        ],
        &["authorise:authorise 1000", "capture:capture 1000", "refund-1:refund 400"],
    ),
    (
        "instant",
        [
            "captured captured captured captured",
            "captured captured captured captured",
            "refunded refunded refunded refunded",
            "captured captured captured captured",
        ],
        &["authorise:capture 1000", "refund-1:refund 400"],
    ),
    (
        "instant_declined",
        [
            "declined declined declined declined",
            "declined declined declined declined",
            "not_captured not_captured not_captured not_captured",
            "declined declined declined declined",
        ],
        &[],
    ),
    (
        "instant_late_notice",
        [
            "unknown captured captured captured",
            "unknown captured captured captured",
            "unknown refunded refunded refunded",
            "unknown captured captured captured",
        ],
        &["authorise:capture 1000", "refund-1:refund 400"],
    ),
    (
        "pay_later",
        [
            "awaiting captured awaiting captured",
            "captured captured captured captured",
            "refunded refunded refunded refunded",
            "captured captured captured captured",
        ],
        &["authorise:capture 1000", "refund-1:refund 400"],
    ),
    (
        "pay_later_never",
        [
            "awaiting awaiting awaiting awaiting",
            "awaiting awaiting awaiting awaiting",
            "not_captured not_captured not_captured not_captured",
            "voided voided voided voided",
        ],
        &["void:void 0"],
    ),
    (
        "pay_later_despite_void",
        [
            "awaiting captured awaiting captured",
            "captured captured captured captured",
            "refunded refunded refunded refunded",
            "captured captured captured captured",
        ],
        &["authorise:capture 1000", "refund-1:refund 400"],
    ),
];

#[tokio::test]
async fn every_token_and_every_operation() {
    assert!(
        TOKENS.iter().map(|token| token.name).eq(TAKEN.iter().map(|(name, _, _)| *name)),
        "every token once"
    );
    for life in [Life::Memory, Life::Process, Life::Restarts] {
        for (token, expected, moved) in TAKEN {
            let mut world = World::new(life);
            let id = payment(7);
            let calls = [authorise(id, token), capture(id), refund(id, 1, 400), void(id)];
            let mut answers = Vec::new();
            for call in &calls {
                answers.push(world.step(call).await);
            }
            assert_eq!(answers, expected, "{token}");
            if life != Life::Memory {
                drop(world.bank.take());
                assert_eq!(effects(&log_of(world.dir.path())), *moved, "{token}");
            }
        }
    }
}

/// token; void after authorise, capture after the void; effects.
const LET_GO: &[(&str, [&str; 2], &[&str])] = &[
    (
        "card_success",
        ["voided voided voided voided", "voided voided voided voided"],
        &["authorise:authorise 1000", "void:void 1000"],
    ),
    (
        "card_timeout_then_succeeded",
        ["unknown voided voided voided", "unknown voided voided voided"],
        &["authorise:authorise 1000", "void:void 1000"],
    ),
    (
        "card_timeout_lost",
        ["unknown authorised voided voided", "unknown voided voided voided"],
        &["authorise:authorise 1000", "void:void 1000"],
    ),
    ("card_3ds", ["voided voided voided voided", "voided voided voided voided"], &["void:void 0"]),
    (
        "instant",
        ["captured captured captured captured", "captured captured captured captured"],
        &["authorise:capture 1000"],
    ),
];

#[tokio::test]
async fn what_was_reserved_is_let_go_once() {
    for life in [Life::Process, Life::Restarts] {
        for (token, expected, moved) in LET_GO {
            let mut world = World::new(life);
            let id = payment(7);
            world.step(&authorise(id, token)).await;
            let answers = [world.step(&void(id)).await, world.step(&capture(id)).await];
            assert_eq!(answers, *expected, "{token}");
            drop(world.bank.take());
            assert_eq!(effects(&log_of(world.dir.path())), *moved, "{token}");
        }
    }
}

#[tokio::test]
async fn the_shopper_decides_over_3ds() {
    for life in [Life::Process, Life::Restarts] {
        for (ok, standing, captured) in
            [(true, "authorised", "captured"), (false, "authentication_failed", "authentication_failed")]
        {
            let mut world = World::new(life);
            let id = payment(7);
            let fact = world.bank().call(&authorise(id, "card_3ds")).await;
            let url = "http://localhost:8080/test-bank/pay_00000000000000000000000007-1".to_owned();
            assert_eq!(fact, ProviderFact::ActionNeeded { url });
            assert_eq!(world.bank().action(id), Some(Money::new(PRICE, EUR)));
            assert_eq!(
                world.bank().complete_action(payment(8), ok).await,
                Err(ActionRefused::UnknownPayment)
            );
            assert_eq!(world.bank().complete_action(id, ok).await, Ok(()));
            assert_eq!(world.bank().complete_action(id, ok).await, Ok(()), "a double click");
            assert_eq!(world.bank().complete_action(id, !ok).await, Err(ActionRefused::NotWaiting));
            assert_eq!(world.bank().action(id), None);
            assert_eq!(world.call(&look_up(&authorise(id, "card_3ds"))).await, standing);
            assert_eq!(world.call(&authorise(id, "card_3ds")).await, "action", "a key keeps its answer");
            assert_eq!(world.call(&capture(id)).await, captured);
            let told = deliveries(&world.bank(), true).await;
            assert!(told.contains(&format!("7 authorise {standing}")), "{told:?}");
            drop(world.bank.take());
            let moved: &[&str] = if ok { &["authorise:authorise 1000", "capture:capture 1000"] } else { &[] };
            assert_eq!(effects(&log_of(world.dir.path())), moved);
        }
    }
}

#[tokio::test]
async fn an_action_after_the_void_is_refused() {
    let mut world = World::new(Life::Memory);
    let id = payment(7);
    world.call(&authorise(id, "card_3ds")).await;
    world.call(&void(id)).await;
    assert_eq!(world.bank().complete_action(id, true).await, Err(ActionRefused::NotWaiting));
    assert_eq!(world.call(&look_up(&void(id))).await, "voided");
}
