//! Dead letters, sent again.
//!
//! Events go to the sink that refused them, records are mapped anew and go to every sink of their source. How far the file has been sent is
//! kept beside it, so that an interrupted replay goes on; what is refused again goes to a new file. It is at least once, and in the order of
//! the file, which is behind what was delivered meanwhile.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use logferry_kondado::{Record, Stream};
use logferry_mapper::Mapper;
use logferry_sinks::dead_letter::{self, Body};
use logferry_sinks::{DeadLetters, Event, EventId, Letter, Ticket};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::checkpoint::{Atomically, Replace as _};
use crate::clock::Clock;
use crate::config::Config;
use crate::input::judge::{Invalid, Item, Judge, Visit};
use crate::input::reader::Batch;
use crate::lines::{Lines, Mark};
use crate::mapping::{RowMapper, fivetran_event};
use crate::outlets;
use crate::patience::PATIENCE;
use crate::run;
use crate::source::{Place, Surroundings};
use crate::state::{self, Positions, RecordCounts, Seen, Shared, State, Stored, Track, time_of};
use crate::summary::Summary;

/// So much of a file tells whether it is still the same.
const HEAD_BYTES: u64 = 64 * 1024;

/// Why dead letters cannot be sent again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read, or its progress not be written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The progress is that of another file.
    #[error(
        "{}: it was kept for another file: {} has changed since. Remove it to send the whole file again",
        progress.display(), path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// The file of its progress.
        progress: PathBuf,
    },
    /// A sink that is asked for is not there.
    #[error("there is no sink `{name}`; there are: {}", known.join(", "))]
    NoSink {
        /// The name.
        name: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// The sinks cannot be opened.
    #[error(transparent)]
    Run(#[from] run::Error),
}

/// What came of a replay.
#[derive(Debug)]
pub struct Replayed {
    /// What was sent.
    pub summary: Summary,
    /// Where the refusals are, and how many bytes of them; none are 0.
    pub refused: (PathBuf, u64),
}

/// How far a file has been sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    inode: u64,
    /// CRC-32 of how it begins: another file may get the inode of one that was removed.
    head: u32,
    /// Bytes of the file that are done.
    bytes: u64,
    /// Letters that are done.
    letters: u64,
}

/// Sends the letters of a file again, those of one sink only if one is named: then all go to it.
///
/// # Errors
///
/// [`Error`] when the file or a sink cannot be opened.
pub async fn replay(
    config: &Config,
    path: &Path,
    sink: Option<&str>,
    stop: CancellationToken,
) -> Result<Replayed, Error> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| Error::Io { path, error }
    };
    let known: Vec<String> = config.sinks.keys().cloned().collect();
    if let Some(name) = sink.filter(|name| !config.sinks.contains_key(*name)) {
        return Err(Error::NoSink {
            name: name.to_owned(),
            known,
        });
    }
    let mut file = File::open(path).map_err(at(path))?;
    let progress_path = beside(path, "progress");
    let mut progress = read_progress(&file, path, &progress_path)?;
    let same = file.try_clone().map_err(at(path))?;
    file.seek(SeekFrom::Start(progress.bytes)).map_err(at(path))?;

    let now = time_of(SystemTime::now()).replace([':', '-'], "");
    let refused = beside(path, &format!("refused-{now}.ndjson"));
    let letters = DeadLetters::open(&dead_letter::Config {
        path: refused.clone(),
        ..config.dead_letter.clone()
    });
    let letters = letters.map_err(run::Error::from)?;
    let begun = Mark {
        offset: progress.bytes,
        records: progress.letters,
        line: 0,
    };
    let sinks: Vec<usize> = (0..known.len()).collect();
    let track = Track {
        source: 0,
        source_name: path.display().to_string().into(),
        stream: "dead letters".into(),
        client_id: None,
        positions: Positions::Lines(Lines::new(sinks.iter().map(|_| begun))),
        stored: vec![Stored::default(); sinks.len()],
        sinks,
        counts: RecordCounts::default(),
        seen: Seen::default(),
        file: None,
    };
    let state = State {
        tracks: vec![track],
        sinks: known.iter().map(|name| state::Sink::named(name)).collect(),
        sources: vec![state::Source::named("replay")],
        draining: false,
        checkpoint_error: None,
    };
    let shared = Arc::new(Shared::new(state, Clock::start()));
    let opened = outlets::open(config, &shared, &letters, &BTreeMap::new()).await?;
    let around = Surroundings {
        shared: shared.clone(),
        outlets: Arc::new(opened.outlets),
        mapper: Arc::new(Mapper::new(config.mapper.clone())),
        letters: letters.clone(),
        once: true,
        patience: PATIENCE,
        stop: stop.clone(),
    };

    let started = Instant::now();
    let mut lines = BufReader::new(file);
    let mut line = String::new();
    let mut mark = begun;
    let mut saved = Instant::now();
    let save = |progress: &mut Progress| {
        let done = match &shared.lock().tracks[0].positions {
            Positions::Lines(lines) => lines.earliest(),
            Positions::Rows(_) => begun,
        };
        (progress.bytes, progress.letters) = (done.offset, done.records);
        progress.head = head(&same, done.offset).map_err(at(path))?;
        let text = serde_json::to_string(progress).map_err(io::Error::from);
        let kept = text.and_then(|text| Atomically.replace(&progress_path, text.as_bytes()));
        kept.map_err(at(&progress_path))
    };
    while !stop.is_cancelled() {
        line.clear();
        let read = lines.read_line(&mut line).map_err(at(path))?;
        if read == 0 {
            break;
        }
        mark.offset += read as u64;
        mark.records += 1;
        mark.line += 1;
        if !has_room(&around, &stop).await {
            break;
        }
        one(&around, config, sink, line.trim_end(), mark).await;
        if saved.elapsed() >= Duration::from_secs(1) {
            save(&mut progress)?;
            saved = Instant::now();
        }
    }
    while !shared.lock().is_all_delivered() && !stop.is_cancelled() && halted(&shared).is_none() {
        tokio::select! {
            () = shared.settled.notified() => {}
            () = shared.closed.notified() => {}
            () = stop.cancelled() => {}
        }
    }
    let deadline = Instant::now() + Duration::from_secs(config.shutdown_grace_secs);
    let halted = halted(&shared);
    for outlet in around.outlets.iter() {
        let deadline = if halted.is_some() { Instant::now() } else { deadline };
        outlet.delivery.drain(deadline).await;
    }
    save(&mut progress)?;
    let size = letters.size_bytes();
    if size == 0 {
        // Nothing was refused: an empty file says nothing.
        let _ = std::fs::remove_file(&refused);
    }
    if let Some(error) = halted {
        return Err(Error::Run(error));
    }
    let summary = Summary::of(&shared.lock(), !stop.is_cancelled(), started.elapsed());
    Ok(Replayed {
        summary,
        refused: (refused, size),
    })
}

/// Why a sink takes nothing any more.
fn halted(shared: &Shared) -> Option<run::Error> {
    let state = shared.lock();
    let closed = state.sinks.iter().find(|sink| sink.closed);
    let closed = closed.map(|sink| run::Error::Closed(sink.name.to_string()));
    closed.or_else(|| {
        state
            .stopped()
            .map(|(sink, reason)| run::Error::SinkStopped { sink, reason })
    })
}

/// Waits until every sink has room; false when there is no use in going on.
async fn has_room(around: &Surroundings, stop: &CancellationToken) -> bool {
    loop {
        if stop.is_cancelled() || halted(&around.shared).is_some() {
            return false;
        }
        if around.outlets.iter().all(|outlet| outlet.delivery.has_room()) {
            return true;
        }
        tokio::select! {
            () = around.shared.settled.notified() => {}
            () = around.shared.closed.notified() => {}
            () = stop.cancelled() => {}
        }
    }
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(what);
    path.with_file_name(name)
}

/// The CRC-32 of how the file begins, of what is done of it.
fn head(file: &File, done: u64) -> io::Result<u32> {
    let length = usize::try_from(done.min(HEAD_BYTES)).unwrap_or_default();
    let mut head = vec![0; length];
    file.read_exact_at(&mut head, 0)?;
    Ok(crc32fast::hash(&head))
}

fn read_progress(file: &File, path: &Path, progress_path: &Path) -> Result<Progress, Error> {
    use std::os::unix::fs::MetadataExt as _;
    let io = |path: &Path, error| Error::Io {
        path: path.to_owned(),
        error,
    };
    let metadata = file.metadata().map_err(|error| io(path, error))?;
    let fresh = Progress {
        inode: metadata.ino(),
        ..Progress::default()
    };
    let text = match std::fs::read_to_string(progress_path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(fresh),
        Err(error) => return Err(io(progress_path, error)),
    };
    match serde_json::from_str::<Progress>(&text) {
        Ok(progress)
            if progress.inode == metadata.ino()
                && progress.bytes <= metadata.len()
                && head(file, progress.bytes).is_ok_and(|head| head == progress.head) =>
        {
            Ok(progress)
        }
        _ => Err(Error::Changed {
            path: path.to_owned(),
            progress: progress_path.to_owned(),
        }),
    }
}

/// Sends one letter again.
async fn one(around: &Surroundings, config: &Config, only: Option<&str>, line: &str, mark: Mark) {
    let found = dead_letter::read(line).map_err(|error| error.to_string());
    let (events, wanted) = match found {
        Ok(letter) => {
            let wanted = |name: &str| match (only, &letter.sink, &letter.source) {
                (Some(only), ..) => name == only,
                (None, Some(sink), _) => name == sink,
                (None, None, Some(source)) => config.sinks[name].takes(source),
                (None, None, None) => true,
            };
            let wanted: Vec<bool> = config.sinks.keys().map(|name| wanted(name)).collect();
            match wanted.contains(&true) {
                true => (events(around, &letter), wanted),
                false => (
                    Err("no sink of the configuration is the one that refused it; name one with --sink".to_owned()),
                    wanted,
                ),
            }
        }
        Err(reason) => (Err(reason), Vec::new()),
    };
    let letter = match &events {
        Ok(_) => None,
        Err(reason) => Some(match dead_letter::read(line) {
            Ok(letter) => Letter {
                reason: reason.clone(),
                ..letter
            },
            Err(_) => Letter::of_record(reason.clone(), line.as_bytes().to_vec().into()),
        }),
    };
    if let Some(letter) = &letter {
        around.letters.keep(std::slice::from_ref(letter)).await;
    }
    let mut state = around.shared.lock();
    let State { tracks, sinks, .. } = &mut *state;
    let track = &mut tracks[0];
    track.counts.received += 1;
    match events {
        Ok(_) => track.counts.mapped += 1,
        Err(_) => track.counts.dead_lettered += 1,
    }
    for (sink, state) in sinks.iter_mut().enumerate() {
        let Positions::Lines(lines) = &mut track.positions else {
            continue;
        };
        let Some(record) = lines.offer(sink, mark) else {
            continue;
        };
        let ticket = Ticket {
            position: 0,
            epoch: 0,
            record,
        };
        let place = Place {
            sink,
            reader: sink,
            ticket,
        };
        match &events {
            Ok(events) if wanted.get(sink) == Some(&true) => {
                around.hand_over(track, &mut state.counts, place, events.clone());
            }
            _ => track.acknowledge(sink, 0, record),
        }
    }
}

/// The events of a letter.
fn events(around: &Surroundings, letter: &Letter) -> Result<Vec<Event>, String> {
    match &letter.body {
        Body::Event { text, id, severity } => {
            let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
            let record = Record::parse(text).map_err(|error| error.to_string())?;
            let event = fivetran_event(text, &record).map_err(|error| error.to_string())?;
            Ok(vec![Event {
                // As it was refused, to the byte.
                text: text.as_bytes().to_vec().into(),
                name: Cow::Owned(event.name.into_owned()),
                id: EventId::Known(*id),
                severity: *severity,
                ..event
            }])
        }
        Body::Record { truncated: true, .. } => Err("only the beginning of the record was kept".to_owned()),
        Body::Record { bytes, .. } => {
            let mut found = Mapped {
                around,
                events: Err("expected a record, found nothing".to_owned()),
            };
            let judge = Judge {
                kind: None,
                max_bytes: usize::MAX / 2,
            };
            judge.batch(&Batch::of_value(bytes), &mut found);
            found.events
        }
    }
}

struct Mapped<'a> {
    around: &'a Surroundings,
    events: Result<Vec<Event>, String>,
}

impl Visit for Mapped<'_> {
    fn record(&mut self, item: Item<'_>) {
        use crate::input::judge::Kind;
        let stream = match item.kind {
            Kind::Pipeline => Stream::PipelineLogs,
            Kind::Model => Stream::ModelLogs,
            Kind::Fivetran => {
                let event = fivetran_event(item.text, item.record);
                self.events = event.map(|event| vec![event]).map_err(|error| error.to_string());
                return;
            }
        };
        let mut mapper = RowMapper::new(&self.around.mapper, stream);
        let mapped = mapper.read(item.text).and_then(|row| mapper.events(&row, false));
        self.events = mapped.map_err(|error| error.to_string());
    }

    fn invalid(&mut self, invalid: Invalid<'_>) {
        self.events = Err(invalid.reason.to_string());
    }
}
