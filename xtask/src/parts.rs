//! The parts of a run: each is named as it starts, none stops the others, and a table at the end says how each went.

use std::time::{Duration, Instant};

use anyhow::Result;

enum Outcome {
    Ok(String),
    Failed(String),
    Skipped(String),
}

struct Part {
    name: &'static str,
    took: Duration,
    outcome: Outcome,
}

#[derive(Default)]
pub struct Parts(Vec<Part>);

impl Parts {
    /// Runs one part. What `body` returns is a remark for the table, often empty.
    pub fn run(&mut self, name: &'static str, body: impl FnOnce() -> Result<String>) {
        println!("\n── {name} ──");
        let start = Instant::now();
        let outcome = match body() {
            Ok(remark) => Outcome::Ok(remark),
            Err(error) => {
                println!("{name} FAILED: {error:#}");
                // The table has one line per part; the rest stands above.
                let first = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
                Outcome::Failed(first)
            }
        };
        self.0.push(Part { name, took: start.elapsed(), outcome });
    }

    pub fn skip(&mut self, name: &'static str, reason: &str) {
        println!("\n── {name} ── skipped: {reason}");
        self.0.push(Part { name, took: Duration::ZERO, outcome: Outcome::Skipped(reason.to_owned()) });
    }

    pub fn failed(&self) -> Vec<&'static str> {
        self.0
            .iter()
            .filter(|part| matches!(part.outcome, Outcome::Failed(_)))
            .map(|part| part.name)
            .collect()
    }

    pub fn skipped(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().filter_map(|part| match &part.outcome {
            Outcome::Skipped(reason) => Some((part.name, reason.as_str())),
            Outcome::Ok(_) | Outcome::Failed(_) => None,
        })
    }

    pub fn table(&self) -> String {
        let width = self.0.iter().map(|part| part.name.len()).max().unwrap_or(0).max("total".len());
        let mut lines: Vec<String> = self
            .0
            .iter()
            .map(|part| {
                let (word, remark) = match &part.outcome {
                    Outcome::Ok(remark) => ("ok", remark),
                    Outcome::Failed(error) => ("FAILED", error),
                    Outcome::Skipped(reason) => ("skipped", reason),
                };
                let line = format!("{:width$}  {:>9}  {word:7}  {remark}", part.name, human(part.took));
                line.trim_end().to_owned()
            })
            .collect();
        let total = self.0.iter().map(|part| part.took).sum();
        lines.push(format!("{:width$}  {:>9}", "total", human(total)));
        lines.join("\n")
    }
}

fn human(took: Duration) -> String {
    let seconds = took.as_secs();
    if seconds < 60 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} m {:02} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn the_table_tells_every_part_and_a_failure_stops_nothing() {
        let mut parts = Parts::default();
        parts.run("format", || bail!("exit status: 1\nsecond line"));
        parts.run("tests", || Ok(String::new()));
        parts.skip("postgres", "--embedded");

        assert_eq!(parts.failed(), ["format"]);
        assert_eq!(parts.skipped().collect::<Vec<_>>(), [("postgres", "--embedded")]);
        let table = parts.table();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 4, "{table}");
        assert!(lines[0].starts_with("format  ") && lines[0].ends_with("FAILED   exit status: 1"), "{table}");
        assert!(lines[1].starts_with("tests  ") && lines[1].ends_with("ok"), "{table}");
        assert!(lines[2].ends_with("skipped  --embedded"), "{table}");
    }

    #[test]
    fn times_read_well() {
        assert_eq!(human(Duration::from_millis(4_249)), "4.2 s");
        assert_eq!(human(Duration::from_secs(62)), "1 m 02 s");
    }
}
