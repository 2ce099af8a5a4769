//! Grafana Loki.
//!
//! Checked against the source and a running server of Loki 3.7.8 (November 2026): `POST /loki/api/v1/push` takes streams of lines, each with its
//! time in nanoseconds and its metadata, both as texts, and answers 204. What follows from how it does that:
//!
//! - **A stream for each connection.** While Loki has a stream in memory, it takes no line of more than an hour before the newest one in it.
//!   A long sync tells of its beginning only when it has ended: hours behind the lines of other connections, but behind none of its own.
//! - **A stream for each push.** Loki reports what happened to the last stream of a push; of lines that it refused in others it says
//!   nothing. So a push has the events of one key, and if those have different labels, the rest goes in a push of its own.
//! - **A push spans less than an hour,** and its lines are in the order of their times. So all of it can be sent again: none of it is too far
//!   behind the rest, and lines that Loki has it recognises by their time, text and metadata, which never change.
//! - **400 says that something is refused**, in words that do not say which line, and the others are stored: each is sent again alone. What is
//!   known to be refused is found before: lines that are too long or too old; those that are too new wait.
//!
//! What no answer tells: a server with `max_line_size_truncate` cuts longer lines, and one whose ingestion is blocked with the status 200 drops
//! everything, both with 204. A server that divides a stream of more than 1.5 MB a second into shards reports of the last of them only.

mod config;
mod encode;
mod request;
mod respond;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

pub use config::Config;

use crate::batch::Limits;
use crate::event::Event;
use crate::exchange::{AgeLimit, Client, OpenError, Problem, Service, too_large};
use crate::retry;
use crate::sink::{Fate, NotBefore, Sending, Sink, Trying, Verdict};

/// How far in the future a line may be: `creation_grace_period`.
const FUTURE: Duration = Duration::from_secs(600);

/// Sends events to Loki.
struct LokiSink {
    config: Config,
    push: Url,
    client: Client,
}

impl Config {
    fn age(&self) -> AgeLimit {
        AgeLimit {
            past: self.max_age(),
            future: Some(FUTURE),
            whose: "Loki",
        }
    }
}

impl Service for Config {
    fn limits(&self) -> Limits {
        encode::LIMITS
    }

    fn oldest(&self) -> Option<Duration> {
        self.age().oldest(self.too_old)
    }

    fn problems(&self) -> Vec<Problem> {
        Config::problems(self)
    }

    fn open(&self, request: &retry::Settings) -> Result<Arc<dyn Sink>, OpenError> {
        let push = request::push(self)?;
        Ok(Arc::new(LokiSink {
            client: Client::new(&self.tls, request.timeout(), self.secrets())?,
            push,
            config: self.clone(),
        }))
    }
}

impl Sink for LokiSink {
    fn limits(&self) -> Limits {
        encode::LIMITS
    }

    fn size(&self, event: &Event) -> usize {
        encode::size(event)
    }

    fn refuses(&self, event: &Event, now: i64) -> Option<String> {
        // Loki counts the line alone.
        too_large("Loki", event.text.len(), self.config.max_line_bytes.get())
            .or_else(|| self.config.age().refuses(self.config.too_old, event, now))
    }

    fn not_before(&self, event: &Event) -> Option<NotBefore> {
        self.config.age().not_before(event)
    }

    fn send<'a>(&'a self, batch: &'a [Event]) -> Sending<'a> {
        Box::pin(async move {
            let (stream, is_in_it) = encode::first_stream(&self.config, batch);
            let lines = batch
                .iter()
                .zip(&is_in_it)
                .filter_map(|(event, is_in)| is_in.then_some(event));
            let lines: Vec<&Event> = lines.collect();
            let body = encode::body(&stream, &lines);
            let bytes = body.len();
            let verdict = match request::send(self, body).await {
                Ok(answer) => respond::verdict(&answer, lines.len(), bytes),
                Err(later) => Verdict::Retry(later),
            };
            let fate = match &verdict {
                Verdict::Delivered => Fate::Delivered,
                Verdict::Retry(later) => Fate::Retry(later.clone()),
                _ => return verdict,
            };
            if lines.len() == batch.len() {
                return verdict;
            }
            let fate = |is_in| if is_in { fate.clone() } else { Fate::Untried };
            Verdict::Each(is_in_it.into_iter().map(fate).collect())
        })
    }

    fn probe(&self) -> Trying<'_> {
        Box::pin(async {
            let answer = request::probe(self).await.map_err(|later| later.reason)?;
            respond::probe(&answer)
        })
    }
}
