//! What the program says of its own, beside the log: as text, or as the log does, one JSON object a line.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;
use std::time::SystemTime;

use logferry_forwarder::config::{Errors, Problem};
use logferry_forwarder::state::{EventCounts, RecordCounts, time_of};
use logferry_forwarder::summary::Summary;
use serde::Serialize;

use crate::logging::Format;

/// How it is said; as text until a command has been told otherwise.
static FORMAT: OnceLock<Format> = OnceLock::new();

/// Says everything in this form from now on.
pub fn set_format(format: Format) {
    // Only the one command that runs sets it.
    let _ = FORMAT.set(format);
}

#[derive(Serialize)]
struct Line<'a, D> {
    timestamp: String,
    level: &'static str,
    message: &'a str,
    #[serde(flatten)]
    details: D,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct Place<'a> {
    file: &'a Path,
    line: usize,
    column: usize,
    quoted: &'a str,
}

#[derive(Serialize)]
struct Counts<'a> {
    records: BTreeMap<&'a str, RecordCounts>,
    events: BTreeMap<&'a str, EventCounts>,
    requests: u64,
    throttled: u64,
    late_rows: u64,
    seconds: f64,
}

/// Says something.
pub fn say(message: &dyn Display) {
    one("INFO", message, Nothing {});
}

/// Says why something failed.
pub fn fail(error: &dyn Display) {
    one("ERROR", error, Nothing {});
}

/// Says everything that is wrong with a configuration.
pub fn refuse(errors: &Errors) {
    match errors {
        Errors::Content(problems) if is_json() => {
            for problem in problems {
                let Problem {
                    path,
                    line,
                    column,
                    message,
                    quoted,
                } = problem;
                let place = Place {
                    file: path,
                    line: *line,
                    column: *column,
                    quoted,
                };
                one("ERROR", message, place);
            }
        }
        _ => fail(errors),
    }
}

/// Says what a run did.
pub fn sum_up(summary: &Summary) {
    if !is_json() {
        return say(summary);
    }
    let counts = Counts {
        records: summary
            .tracks
            .iter()
            .map(|(name, counts)| (name.as_str(), *counts))
            .collect(),
        events: summary
            .sinks
            .iter()
            .map(|(name, counts)| (name.as_str(), *counts))
            .collect(),
        requests: summary.requests,
        throttled: summary.throttled,
        late_rows: summary.late,
        seconds: (summary.took.as_secs_f64() * 10.0).round() / 10.0,
    };
    one("INFO", &"ended", counts);
}

fn is_json() -> bool {
    FORMAT.get() == Some(&Format::Json)
}

fn one<D: Serialize>(level: &'static str, message: &dyn Display, details: D) {
    let text = match is_json() {
        false => message.to_string(),
        true => {
            let line = Line {
                timestamp: time_of(SystemTime::now()),
                level,
                message: &message.to_string(),
                details,
            };
            // Texts and numbers always can be written, but for a path that is no text.
            serde_json::to_string(&line).unwrap_or_else(|error| error.to_string())
        }
    };
    // When stderr is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}
