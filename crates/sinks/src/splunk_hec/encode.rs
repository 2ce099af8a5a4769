//! Events as the collector's objects.

use std::io::Write as _;
use std::num::NonZeroUsize;

use super::{Acknowledgements, Config};
use crate::batch::{Limits, Usual};
use crate::event::Event;
use crate::exchange::{CONCURRENCY, quoted};

/// Most bytes of a body, and of one event. Splunk Cloud was measured to take 5,242,881 bytes of a body and to refuse 6,000,000; Splunk
/// Enterprise takes far more by default (`max_content_length`), but no event of more than 5 MB (`maxEventSize`).
pub(super) const MOST_BYTES: usize = 5_000_000;

/// So much of a body is taken by every collector, old ones too.
pub(super) const SAFE_BYTES: usize = 1_000_000;

pub(super) fn limits(config: &Config) -> Limits {
    let has_own_channel = config.channel.is_some() && config.indexer_acknowledgements != Acknowledgements::Off;
    Limits {
        max_bytes: MOST_BYTES,
        usual: Usual {
            max_bytes: SAFE_BYTES,
            max_events: 10_000,
            timeout_secs: 1.0,
            concurrency: if has_own_channel {
                NonZeroUsize::MIN
            } else {
                CONCURRENCY
            },
        },
        ..Limits::NONE
    }
}

/// With the line end.
pub(super) fn size(config: &Config, event: &Event) -> usize {
    let mut out = Vec::with_capacity(event.text.len() + 512);
    object(config, &mut out, event);
    out.len()
}

pub(super) fn body(config: &Config, batch: &[Event]) -> Vec<u8> {
    let mut out = Vec::with_capacity(batch.iter().map(|event| event.text.len() + 512).sum());
    for event in batch {
        object(config, &mut out, event);
    }
    out
}

/// A key that the collector does not know would lose this object and all that follow, without an error.
fn object(config: &Config, out: &mut Vec<u8>, event: &Event) {
    out.extend_from_slice(b"{\"time\":");
    time(out, event.created_millis);
    let texts = [
        ("host", config.host.as_deref()),
        ("source", Some(config.source.as_str())),
        ("sourcetype", Some(config.sourcetype.as_str())),
        ("index", config.index.as_deref()),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            let _ = write!(out, ",\"{key}\":");
            quoted(out, text);
        }
    }
    out.extend_from_slice(b",\"event\":");
    out.extend_from_slice(&event.text);
    // What is not in the envelope; its own keys, Splunk indexes by itself.
    let _ = writeln!(
        out,
        ",\"fields\":{{\"event_id\":\"{}\",\"severity\":\"{}\"}}}}",
        event.id(),
        event.severity
    );
}

/// Seconds since 1970, with three digits behind the point.
fn time(out: &mut Vec<u8>, millis: i64) {
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    let _ = write!(out, "{sign}{}.{:03}", millis / 1000, millis % 1000);
}
