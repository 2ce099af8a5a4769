//! Events as New Relic's logs.

use std::collections::BTreeMap;
use std::io::Write as _;

use logferry_model::Severity;

use super::Config;
use crate::batch::{Limits, Usual};
use crate::event::Event;
use crate::exchange::{CONCURRENCY, Labels, quoted, quoted_envelope};

/// Most bytes of a body: New Relic's page about the Log API. Its clients count them after compression; here they are counted before it,
/// which holds either way.
const MOST_BYTES: usize = 1_000_000;

/// Most bytes of a message. New Relic's page about long logs counts 4,094 characters and 128,000 bytes after them; here the characters
/// count as bytes too, so that it is never more.
pub(super) const MOST_BYTES_OF_MESSAGE: usize = 4_094 + 128_000;

pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        max_bytes: MOST_BYTES.saturating_sub(frame(config)),
        usual: Usual {
            max_bytes: MOST_BYTES,
            max_events: 1000,
            timeout_secs: 1.0,
            concurrency: CONCURRENCY,
        },
        ..Limits::NONE
    }
}

/// What stands around the logs; each log brings its comma, of which the last is not sent.
pub(super) fn frame(config: &Config) -> usize {
    opening(config).len() + CLOSING.len() - 1
}

/// With the comma.
pub(super) fn size(event: &Event) -> usize {
    let mut out = Vec::with_capacity(event.text.len() * 5 / 4 + 384);
    log(&mut out, event);
    out.len() + 1
}

pub(super) fn body(config: &Config, batch: &[Event]) -> Vec<u8> {
    let mut out = opening(config);
    for (index, event) in batch.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        log(&mut out, event);
    }
    out.extend_from_slice(CLOSING);
    out
}

/// With what all logs have in common.
fn opening(config: &Config) -> Vec<u8> {
    let mut common = BTreeMap::from([("logtype", "fivetran"), ("service", "fivetran")]);
    let set = config.attributes.iter();
    common.extend(set.map(|(name, value)| (name.as_str(), value.as_str())));
    let mut out = b"[{\"common\":{\"attributes\":".to_vec();
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(&mut out, &common);
    out.extend_from_slice(b"},\"logs\":[");
    out
}

const CLOSING: &[u8] = b"]}]";

fn log(out: &mut Vec<u8>, event: &Event) {
    let _ = write!(out, "{{\"timestamp\":{},\"message\":", event.created_millis);
    quoted_envelope(out, event);
    let _ = write!(
        out,
        ",\"attributes\":{{\"level\":\"{}\",\"event_id\":\"{}\",\"event\":",
        level(event.severity),
        event.id()
    );
    quoted(out, &event.name);
    for (name, value) in Labels::of(event).pairs() {
        let _ = write!(out, ",\"{name}\":");
        quoted(out, value);
    }
    out.extend_from_slice(b"}}");
}

/// As New Relic's own pages write levels.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "INFO",
        Severity::Warning => "WARN",
        Severity::Severe => "ERROR",
    }
}
