//! Tells what each value of the input is: a record of some kind, a response with rows, or neither.

use std::fmt::Display;

use logferry_kondado::page::Response;
use logferry_kondado::{Field, Record, Stream};
use logferry_model::json::LoneSurrogate;
use serde_json::value::RawValue;

use super::frame::{Content, Frame};
use super::framer::Framer;
use super::mark::Mark;
use super::reader::Batch;
use super::scanner::Scanner;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A Kondado pipeline log.
    Pipeline,
    /// A Kondado model log.
    Model,
    /// A Fivetran event, or a row of Fivetran's LOG table.
    Fivetran,
}

/// A name that no kind has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind `{0}`, expected one of `pipeline`, `model`, `fivetran`")]
pub struct UnknownKind(pub String);

impl std::str::FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Kind, UnknownKind> {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 3] = [Kind::Pipeline, Kind::Model, Kind::Fivetran];

    /// The name, in options and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Pipeline => "pipeline",
            Kind::Model => "model",
            Kind::Fivetran => "fivetran",
        }
    }

    /// What it is, for a person.
    pub fn description(self) -> &'static str {
        match self {
            Kind::Pipeline => "A Kondado pipeline log",
            Kind::Model => "A Kondado model log",
            Kind::Fivetran => "A Fivetran event, or a row of Fivetran's LOG table",
        }
    }

    /// The kind that a record's keys tell.
    fn of(record: &Record<'_>) -> Option<Kind> {
        // Without `createdAt` it is no record of Kondado's, whatever ids it has.
        let is_event =
            is_given(record, "event") && is_given(record, "created") && record.raw(Field::CreatedAt).is_none();
        if is_log_row(record) || is_event {
            Some(Kind::Fivetran)
        } else if record.raw(Field::PipelineId).is_some() {
            Some(Kind::Pipeline)
        } else if record.raw(Field::ModelId).is_some() {
            Some(Kind::Model)
        } else {
            record.other("event").map(|_| Kind::Fivetran)
        }
    }
}

/// Whether a record of Fivetran's is a row of its LOG table.
pub fn is_log_row(record: &Record<'_>) -> bool {
    is_given(record, "message_event")
}

fn is_given(record: &Record<'_>, key: &str) -> bool {
    record.other(key).is_some_and(|raw| raw.get() != "null")
}

/// A record of the input.
pub struct Item<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its members.
    pub record: &'a Record<'a>,
    /// Its text, well-formed JSON.
    pub text: &'a str,
    /// Where it begins.
    pub mark: Mark,
}

impl<'a> Item<'a> {
    /// What is reported of the record when it turns out to be invalid, at the value that is at fault.
    pub fn invalid(&self, reason: &'a dyn Display, faulty: Option<&RawValue>) -> Invalid<'a> {
        let before = faulty.map(|raw| before(raw.get(), self.text));
        Invalid {
            begin: self.mark,
            at: before.map_or(self.mark, |before| self.mark.behind(before)),
            reason,
            text: self.text.as_bytes(),
            truncated: false,
        }
    }
}

/// A piece of the input that is no usable record.
pub struct Invalid<'a> {
    /// Where it begins.
    pub begin: Mark,
    /// Where the fault is.
    pub at: Mark,
    /// What is wrong.
    pub reason: &'a dyn Display,
    /// Its text, or the beginning of it.
    pub text: &'a [u8],
    /// Whether `text` is only the beginning.
    pub truncated: bool,
}

/// Takes what is found, in order.
pub trait Visit {
    /// A record.
    fn record(&mut self, item: Item<'_>);
    /// Something that is none.
    fn invalid(&mut self, invalid: Invalid<'_>);
    /// A large value comes, for which much memory will be needed.
    fn large(&mut self) {}
}

/// A value of more bytes is announced by [`Visit::large`].
const LARGE_RECORD: usize = 256 * 1024;

/// The rules.
#[derive(Debug, Clone, Copy)]
pub struct Judge {
    /// The kind that every record is said to be.
    pub kind: Option<Kind>,
    /// The most bytes that a record may have.
    pub max_bytes: usize,
}

/// The keys that tell what a record is.
const KIND_KEYS: [&str; 4] = ["message_event", "pipeline_id", "model_id", "event"];

/// Which of [`KIND_KEYS`] is misspelt by a letter in a record that has none of them.
fn misspelt(record: &Record<'_>) -> Option<&'static str> {
    let mut keys = record.members(Stream::PipelineLogs).map(|(key, ..)| key);
    keys.find_map(|key| {
        let mut kinds = KIND_KEYS.into_iter();
        kinds.find(|kind| strsim::damerau_levenshtein(kind, key) == 1)
    })
}

struct Suggestion(Option<&'static str>);

impl Display for Suggestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(meant) => write!(f, " (did you mean `{meant}`?)"),
            None => Ok(()),
        }
    }
}

/// Why a well-formed value is no usable record.
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("not UTF-8")]
    NotUtf8,
    #[error("expected an object, found {0}")]
    NoObject(&'static str),
    #[error("expected one of the keys {}, which tell what a record is{}", KIND_KEYS.join(", "), Suggestion(*meant))]
    NoKind {
        /// Which of them may have been meant by a key of the record.
        meant: Option<&'static str>,
    },
    #[error("expected a Fivetran event, which has the key event or message_event")]
    NoEvent,
    #[error("an API response without rows: expected an array at `data`")]
    NoRows,
}

impl Judge {
    /// Visits everything in a batch.
    pub fn batch(&self, batch: &Batch, visit: &mut impl Visit) {
        // One check for all; only where it fails must each record be checked.
        let text = std::str::from_utf8(&batch.buffer).ok();
        for frame in &batch.frames {
            self.frame(frame, &batch.buffer, text, visit);
        }
    }

    fn frame(&self, frame: &Frame, buffer: &[u8], text: Option<&str>, visit: &mut impl Visit) {
        let mark = frame.mark;
        let (start, end, line) = match &frame.content {
            Content::Line {
                start,
                end,
                forgot_brackets,
            } => (*start, *end, Some(*forgot_brackets)),
            Content::Value(start, end) => (*start, *end, None),
            Content::Bad(bad) => {
                return visit.invalid(Invalid {
                    begin: mark,
                    at: bad.at,
                    reason: &bad.fault,
                    text: &bad.text,
                    truncated: bad.truncated,
                });
            }
        };
        let bytes = &buffer[start..end];
        let text = match text {
            Some(text) => text.get(start..end),
            None => std::str::from_utf8(bytes).ok(),
        };
        if bytes.len() > LARGE_RECORD {
            visit.large();
        }
        if let Some(text) = text
            && let Ok(record) = Record::parse(text)
            // Of a value the framer has seen how deep it is, of a line it has not.
            && (line.is_none() || record.is_plain() || !Scanner::is_too_deep(text))
        {
            return self.object(&record, text, mark, visit);
        }
        if let Some(forgot_brackets) = line {
            let framer = Framer::inside(mark, self.max_bytes, forgot_brackets);
            return self.frames(framer, bytes, visit);
        }
        // The framer has found it well formed; so it is no object, or not all of it is text. That says nothing about the rows
        // of a response.
        let mut scanner = Scanner::new();
        scanner.feed(bytes);
        if let Some(rows) = scanner.rows() {
            let framer = Framer::rows(mark.behind(&bytes[..rows.start]), self.max_bytes, rows);
            return self.frames(framer, &bytes[rows.start..], visit);
        }
        let Some(text) = text else {
            let valid = bytes.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
            return visit.invalid(Invalid {
                begin: mark,
                at: mark.behind(&bytes[..valid]),
                reason: &Reason::NotUtf8,
                text: bytes,
                truncated: false,
            });
        };
        match found(text) {
            "an object" => invalid(&LoneSurrogate, text, mark, visit),
            found => invalid(&Reason::NoObject(found), text, mark, visit),
        }
    }

    /// Visits the values of a text one by one.
    fn frames(&self, mut framer: Framer, text: &[u8], visit: &mut impl Visit) {
        let mut frames = Vec::new();
        let mut rest = text;
        loop {
            let consumed = framer.advance(rest, true, &mut frames);
            if frames.is_empty() {
                return;
            }
            for frame in frames.drain(..) {
                self.frame(&frame, rest, None, visit);
            }
            rest = &rest[consumed..];
        }
    }

    fn object(&self, record: &Record<'_>, text: &str, mark: Mark, visit: &mut impl Visit) {
        let kind = Kind::of(record);
        let meant = match kind.or(self.kind) {
            None => misspelt(record),
            Some(_) => None,
        };
        if kind.is_none() && meant.is_none() {
            match Response::of(record) {
                Some(Response::Rows(rows)) => {
                    let mark = mark.behind(before(rows.get(), text));
                    let framer = Framer::inside(mark, self.max_bytes, false);
                    return self.frames(framer, rows.get().as_bytes(), visit);
                }
                Some(Response::Row(row)) => {
                    let mark = mark.behind(before(row.get(), text));
                    let framer = Framer::inside(mark, self.max_bytes, false);
                    return self.frames(framer, row.get().as_bytes(), visit);
                }
                Some(Response::Failure(error)) => return invalid(&error, text, mark, visit),
                Some(Response::Neither) => return invalid(&Reason::NoRows, text, mark, visit),
                None => {}
            }
        }
        match self.kind.or(kind) {
            Some(Kind::Fivetran) if record.other("event").or(record.other("message_event")).is_none() => {
                invalid(&Reason::NoEvent, text, mark, visit);
            }
            Some(kind) => visit.record(Item {
                kind,
                record,
                text,
                mark,
            }),
            None => invalid(&Reason::NoKind { meant }, text, mark, visit),
        }
    }
}

fn invalid(reason: &dyn Display, text: &str, mark: Mark, visit: &mut impl Visit) {
    visit.invalid(Invalid {
        begin: mark,
        at: mark,
        reason,
        text: text.as_bytes(),
        truncated: false,
    });
}

/// The bytes of `whole` before `part`, which lies in it.
pub fn before<'w>(part: &str, whole: &'w str) -> &'w [u8] {
    let offset = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    whole.as_bytes().get(..offset).unwrap_or_default()
}

/// What a JSON value is, in words.
fn found(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    }
}
