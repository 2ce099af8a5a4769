//! What can be set about Splunk.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::request;
use crate::exchange::{Compression, Problem, Tls, header_value};
use crate::seconds;
use crate::secret::Secret;

/// A sink of type `splunk_hec`: Splunk's HTTP Event Collector.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The address of the collector, such as `https://splunk.example.com:8088`; `/services/collector/event` is added to it.
    pub endpoint: String,
    /// A token of the collector.
    pub token: Secret,
    /// The index of every event, which the token must allow. Without it, the token's own.
    #[serde(default)]
    #[schemars(with = "String")]
    pub index: Option<String>,
    /// `source` of every event.
    #[serde(default = "source")]
    pub source: String,
    /// `sourcetype` of every event, by which Splunk chooses how to read it.
    #[serde(default = "sourcetype")]
    pub sourcetype: String,
    /// `host` of every event. Without it, Splunk's own choice.
    #[serde(default)]
    #[schemars(with = "String")]
    pub host: Option<String>,
    /// The channel, a GUID, where it must be a certain one: then only one request is under way at a time. Without it, channels are random,
    /// which is faster and safer.
    #[serde(default)]
    #[schemars(with = "String")]
    pub channel: Option<String>,
    /// Whether events count as delivered only when Splunk has indexed them.
    #[serde(default)]
    pub indexer_acknowledgements: Acknowledgements,
    /// How long Splunk may take to index a batch, in seconds, at least 10. Then the batch is sent again, which can leave copies of its
    /// events.
    #[serde(default = "acknowledgement_timeout_secs", deserialize_with = "seconds::deserialize")]
    #[schemars(range(min = 10))]
    pub acknowledgement_timeout_secs: f64,
    /// How bodies are compressed: `none` or `gzip`.
    #[serde(default = "compression")]
    pub compression: Compression,
    /// Whom to trust, and how to show who asks.
    #[serde(default)]
    #[schemars(schema_with = "Tls::json_schema")]
    pub tls: Tls,
}

/// Whether events count as delivered only when Splunk has indexed them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledgements {
    /// With a token that has indexer acknowledgement; with another one, when Splunk has taken them.
    #[default]
    IfOffered,
    /// Always; nothing is sent with a token that has no indexer acknowledgement.
    Required,
    /// Never; for a token without indexer acknowledgement.
    Off,
}

fn source() -> String {
    "fivetran".to_owned()
}

fn sourcetype() -> String {
    "_json".to_owned()
}

fn acknowledgement_timeout_secs() -> f64 {
    300.0
}

fn compression() -> Compression {
    Compression::Gzip
}

/// A shorter wait would end before Splunk has indexed anything.
const SHORTEST_TIMEOUT: f64 = 10.0;

impl Config {
    /// What is wrong with the settings.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = request::events(self).err().into_iter().collect();
        if self.endpoint.contains("/services/collector") {
            let message = "expected the address without `/services/collector`, which is added to it";
            problems.push(Problem::new("endpoint", message));
        }
        problems.extend(header_value("token", &self.token));
        for (key, text) in [("index", &self.index), ("host", &self.host)] {
            if text.as_deref().is_some_and(str::is_empty) {
                problems.push(Problem::new(key, "it is empty; leave it out for Splunk's own choice"));
            }
        }
        if let Some(channel) = &self.channel {
            if channel.len() != HYPHENATED || Uuid::try_parse(channel).is_err() {
                let message = "expected a GUID, such as 0f8fad5b-d9cb-469f-a165-70867728950e";
                problems.push(Problem::new("channel", message));
            }
            if self.indexer_acknowledgements == Acknowledgements::Off {
                let message = "no channel is sent with `indexer_acknowledgements = \"off\"`";
                problems.push(Problem::new("channel", message));
            }
        }
        if self.acknowledgement_timeout_secs < SHORTEST_TIMEOUT {
            let message = format!("expected at least {SHORTEST_TIMEOUT} seconds");
            problems.push(Problem::new("acknowledgement_timeout_secs", message));
        }
        if self.compression == Compression::Zstd {
            problems.push(Problem::new("compression", "Splunk takes `none` and `gzip`"));
        }
        problems.extend(self.tls.problems());
        problems
    }
}

/// The length of a GUID with its hyphens.
const HYPHENATED: usize = 36;
