//! The producer, and what it says beside the reports.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, Producer, ProducerContext, PurgeConfig, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tracing::{debug, trace, warn};

use super::config::Config;
use super::flights::Flights;
use super::options;
use super::respond::{self, Class};
use super::token::Token;
use crate::exchange::{Hidden, OpenError};

/// Most bytes of one request to a partition. More gains nothing, and less costs throughput.
pub(super) const REQUEST_BYTES: usize = 1_000_000;

/// Most bytes that librdkafka holds, which copies what it is given.
const MOST_HELD_BYTES: usize = 32 * 1024 * 1024;

/// Most messages that it holds, each of which takes some hundred bytes beside its texts.
const MOST_HELD_MESSAGES: usize = 100_000;

/// Most bytes of one message.
pub(super) const MOST_BYTES: usize = 16 * 1024 * 1024;

/// A producer, until there is trouble with it.
pub(super) struct Client {
    producer: Arc<ThreadedProducer<Context>>,
    /// Most bytes of one request to a partition.
    pub(super) request_bytes: usize,
}

/// Why a client is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A person has to mend something.
    Settings(String),
    /// Another one may do.
    Lost(String),
}

/// Takes what librdkafka says.
pub(super) struct Context {
    pub(super) flights: Flights,
    said: Mutex<Said>,
    troubled: Notify,
    hidden: Hidden,
    token: Option<Arc<Token>>,
}

#[derive(Debug, Default)]
struct Said {
    /// What went wrong last, and is tried again.
    last: Option<String>,
    trouble: Option<Trouble>,
}

impl Context {
    pub(super) fn new(hidden: Hidden, token: Option<Arc<Token>>) -> Context {
        Context {
            flights: Flights::default(),
            said: Mutex::default(),
            troubled: Notify::new(),
            hidden,
            token,
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hidden(&self) -> Hidden {
        self.hidden.clone()
    }

    /// What went wrong, for a person.
    pub(super) fn last_words(&self) -> Option<String> {
        self.said().last.clone()
    }

    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.said().trouble.clone()
    }

    /// The first trouble counts: others follow from it.
    fn set_trouble(&self, trouble: Trouble) {
        self.said().trouble.get_or_insert(trouble);
        self.troubled.notify_waiters();
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let message = self.hidden.without(message);
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => warn!("librdkafka: {facility}: {message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => debug!("librdkafka: {facility}: {message}"),
            RDKafkaLogLevel::Debug => trace!("librdkafka: {facility}: {message}"),
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        debug!("librdkafka: {}", String::from_utf8_lossy(statistics));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let words = self.hidden.without(reason);
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        match respond::class(code) {
            Class::Settings(settings) => self.set_trouble(Trouble::Settings(format!("{words} (look at {settings})"))),
            _ if code == RDKafkaErrorCode::SSL && words.contains("certificate verify failed") => {
                self.set_trouble(Trouble::Settings(format!("{words} (look at `tls.ca_file`)")));
            }
            _ if code == RDKafkaErrorCode::Fatal => self.set_trouble(Trouble::Lost(words)),
            // That all are down says less than why the last one is.
            _ if code == RDKafkaErrorCode::AllBrokersDown => {
                self.said().last.get_or_insert(words);
            }
            _ => self.said().last = Some(words),
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<rdkafka::client::OAuthToken, Box<dyn std::error::Error>> {
        let token = self.token.as_ref().ok_or("no token was asked for")?;
        match token.fetch() {
            Ok(token) => Ok(token),
            Err(unable) => {
                let words = self.hidden.without(&unable.reason());
                self.said().last = Some(words.clone());
                Err(words.into())
            }
        }
    }
}

impl ProducerContext for Context {
    /// The message's number.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let failure = result.as_ref().err();
        let failure = failure.map(|(error, _)| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail));
        self.flights.report(number, failure);
    }
}

impl ConsumerContext for Context {}

/// The settings of a producer.
fn settings(config: &Config, timeout: Duration, request_bytes: usize) -> ClientConfig {
    let mut settings = options::client(config);
    // What is set here beside the options may be set by them too.
    let usual = [
        // Long enough to fill requests, short enough not to be felt.
        ("linger.ms", "5".to_owned()),
        ("queue.buffering.max.kbytes", (MOST_HELD_BYTES / 1024).to_string()),
        ("queue.buffering.max.messages", MOST_HELD_MESSAGES.to_string()),
        ("message.max.bytes", MOST_BYTES.to_string()),
        // A request whose answer is lost is repeated before the whole is given up.
        (
            "socket.timeout.ms",
            (timeout.as_millis() / 2).clamp(10, 60_000).to_string(),
        ),
    ];
    for (name, value) in usual {
        if settings.get(name).is_none() {
            settings.set(name, value);
        }
    }
    settings
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("compression.codec", config.compression.name())
        .set("batch.size", request_bytes.to_string())
        .set("batch.num.messages", "100000")
        // Messages end when they are delivered, refused, or given up together: those that time out one by one would be overtaken.
        .set("message.timeout.ms", "0");
    settings
}

impl Client {
    /// Makes a producer. It connects by itself, later.
    pub(super) fn new(
        config: &Config,
        timeout: Duration,
        request_bytes: usize,
        context: Context,
    ) -> Result<Client, OpenError> {
        let hidden = context.hidden.clone();
        let made = settings(config, timeout, request_bytes).create_with_context(context);
        let producer = made.map_err(|error| OpenError::new("kafka", respond::not_made(&error, &hidden)))?;
        Ok(Client {
            producer: Arc::new(producer),
            request_bytes,
        })
    }

    pub(super) fn producer(&self) -> &ThreadedProducer<Context> {
        &self.producer
    }

    pub(super) fn context(&self) -> &Context {
        self.producer.client().context()
    }

    /// Why it is of no use any more, if so.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let trouble = self.context().trouble()?;
        // Why something is fatal, librdkafka says only when it is asked.
        let fatal = self.producer.client().fatal_error();
        Some(
            match (trouble, fatal.map(|(code, words)| (respond::class(code), words))) {
                (Trouble::Lost(_), Some((Class::Settings(settings), words))) => {
                    Trouble::Settings(format!("{words} (look at {settings})"))
                }
                (trouble, _) => trouble,
            },
        )
    }

    /// Waits for trouble.
    pub(super) async fn troubled(&self) {
        let context = self.context();
        let troubled = context.troubled.notified();
        tokio::pin!(troubled);
        troubled.as_mut().enable();
        if context.trouble().is_none() {
            troubled.await;
        }
    }

    /// Says that it is of no use any more.
    pub(super) fn lose(&self, why: String) {
        self.context().set_trouble(Trouble::Lost(why));
    }

    /// Has everything reported at once that is under way.
    pub(super) fn recall(&self) {
        self.producer
            .purge(PurgeConfig::default().queue().inflight().non_blocking());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Ending librdkafka's threads can take a while. Nothing is under way any more that anybody waits for.
        let producer = Arc::clone(&self.producer);
        if tokio::runtime::Handle::try_current().is_ok() {
            spawn_blocking(move || drop(producer));
        }
    }
}
