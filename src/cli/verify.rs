//! `souk verify`: reads the journal offline, folds every stream, checks every invariant.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use souk_core::time::Timestamp;
use souk_core::verify::{Invariant, Pending, Report, Verifier, Violation};

use crate::clock::Clock;
use crate::journal::audit::{self, Snapshots};
use crate::journal::{Database, JournalError, Reader};
use crate::replay::AckLog;
use crate::store::read;

use super::settings::SettingsArgument;
use super::{output, progress};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingsArgument,
    /// A client's log of what it was told, one fact a line; each must be in the journal
    #[arg(long, value_name = "FILE")]
    acks: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// How many things under way are named in words.
const NAMED_MAX: usize = 20;

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let settings = arguments.settings.load()?;
    let database = settings.roles()?.engine;
    let mut verifier = Verifier::new();
    // What stands beside the events first: events only grow, so whatever belongs to one finds it afterwards.
    let mut snapshots = Snapshots::read(&database).await?;
    let mut damage = beside(&database, &mut verifier).await?;
    let bar = progress::counting("events");
    let mut partition = None;
    let damaged_events = audit::read(&database, |recorded, _| {
        bar.add(1);
        // Partitions come one after the other.
        if let Some(read) = partition.replace(recorded.partition).filter(|read| *read != recorded.partition) {
            verifier.partition_was_read(read);
        }
        verifier.event(recorded);
        if let Some(matches) = snapshots.event(recorded) {
            verifier.snapshot(recorded.stream, recorded.seq, matches);
        }
    })
    .await?;
    drop(bar);
    damage.extend(damaged_events);
    for (stream, seq) in snapshots.beyond_the_journal() {
        verifier.snapshot(stream, seq, false);
    }
    if let Some(path) = &arguments.acks {
        for told in AckLog::read(path)? {
            verifier.acknowledged(&told);
        }
    }
    let now = Clock::system().now();
    let report = verifier.finish();
    let green = report.is_green(now) && damage.is_empty();
    if arguments.json {
        let out = ReportOut::new(&report, &damage, now, green);
        output::line(serde_json::to_string_pretty(&out)?)?;
    } else {
        output::print(in_words(&report, &damage, now, green))?;
    }
    Ok(if green { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads outbox, replies and cursors. Returns what is damaged, a line each.
async fn beside(database: &Database, verifier: &mut Verifier) -> anyhow::Result<Vec<String>> {
    let mut damage = Vec::new();
    let reader = Reader::open(database, 1).await?;
    let mut page = reader.effects(None).await?;
    while let Some(last) = page.last() {
        for row in &page {
            match row.decode() {
                Ok(effect) => verifier.effect(row.id, &effect),
                Err(error) => damage.push(format!("outbox row {:?}: {error}", row.id)),
            }
        }
        page = reader.effects(Some(last)).await?;
    }
    let mut page = reader.replies(None).await?;
    while let Some(last) = page.last() {
        for row in &page {
            // A reply's row names its stream and no event: a refusal has none.
            verifier.reply(row.key.id, row.stream, None, &row.outcome);
        }
        page = reader.replies(Some(last)).await?;
    }
    let cursors = match read::all_cursors(database).await {
        Ok(cursors) => cursors,
        // Read models may be deleted at any time.
        Err(JournalError::Absent) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    for (_, cursor) in cursors {
        // One of another journal is dropped by its projector, whatever it says.
        if cursor.journal_id == reader.meta().journal_id {
            verifier.cursor(cursor.partition, cursor.position);
        }
    }
    Ok(damage)
}

/// The report for people.
fn in_words(report: &Report, damage: &[String], now: Timestamp, green: bool) -> String {
    let mut lines = vec![format!("{} events in {} streams", report.events, report.streams)];
    for (invariant, facts) in &report.facts {
        let broken = report.violations.iter().filter(|violation| violation.invariant == *invariant).count();
        let mark = if broken == 0 { "ok    " } else { "BROKEN" };
        let (name, promise) = (invariant.to_string(), invariant.promise());
        lines.push(format!("  {mark} {name:<4}{facts:>10} facts  {promise}"));
    }
    lines.extend(damage.iter().map(|line| format!("  damaged: {line}")));
    for Violation { invariant, stream, seq, what } in &report.violations {
        lines.push(format!("  {invariant} violated in {stream} at seq {seq}: {what}"));
    }
    if !report.pending.is_empty() {
        let (all, overdue) = (report.pending.len(), report.overdue(now).count());
        lines.push(format!("  {all} under way, {overdue} of them past their deadline"));
    }
    lines.extend(under_way(report, now).iter().map(|line| format!("  {line}")));
    lines.push(if green { "verified: everything holds" } else { "NOT verified" }.to_owned());
    lines.push(String::new());
    lines.join("\n")
}

/// What is under way, what must end first before the rest: so what is overdue comes first.
fn nearest(report: &Report) -> Vec<&Pending> {
    let mut pending: Vec<&Pending> = report.pending.iter().collect();
    pending.sort_by_key(|pending| pending.deadline);
    pending
}

/// What is under way, line by line.
fn under_way(report: &Report, now: Timestamp) -> Vec<String> {
    let line = |pending: &Pending| {
        let Pending { invariant, stream, seq, deadline, what } = pending;
        let left = deadline.millis_since(now);
        let seconds = left.unsigned_abs().div_ceil(1_000);
        let (state, when) = if left < 0 { ("OVERDUE", "ago") } else { ("pending", "from now") };
        format!("{state} {invariant} in {stream} since seq {seq}: {what}; due {seconds} s {when}")
    };
    let mut lines: Vec<String> = nearest(report).into_iter().take(NAMED_MAX).map(line).collect();
    if report.pending.len() > NAMED_MAX {
        lines.push(format!("and {} more; --json names all", report.pending.len() - NAMED_MAX));
    }
    lines
}

#[derive(Serialize)]
struct ReportOut {
    verified: bool,
    events: u64,
    streams: u64,
    invariants: Vec<InvariantOut>,
    violations: Vec<ViolationOut>,
    damaged: Vec<String>,
    /// Under way, and in time.
    pending: Vec<PendingOut>,
    /// Under way although it should have ended.
    overdue: Vec<PendingOut>,
}

#[derive(Serialize)]
struct PendingOut {
    invariant: String,
    stream: String,
    seq: u64,
    deadline_ms: i64,
    what: String,
}

impl From<&Pending> for PendingOut {
    fn from(pending: &Pending) -> Self {
        PendingOut {
            invariant: pending.invariant.to_string(),
            stream: pending.stream.to_string(),
            seq: pending.seq,
            deadline_ms: pending.deadline.as_millis(),
            what: pending.what.clone(),
        }
    }
}

#[derive(Serialize)]
struct InvariantOut {
    id: String,
    promise: &'static str,
    facts: u64,
}

#[derive(Serialize)]
struct ViolationOut {
    invariant: String,
    stream: String,
    seq: u64,
    what: String,
}

impl ReportOut {
    fn new(report: &Report, damage: &[String], now: Timestamp, verified: bool) -> Self {
        let invariant = |(invariant, facts): (&Invariant, &u64)| InvariantOut {
            id: invariant.to_string(),
            promise: invariant.promise(),
            facts: *facts,
        };
        let violation = |violation: &Violation| ViolationOut {
            invariant: violation.invariant.to_string(),
            stream: violation.stream.to_string(),
            seq: violation.seq,
            what: violation.what.clone(),
        };
        let (overdue, pending): (Vec<&Pending>, Vec<&Pending>) =
            nearest(report).into_iter().partition(|pending| pending.deadline < now);
        ReportOut {
            verified,
            events: report.events,
            streams: report.streams,
            invariants: report.facts.iter().map(invariant).collect(),
            violations: report.violations.iter().map(violation).collect(),
            damaged: damage.to_vec(),
            pending: pending.into_iter().map(PendingOut::from).collect(),
            overdue: overdue.into_iter().map(PendingOut::from).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use souk_core::ids::{CheckoutId, StreamId};

    #[test]
    fn what_is_under_way_is_named_with_its_deadline_and_what_is_overdue_first() {
        let now = Timestamp::from_millis(1_000_000);
        let pending = |n: i64| Pending {
            invariant: Invariant::I14,
            stream: StreamId::Checkout(CheckoutId(n.unsigned_abs().into())),
            seq: n.unsigned_abs(),
            deadline: now.plus_millis((n - 3) * 1_000),
            what: format!("thing {n}"),
        };
        let report = Report { pending: (1..=25).rev().map(pending).collect(), ..Report::default() };
        let lines = under_way(&report, now);
        assert_eq!(lines.len(), NAMED_MAX + 1);
        let first = "OVERDUE I14 in chk_00000000000000000000000001 since seq 1: thing 1; due 2 s ago";
        assert_eq!((lines[0].as_str(), lines[20].as_str()), (first, "and 5 more; --json names all"));
        assert!(lines[4].ends_with("thing 5; due 2 s from now"), "{}", lines[4]);

        let out = serde_json::to_value(ReportOut::new(&report, &[], now, false)).unwrap();
        let (pending, overdue) = (out["pending"].as_array().unwrap(), out["overdue"].as_array().unwrap());
        assert_eq!((pending.len(), overdue.len()), (23, 2));
        assert_eq!(
            (&overdue[1]["invariant"], &overdue[1]["stream"], &overdue[1]["seq"], &overdue[1]["deadline_ms"]),
            (&"I14".into(), &"chk_00000000000000000000000002".into(), &2.into(), &999_000.into())
        );
    }
}
