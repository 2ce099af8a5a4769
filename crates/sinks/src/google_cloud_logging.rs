//! Google Cloud's Logging.
//!
//! Checked against Google's documentation and API definition (November 2026): the API `entries:write` takes at most 10 MB at once and about
//! 256 KiB of one entry. With `partialSuccess` it writes what it can and answers with the status of an entry that failed; which failed stands
//! in the details, and a failure without details means that nothing was written. An entry older than its bucket keeps is accepted and not
//! kept, without a word, which is found here before it is sent; one from more than a day ahead is refused. Entries with the same `insertId`
//! and `timestamp` are shown once by queries; exports have both. `jsonPayload` is a structure whose numbers are doubles: an envelope that
//! would not survive that is sent as `textPayload`.

mod config;
mod encode;
mod key;
mod request;
mod respond;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

pub use config::{Config, Resource};

use crate::batch::Limits;
use crate::event::Event;
use crate::exchange::{AgeLimit, Client, OpenError, Problem, Service, Tokens, too_large};
use crate::retry;
use crate::sink::{Fate, NotBefore, Sending, Sink, Trying, Verdict};
use encode::Frame;
use key::Key;

/// How far ahead an entry may be.
const MOST_AHEAD: Duration = Duration::from_secs(86_400);

/// Sends events to Google Cloud.
struct GoogleSink {
    config: Config,
    frame: Frame,
    write: Url,
    tokens: Tokens,
    client: Client,
}

impl Config {
    fn age(&self) -> AgeLimit {
        AgeLimit {
            past: Duration::from_secs(self.max_age_secs),
            future: Some(MOST_AHEAD),
            whose: "Google Cloud Logging",
        }
    }
}

impl Service for Config {
    fn limits(&self) -> Limits {
        encode::limits(0)
    }

    fn oldest(&self) -> Option<Duration> {
        self.age().oldest(self.too_old)
    }

    fn problems(&self) -> Vec<Problem> {
        Config::problems(self)
    }

    fn open(&self, request: &retry::Settings) -> Result<Arc<dyn Sink>, OpenError> {
        let key = Key::of(self)?;
        let project = config::project(self, &key)?;
        let mut secrets = key.secrets();
        secrets.extend(self.service_account_key.clone());
        Ok(Arc::new(GoogleSink {
            client: Client::new(&self.tls, request.timeout(), secrets)?,
            frame: Frame::new(self, project),
            write: request::address_of(self, &key)?,
            tokens: request::tokens(key),
            config: self.clone(),
        }))
    }
}

impl GoogleSink {
    /// Sends a batch. When nothing of it was written, an entry made for the purpose tells whether it is the settings' fault.
    async fn try_send(&self, batch: &[Event]) -> Result<Verdict, Verdict> {
        let answer = request::send(self, batch).await?;
        let verdict = respond::verdict(&answer, batch.len());
        let is_refused = match &verdict {
            Verdict::Divide(..) => answer.status == 400,
            Verdict::Each(fates) => fates.iter().all(|fate| matches!(fate, Fate::Rejected(_))),
            _ => false,
        };
        if is_refused {
            respond::settings(&request::probe(self).await?)?;
        }
        Ok(verdict)
    }
}

impl Sink for GoogleSink {
    fn limits(&self) -> Limits {
        encode::limits(self.frame.size())
    }

    fn size(&self, event: &Event) -> usize {
        encode::size(event)
    }

    fn refuses(&self, event: &Event, now: i64) -> Option<String> {
        let size = self.size(event) + self.frame.size();
        too_large("Google Cloud Logging", size, encode::MOST_BYTES_OF_ONE)
            .or_else(|| self.config.age().refuses(self.config.too_old, event, now))
    }

    fn not_before(&self, event: &Event) -> Option<NotBefore> {
        self.config.age().not_before(event)
    }

    fn send<'a>(&'a self, batch: &'a [Event]) -> Sending<'a> {
        Box::pin(async move { self.try_send(batch).await.unwrap_or_else(|verdict| verdict) })
    }

    fn probe(&self) -> Trying<'_> {
        Box::pin(async {
            let answer = request::probe(self).await.map_err(|unable| unable.reason())?;
            respond::probe(&answer)
        })
    }
}
