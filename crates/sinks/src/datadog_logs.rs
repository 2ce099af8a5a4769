//! Datadog's logs.
//!
//! Checked against Datadog's documentation and clients (November 2026): the API `POST /api/v2/logs` takes a JSON array of at most 1,000 logs
//! and 5 MB, each at most 1 MB, and answers 202 for the whole of it. A larger log is cut without a word, and one from more than 18 hours ago,
//! or from more than 2 hours ahead, is dropped without a word: both are found here before they are sent. Datadog takes the time of a log
//! from `timestamp` in milliseconds; its status from `status`, in which `SEVERE` would mean OK, so that it is sent as `error`.

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
use crate::sink::{NotBefore, Sending, Sink, Trying, Verdict};

/// How old and how new a log may be.
const AGE: AgeLimit = AgeLimit {
    past: Duration::from_secs(18 * 3600),
    future: Some(Duration::from_secs(2 * 3600)),
    whose: "Datadog",
};

/// Sends events to Datadog.
struct DatadogSink {
    config: Config,
    intake: Url,
    validate: Url,
    client: Client,
}

impl Service for Config {
    fn limits(&self) -> Limits {
        encode::LIMITS
    }

    fn oldest(&self) -> Option<Duration> {
        AGE.oldest(self.too_old)
    }

    fn problems(&self) -> Vec<Problem> {
        Config::problems(self)
    }

    fn open(&self, request: &retry::Settings) -> Result<Arc<dyn Sink>, OpenError> {
        Ok(Arc::new(DatadogSink {
            client: Client::new(&self.tls, request.timeout(), vec![self.api_key.clone()])?,
            intake: request::intake(self)?,
            validate: request::validate(self)?,
            config: self.clone(),
        }))
    }
}

impl Sink for DatadogSink {
    fn limits(&self) -> Limits {
        encode::LIMITS
    }

    fn size(&self, event: &Event) -> usize {
        encode::size(&self.config, event)
    }

    fn refuses(&self, event: &Event, now: i64) -> Option<String> {
        too_large("Datadog", self.size(event), encode::MOST_BYTES_OF_ONE)
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
            let answer = request::probe(self).await.map_err(|later| later.reason)?;
            respond::probe(&answer)
        })
    }
}
