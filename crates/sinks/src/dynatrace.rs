//! Dynatrace's logs.
//!
//! Checked against Dynatrace's documentation (November 2026): `POST /api/v2/logs/ingest` takes a JSON array of at most 50,000 records and
//! 10 MB. It answers 204 when all of it is kept; with 200 only a part is, and it says how many records are not, but not which. Records
//! from more than 24 hours ago are refused. Without a word it cuts a content of more than 10 MB, or of 512 kB in the Classic pipeline, and
//! sets the time of records from more than 10 minutes ahead to that of their arrival: both are found here before they are sent. A content
//! is sent as a text and a time with three digits, since Dynatrace's versions read objects and longer fractions in different ways. The
//! attributes are those that Fivetran itself writes there. That gzip is taken, only Dynatrace's own clients say.

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
use crate::clock;
use crate::event::Event;
use crate::exchange::{AgeLimit, Client, OpenError, Problem, Service, too_large};
use crate::retry;
use crate::sink::{NotBefore, Sending, Sink, Trying, Verdict};

/// How old and how new a record may be. Dynatrace takes 24 hours; a minute of them is left for the way, since one record that is too old
/// may have its whole batch refused.
const AGE: AgeLimit = AgeLimit {
    past: Duration::from_secs(24 * 3600 - 60),
    future: Some(Duration::from_secs(600)),
    whose: "Dynatrace",
};

/// Sends events to Dynatrace.
struct DynatraceSink {
    config: Config,
    ingest: Url,
    lookup: Url,
    /// What all records have in common.
    common: Vec<u8>,
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
        Ok(Arc::new(DynatraceSink {
            client: Client::new(&self.tls, request.timeout(), vec![self.api_token.clone()])?,
            ingest: request::ingest(self)?,
            lookup: request::lookup(self)?,
            common: encode::common(self),
            config: self.clone(),
        }))
    }
}

impl Sink for DynatraceSink {
    fn limits(&self) -> Limits {
        encode::LIMITS
    }

    fn size(&self, event: &Event) -> usize {
        encode::size(&self.common, event)
    }

    fn refuses(&self, event: &Event, now: i64) -> Option<String> {
        let (bytes, most) = (event.text.len(), self.config.max_event_bytes);
        if bytes > most {
            return Some(format!(
                "too large: it has {bytes} bytes, and `max_event_bytes` is {most}"
            ));
        }
        too_large("Dynatrace", self.size(event), encode::LIMITS.max_bytes)
            .or_else(|| AGE.refuses(self.config.too_old, event, now))
    }

    fn not_before(&self, event: &Event) -> Option<NotBefore> {
        AGE.not_before(event)
    }

    fn send<'a>(&'a self, batch: &'a [Event]) -> Sending<'a> {
        Box::pin(async move {
            match request::send(self, batch).await {
                Ok(answer) => respond::verdict(&answer, batch.len()),
                Err(later) => Verdict::Retry(later),
            }
        })
    }

    fn probe(&self) -> Trying<'_> {
        Box::pin(async {
            if request::is_bearer(&self.config.api_token) {
                let answer = request::send(self, &[]).await.map_err(|later| later.reason)?;
                return respond::without_records(&answer);
            }
            let answer = request::look_up(self).await.map_err(|later| later.reason)?;
            respond::looked_up(&answer, clock::now_millis())
        })
    }
}
