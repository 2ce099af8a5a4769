//! What the parts of a run share: positions and counts, under one lock.
//!
//! One lock, so that a scrape sees one moment, in which the laws of [`invariants`](crate::invariants) hold.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use logferry_kondado::limiter::Limiter;
use logferry_sinks::Ticket;
use logferry_sinks::delivery::{GivenUp, Origin, Report, Retrying, Settled};
use serde::Serialize;
use tokio::sync::Notify;

use crate::checkpoint::{FilePlace, Key};
use crate::clock::Clock;
use crate::feed::{Feed, Millis};
use crate::lines::Lines;

/// The state of a run.
#[derive(Debug)]
pub struct State {
    /// Every stream of every source.
    pub tracks: Vec<Track>,
    /// Every sink.
    pub sinks: Vec<Sink>,
    /// Every source.
    pub sources: Vec<Source>,
    /// Whether the run is coming to its end.
    pub draining: bool,
    /// Why the positions could not be stored, when that failed last.
    pub checkpoint_error: Option<String>,
}

/// One stream of one source, with the positions of its sinks.
#[derive(Debug)]
pub struct Track {
    /// Which source, by its place in [`State::sources`].
    pub source: usize,
    /// The source's name.
    pub source_name: Arc<str>,
    /// The stream's name.
    pub stream: Arc<str>,
    /// The account, where a source reads single ones.
    pub client_id: Option<u64>,
    /// The positions.
    pub positions: Positions,
    /// Which sinks, by their place in [`State::sinks`], in the order of the positions.
    pub sinks: Vec<usize>,
    /// What of each position is not stored yet.
    pub stored: Vec<Stored>,
    /// What became of its records.
    pub counts: RecordCounts,
    /// What else is worth knowing of it.
    pub seen: Seen,
    /// Which file it is, where it is one.
    pub file: Option<FilePlace>,
}

/// The positions of a track.
#[derive(Debug)]
pub enum Positions {
    /// In a stream of rows with ids, which can be read again.
    Rows(Box<Feed>),
    /// In a text that is read once from its beginning to its end.
    Lines(Lines),
}

/// How far a position is stored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stored {
    /// Whether it moved since.
    pub is_behind: bool,
    /// When it was stored last.
    pub at: Option<Millis>,
}

/// Records of a track, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RecordCounts {
    /// All of them.
    pub received: u64,
    /// Bytes of their texts.
    pub received_bytes: u64,
    /// Those that became events.
    pub mapped: u64,
    /// Those that could not.
    pub dead_lettered: u64,
    /// Those that every sink had already, or that had been seen.
    pub deduplicated: u64,
}

/// Events of a sink, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EventCounts {
    /// All of them.
    pub queued: u64,
    /// Those that the sink keeps.
    pub delivered: u64,
    /// Bytes of their texts.
    pub delivered_bytes: u64,
    /// Those that the dead letters keep.
    pub dead_lettered: u64,
    /// Those that the sink is not to get.
    pub deselected: u64,
    /// Those that are on their way.
    pub in_flight: u64,
}

/// What was seen of a track.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Rows that became visible below others that had been read.
    pub late: u64,
    /// Rows that changed.
    pub changed: u64,
    /// Re-reads that missed rows that had been there.
    pub vanished: u64,
    /// Scrolls that made no progress.
    pub no_progress: u64,
    /// `createdAt` of the newest row, in milliseconds since 1970.
    pub newest_created: Option<i64>,
    /// Whether the end of what there is has been reached.
    pub caught_up: bool,
    /// Whether a window is full, so that reading pauses.
    pub is_full: bool,
    /// Whether low-water is older than what the API keeps, so that rows are probably lost.
    pub beyond_retention: bool,
}

/// What a sink is doing.
#[derive(Debug, Default)]
pub struct Sink {
    /// Its name.
    pub name: Arc<str>,
    /// What became of its events.
    pub counts: EventCounts,
    /// How often it was tried again.
    pub retries: u64,
    /// Why it is stopped.
    pub stopped: Option<String>,
    /// Since when it only fails, and is tried again.
    pub failing: Option<Failing>,
    /// Whether its reader is gone.
    pub closed: bool,
}

/// Failures, with nothing between them that went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// When the first of them was.
    pub since: Millis,
    /// What the last one was.
    pub reason: String,
}

/// What a source is doing.
#[derive(Debug, Default)]
pub struct Source {
    /// Its name.
    pub name: Arc<str>,
    /// Requests that were made.
    pub requests: u64,
    /// How often the API asked to wait.
    pub throttled: u64,
    /// How long it asked to wait, in all, in milliseconds.
    pub throttled_millis: u64,
    /// Requests that failed, by kind.
    pub errors: BTreeMap<&'static str, u64>,
    /// Its quota, if it has one.
    pub limiter: Option<Limiter>,
    /// Why it does not read, by stream.
    pub failing: BTreeMap<usize, String>,
    /// Whether it has answered ever.
    pub answered: bool,
    /// Whether there is nothing more to read from it.
    pub ended: bool,
    /// Whether records were read from it that were not offered to the sinks yet.
    pub in_hand: bool,
}

/// The state, and how its parts are told of changes.
#[derive(Debug)]
pub struct Shared {
    state: Mutex<State>,
    /// The time.
    pub clock: Clock,
    /// A sink has taken something; one for each source.
    pub taken: Vec<Notify>,
    /// A position moved.
    pub moved: Notify,
    /// A sink has settled something.
    pub settled: Notify,
    /// A sink's reader is gone.
    pub closed: Notify,
}

impl Shared {
    /// Begins with this state.
    pub fn new(state: State, clock: Clock) -> Shared {
        Shared {
            taken: state.sources.iter().map(|_| Notify::new()).collect(),
            state: Mutex::new(state),
            clock,
            moved: Notify::new(),
            settled: Notify::new(),
            closed: Notify::new(),
        }
    }

    /// The state, as long as the guard lives. Nothing is awaited meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.moved.notify_one();
        self.settled.notify_one();
        for source in &self.taken {
            // Several readings of one file may wait; and one may be about to.
            source.notify_waiters();
            source.notify_one();
        }
    }
}

impl State {
    /// Whether nothing is on its way to any sink.
    pub fn is_all_delivered(&self) -> bool {
        self.sinks.iter().all(|sink| sink.counts.in_flight == 0)
    }

    /// A sink that takes nothing until a person mends something, and why.
    pub fn stopped(&self) -> Option<(String, String)> {
        let stopped = |sink: &Sink| Some((sink.name.to_string(), sink.stopped.clone()?));
        self.sinks.iter().find_map(stopped)
    }

    /// Whether a sink has been offered everything that was read for any.
    pub fn is_caught_up(&self, sink: &Sink) -> bool {
        let index = self.sinks.iter().position(|other| other.name == sink.name);
        let tracks = self.tracks.iter();
        let mut readers = tracks.filter_map(|track| Some((track, track.reader(index?)?)));
        readers.all(|(track, reader)| match &track.positions {
            Positions::Rows(feed) => feed.has_everything(reader),
            Positions::Lines(_) => track.seen.caught_up,
        })
    }
}

impl Sink {
    /// One that has done nothing yet.
    pub fn named(name: &str) -> Sink {
        Sink {
            name: name.into(),
            ..Sink::default()
        }
    }
}

impl Source {
    /// Requests that count towards the quota now, and how many may.
    pub fn quota(&self) -> Option<(usize, usize)> {
        self.limiter.as_ref().map(|limiter| (limiter.used(), limiter.quota()))
    }

    /// One that has done nothing yet.
    pub fn named(name: &str) -> Source {
        Source {
            name: name.into(),
            ..Source::default()
        }
    }
}

impl Track {
    /// The key under which a position is stored.
    pub fn key(&self, sink: &str) -> Key {
        Key {
            sink: sink.to_owned(),
            source: self.source_name.to_string(),
            stream: self.stream.to_string(),
            client_id: self.client_id,
        }
    }

    /// Which of its positions is that of a sink.
    pub fn reader(&self, sink: usize) -> Option<usize> {
        self.sinks.iter().position(|reader| *reader == sink)
    }

    /// A sink keeps a record, or what it is to keep of it.
    pub fn acknowledge(&mut self, reader: usize, epoch: u32, record: u64) {
        self.stored[reader].is_behind = true;
        match &mut self.positions {
            Positions::Rows(feed) => feed.acknowledge(reader, epoch, record),
            Positions::Lines(lines) => lines.acknowledge(reader, record),
        }
    }
}

/// Told by the delivery to one sink what becomes of events.
#[derive(Debug)]
pub struct SinkReport {
    /// The run.
    pub shared: Arc<Shared>,
    /// Which sink.
    pub sink: usize,
}

impl Report for SinkReport {
    fn settled(&self, settled: &Settled<'_>) {
        {
            let mut state = self.shared.lock();
            let state = &mut *state;
            let sink = &mut state.sinks[self.sink];
            if settled.delivered > 0 || settled.dead_lettered > 0 {
                sink.stopped = None;
                sink.failing = None;
            }
            let counts = &mut sink.counts;
            counts.delivered += settled.delivered as u64;
            counts.delivered_bytes += settled.bytes as u64;
            counts.dead_lettered += settled.dead_lettered as u64;
            counts.in_flight -= (settled.delivered + settled.dead_lettered) as u64;
            for Ticket {
                position,
                epoch,
                record,
            } in settled.tickets
            {
                if let Some(track) = state.tracks.get_mut(*position as usize)
                    && let Some(reader) = track.reader(self.sink)
                {
                    track.acknowledge(reader, *epoch, *record);
                }
            }
        }
        self.shared.wake();
    }

    fn retrying(&self, retrying: &Retrying<'_>) {
        let now = self.shared.clock.now();
        let mut state = self.shared.lock();
        let sink = &mut state.sinks[self.sink];
        sink.retries += 1;
        // What is tried again is not stopped any more.
        sink.stopped = None;
        let since = sink.failing.as_ref().map_or(now, |failing| failing.since);
        sink.failing = Some(Failing {
            since,
            reason: retrying.reason.to_owned(),
        });
    }

    fn stopped(&self, reason: &str) {
        let mut state = self.shared.lock();
        let sink = &mut state.sinks[self.sink];
        if sink.stopped.as_deref() != Some(reason) {
            tracing::error!(sink = %sink.name, "stopped until this is mended; everything is kept: {reason}");
        }
        sink.stopped = Some(reason.to_owned());
        sink.failing = None;
        drop(state);
        self.shared.wake();
    }

    fn closed(&self, _: GivenUp) {
        let mut state = self.shared.lock();
        state.sinks[self.sink].closed = true;
        drop(state);
        self.shared.closed.notify_one();
        self.shared.wake();
    }

    fn origin(&self, ticket: Ticket) -> Origin {
        let state = self.shared.lock();
        let track = state.tracks.get(ticket.position as usize);
        Origin {
            source: track.map(|track| track.source_name.clone()),
            stream: track.map(|track| track.stream.clone()),
        }
    }
}

/// A time for a person, to the second.
pub fn time_of(time: SystemTime) -> String {
    let millis = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    time_of_millis(Millis::try_from(millis).unwrap_or_default())
}

/// A time for a person, to the second.
pub fn time_of_millis(millis: Millis) -> String {
    let mut out = Vec::new();
    let epoch = logferry_model::Timestamp::parse("1970-01-01T00:00:00Z");
    if let (Ok(epoch), Ok(millis)) = (epoch, i64::try_from(millis / 1000 * 1000)) {
        epoch.plus_millis(millis).write(&mut out);
    }
    String::from_utf8(out).unwrap_or_default().replace(".000Z", "Z")
}
