//! When an event was created, as its envelope says it.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;

use crate::clock;
use crate::event::Event;

#[derive(Default, Deserialize)]
struct Envelope<'e> {
    #[serde(borrow, default)]
    created: Option<Cow<'e, str>>,
}

/// `created` with all its digits.
pub(crate) fn created(event: &Event) -> Cow<'_, str> {
    let text = std::str::from_utf8(&event.text).unwrap_or_default();
    let envelope: Envelope<'_> = serde_json::from_str(text).unwrap_or_default();
    envelope.created.unwrap_or_else(|| {
        let millis = u64::try_from(event.created_millis).unwrap_or_default();
        clock::utc(UNIX_EPOCH + Duration::from_millis(millis)).into()
    })
}
