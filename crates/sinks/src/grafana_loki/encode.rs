//! Events as lines of Loki's streams.

use std::borrow::Cow;
use std::io::Write as _;
use std::time::Duration;

use logferry_model::Severity;
use serde::Deserialize;

use super::Config;
use crate::batch::{Limits, Usual};
use crate::event::Event;
use crate::exchange::{CONCURRENCY, Labels, quoted, quoted_envelope};

/// The label by which Loki's users look for a service, and what it is.
pub(super) const SERVICE_NAME: &str = "service_name";
pub(super) const SERVICE: &str = "fivetran";

const CONNECTOR_TYPE: &str = "connector_type";
const CONNECTION_ID: &str = "connection_id";
const JOB_ID: &str = "job_id";

/// The names of labels and metadata that the events bring.
pub(super) const OWN: [&str; 8] = [
    CONNECTOR_TYPE,
    CONNECTION_ID,
    JOB_ID,
    "level",
    "event",
    "event_id",
    "connection_name",
    "sync_id",
];

/// Loki passes a push on in a form of its own, of 4,194,304 bytes at most (`grpc_server_max_recv_msg_size`). The smallest events take a
/// little more in it than here, larger ones less; the labels take 46 KB at most.
const MOST_BYTES: usize = 3_000_000;

/// Half of `max_chunk_age` (2 h), with a minute to spare.
const SPAN: Duration = Duration::from_secs(59 * 60);

pub(super) const LIMITS: Limits = Limits {
    max_bytes: MOST_BYTES,
    span: Some(SPAN),
    one_key: true,
    usual: Usual {
        max_bytes: 1_000_000,
        max_events: 1000,
        timeout_secs: 1.0,
        concurrency: CONCURRENCY,
    },
    ..Limits::NONE
};

/// What a push begins and ends with, around the labels and the lines.
const BEGIN: &[u8] = br#"{"streams":[{"stream":"#;
const MIDDLE: &[u8] = br#","values":["#;
const END: &[u8] = b"]}]}";

/// A push without lines.
pub(super) const EMPTY: &[u8] = br#"{"streams":[]}"#;

/// With the comma.
pub(super) fn size(event: &Event) -> usize {
    let mut out = Vec::with_capacity(event.text.len() * 5 / 4 + 256);
    line(&mut out, nanos(event), event);
    out.len() + 1
}

/// The stream of the first event, and which events belong to it.
pub(super) fn first_stream(config: &Config, batch: &[Event]) -> (Vec<u8>, Vec<bool>) {
    let mut first = None;
    let is_in_it = batch.iter().map(|event| {
        let stream = stream(config, event);
        *first.get_or_insert_with(|| stream.clone()) == stream
    });
    let is_in_it = is_in_it.collect();
    (first.unwrap_or_default(), is_in_it)
}

/// The labels of the stream that an event belongs to, as an object.
fn stream(config: &Config, event: &Event) -> Vec<u8> {
    let envelope = Labels::of(event);
    let of_event = match filled(&envelope.connection_id) {
        Some(id) => (CONNECTION_ID, id),
        None => (JOB_ID, event.key.as_ref()),
    };
    let service = (!config.labels.contains_key(SERVICE_NAME)).then_some((SERVICE_NAME, SERVICE));
    let set = config
        .labels
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let kind = filled(&envelope.connector_type).map(|kind| (CONNECTOR_TYPE, kind));
    let of_event = Some(of_event).filter(|(_, id)| !id.is_empty());
    let mut out = Vec::new();
    object(&mut out, set.chain(service).chain(kind).chain(of_event));
    out
}

/// A push of events of one stream, in the order of their times.
pub(super) fn body(stream: &[u8], events: &[&Event]) -> Vec<u8> {
    let mut events: Vec<(i128, &Event)> = events.iter().map(|event| (nanos(event), *event)).collect();
    events.sort_by_key(|(nanos, _)| *nanos);
    let texts: usize = events.iter().map(|(_, event)| event.text.len()).sum();
    let mut out = Vec::with_capacity(texts * 5 / 4 + events.len() * 256 + stream.len() + 64);
    out.extend_from_slice(BEGIN);
    out.extend_from_slice(stream);
    out.extend_from_slice(MIDDLE);
    for (index, (nanos, event)) in events.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        line(&mut out, nanos, event);
    }
    out.extend_from_slice(END);
    out
}

/// `["1795194000123000000","{…}",{"level":"info",…}]`
fn line(out: &mut Vec<u8>, nanos: i128, event: &Event) {
    let envelope = Labels::of(event);
    let id = event.id().to_string();
    let metadata = [
        Some(("level", level(event.severity))),
        Some(("event", event.name.as_ref())),
        Some(("event_id", id.as_str())),
        filled(&envelope.connection_name).map(|name| ("connection_name", name)),
        filled(&envelope.sync_id).map(|id| ("sync_id", id)),
    ];
    let _ = write!(out, "[\"{nanos}\",");
    quoted_envelope(out, event);
    out.push(b',');
    object(out, metadata.into_iter().flatten());
    out.push(b']');
}

/// Loki knows these levels.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Severe => "error",
    }
}

/// An empty label is none.
fn filled<'t>(text: &'t Option<Cow<'_, str>>) -> Option<&'t str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// An object of texts.
fn object<'t>(out: &mut Vec<u8>, pairs: impl Iterator<Item = (&'t str, &'t str)>) {
    out.push(b'{');
    for (index, (key, value)) in pairs.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        quoted(out, key);
        out.push(b':');
        quoted(out, value);
    }
    out.push(b'}');
}

#[derive(Default, Deserialize)]
struct Created<'e> {
    #[serde(borrow, default)]
    created: Cow<'e, str>,
}

/// Nanoseconds since 1970. The envelope may have more digits than milliseconds.
fn nanos(event: &Event) -> i128 {
    let text = std::str::from_utf8(&event.text).unwrap_or_default();
    let Created { created } = serde_json::from_str(text).unwrap_or_default();
    let fraction = created.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit);
    let digits = digits.chain(std::iter::repeat(b'0')).skip(3).take(6);
    let beyond = digits.fold(0, |number, digit| number * 10 + i128::from(digit - b'0'));
    i128::from(event.created_millis) * 1_000_000 + beyond
}
