//! Splunk's HTTP Event Collector.
//!
//! Checked against Splunk's documentation, and against measurements that others made on Splunk Enterprise 10.4 and Splunk Cloud 10.5
//! (November 2026): `POST /services/collector/event` takes JSON objects one after the other. An object with a key that the collector does
//! not know ends the body without an error, and what follows it is lost, so that the keys are fixed here. An error names the object it is
//! about, counted from 0: those before it are taken, those after it are not looked at. There is no limit of age.
//!
//! Success means that Splunk has the events in memory. A token with indexer acknowledgement (`useACK`) answers with an `ackId`, and says
//! later whether what it stands for is indexed. It says so once, and answers the same of what is lost, unknown or not yet indexed. Ids
//! count from 0 for each channel and each indexer, and again from 0 after a restart. So that the id of one batch is never taken for that
//! of another, a channel has one batch at a time, and no other until that one is known to be indexed; a channel about which there is any
//! doubt is given up.

mod acknowledge;
mod channels;
mod config;
mod encode;
mod request;
mod respond;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reqwest::Url;

pub use config::{Acknowledgements, Config};

use crate::batch::Limits;
use crate::event::Event;
use crate::exchange::{Client, OpenError, Problem, Service, too_large};
use crate::retry;
use crate::sink::{Sending, Sink, Trying, Verdict};
use acknowledge::{Pace, Unknown};
use channels::{Channel, Channels};
use respond::Reading;

/// Sends events to a collector.
struct SplunkSink {
    config: Config,
    events: Url,
    acks: Url,
    client: Client,
    channels: Channels,
    pace: Pace,
    /// Whether Splunk is asked about acknowledgements before it gets events: else each attempt would leave a copy of them there.
    is_unsure: AtomicBool,
}

impl SplunkSink {
    fn new(config: &Config, request: &retry::Settings, pace: Pace) -> Result<SplunkSink, OpenError> {
        Ok(SplunkSink {
            client: Client::new(&config.tls, request.timeout(), vec![config.token.clone()])?,
            events: request::events(config)?,
            acks: request::acks(config)?,
            channels: Channels::new(config.channel.as_deref()),
            pace,
            is_unsure: AtomicBool::new(config.indexer_acknowledgements == Acknowledgements::Required),
            config: config.clone(),
        })
    }

    async fn channel(&self) -> Option<Channel<'_>> {
        match self.config.indexer_acknowledgements {
            Acknowledgements::Off => None,
            Acknowledgements::IfOffered | Acknowledgements::Required => Some(self.channels.take().await),
        }
    }

    async fn deliver(&self, batch: &[Event]) -> Verdict {
        let channel = self.channel().await;
        if channel.is_some()
            && let Err(unknown) = acknowledge::ready(self).await
        {
            return unknown.verdict();
        }
        let body = encode::body(&self.config, batch);
        let bytes = body.len();
        let answer = match request::send(self, channel.as_ref(), body).await {
            Ok(answer) => answer,
            Err(later) => return Verdict::Retry(later),
        };
        let taken = match respond::read(&answer, batch.len(), bytes) {
            Reading::Taken(taken) => taken,
            Reading::Verdict(verdict) => return verdict,
        };
        let known = match &channel {
            Some(channel) if taken.count > 0 => acknowledge::known(self, channel, &taken, &answer).await,
            _ => Ok(()),
        };
        if let Some(channel) = channel
            && known.is_ok()
            && answer.status.is_success()
        {
            self.channels.give_back(channel);
        }
        taken.verdict(known, batch.len())
    }
}

impl Service for Config {
    fn limits(&self) -> Limits {
        encode::limits(self)
    }

    fn problems(&self) -> Vec<Problem> {
        Config::problems(self)
    }

    fn open(&self, request: &retry::Settings) -> Result<Arc<dyn Sink>, OpenError> {
        // Splunk needs a second or so, and advises to ask about every ten seconds.
        let pace = Pace {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(10),
        };
        Ok(Arc::new(SplunkSink::new(self, request, pace)?))
    }
}

impl Sink for SplunkSink {
    fn limits(&self) -> Limits {
        encode::limits(&self.config)
    }

    fn size(&self, event: &Event) -> usize {
        encode::size(&self.config, event)
    }

    fn refuses(&self, event: &Event, _now: i64) -> Option<String> {
        too_large("Splunk", self.size(event), encode::MOST_BYTES)
    }

    fn send<'a>(&'a self, batch: &'a [Event]) -> Sending<'a> {
        Box::pin(self.deliver(batch))
    }

    fn probe(&self) -> Trying<'_> {
        Box::pin(async {
            let channel = self.channel().await;
            let answer = request::probe(self, channel.as_ref()).await;
            respond::probe(&answer.map_err(|later| later.reason)?)?;
            match self.config.indexer_acknowledgements {
                Acknowledgements::Required => acknowledge::ask_whether_ready(self).await.map_err(Unknown::reason),
                Acknowledgements::IfOffered | Acknowledgements::Off => Ok(()),
            }
        })
    }
}
