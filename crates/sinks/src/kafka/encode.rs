//! Events as messages: value and headers. The key is the event's own.

use std::borrow::Cow;

use rdkafka::message::{Header, OwnedHeaders};
use uuid::fmt::Hyphenated;

use super::config::Format;
use crate::event::Event;
use crate::exchange::created;

/// What stands before an event that a schema registry knows: a zero and the schema's id.
const FRAME: usize = 5;

/// The value of a message.
pub(super) fn value(event: &Event, schema: Option<u32>) -> Cow<'_, [u8]> {
    let Some(id) = schema else {
        return Cow::Borrowed(&event.text);
    };
    let mut value = Vec::with_capacity(FRAME + event.text.len());
    value.push(0);
    value.extend_from_slice(&id.to_be_bytes());
    value.extend_from_slice(&event.text);
    Cow::Owned(value)
}

/// The headers of a message.
pub(super) fn headers(event: &Event, format: Format) -> OwnedHeaders {
    let mut id = [0; Hyphenated::LENGTH];
    let id: &str = event.id().hyphenated().encode_lower(&mut id);
    match format {
        Format::Json => with(&[
            ("event_id", id),
            ("event", &event.name),
            ("severity", event.severity.as_str()),
        ]),
        Format::CloudEvents => {
            let kind = format!("{TYPE_PREFIX}{}", event.name);
            let time = created(event);
            let mut all = vec![
                ("ce_specversion", "1.0"),
                ("ce_id", id),
                ("ce_source", SOURCE),
                ("ce_type", &kind),
                ("ce_time", &time),
                ("ce_severitytext", event.severity.as_str()),
                ("content-type", "application/json"),
            ];
            // No attribute is empty.
            all.extend((!event.key.is_empty()).then_some(("ce_subject", &*event.key)));
            with(&all)
        }
    }
}

/// What is said of an event's origin: whoever made it, it is one of Fivetran's form.
const SOURCE: &str = "fivetran";

/// Before the name of an event, as CloudEvents advise for types.
const TYPE_PREFIX: &str = "com.fivetran.log.";

fn with(pairs: &[(&str, &str)]) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(pairs.len());
    pairs.iter().fold(headers, |headers, (key, value)| {
        headers.insert(Header {
            key,
            value: Some(*value),
        })
    })
}
