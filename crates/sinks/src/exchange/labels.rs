//! What stands in an event's envelope that services have places of their own for.

use std::borrow::Cow;

use serde::Deserialize;

use crate::event::Event;

/// Keys of the envelope. The envelope itself is always delivered whole.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Labels<'e> {
    #[serde(borrow, default)]
    pub(crate) connector_type: Option<Cow<'e, str>>,
    #[serde(borrow, default)]
    pub(crate) connection_id: Option<Cow<'e, str>>,
    #[serde(borrow, default)]
    pub(crate) connection_name: Option<Cow<'e, str>>,
    #[serde(borrow, default)]
    pub(crate) sync_id: Option<Cow<'e, str>>,
}

impl<'e> Labels<'e> {
    /// Reads an event's envelope; what is no text there counts as absent.
    pub(crate) fn of(event: &'e Event) -> Labels<'e> {
        let text = std::str::from_utf8(&event.text).unwrap_or_default();
        serde_json::from_str(text).unwrap_or_default()
    }

    /// The keys that are there, with their values.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = [
            ("connector_type", &self.connector_type),
            ("connection_id", &self.connection_id),
            ("connection_name", &self.connection_name),
            ("sync_id", &self.sync_id),
        ];
        all.into_iter()
            .filter_map(|(key, value)| Some((key, value.as_deref()?)))
    }
}

/// A text as a JSON string.
pub(crate) fn quoted(out: &mut Vec<u8>, text: &str) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

/// An event's envelope as a JSON string.
pub(crate) fn quoted_envelope(out: &mut Vec<u8>, event: &Event) {
    quoted(out, std::str::from_utf8(&event.text).unwrap_or_default());
}
