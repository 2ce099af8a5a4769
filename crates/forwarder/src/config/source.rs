//! `[sources.NAME]`: where records come from.

use std::path::PathBuf;

use logferry_kondado::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::read::{Reader, Table, keys_of};
use super::{Secret, Start, check};
use crate::input::judge;

/// Where records come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Kondado's API.
    Kondado(Kondado),
    /// Standard input.
    Stdin(Stdin),
    /// A file.
    File(FileSource),
}

/// The types of sources.
pub const TYPES: [&str; 3] = ["kondado", "stdin", "file"];

impl Source {
    /// Its `type`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Source::Kondado(_) => "kondado",
            Source::Stdin(_) => "stdin",
            Source::File(_) => "file",
        }
    }
}

/// A source of type `kondado`: the logs of Kondado's API.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kondado {
    /// The access key, which has hyphens.
    pub key: Secret,
    /// The token that belongs to the key, which has none.
    pub token: Secret,
    /// The address of the API; HTTPS unless it is this machine.
    #[serde(default = "endpoint")]
    pub endpoint: String,
    /// Which logs to read.
    #[serde(default = "streams", deserialize_with = "stream_names")]
    #[schemars(with = "Vec<StreamName>", length(min = 1), extend("default" = ["pipeline_logs", "model_logs"]))]
    pub streams: Vec<Stream>,
    /// Whose logs to read; those of all accounts that the token can see by default.
    #[serde(default)]
    pub client_ids: Vec<u64>,
    /// Where to begin when there is no position yet: `"earliest"`, `"latest"`, an id, or a time. A sink's own `start` comes first.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Start")]
    pub start: Option<Start>,
    /// How often to look for new records while there are none. After news it is looked sooner, as far as the rate limit allows.
    #[serde(default = "poll_interval_secs")]
    #[schemars(range(min = 1))]
    pub poll_interval_secs: u64,
    /// How long a record may take to become visible after one with a higher id: so long the records behind the newest are read again.
    #[serde(default = "settle_secs")]
    #[schemars(range(min = 0, max = 3600))]
    pub settle_secs: u64,
    /// Deliver a record again when it changed while it settles.
    #[serde(default)]
    pub redeliver_changed: bool,
    /// How often the API may be asked.
    #[serde(default)]
    pub rate_limit: RateLimit,
    /// How long an answer may take.
    #[serde(default = "timeout_secs")]
    #[schemars(range(min = 1))]
    pub timeout_secs: u64,
}

/// The `rate_limit` table: how often the API may be asked, all streams together. Kondado's own limits are the defaults.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    /// Most requests in any 60 seconds.
    #[schemars(range(min = 1, max = 6000))]
    pub requests_per_minute: u32,
    /// Least time between two requests.
    #[schemars(range(min = 1))]
    pub min_interval_ms: u64,
}

impl Default for RateLimit {
    fn default() -> Self {
        RateLimit {
            requests_per_minute: 20,
            min_interval_ms: 1000,
        }
    }
}

/// A source of type `stdin`: standard input, in every form that `normalize` reads. It cannot be read again, so there is no position.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stdin {
    /// Take every record for one of this kind, whatever its keys tell: `pipeline`, `model` or `fivetran`.
    #[serde(default, deserialize_with = "kind", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "KindName")]
    pub kind: Option<judge::Kind>,
    /// The most bytes that one record may have.
    #[serde(default = "max_record_bytes")]
    #[schemars(range(min = 1))]
    pub max_record_bytes: usize,
}

/// A source of type `file`: a file in every form that `normalize` reads, from its beginning.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// The file.
    pub path: PathBuf,
    /// Take every record for one of this kind, whatever its keys tell: `pipeline`, `model` or `fivetran`.
    #[serde(default, deserialize_with = "kind", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "KindName")]
    pub kind: Option<judge::Kind>,
    /// The most bytes that one record may have.
    #[serde(default = "max_record_bytes")]
    #[schemars(range(min = 1))]
    pub max_record_bytes: usize,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum StreamName {
    PipelineLogs,
    ModelLogs,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum KindName {
    Pipeline,
    Model,
    Fivetran,
}

fn endpoint() -> String {
    "https://k2.kondado.com.br".to_owned()
}

fn streams() -> Vec<Stream> {
    vec![Stream::PipelineLogs, Stream::ModelLogs]
}

fn poll_interval_secs() -> u64 {
    60
}

fn settle_secs() -> u64 {
    300
}

fn timeout_secs() -> u64 {
    30
}

fn max_record_bytes() -> usize {
    4 * 1024 * 1024
}

fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Start>, D::Error> {
    Start::deserialize(deserializer).map(Some)
}

fn stream_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Stream>, D::Error> {
    let names = Vec::<StreamName>::deserialize(deserializer)?;
    let stream = |name| match name {
        StreamName::PipelineLogs => Stream::PipelineLogs,
        StreamName::ModelLogs => Stream::ModelLogs,
    };
    Ok(names.into_iter().map(stream).collect())
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<judge::Kind>, D::Error> {
    KindName::deserialize(deserializer).map(|name| {
        Some(match name {
            KindName::Pipeline => judge::Kind::Pipeline,
            KindName::Model => judge::Kind::Model,
            KindName::Fivetran => judge::Kind::Fivetran,
        })
    })
}

/// Reads a source.
pub fn read<'a>(reader: &mut Reader<'a>, table: &Table<'a>) -> Option<Source> {
    let kind = reader.kind(table, &TYPES)?;
    let mut keys = match kind {
        "kondado" => keys_of::<Kondado>(),
        "stdin" => keys_of::<Stdin>(),
        _ => keys_of::<FileSource>(),
    };
    keys.insert(0, "type".to_owned());
    reader.unknown_keys(table, &keys, "field");
    let source = match kind {
        "kondado" => Source::Kondado(reader.read_fields(table)?),
        "stdin" => Source::Stdin(reader.read_fields(table)?),
        _ => Source::File(reader.read_fields(table)?),
    };
    check::source(reader, table, &source);
    Some(source)
}
