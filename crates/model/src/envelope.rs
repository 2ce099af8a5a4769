//! The envelope: what every event has around its data.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::catalogue::{Kind, Payload};
use crate::json::{self, excerpt};
use crate::payload::{ObjectReader, ObjectWriter, ToJson};
use crate::timestamp::{SecondText, Timestamp, TimestampError};

/// One Fivetran log event.
///
/// Absent keys are absent when written, never null. Keys are written in the canonical order: `event`, `data`,
/// `created`, then the members of the [`EnvelopeTail`].
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// The event's name and data: `event` and `data`.
    pub payload: Payload<'a>,
    /// The name as it came, where the catalogue has it in another case.
    pub spelling: Option<Cow<'a, str>>,
    /// When the event was created, in UTC.
    pub created: Timestamp,
    /// The other keys.
    pub tail: EnvelopeTail<'a>,
}

object! {
    /// The envelope's keys after `created`. Transformation events have none of them.
    pub struct EnvelopeTail<'a> {
        /// Service id of the connector, such as `google_sheets`.
        "connector_type" => connector_type: Cow<'a, str>,
        /// Connection id. Deprecated in favour of `connection_id`, and still what most readers take.
        "connector_id" => connector_id: Cow<'a, str>,
        /// Connection name. Deprecated in favour of `connection_name`, and still what most readers take.
        "connector_name" => connector_name: Cow<'a, str>,
        /// Connection id.
        "connection_id" => connection_id: Cow<'a, str>,
        /// Connection name: schema name, schema prefix, or schema and table.
        "connection_name" => connection_name: Cow<'a, str>,
        /// UUID of the sync; in sync-related events.
        "sync_id" => sync_id: Cow<'a, str>,
        /// Id of the error, when Fivetran met an unexpected problem.
        "exception_id" => exception_id: Cow<'a, str>,
    }
}

/// Why a text is not an [`Event`].
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// The text is not JSON, or not an object.
    #[error("expected a JSON object: {0}")]
    NoObject(#[source] serde_json::Error),
    /// A key that every event has is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// `event` is not a string.
    #[error("`event`: expected the event's name, found {0}")]
    Name(String),
    /// `created` is not a time.
    #[error("`created`: {error}, found {found}")]
    Created {
        /// What is wrong with it.
        error: TimestampError,
        /// The value as it came.
        found: String,
    },
}

impl<'a> Event<'a> {
    /// Reads one event.
    ///
    /// # Errors
    ///
    /// [`ParseError`] when the text is no JSON object, or lacks a usable `event` or `created`. Everything else is kept.
    pub fn parse(text: &'a str) -> Result<Event<'a>, ParseError> {
        let raw: &'a RawValue = serde_json::from_str(text).map_err(ParseError::NoObject)?;
        let mut members = ObjectReader::new(raw).ok_or_else(|| {
            ParseError::NoObject(serde::de::Error::custom(format_args!("found {}", excerpt(raw.get()))))
        })?;

        let name = members.take_raw("event").ok_or(ParseError::Missing("event"))?;
        let name = json::read_str(name).ok_or_else(|| ParseError::Name(excerpt(name.get())))?;
        let created = members.take_raw("created").ok_or(ParseError::Missing("created"))?;
        let created = json::read_str(created)
            .ok_or(TimestampError::Form)
            .and_then(|text| Timestamp::parse(&text))
            .map_err(|error| ParseError::Created {
                error,
                found: excerpt(created.get()),
            })?;
        let data = members.take_raw("data").filter(|raw| raw.get() != "null");

        let mut tail = EnvelopeTail::from_members(members);
        // Absent keys are absent, so a null at the top says nothing.
        tail.rest.remove_nulls();
        let spelling = Kind::from_name(&name).and_then(|kind| (kind.name() != name).then(|| name.clone()));
        Ok(Event {
            payload: Payload::read(name, data),
            spelling,
            created,
            tail,
        })
    }

    /// Appends the event as one line of canonical JSON, without a line end.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::open(out);
        let name = self.spelling.as_deref().unwrap_or(self.payload.name());
        json::write_str(name, object.literal_key(r#""event":"#));
        self.payload.write_data(&mut object);
        let out = object.literal_key(r#""created":"#);
        out.push(b'"');
        self.created.write(out);
        out.push(b'"');
        self.tail.write_members(&mut object);
        object.close();
    }
}

/// The text that the events of a sync share: the [`EnvelopeTail`], and the time that was written last.
///
/// Writing an event with it gives the same bytes as [`Event::write`], without building the event.
#[derive(Debug, Default)]
pub struct TailText {
    tail: Vec<u8>,
    last: SecondText,
}

impl TailText {
    /// Replaces the text with that of `tail`.
    pub fn prepare(&mut self, tail: &EnvelopeTail<'_>) {
        self.tail.clear();
        let mut object = ObjectWriter::resume(&mut self.tail);
        tail.write_members(&mut object);
        object.close();
    }

    /// Replaces the text with that of a tail that has no `sync_id` and no keys behind it, as [`ToJson`] writes it, and
    /// this `sync_id`, which has nothing to escape.
    pub fn prepare_sync(&mut self, tail: &[u8], sync_id: &str) {
        self.tail.clear();
        let members = tail.get(1..tail.len().saturating_sub(1)).unwrap_or_default();
        for part in [b",", members, b",\"sync_id\":\"", sync_id.as_bytes(), b"\"}"] {
            self.tail.extend_from_slice(part);
        }
    }

    /// Appends an event as one line of canonical JSON, without a line end.
    pub fn write_event(&mut self, kind: Kind, data: Option<&impl ToJson>, created: Timestamp, out: &mut Vec<u8>) {
        out.extend_from_slice(kind.head().as_bytes());
        if let Some(data) = data {
            out.extend_from_slice(br#","data":"#);
            data.write(out);
        }
        out.extend_from_slice(br#","created":""#);
        created.write_with(&mut self.last, out);
        out.push(b'"');
        out.extend_from_slice(&self.tail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        Event::parse(text).unwrap().write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_come_in_canonical_order_and_nulls_go() {
        assert_eq!(
            written(
                r#"{"sync_id":null, "created":"2023-07-07T09:56:43Z", "destination_group_id":"g", "connector_id":"c",
                    "data":{"count":12.0, "x":[1, null], "table":"t"}, "event":"records_modified"}"#
            ),
            r#"{"event":"records_modified","data":{"table":"t","count":12.0,"x":[1,null]},"created":"2023-07-07T09:56:43.000Z","connector_id":"c","destination_group_id":"g"}"#
        );
    }

    #[test]
    fn an_unknown_event_is_kept_token_for_token() {
        let text = r#"{"event":"moon_phase","data":{"b":1.50,"a":[-0,1E+2,"\u0041"],"b":null},"created":"2023-07-07T09:56:43.688Z"}"#;
        assert_eq!(written(text), text);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (text, message) in [
            ("[1]", "expected a JSON object: found [1]"),
            (r#"{"created":"2023-07-07T09:56:43Z"}"#, "`event` is missing"),
            (
                r#"{"event":5,"created":"2023-07-07T09:56:43Z"}"#,
                "`event`: expected the event's name, found 5",
            ),
            (r#"{"event":"info"}"#, "`created` is missing"),
            (
                r#"{"event":"info","created":"soon"}"#,
                r#"`created`: expected a time such as 2020-09-17T00:03:48.108Z, found "soon""#,
            ),
        ] {
            assert_eq!(Event::parse(text).unwrap_err().to_string(), message);
        }
    }
}
