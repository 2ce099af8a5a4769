//! What topics take, asked of the brokers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResourceResult, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use tracing::debug;

use super::client::{Context, REQUEST_BYTES, Trouble};
use super::config::Config;
use super::options;
use super::respond;
use crate::exchange::Hidden;

/// The brokers answer at once, if they answer.
const LONGEST: Duration = Duration::from_secs(5);

/// So long it takes at most to look at what was said.
const SAID: Duration = Duration::from_secs(1);

/// Left free in a request, whose frame grows with what stands in it.
const MARGIN: usize = 512;

/// The topics' own limits of a request, so far as they are known.
#[derive(Debug, Default)]
pub(super) struct Topics {
    known: Mutex<BTreeMap<String, usize>>,
}

impl Topics {
    fn known(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Most bytes of a request that every topic takes. What is larger is refused whole, with the events that are good.
    pub(super) fn request_bytes(&self) -> usize {
        let least = self.known().values().copied().min().unwrap_or(REQUEST_BYTES);
        least.saturating_sub(MARGIN).clamp(1, REQUEST_BYTES)
    }

    /// Those that have not been asked about.
    pub(super) fn unknown<'t>(&self, names: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
        let known = self.known();
        names.filter(|name| !known.contains_key(*name)).collect()
    }

    /// Asks about a topic again.
    pub(super) fn forget(&self, name: &str) {
        self.known().remove(name);
    }

    /// Asks what topics take. What cannot be known, because they or the brokers are not there, or because of who asks, counts as usual.
    pub(super) async fn ask(&self, config: &Config, names: &[&str]) {
        let found = describe(config, names).await.unwrap_or_else(|error| {
            debug!("what the topics take is not known: {error}");
            Vec::new()
        });
        for (at, name) in names.iter().enumerate() {
            let limit = found.get(at).and_then(|resource| {
                let entry = resource.as_ref().ok()?.get("max.message.bytes")?;
                entry.value.as_deref()?.parse().ok()
            });
            debug!(topic = name, bytes = limit, "what the topic takes of a request");
            self.learn(name, limit);
        }
    }

    /// Knows from now on what a topic takes.
    pub(super) fn learn(&self, name: &str, limit: Option<usize>) {
        let limit = limit.unwrap_or(REQUEST_BYTES + MARGIN);
        self.known().insert(name.to_owned(), limit);
    }
}

async fn describe(config: &Config, names: &[&str]) -> Result<Vec<ConfigResourceResult>, KafkaError> {
    let context = Context::new(Hidden::new(&config.secrets()), None);
    let admin: AdminClient<Context> = options::client(config).create_with_context(context)?;
    let resources: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let options = AdminOptions::new().request_timeout(Some(LONGEST));
    admin.describe_configs(&resources, &options).await
}

/// Whether the brokers answer, and have the topic, if it is a certain one. This makes no topic, as a producer's question may.
pub(super) fn probe(config: &Config, context: Context, topic: Option<&str>) -> Result<(), String> {
    let hidden = context.hidden();
    let mut settings = options::client(config);
    settings.set("allow.auto.create.topics", "false");
    let consumer: BaseConsumer<Context> = settings
        .create_with_context(context)
        .map_err(|error| respond::not_made(&error, &hidden))?;
    let context = consumer.client().context();
    let metadata = consumer.fetch_metadata(topic, LONGEST);
    // Why there is no answer was said meanwhile, and waits to be looked at.
    let until = Instant::now() + SAID;
    while metadata.is_err() && context.trouble().is_none() && Instant::now() < until {
        let _ = consumer.poll(SAID / 10);
    }
    if let Some(Trouble::Settings(words) | Trouble::Lost(words)) = context.trouble() {
        return Err(words);
    }
    let metadata = metadata.map_err(|error| {
        let words = context.last_words();
        words.unwrap_or_else(|| {
            error
                .rdkafka_error_code()
                .map_or(error.to_string(), |code| code.to_string())
        })
    })?;
    let Some(topic) = topic else { return Ok(()) };
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let error = match found {
        Some(found) => found.error().map(RDKafkaErrorCode::from),
        None => Some(RDKafkaErrorCode::UnknownTopicOrPartition),
    };
    error.map_or(Ok(()), |code| Err(respond::words(topic, code)))
}
