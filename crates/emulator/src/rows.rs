//! The rows of one stream: which there are, and from when.

use std::time::Duration;

use logferry_kondado::Stream;

use crate::content::{self, Seedling};
use crate::quirks::{Next, Quirks};
use crate::random::{Purpose, generator};

/// Pipeline rows are served for so long.
const RETENTION_MILLIS: i64 = 90 * 24 * 60 * 60 * 1_000;

/// A row. All times but `created` count from the start of the emulator.
#[derive(Debug)]
pub(crate) struct Row {
    pub id: u64,
    /// The account that it belongs to; `None` for one that no client may see.
    pub client: Option<u64>,
    /// Milliseconds since 1970.
    pub created: i64,
    pub visible: Duration,
    /// When its content changes.
    changes: Option<Duration>,
    /// The text with which it was served first.
    pub served: Option<Version>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// Made from the seed, with this number.
    Made(u64),
    /// Given as it is.
    Given(Box<str>),
}

/// The text of a row changes at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    First,
    Changed,
}

/// The rows of one stream.
#[derive(Debug)]
pub(crate) struct Rows {
    stream: Stream,
    seed: u64,
    quirks: Quirks,
    page_size: usize,
    /// What the clock showed at the start, in milliseconds since 1970.
    epoch: i64,
    /// By id.
    rows: Vec<Row>,
    /// So many were made from the seed.
    made: u64,
    last_id: u64,
    live: Live,
}

/// When rows arrive.
#[derive(Debug)]
struct Live {
    /// Rows a second.
    rate: f64,
    is_paused: bool,
    arrivals: u64,
    next: Option<Duration>,
}

/// A page: positions of rows, and the next id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub rows: Vec<usize>,
    pub next: Option<u64>,
}

impl Rows {
    pub(crate) fn new(stream: Stream, seed: u64, quirks: Quirks, page_size: usize, epoch: i64) -> Rows {
        Rows {
            stream,
            seed,
            quirks,
            page_size: page_size.max(1),
            epoch,
            rows: Vec::new(),
            made: 0,
            // The two streams count apart, and have come about as far.
            last_id: match stream {
                Stream::PipelineLogs => 5_181_900,
                Stream::ModelLogs => 5_219_420,
            },
            live: Live {
                rate: 0.0,
                is_paused: false,
                arrivals: 0,
                next: None,
            },
        }
    }

    /// Makes rows that exist at the start, spread over the time before it.
    pub(crate) fn make_history(&mut self, count: u64, history: Duration) {
        let step = history.as_millis() as f64 / count.max(1) as f64;
        for n in 0..count {
            let ago = ((count - n) as f64 - 0.5) * step;
            self.make(Duration::ZERO, self.epoch - ago as i64, false);
        }
    }

    /// Makes live rows that arrive now.
    pub(crate) fn make_live(&mut self, now: Duration, count: u64) {
        for _ in 0..count {
            self.make(now, self.millis(now), true);
        }
    }

    fn make(&mut self, now: Duration, at: i64, is_live: bool) {
        let n = self.made;
        self.made += 1;
        let mut rng = generator(self.seed, self.stream, Purpose::Row, n);
        if self.quirks.post_limit_filter && rng.u8(..4) == 0 {
            let most = if rng.u8(..20) == 0 { 3 * self.page_size } else { 6 };
            for _ in 0..rng.usize(1..=most) {
                self.last_id += rng.u64(1..=3);
                self.rows.push(Row {
                    id: self.last_id,
                    client: None,
                    created: at,
                    visible: now,
                    changes: None,
                    served: None,
                    source: Source::Made(n),
                });
            }
        }
        // Ids are shared with every other customer, so they have gaps.
        self.last_id += rng.u64(1..=17);
        let is_late = is_live && rng.f64() < self.quirks.late_share;
        let late = self.quirks.late.draw(&mut rng);
        let visible = if is_late { now + late } else { now };
        let is_modified = rng.f64() < self.quirks.modified_share;
        let modified = self.quirks.modified.draw(&mut rng);
        // The time is taken by the server that ran the job, some moments before the row gets its id.
        let created = at - rng.i64(0..1_500);
        self.rows.push(Row {
            id: self.last_id,
            client: Some(content::client(self.seed, self.stream, n)),
            created,
            visible,
            changes: is_modified.then(|| visible + modified),
            served: None,
            source: Source::Made(n),
        });
    }

    /// Puts in a row as it is, visible from now on. Whether there was none with its id.
    pub(crate) fn give(&mut self, now: Duration, id: u64, client: u64, created: Option<i64>, text: &str) -> bool {
        let Err(position) = self.rows.binary_search_by_key(&id, |row| row.id) else {
            return false;
        };
        let row = Row {
            id,
            client: Some(client),
            created: created.unwrap_or_else(|| self.millis(now)),
            visible: now,
            changes: None,
            served: None,
            source: Source::Given(text.into()),
        };
        self.rows.insert(position, row);
        self.last_id = self.last_id.max(id);
        true
    }

    /// Lets the rows arrive that were due by now.
    pub(crate) fn advance(&mut self, now: Duration) {
        while let Some(due) = self.live.next.filter(|due| *due <= now) {
            self.make_live(due, 1);
            self.live.next = self.arrival_after(due);
        }
    }

    /// From now on so many rows arrive a second.
    pub(crate) fn set_rate(&mut self, now: Duration, rate: f64) {
        self.live.rate = rate;
        self.live.next = self.arrival_after(now);
    }

    /// Stops live rows, or lets them come again.
    pub(crate) fn set_paused(&mut self, now: Duration, is_paused: bool) {
        self.live.is_paused = is_paused;
        self.live.next = self.arrival_after(now);
    }

    fn arrival_after(&mut self, time: Duration) -> Option<Duration> {
        if self.live.is_paused {
            return None;
        }
        let mut rng = generator(self.seed, self.stream, Purpose::Arrival, self.live.arrivals);
        self.live.arrivals += 1;
        // Independent arrivals: the times between them are distributed exponentially.
        let seconds = -(1.0 - rng.f64()).ln() / self.live.rate;
        let wait = Duration::try_from_secs_f64(seconds).ok()?;
        time.checked_add(wait.max(Duration::from_nanos(1)))
    }

    /// What the clock shows, in milliseconds since 1970.
    fn millis(&self, now: Duration) -> i64 {
        self.epoch
            .saturating_add(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
    }

    /// Whether a row is served at a time. Late rows are not yet, old ones no more.
    pub(crate) fn is_served(&self, row: &Row, now: Duration) -> bool {
        let is_kept = match self.stream {
            Stream::PipelineLogs => self.millis(now) - row.created <= RETENTION_MILLIS,
            Stream::ModelLogs => true,
        };
        row.visible <= now && is_kept
    }

    /// The page for a `start_element_id`.
    pub(crate) fn page(&self, now: Duration, start: u64, client: Option<u64>) -> Page {
        let is_wanted = |row: &Row| row.client.is_some_and(|of| client.is_none_or(|client| client == of));
        let before = |row: &Row| row.id < start || (row.id == start && !self.quirks.inclusive);
        let first = self.rows.partition_point(before);
        let is_late_filter = self.quirks.post_limit_filter;
        let mut candidates = (first..self.rows.len()).filter(|&position| {
            let row = &self.rows[position];
            self.is_served(row, now) && (is_late_filter || is_wanted(row))
        });
        let mut rows: Vec<_> = candidates.by_ref().take(self.page_size).collect();
        let last = rows.last().map(|&position| self.rows[position].id);
        let is_full = rows.len() == self.page_size;
        let next = match self.quirks.next {
            Next::Last => last,
            Next::NullOnShort => last.filter(|_| is_full),
            Next::FirstOfNextPage => candidates.next().map(|position| self.rows[position].id),
            Next::LastPlusOne => last.map(|last| last + 1),
        };
        rows.retain(|&position| is_wanted(&self.rows[position]));
        Page { rows, next }
    }

    /// The text of a row at a time, and notes that it was served.
    pub(crate) fn serve(&mut self, position: usize, now: Duration) -> String {
        let version = self.rows[position].version(now);
        self.rows[position].served.get_or_insert(version);
        self.text(&self.rows[position], version)
    }

    /// The text of a row.
    pub(crate) fn text(&self, row: &Row, version: Version) -> String {
        match &row.source {
            Source::Given(text) => text.to_string(),
            Source::Made(n) => {
                let seedling = Seedling {
                    seed: self.seed,
                    stream: self.stream,
                    n: *n,
                    id: row.id,
                    created: row.created,
                    changed: match version {
                        Version::First => None,
                        Version::Changed => row.changes.map(|changes| self.millis(changes)),
                    },
                };
                content::text(seedling, &self.quirks)
            }
        }
    }

    /// The rows that clients may see, now or later; by id.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Row> {
        self.rows.iter().filter(|row| row.client.is_some())
    }
}

impl Row {
    /// The version that is served at a time.
    pub(crate) fn version(&self, now: Duration) -> Version {
        match self.changes {
            Some(changes) if changes <= now => Version::Changed,
            _ => Version::First,
        }
    }
}
