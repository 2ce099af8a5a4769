//! The form of a dead letter: a JSON object a line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use logferry_model::Severity;
use logferry_model::json::{Strings, compact, depth, is_text, read_str, write_str};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::event::Event;

/// Values with more levels are kept as text: not every reader can read them.
const MAX_LEVELS: usize = 128;

/// What can be neither mapped nor delivered, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Why.
    pub reason: String,
    /// The sink that refused it; none for a record.
    pub sink: Option<String>,
    /// Where it came from: the name of a source, or a file.
    pub source: Option<String>,
    /// The stream of Kondado's, if it came from one.
    pub stream: Option<String>,
    /// The line of the input, from 1, if it has lines.
    pub line: Option<u64>,
    /// When, if that is to stand in the letter; without it, the same letter is the same text.
    pub time: Option<String>,
    /// What it is about.
    pub body: Body,
}

/// What a dead letter is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// An event that cannot be delivered.
    Event {
        /// Its canonical text.
        text: Bytes,
        /// Its identity.
        id: Uuid,
        /// Its severity.
        severity: Severity,
    },
    /// A record that cannot be mapped.
    Record {
        /// What was read.
        bytes: Bytes,
        /// Whether it is only the beginning.
        truncated: bool,
    },
}

impl Letter {
    /// A letter about a record that cannot be mapped.
    pub fn of_record(reason: impl Into<String>, bytes: Bytes) -> Letter {
        Letter::new(
            reason.into(),
            Body::Record {
                bytes,
                truncated: false,
            },
        )
    }

    /// The same, of which only the beginning of the record was kept.
    pub fn truncated(mut self) -> Letter {
        if let Body::Record { truncated, .. } = &mut self.body {
            *truncated = true;
        }
        self
    }

    /// A letter about an event that a sink cannot deliver.
    pub fn of_event(reason: impl Into<String>, sink: &str, event: &Event) -> Letter {
        let body = Body::Event {
            text: event.text.clone(),
            id: event.id(),
            severity: event.severity,
        };
        Letter {
            sink: Some(sink.to_owned()),
            ..Letter::new(reason.into(), body)
        }
    }

    fn new(reason: String, body: Body) -> Letter {
        Letter {
            reason,
            sink: None,
            source: None,
            stream: None,
            line: None,
            time: None,
            body,
        }
    }

    /// Appends the line, with its end.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"reason":"#);
        write_str(&self.reason, out);
        for (key, value) in [("sink", &self.sink), ("source", &self.source), ("stream", &self.stream)] {
            write_text(key, value.as_deref(), out);
        }
        if let Some(line) = self.line {
            out.extend_from_slice(format!(",\"line\":{line}").as_bytes());
        }
        write_text("time", self.time.as_deref(), out);
        match &self.body {
            Body::Event { text, id, severity } => {
                write_text("event_id", Some(&id.to_string()), out);
                write_text("severity", Some(severity.as_str()), out);
                write_value("event", text, false, out);
            }
            Body::Record { bytes, truncated } => {
                write_value("record", bytes, *truncated, out);
                if *truncated {
                    out.extend_from_slice(br#","truncated":true"#);
                }
            }
        }
        out.extend_from_slice(b"}\n");
    }
}

fn write_text(key: &str, value: Option<&str>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        out.extend_from_slice(format!(",\"{key}\":").as_bytes());
        write_str(value, out);
    }
}

/// Writes it as JSON if it is JSON that every reader can read, else as a string, else in Base64.
fn write_value(key: &str, bytes: &[u8], truncated: bool, out: &mut Vec<u8>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        write_text(&format!("{key}_base64"), Some(&STANDARD.encode(bytes)), out);
        return;
    };
    let is_json = || serde_json::from_str::<&RawValue>(text).is_ok() && depth(text) <= MAX_LEVELS && is_text(text);
    if truncated || !is_json() {
        write_text(key, Some(text), out);
    } else {
        out.extend_from_slice(format!(",\"{key}\":").as_bytes());
        // Strings that keep their escapes cannot fail.
        let _ = compact(text, Strings::AsTheyCame, out);
    }
}

/// Why a line is no dead letter.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON object, or a key has a value of another type.
    #[error("no dead letter: {0}")]
    Json(#[from] serde_json::Error),
    /// A key is not there.
    #[error("no dead letter: neither `event` nor `record` in it")]
    Nothing,
    /// A key has a value that cannot be.
    #[error("no dead letter: `{0}` is not {1}")]
    Value(&'static str, &'static str),
}

#[derive(Deserialize)]
struct Line<'a> {
    reason: String,
    sink: Option<String>,
    source: Option<String>,
    stream: Option<String>,
    line: Option<u64>,
    time: Option<String>,
    event_id: Option<String>,
    severity: Option<String>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    event_base64: Option<String>,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    record_base64: Option<String>,
    #[serde(default)]
    truncated: bool,
}

/// Reads a line of a dead-letter file, of `normalize` too.
///
/// # Errors
///
/// [`ReadError`] when the line is no dead letter.
pub fn read(line: &str) -> Result<Letter, ReadError> {
    let line: Line<'_> = serde_json::from_str(line)?;
    let body = if line.event.is_some() || line.event_base64.is_some() {
        let id = line.event_id.as_deref().map(Uuid::parse_str);
        let Some(Ok(id)) = id else {
            return Err(ReadError::Value("event_id", "a UUID"));
        };
        let severities = [Severity::Info, Severity::Warning, Severity::Severe];
        let severity = severities
            .into_iter()
            .find(|severity| line.severity.as_deref() == Some(severity.as_str()));
        Body::Event {
            text: value(line.event, line.event_base64, "event_base64")?,
            id,
            severity: severity.ok_or(ReadError::Value("severity", "INFO, WARNING or SEVERE"))?,
        }
    } else {
        Body::Record {
            bytes: value(line.record, line.record_base64, "record_base64")?,
            truncated: line.truncated,
        }
    };
    Ok(Letter {
        reason: line.reason,
        sink: line.sink,
        source: line.source,
        stream: line.stream,
        line: line.line,
        time: line.time,
        body,
    })
}

/// What was written: a string is a text that was no JSON.
fn value(raw: Option<&RawValue>, base64: Option<String>, key: &'static str) -> Result<Bytes, ReadError> {
    match (raw, base64) {
        (Some(raw), _) => Ok(match read_str(raw) {
            Some(text) => Bytes::from(text.into_owned()),
            None => Bytes::copy_from_slice(raw.get().as_bytes()),
        }),
        (None, Some(text)) => STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(|_| ReadError::Value(key, "Base64")),
        (None, None) => Err(ReadError::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(letter: &Letter) -> String {
        let mut out = Vec::new();
        letter.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_forms_of_a_letter() {
        let event = Letter {
            source: Some("acme".to_owned()),
            stream: Some("pipeline_logs".to_owned()),
            ..Letter::new(
                "too \"large\"".to_owned(),
                Body::Event {
                    text: Bytes::from(r#"{"event":"sync_end","n":1.50}"#),
                    id: Uuid::nil(),
                    severity: Severity::Info,
                },
            )
        };
        let record = |bytes: &'static [u8]| Letter::of_record("no id", Bytes::from_static(bytes));
        let truncated = Letter {
            body: Body::Record {
                bytes: Bytes::from("{}"),
                truncated: true,
            },
            ..record(b"")
        };
        for (letter, text) in [
            (
                event,
                r#"{"reason":"too \"large\"","source":"acme","stream":"pipeline_logs","event_id":"00000000-0000-0000-0000-000000000000","severity":"INFO","event":{"event":"sync_end","n":1.50}}"#,
            ),
            (
                record(br#"{"a":"\u0041"}"#),
                r#"{"reason":"no id","record":{"a":"\u0041"}}"#,
            ),
            (record(b"{\"a\""), r#"{"reason":"no id","record":"{\"a\""}"#),
            (record(b"\xff"), r#"{"reason":"no id","record_base64":"/w=="}"#),
            (
                Letter {
                    line: Some(3),
                    time: Some("now".to_owned()),
                    ..truncated
                },
                r#"{"reason":"no id","line":3,"time":"now","record":"{}","truncated":true}"#,
            ),
        ] {
            assert_eq!(written(&letter), format!("{text}\n"));
            assert_eq!(read(text).unwrap(), letter);
        }
    }

    #[test]
    fn what_is_no_letter_is_told() {
        for (line, message) in [
            ("", "no dead letter: EOF"),
            (r#"{"record":{}}"#, "no dead letter: missing field `reason`"),
            (r#"{"reason":""}"#, "no dead letter: neither `event` nor `record` in it"),
            (
                r#"{"reason":"","event":{}}"#,
                "no dead letter: `event_id` is not a UUID",
            ),
            (
                r#"{"reason":"","record_base64":"?"}"#,
                "no dead letter: `record_base64` is not Base64",
            ),
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_letter_keeps_every_record(bytes: Vec<u8>, truncated: bool, reason: String) {
            let letter = Letter { body: Body::Record { bytes: Bytes::from(bytes), truncated }, ..Letter::of_record(reason, Bytes::new()) };
            let text = written(&letter);
            prop_assert_eq!(text.find('\n'), Some(text.len() - 1));
            let Body::Record { bytes: found, .. } = read(&text).unwrap().body else { panic!("a record") };
            let Body::Record { bytes, .. } = letter.body else { panic!("a record") };
            // Of JSON, blanks between tokens go, and a JSON string is taken for its text.
            if std::str::from_utf8(&bytes).map_or(true, |text| serde_json::from_str::<&RawValue>(text).is_err()) || truncated {
                prop_assert_eq!(found, bytes);
            }
        }
    }
}
