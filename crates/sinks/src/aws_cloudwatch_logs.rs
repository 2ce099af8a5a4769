//! Amazon CloudWatch Logs.
//!
//! Checked against AWS's documentation, service models and clients (November 2026): `PutLogEvents` takes 1 to 10,000 events and 1,048,576
//! bytes, of which each event counts the UTF-8 bytes of its message and 26 more. They must ascend by time and span less than 24 hours, else
//! none of them is taken. An event from more than 14 days ago, from before the retention of its log group, or from more than 2 hours ahead is
//! refused by itself, in an answer with status 200. An error is told by its type: nearly all have status 400, throttling and expired
//! credentials too. A body compressed with gzip is signed as it is sent; AWS's own agent sends its events so. CloudWatch Logs has no place for
//! an event's identity and does not find out that it gets an event twice.

mod config;
mod encode;
mod keys;
mod request;
mod respond;
mod sign;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

pub use config::{Auth, Config};

use crate::batch::Limits;
use crate::event::Event;
use crate::exchange::{AgeLimit, Client, OpenError, Problem, Service, too_large};
use crate::retry;
use crate::sink::{NotBefore, Sending, Sink, Trying};

/// The oldest events that any log group takes.
const OLDEST: Duration = Duration::from_secs(14 * 86_400);

/// Sends events to CloudWatch Logs.
struct CloudWatchSink {
    config: Config,
    url: Url,
    client: Client,
    keys: keys::Keys,
}

impl CloudWatchSink {
    fn new(config: &Config, request: &retry::Settings, keys: keys::Keys) -> Result<CloudWatchSink, OpenError> {
        Ok(CloudWatchSink {
            client: Client::new(&config.tls, request.timeout(), config.auth.secrets())?,
            url: request::url(config)?,
            keys,
            config: config.clone(),
        })
    }
}

impl Config {
    fn age(&self) -> AgeLimit {
        let past = Duration::from_secs(self.max_age_secs);
        AgeLimit {
            past,
            future: Some(Duration::from_secs(2 * 3600)),
            whose: if past < OLDEST {
                "a log group with this `max_age_secs`"
            } else {
                "CloudWatch Logs"
            },
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
        let keys = keys::Keys::new(self, request.timeout());
        Ok(Arc::new(CloudWatchSink::new(self, request, keys)?))
    }
}

impl Sink for CloudWatchSink {
    fn limits(&self) -> Limits {
        encode::LIMITS
    }

    fn size(&self, event: &Event) -> usize {
        encode::size(event)
    }

    fn refuses(&self, event: &Event, now: i64) -> Option<String> {
        if event.created_millis < 0 {
            return Some("too old: CloudWatch Logs has no times before 1970".to_owned());
        }
        too_large("CloudWatch Logs", self.size(event), encode::MOST_BYTES)
            .or_else(|| self.config.age().refuses(self.config.too_old, event, now))
    }

    fn not_before(&self, event: &Event) -> Option<NotBefore> {
        self.config.age().not_before(event)
    }

    fn send<'a>(&'a self, batch: &'a [Event]) -> Sending<'a> {
        Box::pin(async move { request::put(self, batch).await.unwrap_or_else(|verdict| verdict) })
    }

    fn probe(&self) -> Trying<'_> {
        Box::pin(async { request::probe(self).await.map_err(respond::reason) })
    }
}
