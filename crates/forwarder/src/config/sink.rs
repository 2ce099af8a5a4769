//! `[sinks.NAME]`: where events go.

use logferry_sinks::batch::{self, Limits};
use logferry_sinks::select::Selection;
use logferry_sinks::{
    Service, aws_cloudwatch_logs, azure_monitor_logs, datadog_logs, dynatrace, file, google_cloud_logging,
    grafana_loki, http, kafka, new_relic_logs, retry, splunk_hec, stdout,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use super::read::{Reader, Table, keys_of};
use super::{Start, check};

/// A sink, and what of the events it is to get.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkConfig {
    /// What it is.
    pub kind: SinkKind,
    /// The sources whose events it gets; all without it.
    pub inputs: Option<Vec<String>>,
    /// Which of their events.
    pub select: Selection,
    /// The former name of the sink, whose positions it goes on from.
    pub inherit: Option<String>,
    /// Where to begin when there is no position yet.
    pub start: Option<Start>,
    /// How much waits in memory.
    pub buffer_bytes: usize,
    /// How much goes at once.
    pub batch: batch::Settings,
    /// How it is tried again.
    pub request: retry::Settings,
}

impl SinkConfig {
    /// Whether it gets the events of a source.
    pub fn takes(&self, source: &str) -> bool {
        self.inputs
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| name == source))
    }
}

/// The types of sinks, once and for all: what is between the braces has a service behind it.
macro_rules! sink_kinds {
    (
        $($(#[$doc:meta])* $name:literal => $kind:ident($config:ty),)*
        { $($(#[$service_doc:meta])* $service_name:literal => $service:ident($service_config:ty),)* }
    ) => {
        /// What a sink is.
        #[derive(Debug, Clone, PartialEq)]
        pub enum SinkKind {
            $($(#[$doc])* $kind($config),)*
            $($(#[$service_doc])* $service(Box<$service_config>),)*
        }

        /// The types of sinks.
        pub const TYPES: &[&str] = &[$($name,)* $($service_name,)*];

        impl SinkKind {
            /// Its `type`.
            pub fn type_name(&self) -> &'static str {
                match self {
                    $(SinkKind::$kind(_) => $name,)*
                    $(SinkKind::$service(_) => $service_name,)*
                }
            }

            /// The settings of the service behind it, if there is one.
            pub fn service(&self) -> Option<&dyn Service> {
                match self {
                    $(SinkKind::$kind(_) => None,)*
                    $(SinkKind::$service(config) => Some(config.as_ref()),)*
                }
            }

            fn read<'a>(reader: &mut Reader<'a>, table: &Table<'a>, kind: &str) -> Option<SinkKind> {
                match kind {
                    $($name => reader.read_fields(table).map(SinkKind::$kind),)*
                    $($service_name => reader.read_fields(table).map(|config| SinkKind::$service(Box::new(config))),)*
                    _ => None,
                }
            }

            fn keys(kind: &str) -> Vec<String> {
                match kind {
                    $($name => keys_of::<$config>(),)*
                    $($service_name => keys_of::<$service_config>(),)*
                    _ => Vec::new(),
                }
            }

            /// The schemas of the types' own settings, and whether there is a service behind them.
            pub fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema, bool)> {
                vec![
                    $(($name, <$config>::json_schema(generator), false),)*
                    $(($service_name, <$service_config>::json_schema(generator), true),)*
                ]
            }
        }
    };
}

sink_kinds! {
    /// Standard output.
    "stdout" => Stdout(stdout::Config),
    /// A file.
    "file" => File(file::Config),
    {
        /// Any endpoint.
        "http" => Http(http::Config),
        /// Apache Kafka.
        "kafka" => Kafka(kafka::Config),
        /// Splunk's HTTP Event Collector.
        "splunk_hec" => SplunkHec(splunk_hec::Config),
        /// Grafana Loki.
        "grafana_loki" => GrafanaLoki(grafana_loki::Config),
        /// Datadog's logs.
        "datadog_logs" => DatadogLogs(datadog_logs::Config),
        /// New Relic's logs.
        "new_relic_logs" => NewRelicLogs(new_relic_logs::Config),
        /// Dynatrace's logs.
        "dynatrace" => Dynatrace(dynatrace::Config),
        /// Amazon CloudWatch Logs.
        "aws_cloudwatch_logs" => AwsCloudwatchLogs(aws_cloudwatch_logs::Config),
        /// Google Cloud's Logging.
        "google_cloud_logging" => GoogleCloudLogging(google_cloud_logging::Config),
        /// Azure Monitor's logs.
        "azure_monitor_logs" => AzureMonitorLogs(azure_monitor_logs::Config),
    }
}

impl SinkKind {
    /// What it takes at once.
    pub fn limits(&self) -> Limits {
        self.service().map_or(Limits::NONE, Service::limits)
    }
}

/// What every sink has.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Common {
    /// The sources whose events it gets; all of them by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub inputs: Option<Vec<String>>,
    /// Where to begin when there is no position yet: `"earliest"`, `"latest"`, an id, or a time; as the source says by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Start")]
    pub start: Option<Start>,
    /// The former name of this sink, whose positions it goes on from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub inherit: Option<String>,
    /// How much waits in memory.
    pub buffer: Buffer,
    /// How much goes at once.
    #[schemars(schema_with = "batch::Settings::json_schema")]
    pub batch: batch::Settings,
    /// How events are sent, and sent again.
    #[schemars(schema_with = "retry::Settings::json_schema")]
    pub request: retry::Settings,
}

/// The `buffer` table: how much waits in memory for a sink. When it is full, the sink catches up later by reading again, and the others go on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Buffer {
    /// Most bytes that wait; one page of records may go beyond it.
    #[schemars(range(min = 1))]
    pub max_bytes: usize,
}

impl Default for Buffer {
    fn default() -> Self {
        Buffer {
            max_bytes: 8 * 1024 * 1024,
        }
    }
}

/// Reads a sink.
pub fn read<'a>(reader: &mut Reader<'a>, table: &Table<'a>) -> Option<SinkConfig> {
    let kind = reader.kind(table, TYPES)?;
    let mut keys = vec!["type".to_owned()];
    keys.extend(SinkKind::keys(kind));
    keys.extend(keys_of::<Common>());
    keys.extend(keys_of::<Selection>());
    reader.unknown_keys(table, &keys, "field");

    let kind = SinkKind::read(reader, table, kind);
    let common: Option<Common> = reader.read_fields(table);
    let select: Option<Selection> = reader.read_fields(table);
    if let Some(kind) = &kind {
        check::sink_kind(reader, table, kind);
    }
    if let (Some(common), Some(select)) = (&common, &select) {
        check::sink(reader, table, common, select);
    }
    if let (Some(kind), Some(common)) = (&kind, &common) {
        check::sink_bounds(reader, table, kind, common);
    }
    let (kind, common, select) = (kind?, common?, select?);
    Some(SinkConfig {
        kind,
        inputs: common.inputs,
        select,
        inherit: common.inherit,
        start: common.start,
        buffer_bytes: common.buffer.max_bytes,
        batch: common.batch,
        request: common.request,
    })
}
