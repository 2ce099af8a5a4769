//! Events as rows of a table.

use std::borrow::Cow;

use crate::batch::{Limits, Usual};
use crate::event::Event;
use crate::exchange::{CONCURRENCY, Labels, created, is_same_when_parsed, quoted, quoted_envelope};

/// Most bytes of a body: 1 MB (limits of the Logs Ingestion API), which its answers give as 1048576 bytes. It counts before compression here,
/// for Microsoft's words allow that.
pub(super) const MOST_BYTES: usize = 1_048_576;

/// Most bytes of a value: 64 KB (limits of the Logs Ingestion API). A longer one would be cut, and not be JSON any more.
pub(super) const MOST_BYTES_OF_ENVELOPE: usize = 65_536;

/// Fraction digits of a `datetime`, which counts in steps of 100 nanoseconds.
const FRACTION_DIGITS: usize = 7;

/// The brackets of the array; each row brings its comma, of which the last is not sent.
pub(super) const FRAME: usize = 1;

pub(super) const LIMITS: Limits = Limits {
    max_bytes: MOST_BYTES - FRAME,
    usual: Usual {
        max_bytes: 1_000_000,
        max_events: 1000,
        timeout_secs: 1.0,
        concurrency: CONCURRENCY,
    },
    ..Limits::NONE
};

/// With the comma.
pub(super) fn size(event: &Event) -> usize {
    let mut out = Vec::with_capacity(event.text.len() * 5 / 4 + 512);
    row(&mut out, event);
    out.len() + 1
}

/// Always an array: anything else is taken and lost.
pub(super) fn body(batch: &[Event]) -> Vec<u8> {
    let mut out = vec![b'['];
    for (index, event) in batch.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        row(&mut out, event);
    }
    out.push(b']');
    out
}

/// Why an event's envelope would be cut, if so. All other values are parts of it.
pub(super) fn refuses(event: &Event) -> Option<String> {
    let mut out = Vec::with_capacity(event.text.len());
    envelope(&mut out, event);
    let size = out.len();
    (size > MOST_BYTES_OF_ENVELOPE).then(|| {
        format!(
            "too large: its envelope takes {size} bytes, and Azure Monitor cuts a value beyond {MOST_BYTES_OF_ENVELOPE}"
        )
    })
}

fn row(out: &mut Vec<u8>, event: &Event) {
    let labels = Labels::of(event);
    let created = created(event);
    let time = datetime(&created);
    let id = event.id().to_string();
    let columns = [
        ("{\"TimeGenerated\":", Some(time.as_ref())),
        (",\"Created\":", Some(created.as_ref())),
        (",\"Event\":", Some(event.name.as_ref())),
        (",\"EventId\":", Some(id.as_str())),
        (",\"Severity\":", Some(event.severity.as_str())),
        (",\"ConnectorType\":", labels.connector_type.as_deref()),
        (",\"ConnectionId\":", labels.connection_id.as_deref()),
        (",\"ConnectionName\":", labels.connection_name.as_deref()),
        (",\"SyncId\":", labels.sync_id.as_deref()),
    ];
    for (key, text) in columns {
        if let Some(text) = text {
            out.extend_from_slice(key.as_bytes());
            quoted(out, text);
        }
    }
    out.extend_from_slice(b",\"Envelope\":");
    envelope(out, event);
    out.push(b'}');
}

/// An object, or a text where the object's numbers would change.
fn envelope(out: &mut Vec<u8>, event: &Event) {
    if std::str::from_utf8(&event.text).is_ok_and(is_same_when_parsed) {
        out.extend_from_slice(&event.text);
    } else {
        quoted_envelope(out, event);
    }
}

/// A time with no more digits than a `datetime` has; `Created` has all of them.
fn datetime(created: &str) -> Cow<'_, str> {
    match created.strip_suffix('Z').and_then(|text| text.split_once('.')) {
        Some((seconds, fraction)) if fraction.len() > FRACTION_DIGITS && fraction.is_ascii() => {
            format!("{seconds}.{}Z", &fraction[..FRACTION_DIGITS]).into()
        }
        _ => created.into(),
    }
}
