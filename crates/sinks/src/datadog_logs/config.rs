//! What can be set about Datadog.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::request;
use crate::exchange::{Compression, Problem, Tls, TooOld, header_value};
use crate::secret::Secret;

/// A sink of type `datadog_logs`: Datadog's logs.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// An API key of the account.
    pub api_key: Secret,
    /// The site of the account.
    #[serde(default = "site")]
    pub site: String,
    /// Another address that takes logs, such as a proxy's; `/api/v2/logs` is added to it.
    #[serde(default)]
    #[schemars(with = "String")]
    pub endpoint: Option<String>,
    /// `service` of every log. Without it, the event's `connector_type`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub service: Option<String>,
    /// `ddsource` of every log, by which Datadog chooses how to process it.
    #[serde(default = "source")]
    pub source: String,
    /// `hostname` of every log.
    #[serde(default)]
    #[schemars(with = "String")]
    pub hostname: Option<String>,
    /// Tags of every log, beside those of the event: its connection's type, id and name.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What becomes of events that are older than 18 hours, which Datadog drops.
    #[serde(default)]
    pub too_old: TooOld,
    /// How bodies are compressed: `none` or `gzip`.
    #[serde(default = "compression")]
    pub compression: Compression,
    /// Whom to trust, and how to show who asks.
    #[serde(default)]
    #[schemars(schema_with = "Tls::json_schema")]
    pub tls: Tls,
}

fn site() -> String {
    "datadoghq.com".to_owned()
}

fn source() -> String {
    "fivetran".to_owned()
}

fn compression() -> Compression {
    Compression::Gzip
}

impl Config {
    /// What is wrong with the settings.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = request::intake(self).err().into_iter().collect();
        problems.extend(header_value("api_key", &self.api_key));
        if self.compression == Compression::Zstd {
            problems.push(Problem::new("compression", "Datadog takes `none` and `gzip`"));
        }
        if self
            .tags
            .iter()
            .any(|(key, value)| format!("{key}{value}").contains(','))
        {
            problems.push(Problem::new("tags", "a tag cannot have a comma in it"));
        }
        problems.extend(self.tls.problems());
        problems
    }
}
