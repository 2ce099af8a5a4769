//! What can be set about New Relic.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{encode, request};
use crate::exchange::{Compression, Problem, Tls, TooOld, header_value};
use crate::secret::Secret;

/// A sink of type `new_relic_logs`: New Relic's logs.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A license key of the account, of the type `INGEST - LICENSE`.
    pub license_key: Secret,
    /// The region of the account.
    #[serde(default)]
    pub region: Region,
    /// Another address that takes logs, such as a proxy's, in place of the region's; `/log/v1` is added to it.
    #[serde(default)]
    #[schemars(with = "String")]
    pub endpoint: Option<String>,
    /// Attributes of every log, beside those of the event. `service` and `logtype` are `fivetran` unless they stand here.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// What becomes of events that are older than 48 hours, which New Relic may drop.
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

/// Where an account of New Relic is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// The United States.
    #[default]
    Us,
    /// The European Union.
    Eu,
    /// Japan.
    Jp,
    /// The government of the United States (FedRAMP).
    Gov,
}

fn compression() -> Compression {
    Compression::Gzip
}

/// Most attributes of one log, and most characters of a name and of a value that can be searched, as New Relic's page about log data says.
const MOST_ATTRIBUTES: usize = 255;
const MOST_CHARS_OF_NAME: usize = 255;
const MOST_CHARS_OF_VALUE: usize = 4094;

/// Most bytes of a request that its attributes may take, so that the rest is left to events.
const MOST_BYTES: usize = 100_000;

/// Attributes that an event has, by its place or by what New Relic parses out of its message.
const OF_EVENTS: [&str; 12] = [
    "message",
    "timestamp",
    "level",
    "event",
    "event_id",
    "created",
    "connector_type",
    "connector_id",
    "connector_name",
    "connection_id",
    "connection_name",
    "sync_id",
];

/// Attributes that New Relic drops, renames or takes for something else, and how such names begin.
const OF_NEW_RELIC: [&str; 6] = ["accountId", "appId", "eventType", "log", "LOG", "MESSAGE"];
const BEGINNINGS: [&str; 4] = ["data.", "entity.", "instrumentation.", "newrelic."];

impl Config {
    /// What is wrong with the settings.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = request::ingest(self).err().into_iter().collect();
        problems.extend(header_value("license_key", &self.license_key));
        if self.license_key.expose().starts_with("NRAK-") {
            let message = "this is a user key: expected a license key, of the type INGEST - LICENSE";
            problems.push(Problem::new("license_key", message));
        }
        if self.compression == Compression::Zstd {
            problems.push(Problem::new("compression", "New Relic takes `none` and `gzip`"));
        }
        problems.extend(self.wrong_attributes().map(|wrong| Problem::new("attributes", wrong)));
        problems.extend(self.tls.problems());
        problems
    }

    fn wrong_attributes(&self) -> Option<String> {
        for (name, value) in &self.attributes {
            if name.is_empty() || name.chars().count() > MOST_CHARS_OF_NAME {
                return Some(format!("a name has 1 to {MOST_CHARS_OF_NAME} characters"));
            }
            if OF_EVENTS.contains(&name.as_str()) {
                return Some(format!("events have a `{name}` of their own"));
            }
            if OF_NEW_RELIC.contains(&name.as_str()) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
                return Some(format!("New Relic keeps the name `{name}` for itself"));
            }
            if value.chars().count() > MOST_CHARS_OF_VALUE {
                return Some(format!(
                    "a value has {MOST_CHARS_OF_VALUE} characters at most, and that of `{name}` has more"
                ));
            }
        }
        if self.attributes.len() > MOST_ATTRIBUTES - OF_EVENTS.len() {
            return Some(format!(
                "New Relic takes {MOST_ATTRIBUTES} of a log, with those of the event"
            ));
        }
        let bytes = encode::frame(self);
        (bytes > MOST_BYTES).then(|| format!("together they take {bytes} bytes, and {MOST_BYTES} is the most"))
    }
}
