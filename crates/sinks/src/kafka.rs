//! Apache Kafka.
//!
//! Checked against Kafka 4.1 (November 2026) with librdkafka 2.12. A message is an event, its key what the event is about, so that the
//! events of a connection are in one partition, the one where Java's clients look for the key. An event counts as delivered when all
//! replicas in sync have it.
//!
//! The producer is idempotent and repeats by itself what is lost on the way: a broker that bounces or a leader that moves is waited for, and
//! nothing is overtaken meanwhile. Only when there is no answer at all for long is everything recalled that is under way, which is then
//! sent again by another producer.
//!
//! A request that is refused is refused whole. So the sink keeps requests below what the topic takes, and sends what was refused again,
//! event by event: only an event that is refused alone is a dead letter.

#[cfg(feature = "kafka")]
mod client;
mod config;
#[cfg(feature = "kafka")]
mod encode;
#[cfg(feature = "kafka")]
mod flights;
mod options;
#[cfg(feature = "kafka")]
mod produce;
#[cfg(feature = "kafka")]
mod registry;
#[cfg(feature = "kafka")]
mod respond;
#[cfg(feature = "kafka")]
mod sink;
#[cfg(all(test, feature = "kafka"))]
mod tests;
#[cfg(feature = "kafka")]
mod token;
mod topic;
#[cfg(feature = "kafka")]
mod topics;

use std::num::NonZeroUsize;
use std::sync::Arc;

pub use config::{Compression, Config, Format, Mechanism, Registry, Sasl, Tls};

use crate::batch::{Limits, Usual};
use crate::exchange::{OpenError, Problem, Service};
use crate::retry;
use crate::sink::Sink;

/// Batches go to librdkafka, which makes requests of them: they are large, so that it can.
const LIMITS: Limits = Limits {
    usual: Usual {
        max_bytes: 4 * 1024 * 1024,
        max_events: 10_000,
        timeout_secs: 0.0,
        concurrency: NonZeroUsize::new(4).unwrap(),
    },
    ..Limits::NONE
};

impl Service for Config {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn problems(&self) -> Vec<Problem> {
        Config::problems(self)
    }

    #[cfg(feature = "kafka")]
    fn open(&self, request: &retry::Settings) -> Result<Arc<dyn Sink>, OpenError> {
        Ok(Arc::new(sink::KafkaSink::new(self, request)?))
    }

    #[cfg(not(feature = "kafka"))]
    fn open(&self, _request: &retry::Settings) -> Result<Arc<dyn Sink>, OpenError> {
        Err(self
            .problems()
            .into_iter()
            .next()
            .map_or_else(|| OpenError::no_service("kafka"), OpenError::from))
    }
}
