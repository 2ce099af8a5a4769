//! What to read next of one stream for all its sinks, and which rows of a page each of them is to get.
//!
//! Sinks that stand at the same place share every page; one that fell behind reads by itself until it is there again. Reading for news
//! begins at a sink's head; beside it, re-reads begin at low-water and settle what they pass. Neither is ever cut short to make room for the other.
//!
//! A feed is pure: it does no I/O and has no clock, so that tests can drive it through every order of events.

use logferry_kondado::cursor::{Fingerprint, MOST_IDS, Offer, Position, Snapshot};
use logferry_kondado::page::Next;
use logferry_kondado::scroll::{Scroll, Step};

/// Milliseconds since 1970, on a clock that does not go backwards while the program runs.
pub type Millis = u64;

/// After news, the next look comes so soon.
const POLL_AFTER_NEWS: Millis = 2_000;

/// A re-read is worth its request when it can settle so many rows, which is about a page.
const WORTH_A_REREAD: usize = 50;

/// When both are due, so many requests for news go before one of a re-read.
const NEWS_BEFORE_REREAD: u32 = 3;

/// The longest time between re-reads that end before a row that they should meet. They settle nothing.
const MOST_PATIENCE: Millis = 600_000;

/// A window that is fuller than this is settled as fast as news are read.
const FULL_WINDOW: usize = MOST_IDS / 4;

/// Rows on a page, by the documentation.
const PAGE_ROWS: usize = 50;

/// How a stream is read.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long a late row may take to become visible, in seconds.
    pub settle_secs: u32,
    /// The longest time between two looks for news.
    pub poll_interval: Millis,
    /// Whether a row that changed is delivered again.
    pub redeliver_changed: bool,
    /// When the reading ends at the end of what is there: when it began, in milliseconds since 1970. Rows of later are not waited for.
    pub once: Option<i64>,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To see whether there is something new.
    Poll,
    /// To read on where more is known to be.
    Backlog,
    /// To settle rows, and to find those that came late.
    Reread,
}

/// A page to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The `start_element_id`.
    pub start: u64,
    /// What for.
    pub purpose: Purpose,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Ask for a page.
    Request(Request),
    /// Nothing is due before this time.
    Wait(Millis),
    /// No sink has room: wait until one has.
    Blocked,
}

/// A row of a page.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its id.
    pub id: u64,
    /// Its content.
    pub fingerprint: Fingerprint,
    /// Its `createdAt` in milliseconds since 1970.
    pub created: Option<i64>,
}

/// A row that a sink is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Which row of the page.
    pub row: usize,
    /// Which sink.
    pub reader: usize,
    /// Whether it goes out again because its content changed.
    pub changed: bool,
}

/// What a page brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the sinks are to get, by row.
    pub taken: Vec<Taken>,
    /// Rows that became visible below others that had been read.
    pub late: usize,
    /// Rows that were met again with another content.
    pub changed: usize,
    /// Whether the server leads on without rows or progress.
    pub no_progress: bool,
    /// Whether a re-read ended before rows that had been there.
    pub vanished: bool,
}

/// One stream (of one scope) and the positions of its sinks.
#[derive(Debug)]
pub struct Feed {
    settings: Settings,
    readers: Vec<Reader>,
    reread: Option<Reread>,
    reread_not_before: Millis,
    broken_rereads: u32,
    news_since_reread: u32,
    turns: u64,
    /// The most rows seen on a page, up to what is documented.
    page_rows: usize,
}

#[derive(Debug)]
struct Reader {
    position: Position,
    epoch: u32,
    open: bool,
    /// Whether nobody waits for it.
    given_up: bool,
    scroll: Option<Scroll>,
    due: Millis,
    interval: Millis,
    /// Whether more is known to be there.
    backlog: bool,
    caught_up: bool,
    /// When it was its turn.
    turn: u64,
}

impl Reader {
    fn scroll(&self) -> Scroll {
        self.scroll.unwrap_or(Scroll::behind(self.position.head()))
    }

    fn wants_news(&self) -> bool {
        self.open && self.position.has_room()
    }
}

#[derive(Debug)]
struct Reread {
    scroll: Scroll,
    begun: u32,
    until: u64,
    readers: Vec<bool>,
}

impl Feed {
    /// Goes on from these positions, one for each sink.
    pub fn new(settings: Settings, positions: impl IntoIterator<Item = Snapshot>) -> Feed {
        let reader = |snapshot: Snapshot| Reader {
            position: Position::new(&snapshot, settings.settle_secs),
            epoch: 0,
            open: true,
            given_up: false,
            scroll: None,
            due: 0,
            interval: POLL_AFTER_NEWS,
            backlog: true,
            caught_up: false,
            turn: 0,
        };
        Feed {
            settings,
            readers: positions.into_iter().map(reader).collect(),
            reread: None,
            reread_not_before: 0,
            broken_rereads: 0,
            news_since_reread: 0,
            turns: 0,
            page_rows: 1,
        }
    }

    /// Whether a sink takes rows now: it has room for a page, and works.
    pub fn set_open(&mut self, reader: usize, open: bool) {
        self.readers[reader].open = open;
    }

    /// A sink that waits for a person is not waited for at the end.
    pub fn set_given_up(&mut self, reader: usize, given_up: bool) {
        self.readers[reader].given_up = given_up;
    }

    /// The position of a sink.
    pub fn position(&self, reader: usize) -> &Position {
        &self.readers[reader].position
    }

    /// Changes when what was sent to a sink before is not awaited any more.
    pub fn epoch(&self, reader: usize) -> u32 {
        self.readers[reader].epoch
    }

    /// A sink keeps a row, or what was to be kept of it.
    pub fn acknowledge(&mut self, reader: usize, epoch: u32, id: u64) {
        let reader = &mut self.readers[reader];
        if reader.epoch == epoch {
            reader.position.acknowledge(id);
        }
    }

    /// What is on its way to a sink will not arrive: it is read again.
    pub fn abandon(&mut self, index: usize) {
        let reader = &mut self.readers[index];
        reader.position.abandon();
        reader.epoch += 1;
        reader.scroll = None;
        reader.caught_up = false;
        reader.backlog = true;
        reader.due = 0;
        if let Some(reread) = &mut self.reread {
            reread.readers[index] = false;
        }
    }

    /// Whether no more rows are known to be there.
    pub fn is_caught_up(&self) -> bool {
        let head = self.readers.iter().map(|reader| reader.position.head()).max();
        let is_caught_up = |reader: &Reader| reader.caught_up && Some(reader.position.head()) == head;
        self.readers
            .iter()
            .all(|reader| reader.given_up || is_caught_up(reader))
    }

    /// Whether a sink has been offered all that is known to be there.
    pub fn has_everything(&self, reader: usize) -> bool {
        self.readers[reader].caught_up
    }

    /// Whether everything that is there has been read, and settled as far as it can be now.
    pub fn is_read(&mut self, now: Millis) -> bool {
        self.is_caught_up() && self.reread.is_none() && self.due_reread(now).is_none()
    }

    /// What to do next.
    pub fn plan(&mut self, now: Millis) -> Plan {
        if self.reread.is_none()
            && let Some(reread) = self.due_reread(now)
        {
            self.reread = Some(reread);
        }
        if let Some(reread) = &self.reread
            && !reread
                .readers
                .iter()
                .zip(&self.readers)
                .any(|(part, reader)| *part && reader.open)
        {
            self.reread = None;
        }
        // Once, what comes after the end has been reached is left to the next run, and does not take quota from re-reads.
        let is_end = self.settings.once.is_some() && self.is_caught_up();
        let news = || self.readers.iter().filter(|reader| reader.wants_news() && !is_end);
        let due = news()
            .filter(|reader| reader.due <= now)
            .min_by_key(|reader| reader.turn);
        let due = due.map(|reader| Request {
            start: reader.scroll().start(),
            purpose: if reader.backlog {
                Purpose::Backlog
            } else {
                Purpose::Poll
            },
        });
        let reread = self.reread.as_ref().filter(|_| now >= self.reread_not_before);
        let reread = reread.map(|reread| Request {
            start: reread.scroll.start(),
            purpose: Purpose::Reread,
        });
        match (due, reread) {
            (Some(news), None) => return Plan::Request(news),
            (Some(news), Some(_)) if self.news_since_reread < self.news_before_reread() => return Plan::Request(news),
            (_, Some(reread)) => return Plan::Request(reread),
            (None, None) => {}
        }
        let ripe = self
            .readers
            .iter()
            .filter(|reader| reader.open && self.settings.settle_secs > 0);
        let ripe = ripe.filter_map(|reader| reader.position.first_ripe_at()).min();
        let reread = ripe.map(|ripe| (u64::from(ripe) + self.patience_secs()) * 1000);
        let reread = reread.map(|ripe| ripe.max(self.reread_not_before).max(now + 1));
        let next = news().map(|reader| reader.due).chain(reread).min();
        next.map_or(Plan::Blocked, Plan::Wait)
    }

    /// Whether a sink's window is full, so that reading for it pauses.
    pub fn is_full(&self, reader: usize) -> bool {
        !self.readers[reader].position.has_room()
    }

    fn news_before_reread(&self) -> u32 {
        let mut open = self.readers.iter().filter(|reader| reader.open);
        match open.any(|reader| reader.position.window_len() > FULL_WINDOW) {
            true => 1,
            false => NEWS_BEFORE_REREAD,
        }
    }

    /// How long ripe rows wait for others, so that one re-read settles many.
    fn patience_secs(&self) -> u64 {
        let mut open = self.readers.iter().filter(|reader| reader.open);
        if self.settings.once.is_some() || open.any(|reader| !reader.position.has_room()) {
            return 0;
        }
        u64::from(self.settings.settle_secs / 5).min(60)
    }

    fn due_reread(&self, now: Millis) -> Option<Reread> {
        if self.settings.settle_secs == 0 || now < self.reread_not_before {
            return None;
        }
        // Once, what ripens meanwhile is left to the next run: else there is always more, where rows keep coming.
        let once = self.settings.once.and_then(|begun| Millis::try_from(begun).ok());
        let begun = seconds(once.map_or(now, |begun| now.min(begun)));
        let patience = u32::try_from(self.patience_secs()).unwrap_or(u32::MAX);
        let is_due = |reader: &&Reader| {
            let position = &reader.position;
            reader.open
                && position.first_ripe_at().is_some_and(|ripe| {
                    ripe.saturating_add(patience) <= begun
                        || (ripe <= begun && position.ripe(begun).is_some_and(|(_, count)| count >= WORTH_A_REREAD))
                })
        };
        let due = self.readers.iter().filter(is_due);
        // The one that waits longest: another may stand far below it.
        let first = due.min_by_key(|reader| reader.position.first_ripe_at())?;
        let start = first.position.low_water();
        let (until, _) = first.position.ripe(begun)?;
        let takes_part = |reader: &Reader| reader.open && reader.position.low_water() >= start;
        Some(Reread {
            scroll: Scroll::behind(start),
            begun,
            until,
            readers: self.readers.iter().map(takes_part).collect(),
        })
    }

    /// Takes up a page that was asked for, and read at `now`.
    pub fn page(&mut self, request: &Request, rows: &[Row], next: &Next, now: Millis) -> Outcome {
        let mut outcome = Outcome::default();
        let is_reread = request.purpose == Purpose::Reread;
        let last = rows.iter().map(|row| row.id).max().unwrap_or(0);
        self.page_rows = self.page_rows.max(rows.len().min(PAGE_ROWS));
        let is_full = rows.len() >= self.page_rows;

        // Of the readers that stand where the one that asked stands, none has to be led over the same stretch again.
        let mut asking = self
            .readers
            .iter()
            .filter(|reader| !is_reread && reader.scroll().start() == request.start);
        let asking = asking.next().map(|reader| (reader.position.head(), reader.scroll()));

        let mut taken = vec![Vec::new(); rows.len()];
        let mut news = vec![false; self.readers.len()];
        let mut passed = vec![false; self.readers.len()];
        for (index, reader) in self.readers.iter_mut().enumerate() {
            let takes_part = if is_reread { reader.open } else { reader.wants_news() };
            let stands_with = asking.is_some_and(|(head, _)| head == reader.position.head());
            if !takes_part || (reader.scroll().start() < request.start && !stands_with) {
                continue;
            }
            passed[index] = true;
            for (row, taken) in rows.iter().zip(&mut taken) {
                match reader
                    .position
                    .offer(row.id, row.fingerprint, row.created, seconds_up(now))
                {
                    Offer::New { late } => {
                        news[index] = true;
                        taken.push((index, false, late));
                    }
                    Offer::Changed => {
                        let deliver = self.settings.redeliver_changed;
                        reader.position.changed(row.id, row.fingerprint, deliver);
                        outcome.changed += 1;
                        if deliver {
                            taken.push((index, true, false));
                        }
                    }
                    Offer::Held => {}
                    Offer::Full => passed[index] = false,
                }
            }
            if passed[index] {
                reader.position.advance_head(last);
            }
        }
        for (row, taken) in taken.into_iter().enumerate() {
            outcome.late += usize::from(taken.iter().any(|(.., late)| *late));
            outcome.taken.extend(
                taken
                    .into_iter()
                    .map(|(reader, changed, _)| Taken { row, reader, changed }),
            );
        }

        let newest = rows.iter().filter_map(|row| row.created).max();
        let is_end = self
            .settings
            .once
            .is_some_and(|begun| newest.is_some_and(|newest| newest >= begun));
        let ids = rows.iter().map(|row| row.id);
        if is_reread {
            self.news_since_reread = 0;
            self.pass_reread(ids, next, &passed, now, &mut outcome);
        } else {
            self.news_since_reread += 1;
            self.turns += 1;
            // The reader that asked knows how often it was led on.
            let mut scroll = asking.map_or(Scroll::behind(request.start), |(_, scroll)| scroll);
            let step = match scroll.pass(ids, next) {
                Step::More if is_end => Step::End,
                step => step,
            };
            outcome.no_progress = step == Step::NoProgress;
            for (index, reader) in self.readers.iter_mut().enumerate() {
                if passed[index] && reader.scroll().start() <= scroll.start() {
                    reader.turn = self.turns;
                    reader.stand(
                        scroll,
                        step,
                        is_full || rows.is_empty(),
                        news[index],
                        now,
                        &self.settings,
                    );
                }
            }
        }
        outcome
    }

    fn pass_reread(
        &mut self,
        ids: impl Iterator<Item = u64>,
        next: &Next,
        passed: &[bool],
        now: Millis,
        outcome: &mut Outcome,
    ) {
        let Some(reread) = &mut self.reread else {
            return;
        };
        let step = reread.scroll.pass(ids, next);
        let at = reread.scroll.start();
        let met = at >= reread.until;
        let ended = met || step != Step::More;
        for ((reader, part), passed) in self.readers.iter_mut().zip(&mut reread.readers).zip(passed) {
            // One that missed a page has to wait for another re-read.
            *part &= passed;
            if *part {
                reader.position.confirm(reread.begun, at);
            }
        }
        if met {
            self.broken_rereads = 0;
            self.reread = None;
        } else if ended {
            // Nobody knows whether the rows are gone or hidden for a while: nothing more is settled until rows so far up are seen again.
            outcome.vanished = self.broken_rereads == 0;
            let patience = (self.patience_secs() * 1000).max(POLL_AFTER_NEWS);
            self.reread_not_before = now + (patience << self.broken_rereads.min(16)).min(MOST_PATIENCE);
            self.broken_rereads += 1;
            self.reread = None;
        }
    }

    /// Puts off what is due, after a request that failed.
    pub fn put_off(&mut self, until: Millis) {
        self.reread_not_before = self.reread_not_before.max(until);
        for reader in &mut self.readers {
            reader.due = reader.due.max(until);
        }
    }
}

impl Reader {
    /// Where a page for news leaves the reader, and when it looks again.
    fn stand(&mut self, scroll: Scroll, step: Step, goes_on: bool, news: bool, now: Millis, settings: &Settings) {
        self.scroll = None;
        if news {
            self.interval = POLL_AFTER_NEWS;
        }
        match step {
            Step::More => {
                self.caught_up = false;
                if scroll.start() > self.position.head() {
                    self.scroll = Some(scroll);
                }
                // A page that is not full seldom has more behind it: that can wait for the next look.
                self.backlog = goes_on || settings.once.is_some();
                self.due = if self.backlog { now } else { now + POLL_AFTER_NEWS };
            }
            Step::End | Step::NoProgress => {
                self.backlog = false;
                self.caught_up = true;
                self.due = now + self.interval.min(settings.poll_interval);
                self.interval = (self.interval + self.interval / 2).min(settings.poll_interval);
            }
        }
        if step == Step::NoProgress {
            self.due = now + settings.poll_interval;
        }
    }
}

fn seconds(now: Millis) -> u32 {
    u32::try_from(now / 1000).unwrap_or(u32::MAX)
}

/// Rounded up: a row must not seem older than it is.
fn seconds_up(now: Millis) -> u32 {
    u32::try_from(now.div_ceil(1000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
