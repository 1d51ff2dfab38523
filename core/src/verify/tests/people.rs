//! Histories of people, right and damaged by hand.

use std::collections::BTreeMap;

use super::super::*;
use crate::family::{self, Audience, EndReason, Method};
use crate::ids::{CredentialId, FamilyId, SubjectId, UserId};
use crate::journal::{AppendId, Epoch, Incarnation, Origin};
use crate::person::lock::Place;
use crate::person::{self, Purpose, RESET_WITHIN_MS};
use crate::time::Timestamp;

const PERSON: StreamId = StreamId::Person(UserId(4));
const FAMILY: StreamId = StreamId::Family(FamilyId(5));
const SECOND: i64 = 1_000;
const HERE: Place = Place::Network(7);
const TOTP: CredentialId = CredentialId(21);
const CODES: CredentialId = CredentialId(22);

/// An event of a stream so long after the start.
type Step = (StreamId, i64, AnyEvent);

fn of_person(millis: i64, event: person::Event) -> Step {
    (PERSON, millis, event.into())
}

fn of_family(millis: i64, event: family::Event) -> Step {
    (FAMILY, millis, event.into())
}

fn begun(round: u32) -> family::Event {
    family::Event::Begun {
        person: UserId(4),
        round,
        audience: Audience::Store,
        method: Method::Password,
        parent: None,
        idle_ms: 60 * SECOND,
        ends_at: Timestamp::from_millis(100 * SECOND),
    }
}

fn failed(millis: i64, at: Place, count: u32) -> Step {
    of_person(millis, person::Event::TryFailed { at, count })
}

fn unlocked(millis: i64, at: Place) -> Step {
    of_person(millis, person::Event::Unlocked { at })
}

fn used(millis: i64, step: u64) -> Step {
    of_person(millis, person::Event::TotpUsed { totp: TOTP, step })
}

fn recovered(millis: i64, number: u32) -> Step {
    of_person(millis, person::Event::RecoveryUsed { codes: CODES, number })
}

/// Signed up, verified, signed in, refreshed twice, password reset, signed out, failed to sign in again and done so in the end;
/// a second factor, used and removed.
fn history() -> Vec<Step> {
    let (purpose, old, new) = (Purpose::Reset, CredentialId(1), CredentialId(2));
    vec![
        of_person(0, person::Event::SignedUp { mail: SubjectId(1) }),
        of_person(0, person::Event::LetterAsked { purpose: Purpose::Verify, token: 1 }),
        of_person(SECOND, person::Event::LetterAsked { purpose: Purpose::Verify, token: 1 }),
        of_person(2 * SECOND, person::Event::Verified { token: 1, password: old }),
        of_person(3 * SECOND, person::Event::Reminded),
        of_family(3 * SECOND, begun(1)),
        of_family(4 * SECOND, family::Event::Rotated { generation: 2 }),
        of_family(5 * SECOND, family::Event::Rotated { generation: 3 }),
        of_person(6 * SECOND, person::Event::LetterAsked { purpose, token: 2 }),
        of_person(7 * SECOND, person::Event::PasswordReset { token: 2, password: new }),
        of_person(8 * SECOND, person::Event::SignInsEnded),
        of_family(9 * SECOND, family::Event::Ended { reason: EndReason::SignedOut }),
        failed(10 * SECOND, HERE, 5),
        failed(10 * SECOND, Place::Shown, 5),
        failed(40 * SECOND, HERE, 6),
        unlocked(100 * SECOND, HERE),
        failed(101 * SECOND, HERE, 5),
        of_person(102 * SECOND, person::Event::TotpBegun { totp: TOTP }),
        of_person(103 * SECOND, person::Event::TotpConfirmed { totp: TOTP, step: 3, codes: CODES }),
        used(104 * SECOND, 5),
        recovered(105 * SECOND, 9),
        of_person(106 * SECOND, person::Event::RecoveryRenewed { codes: CredentialId(23) }),
        of_person(107 * SECOND, person::Event::FactorRemoved { totp: TOTP }),
    ]
}

fn read(steps: &[Step]) -> Report {
    let mut verifier = Verifier::new();
    let (mut seqs, mut positions) = (BTreeMap::new(), BTreeMap::new());
    for (stream, millis, event) in steps {
        let partition = stream.partition();
        let seq: &mut u64 = seqs.entry(*stream).or_default();
        let position: &mut u64 = positions.entry(partition).or_default();
        (*seq, *position) = (*seq + 1, *position + 1);
        verifier.event(&Recorded {
            partition,
            position: *position,
            stream: *stream,
            seq: *seq,
            epoch: Epoch(1),
            append_id: AppendId { incarnation: Incarnation(1), ordinal: *position },
            at: Timestamp::from_millis(*millis),
            origin: Origin::default(),
            event: event.clone(),
        });
    }
    verifier.finish()
}

#[test]
fn a_history_as_it_should_be_is_green() {
    let report = read(&history());
    assert_eq!(report.violations, []);
    assert!(report.facts[&Invariant::I14] >= 17, "{:?}", report.facts);
}

#[test]
fn what_cannot_have_happened_is_named() {
    let replaced = |at: usize, step: Step| {
        let mut steps = history();
        steps[at] = step;
        steps
    };
    let without = |at: usize| {
        let mut steps = history();
        steps.remove(at);
        steps
    };
    let and = |step: Step| {
        let mut steps = history();
        steps.push(step);
        steps
    };
    let (old, third) = (CredentialId(1), CredentialId(3));
    let reset = |token, password| person::Event::PasswordReset { token, password };
    let late = 7 * SECOND + RESET_WITHIN_MS;
    let stepped_up = family::Event::SteppedUp { by: family::Shown::Password };
    let begun_again = person::Event::TotpBegun { totp: CredentialId(24) };
    let confirmed = person::Event::TotpConfirmed { totp: TOTP, step: 3, codes: CODES };
    let removed = person::Event::FactorRemoved { totp: TOTP };
    for (what, stream, steps) in [
        ("nobody signed up", PERSON, without(0)),
        ("a token that no letter had", PERSON, without(8)),
        (
            "a letter with the token after the next",
            PERSON,
            replaced(
                8,
                of_person(6 * SECOND, person::Event::LetterAsked { purpose: Purpose::Reset, token: 3 }),
            ),
        ),
        ("a token that was spent", PERSON, and(of_person(9 * SECOND, reset(2, third)))),
        ("a token too late", PERSON, replaced(9, of_person(late, reset(2, third)))),
        ("a token of another purpose", PERSON, replaced(9, of_person(7 * SECOND, reset(1, third)))),
        ("the same password", PERSON, replaced(9, of_person(7 * SECOND, reset(2, old)))),
        (
            "the password before last",
            PERSON,
            and(of_person(9 * SECOND, person::Event::PasswordChanged { password: old })),
        ),
        (
            "signed up twice",
            PERSON,
            and(of_person(9 * SECOND, person::Event::SignedUp { mail: SubjectId(2) })),
        ),
        (
            "verified twice",
            PERSON,
            and(of_person(9 * SECOND, person::Event::Verified { token: 1, password: third })),
        ),
        ("nobody signed in", FAMILY, without(5)),
        ("a generation left out", FAMILY, without(6)),
        ("a round that there never was", FAMILY, replaced(5, of_family(3 * SECOND, begun(4)))),
        ("a round before the first", FAMILY, replaced(5, of_family(3 * SECOND, begun(0)))),
        (
            "refreshed when it was over",
            FAMILY,
            replaced(7, of_family(64 * SECOND, family::Event::Rotated { generation: 3 })),
        ),
        (
            "refreshed after it ended",
            FAMILY,
            and(of_family(10 * SECOND, family::Event::Rotated { generation: 4 })),
        ),
        (
            "ended twice",
            FAMILY,
            and(of_family(10 * SECOND, family::Event::Ended { reason: EndReason::Reused })),
        ),
        ("begun twice", FAMILY, and(of_family(10 * SECOND, begun(2)))),
        ("shown once more when it was over", FAMILY, replaced(7, of_family(64 * SECOND, stepped_up))),
        ("shown once more after it ended", FAMILY, and(of_family(10 * SECOND, stepped_up))),
        ("a factor begun twice", PERSON, replaced(19, of_person(104 * SECOND, begun_again))),
        ("confirmed what was not begun", PERSON, without(17)),
        ("confirmed too late", PERSON, replaced(18, of_person(102 * SECOND + 3_600_000, confirmed))),
        ("a step twice", PERSON, replaced(20, used(105 * SECOND, 5))),
        ("the step that confirmed", PERSON, replaced(19, used(104 * SECOND, 3))),
        ("a step before the last", PERSON, replaced(20, used(105 * SECOND, 4))),
        ("a code of what was not confirmed", PERSON, without(18)),
        ("a recovery code twice", PERSON, replaced(19, recovered(104 * SECOND, 9))),
        ("a recovery code that there is not", PERSON, replaced(20, recovered(105 * SECOND, 10))),
        ("a recovery code of those before", PERSON, replaced(22, recovered(107 * SECOND, 1))),
        ("a factor removed twice", PERSON, and(of_person(108 * SECOND, removed))),
        ("a code after it was removed", PERSON, and(used(108 * SECOND, 6))),
        ("failed for the fourth time", PERSON, replaced(13, failed(10 * SECOND, Place::Shown, 4))),
        ("failed in the middle of a delay", PERSON, replaced(14, failed(39 * SECOND, HERE, 6))),
        ("a failure left out", PERSON, replaced(14, failed(40 * SECOND, HERE, 7))),
        ("failures forgotten too early", PERSON, replaced(15, unlocked(99 * SECOND, HERE))),
        ("failures forgotten that there were not", PERSON, and(unlocked(200 * SECOND, Place::Elsewhere))),
    ] {
        let report = read(&steps);
        let named = report
            .violations
            .iter()
            .any(|violation| violation.invariant == Invariant::I14 && violation.stream == stream);
        assert!(named, "{what}: {:?}", report.violations);
    }
}
