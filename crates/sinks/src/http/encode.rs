//! Events as the body of a request.

use super::Encoding;
use crate::batch::{Limits, Usual};
use crate::event::Event;
use crate::exchange::CONCURRENCY;
use crate::file::lines;

/// What Fivetran sends to find out whether a webhook answers.
const TEST_EVENT: &[u8] = br#"{"event":"test_event"}"#;

pub(super) fn limits(encoding: Encoding) -> Limits {
    let most = match encoding {
        Encoding::Webhook => 1,
        Encoding::Ndjson | Encoding::JsonArray => usize::MAX,
    };
    Limits {
        // The brackets, without the comma that the last event does not have.
        frame: usize::from(encoding == Encoding::JsonArray),
        max_events: most,
        usual: Usual {
            max_events: most.min(10_000),
            timeout_secs: 1.0,
            concurrency: CONCURRENCY,
            ..Limits::NONE.usual
        },
        ..Limits::NONE
    }
}

/// With the line end, or the comma.
pub(super) fn size(event: &Event) -> usize {
    event.text.len() + 1
}

pub(super) fn body(encoding: Encoding, batch: &[Event]) -> Vec<u8> {
    match encoding {
        Encoding::Ndjson => lines(batch),
        Encoding::Webhook => batch.iter().flat_map(|event| event.text.iter().copied()).collect(),
        Encoding::JsonArray => {
            let mut body = Vec::with_capacity(batch.iter().map(size).sum::<usize>() + 2);
            body.push(b'[');
            for event in batch {
                body.extend_from_slice(&event.text);
                body.push(b',');
            }
            if !batch.is_empty() {
                body.pop();
            }
            body.push(b']');
            body
        }
    }
}

/// A body without events.
pub(super) fn test(encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Webhook => TEST_EVENT.to_vec(),
        Encoding::Ndjson | Encoding::JsonArray => body(encoding, &[]),
    }
}
