//! Any endpoint that takes events by HTTP.
//!
//! Lines, an array, or one event a request in the form of Fivetran's webhooks. What the endpoint answers with 2xx it keeps. What it refuses
//! with 400, 413 or 422 is divided, so that one bad event becomes a dead letter and its neighbours arrive. An endpoint that has taken nothing
//! yet, and refuses a body without events in the same words, is taken to refuse the settings: it stops the sink.

mod config;
mod encode;
mod request;
mod respond;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Url;

pub use config::{Config, Encoding, Method};

use crate::batch::Limits;
use crate::event::Event;
use crate::exchange::{self, Client, OpenError, Problem, Service};
use crate::retry;
use crate::sink::{Later, Sending, Sink, Trying, Verdict};

/// Sends events to an endpoint.
struct HttpSink {
    config: Config,
    uri: Url,
    client: Client,
    /// Whether the endpoint has taken anything: until then a refusal may be about settings.
    has_taken: AtomicBool,
}

impl HttpSink {
    async fn deliver(&self, batch: &[Event]) -> Result<Verdict, Later> {
        let answer = request::send(self, encode::body(self.config.encoding, batch), batch).await?;
        let verdict = respond::verdict(&self.config, &answer);
        if verdict == Verdict::Delivered {
            self.has_taken.store(true, Ordering::Relaxed);
        } else if matches!(verdict, Verdict::Divide(..))
            && batch.len() == 1
            && respond::is_of_events(&answer)
            && !self.has_taken.load(Ordering::Relaxed)
        {
            let nothing = request::send(self, encode::test(self.config.encoding), &[]).await?;
            if let Some(stop) = respond::refuses_everything(&answer, &nothing) {
                return Ok(stop);
            }
        }
        Ok(verdict)
    }
}

impl Service for Config {
    fn limits(&self) -> Limits {
        encode::limits(self.encoding)
    }

    fn problems(&self) -> Vec<Problem> {
        Config::problems(self)
    }

    fn open(&self, request: &retry::Settings) -> Result<Arc<dyn Sink>, OpenError> {
        let uri = exchange::address("uri", &self.uri).map_err(|problem| OpenError::new("uri", problem.message))?;
        Ok(Arc::new(HttpSink {
            client: Client::new(&self.tls, request.timeout(), self.secrets())?,
            uri,
            has_taken: AtomicBool::new(false),
            config: self.clone(),
        }))
    }
}

impl Sink for HttpSink {
    fn limits(&self) -> Limits {
        encode::limits(self.config.encoding)
    }

    fn size(&self, event: &Event) -> usize {
        encode::size(event)
    }

    fn send<'a>(&'a self, batch: &'a [Event]) -> Sending<'a> {
        Box::pin(async move { self.deliver(batch).await.unwrap_or_else(Verdict::Retry) })
    }

    fn probe(&self) -> Trying<'_> {
        Box::pin(async {
            let body = encode::test(self.config.encoding);
            let answer = request::send(self, body, &[]).await.map_err(|later| later.reason)?;
            respond::probe(&self.config, &answer)
        })
    }
}
