//! Events as Datadog's logs.

use std::io::Write as _;

use logferry_model::Severity;

use super::Config;
use crate::batch::{Limits, Usual};
use crate::event::Event;
use crate::exchange::{CONCURRENCY, Labels, quoted, quoted_envelope};

/// Most bytes of one log. Datadog does not say whether it counts the message or all of it, nor whether its megabyte is 1,000,000 bytes.
pub(super) const MOST_BYTES_OF_ONE: usize = 1_000_000;

/// The brackets of the array; each log brings its comma, of which the last is not sent.
pub(super) const FRAME: usize = 1;

pub(super) const LIMITS: Limits = Limits {
    max_bytes: 5_000_000 - FRAME,
    max_events: 1000,
    usual: Usual {
        max_bytes: 4_250_000,
        max_events: 1000,
        timeout_secs: 1.0,
        concurrency: CONCURRENCY,
    },
    ..Limits::NONE
};

/// With the comma.
pub(super) fn size(config: &Config, event: &Event) -> usize {
    let mut out = Vec::with_capacity(event.text.len() * 5 / 4 + 256);
    log(config, &mut out, event);
    out.len() + 1
}

pub(super) fn body(config: &Config, batch: &[Event]) -> Vec<u8> {
    let mut out = vec![b'['];
    for (index, event) in batch.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        log(config, &mut out, event);
    }
    out.push(b']');
    out
}

fn log(config: &Config, out: &mut Vec<u8>, event: &Event) {
    let labels = Labels::of(event);
    out.extend_from_slice(b"{\"message\":");
    quoted_envelope(out, event);
    let _ = write!(out, ",\"timestamp\":{}", event.created_millis);
    let tags = tags(config, &labels);
    let service = config.service.as_deref().or(labels.connector_type.as_deref());
    let texts = [
        ("status", Some(status(event.severity))),
        ("ddsource", Some(config.source.as_str())),
        ("service", service),
        ("hostname", config.hostname.as_deref()),
        ("ddtags", Some(tags.as_str()).filter(|tags| !tags.is_empty())),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            let _ = write!(out, ",\"{key}\":");
            quoted(out, text);
        }
    }
    out.push(b'}');
}

/// Datadog understands a status by its first letters; those of `SEVERE` would mean OK.
fn status(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Severe => "error",
    }
}

/// `connector_type:mysql,…`. A comma cannot be written, so it becomes `_`.
fn tags(config: &Config, labels: &Labels<'_>) -> String {
    let own = config.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    // `sync_id` differs from run to run, and Datadog counts tags.
    let of_event = labels.pairs().filter(|(key, _)| *key != "sync_id");
    let tags = own
        .chain(of_event)
        .map(|(key, value)| format!("{key}:{}", value.replace(',', "_")));
    tags.collect::<Vec<_>>().join(",")
}
