//! The sink itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::LIMITS;
use super::client::{Client, Context, MOST_BYTES};
use super::config::Config;
use super::produce::{self, Manner, Message};
use super::registry::Registry;
use super::respond::{self, Class};
use super::token::Token;
use super::topic::Template;
use super::topics::{self, Topics};
use crate::batch::Limits;
use crate::event::Event;
use crate::exchange::{Hidden, OpenError, too_large};
use crate::retry;
use crate::sink::{Sending, Sink, Trying, Verdict};

/// Sends events to topics.
pub(super) struct KafkaSink {
    config: Config,
    topic: Template,
    pub(super) topics: Topics,
    registry: Option<Registry>,
    hidden: Hidden,
    token: Option<Arc<Token>>,
    manner: Manner,
    /// The producer, once there is one.
    client: Mutex<Option<Arc<Client>>>,
}

/// The topics of a batch, each with the id of its schema, by the events' names; by nothing where there is one only.
type Places<'b> = BTreeMap<&'b str, (String, Option<u32>)>;

impl KafkaSink {
    pub(super) fn new(config: &Config, request: &retry::Settings) -> Result<KafkaSink, OpenError> {
        let registry = config.schema_registry.as_ref();
        let registry = registry.map(|registry| Registry::new(registry, request)).transpose()?;
        let sink = KafkaSink {
            topic: Template::parse(&config.topic)?,
            topics: Topics::default(),
            registry,
            hidden: Hidden::new(&config.secrets()),
            token: Token::of(config, request)?.map(Arc::new),
            manner: Manner {
                format: config.format,
                patience: request.timeout(),
            },
            client: Mutex::default(),
            config: config.clone(),
        };
        // What is wrong with files that it needs is found at once.
        sink.make_client()?;
        Ok(sink)
    }

    fn context(&self) -> Context {
        Context::new(self.hidden.clone(), self.token.clone())
    }

    fn make_client(&self) -> Result<Client, OpenError> {
        Client::new(
            &self.config,
            self.manner.patience,
            self.topics.request_bytes(),
            self.context(),
        )
    }

    /// The producer; another one after trouble, and when a topic takes less than the last one sends at once.
    async fn client(&self) -> Result<Arc<Client>, Verdict> {
        let mut current = self.client.lock().await;
        if let Some(client) = &*current
            && client.request_bytes <= self.topics.request_bytes()
            && client.trouble().is_none()
        {
            return Ok(Arc::clone(client));
        }
        let made = self.make_client().map_err(|error| Verdict::Stop(error.to_string()))?;
        Ok(Arc::clone(current.insert(Arc::new(made))))
    }

    async fn deliver(&self, batch: &[Event]) -> Result<Verdict, Verdict> {
        let places = self.places(batch).await?;
        let client = self.client_for(&places).await?;
        let place = |event: &Event| places.get(if self.topic.is_fixed() { "" } else { &event.name });
        let messages: Vec<Message<'_>> = batch
            .iter()
            .filter_map(|event| {
                let (topic, schema) = place(event)?;
                Some(Message {
                    event,
                    topic,
                    schema: *schema,
                })
            })
            .collect();
        let failures = produce::send(&client, &messages, self.manner).await;
        for (index, code) in &failures {
            let topic = messages[*index].topic;
            match code {
                RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge => {
                    self.topics.forget(topic);
                }
                // librdkafka remembers such errors for minutes, and it may be mended at once.
                code if matches!(respond::class(*code), Class::Settings(_)) => {
                    client.lose(respond::words(topic, *code));
                }
                _ => {}
            }
        }
        let last_words = client.context().last_words();
        let topic = |index: usize| messages[index].topic;
        let trouble = client.trouble();
        Ok(respond::verdict(
            batch.len(),
            &failures,
            trouble,
            last_words.as_deref(),
            topic,
        ))
    }

    async fn places<'b>(&self, batch: &'b [Event]) -> Result<Places<'b>, Verdict> {
        let mut places = Places::new();
        for event in batch {
            let name = if self.topic.is_fixed() { "" } else { &*event.name };
            if places.contains_key(name) {
                continue;
            }
            let topic = self.topic.of(&event.name).into_owned();
            let schema = match &self.registry {
                Some(registry) => Some(registry.id(&topic).await?),
                None => None,
            };
            places.insert(name, (topic, schema));
            if self.topic.is_fixed() {
                break;
            }
        }
        Ok(places)
    }

    /// The producer, when it is known what the topics take.
    async fn client_for(&self, places: &Places<'_>) -> Result<Arc<Client>, Verdict> {
        let client = self.client().await?;
        let unknown = self.topics.unknown(places.values().map(|(topic, _)| topic.as_str()));
        // librdkafka's questions of this kind know no tokens.
        if unknown.is_empty() || self.token.is_some() {
            return Ok(client);
        }
        tokio::select! {
            () = self.topics.ask(&self.config, &unknown) => {}
            // Sending says what is wrong.
            () = client.troubled() => {}
        }
        self.client().await
    }

    async fn find(&self) -> Result<(), String> {
        let topic = self.topic.is_fixed().then(|| self.topic.of("").into_owned());
        let (config, context) = (self.config.clone(), self.context());
        let probed = spawn_blocking(move || topics::probe(&config, context, topic.as_deref())).await;
        probed.map_err(|error| error.to_string())??;
        match &self.registry {
            Some(registry) => registry.probe().await,
            None => Ok(()),
        }
    }
}

impl Sink for KafkaSink {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn refuses(&self, event: &Event, _now: i64) -> Option<String> {
        too_large("this sink", self.size(event), MOST_BYTES - LARGEST_FRAME)
    }

    fn size(&self, event: &Event) -> usize {
        event.text.len() + event.key.len()
    }

    fn send<'a>(&'a self, batch: &'a [Event]) -> Sending<'a> {
        Box::pin(async { self.deliver(batch).await.unwrap_or_else(|verdict| verdict) })
    }

    fn probe(&self) -> Trying<'_> {
        Box::pin(self.find())
    }

    fn close(&self) -> Trying<'_> {
        Box::pin(async {
            // Whatever was sent is reported before this is called.
            self.client.lock().await.take();
            Ok(())
        })
    }
}

/// What stands around an event in a message, at most.
const LARGEST_FRAME: usize = 64 * 1024;
