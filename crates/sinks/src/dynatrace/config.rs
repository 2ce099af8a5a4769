//! What can be set about Dynatrace.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{encode, request};
use crate::exchange::{Compression, Problem, Tls, TooOld, header_value};
use crate::secret::Secret;

/// A sink of type `dynatrace`: Dynatrace's logs.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The address of the environment, such as `https://abc12345.live.dynatrace.com`, or, of Dynatrace Managed and of an ActiveGate,
    /// `https://example.com:9999/e/<environment>`; `/api/v2/logs/ingest` is added to it.
    pub endpoint: String,
    /// An access token (`dt0c01.…`) with the scope `logs.ingest`, or a platform token (`dt0s16.…`) with `openpipeline:logs:ingest`.
    pub api_token: Secret,
    /// Attributes of every record, beside those of the event. `logger` is `Fivetran` and `log.source` is `fivetran` unless they stand here.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Most bytes of an event; a larger one becomes a dead letter. Dynatrace cuts what is longer than the default where it uses the Classic
    /// pipeline. Without that it takes 10,000,000; with Log Monitoring Classic, which cuts at 8 kB, set 8000.
    #[serde(default = "max_event_bytes")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_event_bytes: usize,
    /// What becomes of events that are older than 24 hours, which Dynatrace refuses. With `send`, Dynatrace does not say which events of a
    /// batch it has refused: they are sent again one by one, so that the others can be there twice.
    #[serde(default)]
    pub too_old: TooOld,
    /// How bodies are compressed: `none` or `gzip`.
    #[serde(default)]
    pub compression: Compression,
    /// Whom to trust, and how to show who asks.
    #[serde(default)]
    #[schemars(schema_with = "Tls::json_schema")]
    pub tls: Tls,
}

fn max_event_bytes() -> usize {
    encode::MOST_BYTES_OF_CLASSIC_PIPELINE
}

/// Most attributes of a record, and most bytes of a name and of a value: Dynatrace's page about limits, without Classic.
const MOST_ATTRIBUTES: usize = 500;
const MOST_BYTES_OF_NAME: usize = 100;
const MOST_BYTES_OF_VALUE: usize = 32_000;

/// Most bytes of a record that the attributes may take, so that the rest is left to the event.
const MOST_BYTES: usize = 100_000;

/// What Dynatrace takes for the time, the level or the content, in whatever case, and what events have of their own.
const TAKEN: [&str; 30] = [
    "timestamp",
    "@timestamp",
    "_timestamp",
    "eventtime",
    "date",
    "published_date",
    "syslog.timestamp",
    "time",
    "epochsecond",
    "starttime",
    "datetime",
    "ts",
    "timemillis",
    "@t",
    "loglevel",
    "status",
    "severity",
    "level",
    "syslog.severity",
    "content",
    "message",
    "payload",
    "body",
    "log",
    "connector.name",
    "schema.name",
    "event",
    "event_id",
    "connection_id",
    "sync_id",
];

impl Config {
    /// What is wrong with the settings.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = request::ingest(self).err().into_iter().collect();
        problems.extend(header_value("api_token", &self.api_token));
        problems.extend(self.tls.problems());
        if !(1..=encode::MOST_BYTES).contains(&self.max_event_bytes) {
            let message = format!("expected 1 to {}", encode::MOST_BYTES);
            problems.push(Problem::new("max_event_bytes", message));
        }
        if self.compression == Compression::Zstd {
            problems.push(Problem::new("compression", "Dynatrace takes `none` and `gzip`"));
        }
        problems.extend(self.wrong_attributes().map(|wrong| Problem::new("attributes", wrong)));
        problems
    }

    fn wrong_attributes(&self) -> Option<String> {
        for (name, value) in &self.attributes {
            if name.is_empty() || name.len() > MOST_BYTES_OF_NAME {
                return Some(format!("a name has 1 to {MOST_BYTES_OF_NAME} bytes"));
            }
            if TAKEN.contains(&name.to_ascii_lowercase().as_str()) {
                return Some(format!("Dynatrace would take `{name}` for something of the event"));
            }
            if value.len() > MOST_BYTES_OF_VALUE {
                return Some(format!(
                    "a value has {MOST_BYTES_OF_VALUE} bytes at most, and that of `{name}` has more"
                ));
            }
        }
        if self.attributes.len() > MOST_ATTRIBUTES - encode::MOST_OWN_ATTRIBUTES {
            return Some(format!(
                "Dynatrace takes {MOST_ATTRIBUTES} of a record, with those of the event"
            ));
        }
        let bytes = encode::common(self).len();
        (bytes > MOST_BYTES).then(|| format!("together they take {bytes} bytes, and {MOST_BYTES} is the most"))
    }
}
