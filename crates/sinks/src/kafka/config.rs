//! What can be set about Kafka.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::options;
use super::topic::Template;
use crate::exchange::{self, Auth, Problem, address};
use crate::secret::Secret;

/// A sink of type `kafka`: topics of Apache Kafka, and of whatever speaks its protocol.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Brokers to begin with, as `host:port` with commas between them; they name the others.
    pub bootstrap_servers: String,
    /// The topic. `{{ event }}` in it stands for the event's name, and comes after other text: `fivetran.{{ event }}`.
    pub topic: String,
    /// The form of a message.
    #[serde(default)]
    pub format: Format,
    /// How messages are compressed.
    #[serde(default)]
    pub compression: Compression,
    /// A schema registry, whose ids stand before the events, as Confluent's readers expect it.
    #[serde(default)]
    #[schemars(with = "Registry")]
    pub schema_registry: Option<Registry>,
    /// TLS.
    #[serde(default)]
    #[schemars(schema_with = "Tls::json_schema")]
    pub tls: Tls,
    /// Who asks.
    #[serde(default)]
    #[schemars(with = "Sasl")]
    pub sasl: Option<Sasl>,
    /// Settings of librdkafka by its own names, for what has no setting here.
    #[serde(default)]
    pub librdkafka_options: BTreeMap<String, Secret>,
}

/// The form of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The event, with the headers `event_id`, `event` and `severity`.
    #[default]
    Json,
    /// The event, with the headers of CloudEvents 1.0 in binary mode.
    CloudEvents,
}

/// How messages are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// With gzip, several times slower than the others.
    Gzip,
    /// With Snappy.
    Snappy,
    /// With LZ4, the fastest.
    #[default]
    Lz4,
    /// With Zstandard, the smallest.
    Zstd,
}

/// The `schema_registry` table.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Its address. The schema of the envelope is kept there under the subject `TOPIC-value`.
    pub url: String,
    /// Who asks.
    #[serde(default)]
    #[schemars(with = "Auth")]
    pub auth: Option<Auth>,
    /// Whom to trust, and how to show who asks.
    #[serde(default)]
    #[schemars(schema_with = "exchange::Tls::json_schema")]
    pub tls: exchange::Tls,
}

/// The `tls` table of Kafka.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Whether connections are encrypted; not by default.
    #[schemars(with = "bool")]
    pub enabled: Option<bool>,
    /// Certificates of the authorities to trust instead of those of the system, in PEM.
    #[schemars(with = "PathBuf")]
    pub ca_file: Option<PathBuf>,
    /// The certificate that shows who asks, with its chain, in PEM.
    #[schemars(with = "PathBuf")]
    pub crt_file: Option<PathBuf>,
    /// The key of that certificate, in PEM.
    #[schemars(with = "PathBuf")]
    pub key_file: Option<PathBuf>,
    /// The password of that key, if it has one.
    #[schemars(with = "Secret")]
    pub key_pass: Option<Secret>,
    /// Whether the brokers' certificates are checked. Without it, anybody on the way can read and change what is sent.
    pub verify_certificate: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Tls {
            enabled: None,
            ca_file: None,
            crt_file: None,
            key_file: None,
            key_pass: None,
            verify_certificate: true,
        }
    }
}

/// The `sasl` table: who asks.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sasl {
    /// How it is shown who asks.
    pub mechanism: Mechanism,
    /// The user. With `OAUTHBEARER`: the id of the client that asks for tokens.
    pub username: String,
    /// The user's password. With `OAUTHBEARER`: the client's secret.
    pub password: Secret,
    /// With `OAUTHBEARER`: where tokens are asked for.
    #[serde(default)]
    #[schemars(with = "String")]
    pub token_url: Option<String>,
    /// With `OAUTHBEARER`: what the token is to allow.
    #[serde(default)]
    #[schemars(with = "String")]
    pub scope: Option<String>,
}

/// How it is shown who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Mechanism {
    /// A password, readable on the way without TLS.
    #[serde(rename = "PLAIN")]
    Plain,
    /// A password that is not sent, hashed with SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// A password that is not sent, hashed with SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    /// Tokens of an OAuth 2 service, asked for with `client_credentials`.
    #[serde(rename = "OAUTHBEARER")]
    OauthBearer,
}

impl Mechanism {
    /// Its name in the protocol.
    #[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "there is no client to tell it"))]
    pub(super) fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
            Mechanism::OauthBearer => "OAUTHBEARER",
        }
    }
}

/// Whether this program speaks TLS with Kafka.
const HAS_TLS: bool = cfg!(feature = "kafka-tls");

impl Config {
    /// What is wrong with the settings.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !cfg!(feature = "kafka") {
            problems.push(Problem::new(
                "type",
                "this logferry is built without Kafka: build it with the feature `kafka`",
            ));
        }
        problems.extend(self.bad_server());
        problems.extend(Template::parse(&self.topic).err());
        problems.extend(self.tls.problems());
        problems.extend(self.sasl.iter().flat_map(Sasl::problems));
        if let Some(registry) = &self.schema_registry {
            problems.extend(registry.problems());
            if self.format == Format::CloudEvents {
                let message = "with `schema_registry` a message is no plain JSON, as `cloudevents` says it is";
                problems.push(Problem::new("format", message));
            }
        }
        problems.extend(options::conflicts(&self.librdkafka_options));
        #[cfg(feature = "kafka")]
        if problems.is_empty() {
            problems.extend(options::unusable(self));
        }
        problems
    }

    fn bad_server(&self) -> Option<Problem> {
        let is_good = |server: &str| {
            let server = server.trim();
            let port = server
                .rsplit_once(':')
                .map(|(host, port)| (!host.is_empty(), port.parse()));
            matches!(port, Some((true, Ok(1..=u16::MAX)))) && !server.contains(['/', '@', ' '])
        };
        let message = "expected `host:port`, or several with commas between them";
        (!self.bootstrap_servers.split(',').all(is_good)).then(|| Problem::new("bootstrap_servers", message))
    }

    /// What must not be shown.
    #[cfg(feature = "kafka")]
    pub(super) fn secrets(&self) -> Vec<Secret> {
        let sasl = self.sasl.iter().map(|sasl| &sasl.password);
        let tls = self.tls.key_pass.iter();
        // Only some of librdkafka's are secret; the others are common words.
        let is_secret = |name: &str| {
            ["password", "secret", "pem", "config"]
                .iter()
                .any(|word| name.contains(word))
        };
        let options = self.librdkafka_options.iter().filter(|(name, _)| is_secret(name));
        let options = options.map(|(_, value)| value);
        sasl.chain(tls).chain(options).cloned().collect()
    }
}

impl Registry {
    fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = address("schema_registry.url", &self.url).err().into_iter().collect();
        let below = |problem: Problem| {
            let is_auth = problem.key.starts_with("auth");
            let key = if is_auth {
                "schema_registry.auth"
            } else {
                "schema_registry.tls"
            };
            Problem::new(key, format!("`{}`: {}", problem.key, problem.message))
        };
        problems.extend(self.auth.iter().flat_map(Auth::problems).map(below));
        problems.extend(self.tls.problems().into_iter().map(below));
        problems
    }
}

impl Tls {
    /// Whether connections are encrypted.
    pub(super) fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(false)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.is_enabled() && !HAS_TLS {
            problems.push(Problem::new(
                "tls.enabled",
                "this logferry is built without TLS for Kafka: build it with the feature `kafka-tls`",
            ));
        }
        let without_tls = [
            ("tls.ca_file", self.ca_file.is_some()),
            ("tls.crt_file", self.crt_file.is_some()),
            ("tls.key_file", self.key_file.is_some()),
            ("tls.key_pass", self.key_pass.is_some()),
            ("tls.verify_certificate", !self.verify_certificate),
        ];
        for (key, is_set) in without_tls {
            if is_set && self.enabled.is_none() {
                problems.push(Problem::new(key, "this says nothing without `tls.enabled = true`"));
            }
        }
        if self.crt_file.is_some() != self.key_file.is_some() {
            let (key, missing) = if self.key_file.is_none() {
                ("tls.crt_file", "tls.key_file")
            } else {
                ("tls.key_file", "tls.crt_file")
            };
            let message = format!("`{missing}` is missing: a certificate and its key belong together");
            problems.push(Problem::new(key, message));
        }
        problems
    }
}

impl Sasl {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.mechanism != Mechanism::Plain && !HAS_TLS {
            problems.push(Problem::new(
                "sasl.mechanism",
                "this logferry knows PLAIN alone: build it with the feature `kafka-tls` for the others",
            ));
        }
        if self.username.is_empty() {
            problems.push(Problem::new("sasl.username", "it is empty"));
        }
        if self.password.expose().is_empty() {
            problems.push(Problem::new("sasl.password", "it is empty"));
        }
        let is_oauth = self.mechanism == Mechanism::OauthBearer;
        match &self.token_url {
            Some(url) if is_oauth => problems.extend(address("sasl.token_url", url).err()),
            None if is_oauth => {
                let message = "`token_url` is missing, which this mechanism needs";
                problems.push(Problem::new("sasl.mechanism", message));
            }
            _ => {}
        }
        for (key, is_given) in [
            ("sasl.token_url", self.token_url.is_some()),
            ("sasl.scope", self.scope.is_some()),
        ] {
            if is_given && !is_oauth {
                problems.push(Problem::new(key, "this belongs to the mechanism `OAUTHBEARER`"));
            }
        }
        problems
    }
}
