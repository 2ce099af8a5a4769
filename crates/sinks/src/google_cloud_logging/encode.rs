//! Events as entries of a log.

use std::io::Write as _;

use logferry_model::Severity;

use super::{Config, Resource};
use crate::batch::{Limits, Usual};
use crate::event::Event;
use crate::exchange::{CONCURRENCY, Labels, created, is_same_when_parsed, quoted, quoted_envelope};

/// Most bytes of one entry (quotas of Cloud Logging: 256 KiB). Google counts its own form of an entry; here the JSON counts, with all that
/// stands around entries, which belongs to each of them.
pub(super) const MOST_BYTES_OF_ONE: usize = 256 * 1024;

/// Most bytes of a body. The limit is 10 MB (quotas of Cloud Logging), but Google has refused what its own client took for smaller.
pub(super) const MOST_BYTES: usize = 8_000_000;

/// Most entries at once. Google names no limit, but its answer may have an error for each, and has to stay readable.
const MOST_EVENTS: usize = 1000;

/// Most bytes of a label's value; a longer one would be cut (quotas of Cloud Logging: 64 KiB).
const MOST_LABEL_BYTES: usize = 64 * 1024;

/// The labels that events have themselves.
pub(super) const OWN_LABELS: [&str; 7] = [
    "levelName",
    "levelValue",
    "connector_type",
    "connection_id",
    "connection_name",
    "sync_id",
    "payload",
];

/// An entry with which settings are tried.
const TEST_ENTRY: &[u8] = br#"{"severity":"INFO","textPayload":"a test of logferry, which is not written"}"#;

pub(super) fn limits(frame: usize) -> Limits {
    Limits {
        max_bytes: MOST_BYTES.saturating_sub(frame),
        max_events: MOST_EVENTS,
        usual: Usual {
            max_bytes: 1_000_000,
            max_events: MOST_EVENTS,
            timeout_secs: 1.0,
            concurrency: CONCURRENCY,
        },
        ..Limits::NONE
    }
}

/// What stands before the entries: what they have in common.
pub(super) struct Frame(Vec<u8>);

/// What stands behind them.
const END: &[u8] = b"]}";

impl Frame {
    pub(super) fn new(config: &Config, project: &str) -> Frame {
        let mut out = b"{\"logName\":".to_vec();
        let log = config.log_id.replace('/', "%2F");
        quoted(&mut out, &format!("projects/{project}/logs/{log}"));
        let mut resource = Resource::clone(&config.resource);
        resource
            .labels
            .entry("project_id".to_owned())
            .or_insert_with(|| project.to_owned());
        for (key, value) in [
            (",\"resource\":", json(&resource)),
            (",\"labels\":", json(&config.labels)),
        ] {
            out.extend_from_slice(key.as_bytes());
            out.extend(value);
        }
        out.extend_from_slice(b",\"partialSuccess\":true");
        Frame(out)
    }

    /// How many bytes of a body it takes; the last entry has no comma.
    pub(super) fn size(&self) -> usize {
        self.0.len() + ENTRIES.len() + END.len() - 1
    }

    pub(super) fn body(&self, batch: &[Event]) -> Vec<u8> {
        let mut out = self.0.clone();
        out.extend_from_slice(ENTRIES);
        for (index, event) in batch.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            entry(&mut out, event);
        }
        out.extend_from_slice(END);
        out
    }

    /// A body of which nothing is written.
    pub(super) fn test(&self) -> Vec<u8> {
        [&self.0[..], b",\"dryRun\":true", ENTRIES, TEST_ENTRY, END].concat()
    }
}

const ENTRIES: &[u8] = b",\"entries\":[";

/// With the comma.
pub(super) fn size(event: &Event) -> usize {
    let mut out = Vec::with_capacity(event.text.len() * 5 / 4 + 512);
    entry(&mut out, event);
    out.len() + 1
}

fn entry(out: &mut Vec<u8>, event: &Event) {
    let (severity, level, value) = severity(event.severity);
    out.extend_from_slice(b"{\"timestamp\":");
    quoted(out, &created(event));
    let _ = write!(out, ",\"severity\":\"{severity}\",\"insertId\":\"{}\"", event.id());
    let _ = write!(
        out,
        ",\"labels\":{{\"levelName\":\"{level}\",\"levelValue\":\"{value}\""
    );
    let labels = Labels::of(event);
    let text = std::str::from_utf8(&event.text).unwrap_or_default();
    let is_json = is_same_when_parsed(text);
    let labels = labels.pairs().filter(|(_, value)| value.len() <= MOST_LABEL_BYTES);
    for (key, value) in labels.chain((!is_json).then_some(("payload", "text"))) {
        let _ = write!(out, ",\"{key}\":");
        quoted(out, value);
    }
    if is_json {
        out.extend_from_slice(b"},\"jsonPayload\":");
        out.extend_from_slice(&event.text);
    } else {
        out.extend_from_slice(b"},\"textPayload\":");
        quoted_envelope(out, event);
    }
    out.push(b'}');
}

/// Google's name, and the name and the number of logback, which entries of Fivetran have in their labels.
fn severity(severity: Severity) -> (&'static str, &'static str, u32) {
    match severity {
        Severity::Info => ("INFO", "INFO", 20_000),
        Severity::Warning => ("WARNING", "WARN", 30_000),
        Severity::Severe => ("ERROR", "ERROR", 40_000),
    }
}

/// Texts and tables of texts, which are JSON without fail.
fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
