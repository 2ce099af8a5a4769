//! New Relic's logs.
//!
//! Checked against New Relic's documentation and clients (November 2026): the Log API takes `POST /log/v1` with at most 1,000,000 bytes and
//! answers 202 before it looks into them, so that no answer speaks of a single log. A message that is JSON of at most 4,096 characters is
//! parsed into attributes, in whose place it then goes; a longer one stays a text, of which it keeps 4,094 characters and 128,000 bytes and
//! cuts the rest without a word. A log from more than 48 hours ago may be dropped without a word. Both are found here before they are sent.
//! For times ahead New Relic names a limit only where it takes metrics, 24 hours; it is kept here too. The address of Japan is from other
//! clients.

mod config;
mod encode;
mod request;
mod respond;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

pub use config::{Config, Region};

use crate::batch::Limits;
use crate::event::Event;
use crate::exchange::{AgeLimit, Client, OpenError, Problem, Service, too_large};
use crate::retry;
use crate::sink::{NotBefore, Sending, Sink, Trying, Verdict};

/// How old and how new a log may be.
const AGE: AgeLimit = AgeLimit {
    past: Duration::from_secs(48 * 3600),
    future: Some(Duration::from_secs(24 * 3600)),
    whose: "New Relic",
};

/// Sends events to New Relic.
struct NewRelicSink {
    config: Config,
    ingest: Url,
    client: Client,
}

impl Service for Config {
    fn limits(&self) -> Limits {
        encode::limits(self)
    }

    fn oldest(&self) -> Option<Duration> {
        AGE.oldest(self.too_old)
    }

    fn problems(&self) -> Vec<Problem> {
        Config::problems(self)
    }

    fn open(&self, request: &retry::Settings) -> Result<Arc<dyn Sink>, OpenError> {
        let ingest = request::ingest(self)?;
        Ok(Arc::new(NewRelicSink {
            client: Client::new(&self.tls, request.timeout(), vec![self.license_key.clone()])?,
            ingest,
            config: self.clone(),
        }))
    }
}

impl Sink for NewRelicSink {
    fn limits(&self) -> Limits {
        encode::limits(&self.config)
    }

    fn size(&self, event: &Event) -> usize {
        encode::size(event)
    }

    fn refuses(&self, event: &Event, now: i64) -> Option<String> {
        too_large("New Relic", event.text.len(), encode::MOST_BYTES_OF_MESSAGE)
            .or_else(|| too_large("New Relic", self.size(event), self.limits().max_bytes))
            .or_else(|| AGE.refuses(self.config.too_old, event, now))
    }

    fn not_before(&self, event: &Event) -> Option<NotBefore> {
        AGE.not_before(event)
    }

    fn send<'a>(&'a self, batch: &'a [Event]) -> Sending<'a> {
        Box::pin(async move {
            match request::send(self, batch).await {
                Ok(answer) => respond::verdict(&answer),
                Err(later) => Verdict::Retry(later),
            }
        })
    }

    fn probe(&self) -> Trying<'_> {
        Box::pin(async {
            let answer = request::send(self, &[]).await.map_err(|later| later.reason)?;
            respond::probe(&answer)
        })
    }
}
