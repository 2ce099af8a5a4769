//! Any endpoint that takes events by HTTP.
//!
//! Lines, an array, or one event a request in the form of Fivetran's webhooks. What the endpoint answers with 2xx it keeps. What it refuses
//! with 400, 413 or 422 is divided, so that one bad event becomes a dead letter and its neighbours arrive.

mod config;
mod encode;
mod request;
mod respond;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use reqwest::Url;

pub use config::{Config, Encoding, Method};

use crate::batch::Limits;
use crate::event::Event;
use crate::exchange::{self, Client, OpenError, Problem, Service};
use crate::retry;
use crate::sink::{Sending, Sink, Trying, Verdict};

/// Sends events to an endpoint.
struct HttpSink {
    config: Config,
    uri: Url,
    client: Client,
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
        Box::pin(async move {
            let body = encode::body(self.config.encoding, batch);
            match request::send(self, body, batch).await {
                Ok(answer) => respond::verdict(&self.config, &answer),
                Err(later) => Verdict::Retry(later),
            }
        })
    }

    fn probe(&self) -> Trying<'_> {
        Box::pin(async {
            let body = encode::test(self.config.encoding);
            let answer = request::send(self, body, &[]).await.map_err(|later| later.reason)?;
            respond::probe(&self.config, &answer)
        })
    }
}
