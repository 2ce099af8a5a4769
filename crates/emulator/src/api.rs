//! The API without its sockets: requests in, answers out.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use logferry_kondado::{Field, FieldError, Record, Stream};

use crate::STREAMS;
use crate::answer::{Answer, Break, How};
use crate::ledger::{self, Entry, Stats};
use crate::limiter::Limiter;
use crate::options::{Limits, Options};
use crate::quirks::{Fault, Quirks};
use crate::random::{Purpose, generator};
use crate::rows::Rows;

/// The API without its sockets. It has no clock: every method is told how much time has passed since the start, and time must not go
/// back.
pub struct Api {
    epoch: Timestamp,
    seed: u64,
    key: String,
    token: String,
    time_scale: f64,
    quirks: Quirks,
    limiter: Limiter,
    streams: [Rows; 2],
    burst: Option<Burst>,
    requests: u64,
    stats: Stats,
}

/// A request for rows, with its parameters as they came.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Which rows.
    pub stream: Stream,
    /// `key`.
    pub key: Option<&'a str>,
    /// `token`.
    pub token: Option<&'a str>,
    /// `start_element_id`.
    pub start_element_id: Option<&'a str>,
    /// `client_id`.
    pub client_id: Option<&'a str>,
}

/// Server errors in a row.
struct Burst {
    left: u8,
    status: u16,
    retry_after: Option<u64>,
    fault: Fault,
}

/// Why a row could not be put in.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// It is no JSON object.
    #[error("a row: {0}")]
    Json(#[from] serde_json::Error),
    /// It has no usable id.
    #[error("a row: {0}")]
    Id(#[from] FieldError),
    /// There is a row with its id.
    #[error("a row: there is one with id {0}")]
    Known(u64),
}

impl Api {
    /// The API at its start.
    pub fn new(options: &Options) -> Api {
        let epoch = options.start.unwrap_or_else(Timestamp::now);
        let time_scale = if options.time_scale > 0.0 {
            options.time_scale
        } else {
            1.0
        };
        let streams = STREAMS.map(|stream| {
            let quirks = options.quirks.clone();
            let mut rows = Rows::new(stream, options.seed, quirks, options.page_size, epoch.as_millisecond());
            rows.make_history(options.records, options.history);
            rows.set_rate(Duration::ZERO, options.rate * time_scale / 60.0);
            rows
        });
        Api {
            epoch,
            seed: options.seed,
            key: options.key.clone(),
            token: options.token.clone(),
            time_scale,
            quirks: options.quirks.clone(),
            limiter: Limiter::new(options.limits.map(|limits| limits.scaled(time_scale))),
            streams,
            burst: None,
            requests: 0,
            stats: Stats::default(),
        }
    }

    /// What the clock showed at the start.
    pub fn start(&self) -> Timestamp {
        self.epoch
    }

    /// Answers a request.
    pub fn answer(&mut self, now: Duration, request: Request<'_>) -> Answer {
        let mut rng = generator(self.seed, request.stream, Purpose::Request, self.requests);
        self.requests += 1;
        *self.stats.requests.entry(request.stream.name().to_owned()).or_default() += 1;

        if request.key != Some(&self.key) || request.token != Some(&self.token) {
            self.stats.refusals += 1;
            return Answer::failure(200, "INVALID_TOKEN", "The key or the token is invalid.");
        }
        let Some((start, client)) = parameters(&request) else {
            self.stats.refusals += 1;
            let message = "start_element_id is required; start_element_id and client_id must be integer numbers.";
            return Answer::failure(400, "INVALID_PARAMETER", message);
        };
        if let Err(seconds) = self.limiter.pass(now) {
            self.stats.throttles += 1;
            return Answer::throttle(Some(seconds));
        }

        let fault = self.fault(&mut rng);
        if let Some(fault) = fault {
            *self.stats.faults.entry(fault.name().to_owned()).or_default() += 1;
            if let Some(answer) = self.instead(fault, &mut rng) {
                return answer;
            }
        }
        let mut answer = self.page(now, request.stream, start, client, &mut rng);
        match fault {
            Some(Fault::Slow) => answer.delay = self.quirks.slow.draw(&mut rng),
            Some(Fault::Cut) => answer.breaks = Some(break_within(&answer, How::Close, &mut rng)),
            Some(Fault::Reset) => answer.breaks = Some(break_anywhere(&answer, How::Reset, &mut rng)),
            Some(Fault::Hang) => answer.breaks = Some(break_anywhere(&answer, How::Stall, &mut rng)),
            _ => {}
        }
        answer
    }

    /// What befalls a request, if anything does.
    fn fault(&mut self, rng: &mut fastrand::Rng) -> Option<Fault> {
        if let Some(burst) = &self.burst {
            return Some(burst.fault);
        }
        // Every fault draws, so that one that is switched on changes nothing about the others.
        let drawn: Vec<_> = Fault::ALL.iter().map(|fault| (*fault, rng.f64())).collect();
        let happens = |(fault, drawn): &(Fault, f64)| self.quirks.faults.get(fault).is_some_and(|share| drawn < share);
        drawn.into_iter().find(happens).map(|(fault, _)| fault)
    }

    /// The answer that a fault gives instead of a page, for those that do.
    fn instead(&mut self, fault: Fault, rng: &mut fastrand::Rng) -> Option<Answer> {
        Some(match fault {
            Fault::Throttle => Answer::throttle(Some(self.limiter.wait_secs())),
            Fault::ThrottleSeconds => Answer::throttle(Some(rng.u64(1..=9))),
            Fault::ThrottleWordless => Answer::throttle(None),
            Fault::InnerFailure => Answer::inner_failure(),
            Fault::Html => Answer::html(200, "We'll be back soon"),
            Fault::EmptyObject => Answer::new(200, "{}"),
            Fault::NoArray => Answer::no_array(),
            Fault::Unauthorized => Answer::failure(401, "UNAUTHORIZED", "The token is switched off."),
            Fault::Forbidden => Answer::failure(403, "FORBIDDEN", "The token may not read logs."),
            Fault::ServerErrors | Fault::ServerErrorsRetryAfter => {
                let mut burst = self.burst.take().unwrap_or_else(|| Burst {
                    left: rng.u8(1..=5),
                    status: [500, 502, 503][rng.usize(..3)],
                    retry_after: (fault == Fault::ServerErrorsRetryAfter).then(|| rng.u64(1..=3)),
                    fault,
                });
                let mut answer = Answer::server_error(burst.status);
                answer.retry_after = burst.retry_after;
                burst.left -= 1;
                self.burst = (burst.left > 0).then_some(burst);
                answer
            }
            Fault::Slow | Fault::Cut | Fault::Hang | Fault::Reset => return None,
        })
    }

    fn page(
        &mut self,
        now: Duration,
        stream: Stream,
        start: u64,
        client: Option<u64>,
        rng: &mut fastrand::Rng,
    ) -> Answer {
        let rows = self.rows(now, stream);
        let page = rows.page(now, start, client);
        let next = page.next;
        let mut texts: Vec<_> = page.rows.iter().map(|&position| rows.serve(position, now)).collect();
        if self.quirks.duplicates && !texts.is_empty() {
            for _ in 0..rng.usize(1..=3) {
                let position = rng.usize(..texts.len());
                texts.insert(position, texts[position].clone());
            }
        }
        if self.quirks.unsorted {
            rng.shuffle(&mut texts);
        }
        Answer::page(&texts, next, self.quirks.numbers)
    }

    /// The rows of a stream, those among them that arrived by now.
    fn rows(&mut self, now: Duration, stream: Stream) -> &mut Rows {
        let [pipelines, models] = &mut self.streams;
        let rows = match stream {
            Stream::PipelineLogs => pipelines,
            Stream::ModelLogs => models,
        };
        rows.advance(now);
        rows
    }

    /// Adds live rows: they are visible at once, but for those that are late.
    pub fn add_rows(&mut self, now: Duration, stream: Stream, count: u64) {
        self.rows(now, stream).make_live(now, count);
    }

    /// Adds a row as it is, and says its id. The ids of rows that come later are greater.
    ///
    /// # Errors
    ///
    /// [`PushError`] when it is no row, or there is one with its id.
    pub fn push_row(&mut self, now: Duration, stream: Stream, json: &str) -> Result<u64, PushError> {
        let record = Record::parse(json)?;
        let id = record.required_id(Field::Id)?;
        let client = record.integer(Field::ClientId).and_then(|id| u64::try_from(id).ok());
        let created = record.text(Field::CreatedAt).parse::<Timestamp>().ok();
        let created = created.map(Timestamp::as_millisecond);
        match self.rows(now, stream).give(now, id, client.unwrap_or(0), created, json) {
            true => Ok(id),
            false => Err(PushError::Known(id)),
        }
    }

    /// Lets so many rows a minute arrive from now on.
    pub fn set_rate(&mut self, now: Duration, stream: Stream, rate: f64) {
        let rate = rate * self.time_scale / 60.0;
        self.rows(now, stream).set_rate(now, rate);
    }

    /// Stops live rows, or lets them come again. Late rows that are on their way arrive.
    pub fn set_paused(&mut self, now: Duration, is_paused: bool) {
        for stream in STREAMS {
            self.rows(now, stream).set_paused(now, is_paused);
        }
    }

    /// Puts other faults in place of those there are. A burst ends.
    pub fn set_faults(&mut self, faults: BTreeMap<Fault, f64>) {
        self.quirks.faults = faults;
        self.burst = None;
    }

    /// Puts other limits in place of those there are, and forgets what counted towards them.
    pub fn set_limits(&mut self, limits: Option<Limits>) {
        self.limiter = Limiter::new(limits.map(|limits| limits.scaled(self.time_scale)));
    }

    /// Every row that became visible by now; the pipelines' first, each stream by id.
    pub fn ledger(&mut self, now: Duration) -> Vec<Entry> {
        let mut entries = Vec::new();
        for stream in STREAMS {
            let epoch = self.epoch;
            entries.extend(ledger::entries(self.rows(now, stream), stream, epoch, now));
        }
        entries
    }

    /// Writes the ledger, a line an entry.
    ///
    /// # Errors
    ///
    /// When the output fails.
    pub fn write_ledger(&mut self, now: Duration, out: &mut dyn io::Write) -> io::Result<()> {
        for stream in STREAMS {
            let epoch = self.epoch;
            for entry in ledger::entries(self.rows(now, stream), stream, epoch, now) {
                writeln!(out, "{}", entry.to_line())?;
            }
        }
        Ok(())
    }

    /// Counts since the start.
    pub fn stats(&mut self, now: Duration) -> Stats {
        let mut stats = self.stats.clone();
        for stream in STREAMS {
            stats.requests.entry(stream.name().to_owned()).or_default();
            ledger::count(&mut stats, self.rows(now, stream), stream, now);
        }
        stats
    }
}

/// `start_element_id` and `client_id`, if they are what they must be.
fn parameters(request: &Request<'_>) -> Option<(u64, Option<u64>)> {
    // Before the first row nothing is to be told apart.
    let start = request.start_element_id?.parse::<i64>().ok()?.max(0);
    let client = match request.client_id {
        Some(client) => Some(client.parse().ok()?),
        None => None,
    };
    Some((start.unsigned_abs(), client))
}

/// So many bytes a response has before its body, at least.
const HEAD: usize = 100;

/// Before the response, or within it.
fn break_anywhere(answer: &Answer, how: How, rng: &mut fastrand::Rng) -> Break {
    match rng.bool() {
        true => Break { after: 0, how },
        false => break_within(answer, how, rng),
    }
}

fn break_within(answer: &Answer, how: How, rng: &mut fastrand::Rng) -> Break {
    let after = rng.usize(1..HEAD + answer.body.len());
    Break { after, how }
}
