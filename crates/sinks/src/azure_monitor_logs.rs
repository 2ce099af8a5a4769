//! Azure Monitor's logs, by the Logs Ingestion API.
//!
//! Checked against Microsoft's documentation and clients (November 2026): the API takes a JSON array of at most 1 MB (1,048,576 bytes) for a
//! stream of a data collection rule and answers 204 for the whole of it. What is no array, it takes and loses. A value of more than 64 KB is
//! cut without a word, and a `TimeGenerated` of more than 2 days ago, or of more than a day ahead, becomes the time of arrival without a word:
//! both are found here before they are sent, and the event's own time has a column of its own. Nothing deduplicates rows; `EventId` finds
//! those that arrived twice. (The HTTP Data Collector API with a workspace's key, which came before this one, ended in September 2026.)

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
use crate::exchange::{AgeLimit, Client, OpenError, Problem, Service, Tokens};
use crate::retry;
use crate::sink::{NotBefore, Sending, Sink, Trying, Verdict};

/// How old and how new a row may be and keep its time.
const AGE: AgeLimit = AgeLimit {
    past: Duration::from_secs(2 * 86_400),
    future: Some(Duration::from_secs(86_400)),
    whose: "Azure Monitor",
};

/// Sends events to Azure.
struct AzureSink {
    config: Config,
    stream: Url,
    tokens: Tokens,
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
        Ok(Arc::new(AzureSink {
            client: Client::new(&self.tls, request.timeout(), vec![self.client_secret.clone()])?,
            stream: request::stream(self)?,
            tokens: request::tokens(self, request::token_url(self)?),
            config: self.clone(),
        }))
    }
}

impl AzureSink {
    /// Sends a batch. When it is refused as malformed, an array without rows may tell that it is the settings' fault.
    async fn try_send(&self, batch: &[Event]) -> Result<Verdict, Verdict> {
        let answer = request::send(self, encode::body(batch)).await?;
        if answer.status == 400 {
            let nothing = request::send(self, encode::body(&[])).await?;
            // What Azure answers to such an array is not documented: only what surely is of the settings counts.
            match respond::settings(&self.config, &nothing) {
                Err(Verdict::Stop(reason)) if nothing.status != 400 || nothing.body == answer.body => {
                    return Ok(Verdict::Stop(reason));
                }
                _ => {}
            }
        }
        Ok(respond::verdict(&self.config, &answer))
    }
}

impl Sink for AzureSink {
    fn limits(&self) -> Limits {
        encode::LIMITS
    }

    fn size(&self, event: &Event) -> usize {
        encode::size(event)
    }

    fn refuses(&self, event: &Event, now: i64) -> Option<String> {
        encode::refuses(event).or_else(|| AGE.refuses(self.config.too_old, event, now))
    }

    fn not_before(&self, event: &Event) -> Option<NotBefore> {
        AGE.not_before(event)
    }

    fn send<'a>(&'a self, batch: &'a [Event]) -> Sending<'a> {
        Box::pin(async move { self.try_send(batch).await.unwrap_or_else(|verdict| verdict) })
    }

    fn probe(&self) -> Trying<'_> {
        Box::pin(async {
            let answer = request::send(self, encode::body(&[])).await;
            respond::probe(&self.config, &answer.map_err(|unable| unable.reason())?)
        })
    }
}
