//! Events as CloudWatch Logs takes them, and what else it is told.

use std::io::Write as _;
use std::time::Duration;

use super::Config;
use crate::batch::{Limits, Usual};
use crate::event::Event;
use crate::exchange::{CONCURRENCY, quoted, quoted_envelope};

/// Most bytes of a batch, and of one event in it (API reference of `PutLogEvents`; the AWS SDKs' model of it).
pub(super) const MOST_BYTES: usize = 1_048_576;

/// What an event counts beside the UTF-8 bytes of its message (API reference of `PutLogEvents`).
const OVERHEAD: usize = 26;

/// Most events of a batch (API reference of `PutLogEvents`).
const MOST_EVENTS: usize = 10_000;

/// A batch "cannot span more than 24 hours". AWS's agent takes that to allow exactly so much, which nobody promises.
const SPAN: Duration = Duration::from_millis(86_400_000 - 1);

pub(super) const LIMITS: Limits = Limits {
    max_bytes: MOST_BYTES,
    max_events: MOST_EVENTS,
    span: Some(SPAN),
    usual: Usual {
        max_bytes: MOST_BYTES,
        max_events: MOST_EVENTS,
        timeout_secs: 1.0,
        concurrency: CONCURRENCY,
    },
    ..Limits::NONE
};

/// As the service counts: neither JSON around the text nor escapes in it.
pub(super) fn size(event: &Event) -> usize {
    event.text.len() + OVERHEAD
}

/// A batch by time, each event with its place in the batch. Those of the same time keep their order.
pub(super) fn in_order(batch: &[Event]) -> Vec<(usize, &Event)> {
    let mut order: Vec<(usize, &Event)> = batch.iter().enumerate().collect();
    order.sort_by_key(|(_, event)| event.created_millis);
    order
}

/// The body of `PutLogEvents`.
pub(super) fn events(config: &Config, order: &[(usize, &Event)]) -> Vec<u8> {
    let mut out = stream(config);
    // The brace comes last.
    out.pop();
    out.extend_from_slice(b",\"logEvents\":[");
    for (number, (_, event)) in order.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        let _ = write!(out, "{{\"timestamp\":{},\"message\":", event.created_millis);
        quoted_envelope(&mut out, event);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

/// The body of `CreateLogStream`.
pub(super) fn stream(config: &Config) -> Vec<u8> {
    object(&[
        ("logGroupName", &config.group_name),
        ("logStreamName", &config.stream_name),
    ])
}

/// The body of `CreateLogGroup`.
pub(super) fn group(config: &Config) -> Vec<u8> {
    object(&[("logGroupName", &config.group_name)])
}

/// The body of `DescribeLogGroups`. What has the name itself comes first among those that begin with it.
pub(super) fn find_group(config: &Config) -> Vec<u8> {
    object(&[("logGroupNamePrefix", &config.group_name)])
}

/// The body of `DescribeLogStreams`, which come in the order of their names.
pub(super) fn find_stream(config: &Config) -> Vec<u8> {
    object(&[
        ("logGroupName", &config.group_name),
        ("logStreamNamePrefix", &config.stream_name),
    ])
}

fn object(members: &[(&str, &str)]) -> Vec<u8> {
    let mut out = vec![b'{'];
    for (number, (key, text)) in members.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        quoted(&mut out, key);
        out.push(b':');
        quoted(&mut out, text);
    }
    out.push(b'}');
    out
}
