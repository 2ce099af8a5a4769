//! Events as Dynatrace's log records.

use std::collections::BTreeMap;
use std::io::Write as _;

use logferry_model::{Severity, Timestamp};

use super::Config;
use crate::batch::{Limits, Usual};
use crate::event::Event;
use crate::exchange::{CONCURRENCY, Labels, quoted, quoted_envelope};

/// Most bytes of a body, and of the content of a record: Dynatrace's page about limits has 10 MB for both. It does not say whether a body
/// is counted before or after compression; here it is counted before it, which holds either way.
pub(super) const MOST_BYTES: usize = 10_000_000;

/// Most bytes of a content that the Classic pipeline keeps: the same page has 512 kB, and others have measured this.
pub(super) const MOST_BYTES_OF_CLASSIC_PIPELINE: usize = 512 * 1024;

/// Attributes of a record that are not set.
pub(super) const MOST_OWN_ATTRIBUTES: usize = 8;

/// The brackets of the array; each record brings its comma, of which the last is not sent.
pub(super) const FRAME: usize = 1;

/// Dynatrace refuses a body that is larger than 16 MB once it is prepared; what it takes usually is what its own clients send.
pub(super) const LIMITS: Limits = Limits {
    max_bytes: MOST_BYTES - FRAME,
    max_events: 50_000,
    usual: Usual {
        max_bytes: 4_500_000,
        max_events: 5_000,
        timeout_secs: 1.0,
        concurrency: CONCURRENCY,
    },
    ..Limits::NONE
};

/// What all records have in common: `"log.source":"fivetran",…`
pub(super) fn common(config: &Config) -> Vec<u8> {
    let mut common = BTreeMap::from([("logger", "Fivetran"), ("log.source", "fivetran")]);
    let set = config.attributes.iter();
    common.extend(set.map(|(name, value)| (name.as_str(), value.as_str())));
    let mut out = Vec::new();
    for (name, value) in common {
        if !out.is_empty() {
            out.push(b',');
        }
        quoted(&mut out, name);
        out.push(b':');
        quoted(&mut out, value);
    }
    out
}

/// With the comma.
pub(super) fn size(common: &[u8], event: &Event) -> usize {
    let mut out = Vec::with_capacity(common.len() + event.text.len() * 5 / 4 + 384);
    record(common, &mut out, event);
    out.len() + 1
}

pub(super) fn body(common: &[u8], batch: &[Event]) -> Vec<u8> {
    let mut out = vec![b'['];
    for (index, event) in batch.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        record(common, &mut out, event);
    }
    out.push(b']');
    out
}

fn record(common: &[u8], out: &mut Vec<u8>, event: &Event) {
    let (time, level) = (time(event.created_millis), level(event.severity));
    let _ = write!(out, "{{\"timestamp\":\"{time}\",\"loglevel\":\"{level}\",\"content\":");
    quoted_envelope(out, event);
    out.push(b',');
    out.extend_from_slice(common);
    let labels = Labels::of(event);
    let id = event.id().to_string();
    let texts = [
        // Fivetran calls them so.
        ("connector.name", labels.connector_type.as_deref()),
        ("schema.name", labels.connection_name.as_deref()),
        ("event", Some(&*event.name)),
        ("event_id", Some(id.as_str())),
        ("connection_id", labels.connection_id.as_deref()),
        ("sync_id", labels.sync_id.as_deref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            let _ = write!(out, ",\"{name}\":");
            quoted(out, text);
        }
    }
    out.push(b'}');
}

/// In UTC with three digits. The text of the epoch is a time, so the error cannot be.
fn time(millis: i64) -> String {
    Timestamp::parse("1970-01-01T00:00:00Z")
        .map_or_else(|_| String::new(), |epoch| epoch.plus_millis(millis).to_string())
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "INFO",
        Severity::Warning => "WARN",
        Severity::Severe => "SEVERE",
    }
}
