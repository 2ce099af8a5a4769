//! Rows of a page as sinks get them.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use logferry_kondado::{Field, FieldError, Record, Stream};
use logferry_mapper::canonical::{self, Form};
use logferry_mapper::{Mapper, Worker, Written, fivetran, identity};
use logferry_model::{Severity, Timestamp, json};
use logferry_sinks::{Event, EventId};

/// A row that has an id.
#[derive(Debug)]
pub struct Row<'a> {
    record: Record<'a>,
    /// Its id.
    pub id: u64,
}

impl Row<'_> {
    /// Its `createdAt` in milliseconds since 1970, if that is a time.
    pub fn created(&self) -> Option<i64> {
        let created = Timestamp::parse(&self.record.text(Field::CreatedAt)).ok();
        created.map(Timestamp::as_millis)
    }
}

/// Why a row cannot be delivered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no record that has an id.
    #[error("expected a record: {0}")]
    NoRecord(#[from] serde_json::Error),
    /// It has no usable id.
    #[error(transparent)]
    NoId(#[from] FieldError),
    /// It has an id, but cannot be mapped.
    #[error(transparent)]
    Unmappable(#[from] logferry_mapper::Error),
    /// It is no event of Fivetran's.
    #[error(transparent)]
    NoEvent(#[from] fivetran::Error),
    /// It is one, but cannot be read back.
    #[error(transparent)]
    Unreadable(#[from] logferry_model::envelope::ParseError),
}

/// Maps the rows of one stream.
#[derive(Debug)]
pub struct RowMapper<'m> {
    stream: Stream,
    worker: Worker<'m>,
    /// Used again for every row.
    lines: Vec<u8>,
    written: Vec<(usize, Written)>,
    canonical: Vec<u8>,
    spare: Vec<u8>,
}

impl<'m> RowMapper<'m> {
    /// A mapper for a stream.
    pub fn new(mapper: &'m Mapper, stream: Stream) -> RowMapper<'m> {
        RowMapper {
            stream,
            worker: mapper.worker(),
            lines: Vec::new(),
            written: Vec::new(),
            canonical: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Reads a row as far as it takes to know it again.
    ///
    /// # Errors
    ///
    /// [`Error`] when it has no id; such a row is known by its text alone.
    pub fn read<'a>(&self, text: &'a str) -> Result<Row<'a>, Error> {
        let record = Record::parse(text)?;
        let id = record.required_id(Field::Id)?;
        Ok(Row { record, id })
    }

    /// Tells the content of a row, whose text this is, from another; never 0.
    pub fn fingerprint(&mut self, row: &Row<'_>, text: &str) -> u32 {
        match self.canonical(row) {
            Some(canonical) => identity::fingerprint(canonical.as_bytes()),
            None => identity::fingerprint(text.as_bytes()),
        }
    }

    fn canonical(&mut self, row: &Row<'_>) -> Option<&str> {
        let RowMapper {
            stream,
            spare,
            canonical,
            ..
        } = self;
        canonical.clear();
        canonical::write(*stream, &row.record, Form::Alone, spare, canonical).ok()?;
        std::str::from_utf8(canonical).ok()
    }

    /// The events of a row. `again`: with the ids of a row that is delivered again because it changed.
    ///
    /// # Errors
    ///
    /// [`Error::Unmappable`] when the record is invalid.
    pub fn events(&mut self, row: &Row<'_>, again: bool) -> Result<Vec<Event>, Error> {
        let RowMapper {
            stream,
            worker,
            lines,
            written,
            ..
        } = self;
        lines.clear();
        written.clear();
        worker.map(*stream, &row.record, lines, |lines, event| {
            written.push((lines.len(), event))
        })?;
        let record_id = identity::record_id(self.stream, row.id);
        let key = self.key(&row.record);
        let text = Bytes::copy_from_slice(&self.lines);
        let mut start = 0;
        let event = |(end, event): &(usize, Written)| {
            let line = text.slice(start..end - 1);
            start = *end;
            Event {
                text: line,
                name: Cow::Borrowed(event.kind.name()),
                key: key.clone(),
                // Every event of a record is one of success.
                severity: event.kind.usual_severity(),
                created_millis: event.created.as_millis(),
                id: EventId::OfRecord(record_id),
            }
        };
        let mut events: Vec<Event> = self.written.iter().map(event).collect();
        if again {
            // It was mapped, so it is all text.
            let canonical = self.canonical(row).unwrap_or_default();
            for event in &mut events {
                event.id = EventId::Known(identity::changed_event_id(record_id, &event.name, canonical));
            }
        }
        Ok(events)
    }

    /// What the events are about: the connection id, or the job id of a transformation.
    fn key(&self, record: &Record<'_>) -> Arc<str> {
        let job = record.integer(self.stream.job_id()).unwrap_or_default();
        match self.stream {
            Stream::PipelineLogs => format!("pipeline_{job}").into(),
            Stream::ModelLogs => format!("model_{job}").into(),
        }
    }
}

/// An event of Fivetran's, in canonical form.
///
/// # Errors
///
/// [`Error::NoEvent`] when it cannot be understood.
pub fn fivetran_event(text: &str, record: &Record<'_>) -> Result<Event, Error> {
    let mut line = Vec::with_capacity(text.len() + 64);
    fivetran::write(text, &mut line)?;
    line.pop();
    let line = Bytes::from(line);
    let canonical = std::str::from_utf8(&line).unwrap_or_default();
    let event = logferry_model::Event::parse(canonical)?;
    // A row of the LOG table has its severity in a column, which is no part of the event.
    let column = record.other("message_event").and_then(|_| record.other("event"));
    let severity = match column.and_then(json::read_str).as_deref() {
        Some("SEVERE" | "ERROR") => Severity::Severe,
        Some("WARNING") => Severity::Warning,
        Some("INFO") => Severity::Info,
        _ => event.payload.severity(),
    };
    let key = event
        .tail
        .connection_id
        .as_deref()
        .map(Arc::from)
        .or_else(|| job_id(canonical));
    Ok(Event {
        name: match event.payload.kind() {
            Some(kind) => Cow::Borrowed(kind.name()),
            None => Cow::Owned(event.payload.name().to_owned()),
        },
        key: key.unwrap_or_else(|| Arc::from("")),
        severity,
        created_millis: event.created.as_millis(),
        id: EventId::Known(identity::text_event_id(canonical)),
        text: line.clone(),
    })
}

/// The `id` in an event's data, which in transformations is the job's.
fn job_id(event: &str) -> Option<Arc<str>> {
    let member = |text: &str, name: &str| {
        let members = json::raw_members(text).ok()?;
        let found = members
            .into_iter()
            .find(|(key, _)| json::read_str(key).as_deref() == Some(name));
        found.map(|(_, value)| value.get().to_owned())
    };
    let id = member(&member(event, "data")?, "id")?;
    serde_json::from_str::<String>(&id).ok().map(Arc::from)
}
