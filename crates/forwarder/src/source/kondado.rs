//! Kondado's API: one task a key, because a key has one quota.

mod search;

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use logferry_kondado::Stream;
use logferry_kondado::answer::Failure;
use logferry_kondado::client::{Client, Fetched};
use logferry_kondado::cursor::{Fingerprint, MOST_IDS};
use logferry_kondado::limiter::{Limiter, Permit, jittered};
use logferry_kondado::page::Next;
use logferry_mapper::identity;
use logferry_sinks::Ticket;
use logferry_sinks::dead_letter::Letter;
use logferry_sinks::retry;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::{Error, Place, Surroundings};
use crate::feed::{self, Feed, Plan, Purpose, Request};
use crate::mapping::RowMapper;
use crate::patience::out_of_patience;
use crate::state::{Positions, State, time_of_millis};

/// Errors of the API's own are worth so many attempts before they are waited out.
const FEW_ATTEMPTS: u32 = 5;

/// How long to wait before another attempt at what will hardly change by itself.
const LONG_WAIT: Duration = Duration::from_secs(300);

/// What kinds of failures are counted.
pub const ERROR_TYPES: [&str; 5] = ["transient", "protocol", "refused", "bad_request", "fatal"];

/// Texts of rows without an id that are remembered, so that each is a dead letter once.
const REMEMBERED: usize = 10_000;

/// A page: the texts of its rows, and the server's word for the next one.
#[derive(Debug, Clone)]
pub struct Page {
    /// The rows, as JSON text.
    pub rows: Vec<String>,
    /// Where the next page begins.
    pub next: Next,
}

/// What gives pages. Tests put servers of their own here.
pub trait Api: Send + Sync + 'static {
    /// Asks for a page.
    fn page<'a>(
        &'a self,
        stream: Stream,
        start: u64,
        client_id: Option<u64>,
    ) -> Pin<Box<dyn Future<Output = Result<Page, Failure>> + Send + 'a>>;
}

impl Api for Client {
    fn page<'a>(
        &'a self,
        stream: Stream,
        start: u64,
        client_id: Option<u64>,
    ) -> Pin<Box<dyn Future<Output = Result<Page, Failure>> + Send + 'a>> {
        Box::pin(async move {
            let fetched: Fetched = Client::page(self, stream, start, client_id).await?;
            Ok(Page {
                rows: fetched.rows().map(str::to_owned).collect(),
                next: fetched.next().clone(),
            })
        })
    }
}

/// Rows without an id that became dead letters.
#[derive(Default)]
struct Remembered {
    known: BTreeSet<(Stream, Uuid)>,
    order: VecDeque<(Stream, Uuid)>,
}

impl Remembered {
    fn is_new(&mut self, stream: Stream, text: &str) -> bool {
        let row = (stream, identity::text_event_id(text));
        let is_new = self.known.insert(row);
        if is_new {
            self.order.push_back(row);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        is_new
    }
}

/// One key's streams.
pub struct Kondado<A> {
    /// The source's name.
    pub name: String,
    /// Its place in the state.
    pub index: usize,
    /// The API.
    pub api: A,
    /// The key's quota.
    pub limiter: Limiter,
    /// Its streams.
    pub channels: Vec<Channel>,
}

/// One stream of a source.
#[derive(Debug, Clone, Copy)]
pub struct Channel {
    /// Its place in the state's tracks.
    pub track: usize,
    /// Which stream.
    pub stream: Stream,
    /// Of which account.
    pub client_id: Option<u64>,
}

/// How it goes with a channel.
#[derive(Debug, Clone, Copy, Default)]
struct Health {
    failures: u32,
    refusals: u32,
    /// When the first of the failures was.
    since: Option<Instant>,
}

enum Turn {
    Ask(usize, Request),
    Wait(Option<Instant>),
    Done,
}

impl<A: Api> Kondado<A> {
    /// Reads until it is asked to end, or, once, to the end of what is there.
    ///
    /// # Errors
    ///
    /// [`Error`] when the API never answered but to say that the configuration is wrong, or when reading once fails for good.
    pub async fn run(self, around: Surroundings) -> Result<(), Error> {
        let mut health = vec![Health::default(); self.channels.len()];
        let mut mappers: Vec<_> = self
            .channels
            .iter()
            .map(|at| RowMapper::new(&around.mapper, at.stream))
            .collect();
        let mut remembered = Remembered::default();
        let mut last = 0;
        loop {
            let asked = match self.turn(&around, &mut last) {
                Turn::Done => return Ok(()),
                Turn::Wait(until) => {
                    let until = until.unwrap_or_else(|| Instant::now() + Duration::from_secs(60));
                    tokio::select! {
                        () = sleep_until(until) => {}
                        () = around.shared.taken[self.index].notified() => {}
                        () = around.stop.cancelled() => return Ok(()),
                    }
                    continue;
                }
                Turn::Ask(channel, request) => {
                    let Some(answer) = self.ask(&around, channel, &request).await else {
                        return Ok(());
                    };
                    (channel, request, answer)
                }
            };
            let (channel, request, answer) = asked;
            match answer {
                Ok(page) => {
                    health[channel] = Health::default();
                    tokio::select! {
                        () = self.take(&around, channel, &request, &page, &mut mappers[channel], &mut remembered) => {}
                        // The dead letters cannot be kept, or not yet: no position has passed what they are about.
                        () = around.stop.cancelled() => return Ok(()),
                    }
                }
                Err(failure) => self.failed(&around, (channel, request.purpose), &mut health[channel], failure)?,
            }
        }
    }

    /// What to do next. The streams take turns.
    fn turn(&self, around: &Surroundings, last: &mut usize) -> Turn {
        let now = around.shared.clock.now();
        let mut state = around.shared.lock();
        // Nobody knows when a person comes: once, such a sink is not waited for.
        let waiting: Vec<bool> = state
            .sinks
            .iter()
            .map(|sink| sink.stopped.is_some() || sink.closed)
            .collect();
        let mut wait: Option<u64> = None;
        let mut all_read = true;
        for step in 1..=self.channels.len() {
            let index = (*last + step) % self.channels.len();
            let track = &mut state.tracks[self.channels[index].track];
            let sinks = track.sinks.clone();
            let Positions::Rows(feed) = &mut track.positions else {
                continue;
            };
            for (reader, sink) in sinks.iter().enumerate() {
                feed.set_open(reader, around.outlets[*sink].delivery.has_room());
                feed.set_given_up(reader, around.once && waiting[*sink]);
            }
            let is_read = feed.is_read(now);
            track.seen.caught_up = feed.is_caught_up();
            let is_full = (0..sinks.len()).any(|reader| feed.is_full(reader));
            if is_full && !track.seen.is_full {
                tracing::warn!(
                    source = %self.name, stream = %track.stream,
                    "a window is full ({MOST_IDS} ids wait to settle): reading for its sink pauses until re-reads have settled some"
                );
            }
            track.seen.is_full = is_full;
            all_read &= is_read;
            match feed.plan(now) {
                Plan::Request(request) if !(around.once && is_read) => {
                    *last = index;
                    return Turn::Ask(index, request);
                }
                Plan::Wait(until) => wait = Some(wait.map_or(until, |wait| wait.min(until))),
                Plan::Request(_) | Plan::Blocked => {}
            }
        }
        if around.once && all_read {
            state.sources[self.index].ended = true;
            return Turn::Done;
        }
        Turn::Wait(wait.map(|wait| around.shared.clock.instant(wait)))
    }

    /// Asks when the quota allows; `None` when the source is to end.
    async fn ask(&self, around: &Surroundings, channel: usize, request: &Request) -> Option<Result<Page, Failure>> {
        if let Some(spread) = self.spread(request.purpose) {
            tokio::select! {
                () = sleep_until(spread) => {}
                () = around.stop.cancelled() => return None,
            }
        }
        let permit: Permit = tokio::select! {
            permit = self.limiter.permit() => permit,
            () = around.stop.cancelled() => return None,
        };
        let at = self.channels[channel];
        let answer = tokio::select! {
            answer = self.api.page(at.stream, request.start, at.client_id) => answer,
            () = around.stop.cancelled() => return None,
        };
        drop(permit);
        let mut state = around.shared.lock();
        state.sources[self.index].requests += 1;
        Some(answer)
    }

    /// Requests are spread over the minute, unless there is much to read: a quota that is used up leaves streams unwatched for the rest.
    fn spread(&self, purpose: Purpose) -> Option<Instant> {
        let is_half_used = self.limiter.used() * 2 >= self.limiter.quota();
        let last = self.limiter.last_answer()?;
        let quota = u32::try_from(self.limiter.quota()).unwrap_or(u32::MAX).max(1);
        (purpose != Purpose::Backlog && is_half_used).then(|| last + Duration::from_secs(60) / quota)
    }

    /// When a request goes that is not to go before a time: the quota may want a later one.
    fn goes_at(&self, purpose: Purpose, not_before: Instant) -> Instant {
        not_before
            .max(self.limiter.free_at())
            .max(self.spread(purpose).unwrap_or(not_before))
    }

    /// Takes up a page: what is no record goes to the dead letters first, then the sinks get what they lack.
    async fn take(
        &self,
        around: &Surroundings,
        channel: usize,
        request: &Request,
        page: &Page,
        mapper: &mut RowMapper<'_>,
        remembered: &mut Remembered,
    ) {
        let at = self.channels[channel];
        let mut rows = Vec::new();
        let mut unknown = Vec::new();
        let mut known_again = 0;
        for text in &page.rows {
            match mapper.read(text) {
                Ok(row) => {
                    let fingerprint = mapper.fingerprint(&row, text);
                    rows.push((row, Fingerprint(fingerprint), text));
                }
                Err(error) if remembered.is_new(at.stream, text) => {
                    unknown.push(self.letter(at, &error, text));
                }
                Err(_) => known_again += 1,
            }
        }
        // A row without an id has no position: it must be kept before any position passes it.
        if !unknown.is_empty() {
            around.letters.keep(&unknown).await;
        }

        let now = around.shared.clock.now();
        let mut refused: Vec<(Letter, Vec<Place>)> = Vec::new();
        {
            let mut state = around.shared.lock();
            let State {
                tracks, sinks, sources, ..
            } = &mut *state;
            let source = &mut sources[self.index];
            source.answered = true;
            source.failing.remove(&channel);
            let track = &mut tracks[at.track];
            let counts = &mut track.counts;
            counts.received += (unknown.len() + known_again) as u64;
            counts.dead_lettered += unknown.len() as u64;
            counts.deduplicated += known_again as u64;
            counts.received_bytes += page.rows.iter().map(|row| row.len() as u64).sum::<u64>();

            let Positions::Rows(feed) = &mut track.positions else {
                return;
            };
            let offered = rows.iter().map(|(row, fingerprint, _)| feed::Row {
                id: row.id,
                fingerprint: *fingerprint,
                created: row.created(),
            });
            let offered: Vec<_> = offered.collect();
            let outcome = feed.page(request, &offered, &page.next, now);
            track.seen.late += outcome.late as u64;
            track.seen.changed += outcome.changed as u64;
            track.seen.vanished += u64::from(outcome.vanished);
            track.seen.no_progress += u64::from(outcome.no_progress);
            track.seen.caught_up = feed.is_caught_up();
            let newest = rows.iter().filter_map(|(row, ..)| row.created()).max();
            track.seen.newest_created = track.seen.newest_created.max(newest);
            self.say(at, &outcome);
            for stored in &mut track.stored {
                stored.is_behind |= !rows.is_empty();
            }

            let mut taken = outcome.taken.as_slice();
            for (index, (row, _, text)) in rows.iter().enumerate() {
                let (of_row, rest) = taken.split_at(taken.iter().take_while(|taken| taken.row == index).count());
                taken = rest;
                let epoch = |reader: usize, track: &crate::state::Track| match &track.positions {
                    Positions::Rows(feed) => feed.epoch(reader),
                    Positions::Lines(_) => 0,
                };
                let places: Vec<(Place, bool)> = of_row
                    .iter()
                    .map(|taken| {
                        let place = Place {
                            sink: track.sinks[taken.reader],
                            reader: taken.reader,
                            ticket: Ticket {
                                position: u32::try_from(at.track).unwrap_or(u32::MAX),
                                epoch: epoch(taken.reader, track),
                                record: row.id,
                            },
                        };
                        (place, taken.changed)
                    })
                    .collect();
                if places.is_empty() {
                    track.counts.received += 1;
                    track.counts.deduplicated += 1;
                    continue;
                }
                let mut invalid = None;
                for again in [false, true] {
                    let places = || {
                        places
                            .iter()
                            .filter(|(_, changed)| *changed == again)
                            .map(|(place, _)| *place)
                    };
                    if places().next().is_none() || invalid.is_some() {
                        continue;
                    }
                    match mapper.events(row, again) {
                        Ok(events) => {
                            for place in places() {
                                around.hand_over(track, &mut sinks[place.sink].counts, place, events.clone());
                            }
                        }
                        Err(error) => invalid = Some(error),
                    }
                }
                match invalid {
                    None => {
                        track.counts.received += 1;
                        track.counts.mapped += 1;
                    }
                    Some(error) => {
                        let places = places.iter().map(|(place, _)| *place).collect();
                        refused.push((self.letter(at, &error, text), places));
                    }
                }
            }
        }
        around.shared.moved.notify_one();

        if !refused.is_empty() {
            let letters: Vec<_> = refused.iter().map(|(letter, _)| letter.clone()).collect();
            around.letters.keep(&letters).await;
            let mut state = around.shared.lock();
            let track = &mut state.tracks[at.track];
            for (_, places) in refused {
                track.counts.received += 1;
                track.counts.dead_lettered += 1;
                for place in places {
                    track.acknowledge(place.reader, place.ticket.epoch, place.ticket.record);
                }
            }
        }
    }

    fn letter(&self, at: Channel, reason: &crate::mapping::Error, text: &str) -> Letter {
        let mut letter = Letter::of_record(reason.to_string(), Bytes::copy_from_slice(text.as_bytes()));
        letter.source = Some(self.name.clone());
        letter.stream = Some(at.stream.name().to_owned());
        tracing::error!(source = %self.name, stream = at.stream.name(), "a record became a dead letter: {reason}");
        letter
    }

    fn say(&self, at: Channel, outcome: &feed::Outcome) {
        let (source, stream) = (&self.name, at.stream.name());
        if outcome.late > 0 {
            tracing::info!(%source, stream, rows = outcome.late, "rows came late, below others that were read before");
        }
        if outcome.vanished {
            tracing::warn!(%source, stream, "a re-read ended before rows that had been there: were they deleted, or the token's permissions changed?");
        }
        if outcome.no_progress {
            tracing::warn!(%source, stream, "the API leads on without rows; looking again later");
        }
    }

    /// Says what a failure means, and puts off what is due.
    fn failed(
        &self,
        around: &Surroundings,
        (channel, purpose): (usize, Purpose),
        health: &mut Health,
        failure: Failure,
    ) -> Result<(), Error> {
        let at = self.channels[channel];
        let (name, stream) = (&self.name, at.stream.name());
        let clock = &around.shared.clock;
        let mut state = around.shared.lock();
        let now = Instant::now();
        if let Failure::Throttled { wait, .. } = failure {
            let wait = jittered(wait);
            self.limiter.throttled(wait);
            let source = &mut state.sources[self.index];
            source.throttled += 1;
            source.throttled_millis += millis(wait);
            let until = time_of_millis(clock.at(self.goes_at(purpose, now + wait)));
            tracing::info!(source = %name, stream, %until, "throttled: the API asks to wait {:.0} s", wait.as_secs_f64());
            return Ok(());
        }

        health.failures += 1;
        let since = *health.since.get_or_insert(now);
        let mut asked = None;
        let (kind, is_lasting) = match &failure {
            Failure::Transient { after, .. } => {
                asked = *after;
                ("transient", false)
            }
            Failure::Protocol { .. } => ("protocol", false),
            Failure::Refused { .. } => {
                health.refusals += 1;
                ("refused", health.refusals >= FEW_ATTEMPTS)
            }
            Failure::BadRequest { .. } => ("bad_request", true),
            Failure::Fatal { .. } | Failure::Throttled { .. } => ("fatal", true),
        };
        let source = &mut state.sources[self.index];
        *source.errors.entry(kind).or_default() += 1;
        let reason = failure.to_string();
        if kind == "fatal" && (around.once || !source.answered) {
            return Err(Error::Config {
                name: name.clone(),
                reason,
            });
        }
        if is_lasting && around.once {
            return Err(Error::Failed {
                name: name.clone(),
                reason,
            });
        }
        let wait = match is_lasting {
            true => LONG_WAIT,
            false => retry::Settings::default().wait(health.failures, asked, fastrand::f64()),
        };
        if around.once && now + wait > since + around.patience {
            return Err(Error::Failed {
                name: name.clone(),
                reason: format!("{stream}: {}", out_of_patience(around.patience, &reason)),
            });
        }
        let goes_at = self.goes_at(purpose, now + wait);
        let shown = time_of_millis(clock.at(goes_at));
        if is_lasting {
            tracing::error!(source = %name, stream, until = %shown, "cannot read, and will hardly by itself: {reason}");
        } else {
            tracing::warn!(source = %name, stream, until = %shown, "waiting at least {:.1} s to ask again: {reason}", (goes_at - now).as_secs_f64());
        }
        source.failing.insert(channel, reason);
        if let Positions::Rows(feed) = &mut state.tracks[at.track].positions {
            feed.put_off(clock.at(now + wait));
        }
        Ok(())
    }
}

/// What a stream's feed is to be like.
pub fn settings(kondado: &crate::config::Kondado, once: Option<i64>) -> feed::Settings {
    feed::Settings {
        settle_secs: u32::try_from(kondado.settle_secs).unwrap_or(u32::MAX),
        poll_interval: kondado.poll_interval_secs.saturating_mul(1000),
        redeliver_changed: kondado.redeliver_changed,
        once,
    }
}

/// A feed that goes on from stored positions.
pub fn feed(settings: feed::Settings, positions: Vec<logferry_kondado::cursor::Snapshot>) -> Positions {
    Positions::Rows(Box::new(Feed::new(settings, positions)))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 4)
}
