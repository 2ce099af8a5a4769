//! Records in, events out.
//!
//! A [`Mapper`] turns one Kondado log record into the canonical Fivetran log events of a finished sync
//! (`pipeline_log`) or a finished transformation (`model_log`), and brings Fivetran's own events into canonical form ([`fivetran`]).
//!
//! ```text
//! Record ──▶ required fields ──▶ canonical record ──▶ names, times, ids ──▶ events, one line each
//!                 │                    │
//!                 └──── Error ◀────────┘   the record is invalid: no event is written
//! ```
//!
//! This crate is pure, total and deterministic: no I/O, no clock, no randomness, no panic on input, and the same record
//! gives the same bytes for ever. Nothing is invented and nothing is lost: a field that Kondado does not give is left
//! out, and every field that it gives arrives, in the canonical record at least ([`canonical`]), from which the record
//! can be rebuilt ([`inverse`]).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod canonical;
mod connection;
pub mod fivetran;
pub mod identity;
pub mod inverse;
mod model_log;
mod naming;
mod pipeline_log;
pub mod schema;
pub mod settings;

use std::borrow::Cow;

use logferry_kondado::{Decimal, Field, FieldError, Record, Stream};
use logferry_model::json::{LoneSurrogate, Strings, compact};
use logferry_model::{Kind, TailText, Timestamp, ToJson};

use crate::canonical::Form;
use crate::connection::Connections;
pub use settings::{PipelineSettings, Selection, Settings, UnknownEvent};

/// Why a record cannot be mapped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field that every record needs is missing or unusable.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A string of the record is no text.
    #[error(transparent)]
    LoneSurrogate(#[from] LoneSurrogate),
}

/// Counts up when the events of the same record come to differ from those of the release before.
pub const VERSION: u32 = 1;

/// The mapping with its settings.
#[derive(Debug, Default)]
pub struct Mapper {
    settings: Settings,
}

impl Mapper {
    /// A mapper with these settings.
    pub fn new(settings: Settings) -> Mapper {
        Mapper { settings }
    }

    /// What one thread maps with. It should live long: it keeps buffers, and what it found out about pipelines.
    pub fn worker(&self) -> Worker<'_> {
        Worker {
            settings: &self.settings,
            buffers: Buffers::default(),
        }
    }
}

/// An event that was just written.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// Which.
    pub kind: Kind,
    /// Its `created`.
    pub created: Timestamp,
}

/// One thread's share of a [`Mapper`].
#[derive(Debug)]
pub struct Worker<'m> {
    settings: &'m Settings,
    buffers: Buffers,
}

/// What is used again for every record.
#[derive(Debug, Default)]
struct Buffers {
    /// The canonical record, as it stands within a string.
    canonical: Vec<u8>,
    spare: Vec<u8>,
    state: Vec<u8>,
    connections: Connections,
    tail: TailText,
}

impl Worker<'_> {
    /// Appends the selected events of a record to `out`, one line each, in order. `written` is called after each event,
    /// with `out` and what was written; it may take away what stands in `out`.
    ///
    /// # Errors
    ///
    /// [`Error`] when the record is invalid; then no event is written.
    pub fn map(
        &mut self,
        stream: Stream,
        record: &Record<'_>,
        out: &mut Vec<u8>,
        written: impl FnMut(&mut Vec<u8>, Written),
    ) -> Result<(), Error> {
        let (settings, buffers) = (self.settings, &mut self.buffers);
        let run = Run::of(stream, record)?;
        buffers.canonical.clear();
        if settings.events.contains(Kind::Info) {
            canonical::write(
                stream,
                record,
                Form::InString,
                &mut buffers.spare,
                &mut buffers.canonical,
            )?;
        } else {
            // Whether a record is valid must not depend on which events are selected.
            canonical::check(stream, record, &mut buffers.spare)?;
        }
        let lines = Lines {
            selection: settings.events,
            out,
            written,
        };
        match stream {
            Stream::PipelineLogs => pipeline_log::write(settings, &run, record, buffers, lines),
            Stream::ModelLogs => model_log::write(&run, record, buffers, lines),
        }
        Ok(())
    }

    /// Gives back the memory that a large record took.
    pub fn shrink(&mut self) {
        let Buffers {
            canonical,
            spare,
            state,
            connections,
            tail,
        } = &mut self.buffers;
        for buffer in [canonical, spare, state] {
            *buffer = Vec::new();
        }
        connections.shrink();
        *tail = TailText::default();
    }
}

/// 1900-01-01T00:00:00Z in milliseconds. Kondado has no older logs: an older time is a mistake.
const YEAR_1900: i64 = -2_208_988_800_000;

/// What both kinds of record must have.
struct Run {
    id: u64,
    job_id: u64,
    end: Timestamp,
    /// How long the run took, in milliseconds.
    millis: i64,
}

impl Run {
    fn of(stream: Stream, record: &Record<'_>) -> Result<Run, FieldError> {
        let id = record.required_id(Field::Id)?;
        let job_id = record.required_id(stream.job_id())?;
        let end = Timestamp::parse(&record.text(Field::CreatedAt));
        let end = end.map_err(|error| record.unusable(Field::CreatedAt, error))?;
        if end.as_millis() < YEAR_1900 {
            return Err(record.unusable(Field::CreatedAt, "expected a time from the year 1900 on"));
        }
        let millis = record.decimal(Field::ExecutionTimeSeconds, run_millis).unwrap_or(0);
        Ok(Run {
            id,
            job_id,
            end,
            millis,
        })
    }

    /// When the run began: at least so many milliseconds before its end.
    fn start(&self, at_least: i64) -> Timestamp {
        self.end.plus_millis(-self.millis.max(at_least))
    }
}

/// Seconds as milliseconds, rounded half up; 0 when negative or over ten years.
fn run_millis(seconds: Decimal<'_>) -> i64 {
    const TEN_YEARS: u128 = 315_576_000;
    // A half of a millisecond has four places, so what lies behind them cannot change the rounding.
    match seconds.magnitude(4) {
        Some((tenths, exact)) if !seconds.is_negative() && (tenths, !exact) <= (TEN_YEARS * 10_000, false) => {
            i64::try_from((tenths + 5) / 10).unwrap_or(0)
        }
        _ => 0,
    }
}

/// Where the events of one record go, and which.
struct Lines<'o, F> {
    selection: Selection,
    out: &'o mut Vec<u8>,
    written: F,
}

impl<F: FnMut(&mut Vec<u8>, Written)> Lines<'_, F> {
    fn write(&mut self, tail: &mut TailText, kind: Kind, created: Timestamp, data: Option<&impl ToJson>) {
        if self.selection.contains(kind) {
            tail.write_event(kind, data, created, self.out);
            self.out.push(b'\n');
            (self.written)(self.out, Written { kind, created });
        }
    }
}

/// The data of the `info` event that carries a record: a [`logferry_model::event::sync::Info`] whose message is escaped
/// already.
struct RecordInfo<'r> {
    stream: Stream,
    canonical: &'r [u8],
}

impl ToJson for RecordInfo<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"type":""#);
        out.extend_from_slice(inverse::info_type(self.stream).as_bytes());
        out.extend_from_slice(br#"","message":""#);
        out.extend_from_slice(self.canonical);
        out.extend_from_slice(br#""}"#);
    }
}

/// A text of an event that is given and borrowed.
fn some(text: &str) -> Option<Cow<'_, str>> {
    Some(Cow::Borrowed(text))
}

/// Text that one of our own writers made.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Appends a value of the record as events carry it: blanks between tokens gone, escaped anew, U+0000 removed.
fn write_for_event(raw: &serde_json::value::RawValue, out: &mut Vec<u8>) {
    let before = out.len();
    if compact(raw.get(), Strings::EscapedWithoutNul, out).is_err() {
        // Not reached: the canonical record has been written or checked before.
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}
