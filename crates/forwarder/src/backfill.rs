//! What a new position will find that is older than its sink takes: said before anything is sent.

use std::fmt;
use std::io;
use std::time::Duration;

use logferry_kondado::Stream;
use logferry_mapper::Mapper;
use logferry_sinks::exchange::days;
use logferry_sinks::{Event, Service};

use crate::clock::Clock;
use crate::config::{Config, FileSource, Source, Start};
use crate::input::judge::{Invalid, Item, Judge, Kind, Visit};
use crate::input::reader;
use crate::mapping::{RowMapper, fivetran_event};

/// Events that are older than a sink takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Older {
    /// The source.
    pub source: String,
    /// The stream, where a source has several.
    pub stream: Option<&'static str>,
    /// The sink.
    pub sink: String,
    /// How old an event may be.
    pub oldest: Duration,
    /// How many there are.
    pub count: Count,
}

/// How many are older.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many events.
    Events(u64),
    /// About so many records, each of which has several events.
    AboutRecords(u64),
    /// That only the API could tell.
    Unknown,
}

impl fmt::Display for Older {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let oldest = days(self.oldest);
        write!(
            f,
            "sink {} takes what is {oldest} old at most; of source {}",
            self.sink, self.source
        )?;
        if let Some(stream) = self.stream {
            write!(f, ", {stream}")?;
        }
        match self.count {
            Count::Events(events) => write!(f, ", {events} events are older and become dead letters"),
            Count::AboutRecords(records) => {
                write!(
                    f,
                    ", about {records} records are older, and their events become dead letters"
                )
            }
            Count::Unknown => f.write_str(", what is older becomes dead letters"),
        }?;
        f.write_str(" (a later `start` leaves them out, `too_old = \"send\"` sends them all the same)")
    }
}

/// The sinks of a source that do not take all ages.
pub fn limited<'c>(config: &'c Config, source: &'c str) -> impl Iterator<Item = (&'c str, Duration)> {
    let sinks = config.sinks.iter().filter(move |(_, sink)| sink.takes(source));
    sinks.filter_map(|(name, sink)| Some((name.as_str(), sink.kind.service().and_then(Service::oldest)?)))
}

/// Whether a beginning is, or may be, before a time.
pub fn may_be_before(start: &Start, millis: i64) -> bool {
    match start {
        Start::Latest => false,
        Start::Time(time) => time.as_millis() < millis,
        Start::Earliest | Start::Id(_) => true,
    }
}

/// What new positions would find, as far as that is known without asking anybody. `now` in milliseconds since 1970.
pub fn offline(config: &Config, now: i64) -> Vec<Older> {
    let mut found = Vec::new();
    for (name, source) in &config.sources {
        for (sink, oldest) in limited(config, name) {
            let older = |stream, count| Older {
                source: name.clone(),
                stream,
                sink: sink.to_owned(),
                oldest,
                count,
            };
            match source {
                Source::Kondado(kondado) => {
                    let start = config.sinks.get(sink).and_then(|sink| sink.start.as_ref());
                    let start = start.or(kondado.start.as_ref()).unwrap_or(&Start::Earliest);
                    if may_be_before(start, before(now, oldest)) {
                        found.push(older(None, Count::Unknown));
                    }
                }
                Source::File(file) => {
                    // What cannot be read is said elsewhere.
                    let events = in_file(config, file, sink, before(now, oldest));
                    found.extend(
                        events
                            .ok()
                            .filter(|events| *events > 0)
                            .map(|events| older(None, Count::Events(events))),
                    );
                }
                Source::Stdin(_) => {}
            }
        }
    }
    found
}

/// Now, in milliseconds since 1970.
pub fn now() -> i64 {
    i64::try_from(Clock::start().now()).unwrap_or(i64::MAX)
}

/// So long before now, in milliseconds since 1970.
pub fn before(now: i64, oldest: Duration) -> i64 {
    now.saturating_sub(i64::try_from(oldest.as_millis()).unwrap_or(i64::MAX))
}

/// How many events of a file a sink is to get that are from before a time.
///
/// # Errors
///
/// What the system says when the file cannot be read.
pub fn in_file(config: &Config, file: &FileSource, sink: &str, millis: i64) -> io::Result<u64> {
    let mapper = Mapper::new(config.mapper.clone());
    let mut counter = Counter {
        mappers: [Stream::PipelineLogs, Stream::ModelLogs].map(|stream| RowMapper::new(&mapper, stream)),
        config,
        sink,
        millis,
        older: 0,
    };
    let judge = Judge {
        kind: file.kind,
        max_bytes: file.max_record_bytes,
    };
    let mut reader = reader::Reader::new([reader::Source::File(file.path.clone())], file.max_record_bytes);
    let mut batch = reader::Batch::default();
    while reader.next(&mut batch) {
        judge.batch(&batch, &mut counter);
        if let Some(error) = batch.error.take() {
            return Err(error);
        }
    }
    Ok(counter.older)
}

struct Counter<'c, 'm> {
    mappers: [RowMapper<'m>; 2],
    config: &'c Config,
    sink: &'c str,
    millis: i64,
    older: u64,
}

impl Counter<'_, '_> {
    fn events(&mut self, item: &Item<'_>) -> Option<Vec<Event>> {
        let [pipelines, models] = &mut self.mappers;
        let mapper = match item.kind {
            Kind::Pipeline => pipelines,
            Kind::Model => models,
            Kind::Fivetran => return fivetran_event(item.text, item.record).map(|event| vec![event]).ok(),
        };
        let row = mapper.read(item.text).ok()?;
        mapper.events(&row, false).ok()
    }
}

impl Visit for Counter<'_, '_> {
    fn record(&mut self, item: Item<'_>) {
        let events = self.events(&item).unwrap_or_default();
        let Some(sink) = self.config.sinks.get(self.sink) else {
            return;
        };
        let is_older =
            |event: &&Event| event.created_millis < self.millis && sink.select.allows(&event.name, event.severity);
        self.older += events.iter().filter(is_older).count() as u64;
    }

    fn invalid(&mut self, _: Invalid<'_>) {}
}
