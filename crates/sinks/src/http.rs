//! Any endpoint that takes events by HTTP.
//!
//! Lines, an array, or one event a request in the form of Fivetran's webhooks. What the endpoint answers with 2xx it keeps. What it refuses
//! with 400, 409, 413 or 422 is divided, so that one bad event becomes a dead letter and its neighbours arrive. An endpoint that has taken
//! nothing of late may refuse the settings and not the event: the event is tried again, behind others, until one of them is taken.

mod config;
mod encode;
mod request;
mod respond;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use reqwest::Url;

pub use config::{Config, Encoding, Method};

use crate::batch::Limits;
use crate::clock;
use crate::event::Event;
use crate::exchange::{self, Client, OpenError, Problem, Service};
use crate::retry;
use crate::sink::{Later, Sending, Sink, Trying, Verdict};

/// An endpoint that took something so long ago is known to take events.
const OF_LATE: Duration = Duration::from_secs(600);

/// Sends events to an endpoint.
struct HttpSink {
    config: Config,
    uri: Url,
    client: Client,
    /// When it took something last, in milliseconds since 1970.
    taken: AtomicI64,
}

impl HttpSink {
    /// Whether it has taken something of late, so that a refusal is about the event.
    fn takes_others(&self) -> bool {
        clock::now_millis().saturating_sub(self.taken.load(Ordering::Relaxed)) < OF_LATE.as_millis() as i64
    }

    async fn deliver(&self, batch: &[Event]) -> Result<Verdict, Later> {
        let answer = request::send(self, encode::body(self.config.encoding, batch), batch).await?;
        let verdict = respond::verdict(&self.config, &answer);
        if verdict == Verdict::Delivered {
            self.taken.store(clock::now_millis(), Ordering::Relaxed);
        } else if matches!(verdict, Verdict::Divide(..)) && batch.len() == 1 && !self.takes_others() {
            return Err(respond::not_yet(&answer));
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
        let uri = exchange::address("uri", &self.uri)?;
        Ok(Arc::new(HttpSink {
            client: Client::new(&self.tls, request.timeout(), self.secrets())?,
            uri,
            taken: AtomicI64::new(0),
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
