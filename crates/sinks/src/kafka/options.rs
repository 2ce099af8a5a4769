//! The settings as librdkafka's.

use std::collections::BTreeMap;

use crate::exchange::Problem;
use crate::secret::Secret;

#[cfg(feature = "kafka")]
pub(super) use of_client::{client, unusable};

/// What librdkafka calls a setting of ours, and what it is set by here.
const OURS: &[(&str, &str)] = &[
    ("bootstrap.servers", "`bootstrap_servers`"),
    ("metadata.broker.list", "`bootstrap_servers`"),
    ("compression.codec", "`compression`"),
    ("compression.type", "`compression`"),
    ("security.protocol", "`tls.enabled` and `sasl`"),
    ("ssl.ca.location", "`tls.ca_file`"),
    ("ssl.certificate.location", "`tls.crt_file`"),
    ("ssl.key.location", "`tls.key_file`"),
    ("ssl.key.password", "`tls.key_pass`"),
    ("enable.ssl.certificate.verification", "`tls.verify_certificate`"),
    ("sasl.mechanism", "`sasl.mechanism`"),
    ("sasl.mechanisms", "`sasl.mechanism`"),
    ("sasl.username", "`sasl.username`"),
    ("sasl.password", "`sasl.password`"),
    ("batch.size", "`batch.max_bytes`, and by what the topic takes"),
    ("batch.num.messages", "`batch.max_events`"),
    ("message.timeout.ms", "`request.timeout_secs`"),
    ("delivery.timeout.ms", "`request.timeout_secs`"),
    ("message.send.max.retries", "`request.retry_attempts`"),
    ("retries", "`request.retry_attempts`"),
];

/// What the guarantees rest on, and which of them.
const FIXED: &[(&str, &str)] = &[
    ("acks", "an event that is acknowledged is kept"),
    ("request.required.acks", "an event that is acknowledged is kept"),
    (
        "enable.idempotence",
        "order, and no duplicates of a request that is repeated",
    ),
    ("max.in.flight", "order"),
    ("max.in.flight.requests.per.connection", "order"),
    ("queuing.strategy", "order"),
    (
        "partitioner",
        "a key is in the partition where Java's clients look for it",
    ),
    ("delivery.report.only.error", "an event is followed to its end"),
    ("transactional.id", "transactions"),
    ("log.queue", "what librdkafka says is logged"),
];

/// Options that say what is said elsewhere.
pub(super) fn conflicts(options: &BTreeMap<String, Secret>) -> Vec<Problem> {
    let conflict = |name: &str| {
        let find = |table: &[(&str, &'static str)]| {
            let found = table.iter().find(|(ours, _)| *ours == name);
            found.map(|(_, what)| *what)
        };
        let message = match (find(OURS), find(FIXED)) {
            (Some(setting), _) => format!("`{name}` is set by {setting}: leave it out here"),
            (None, Some(guarantee)) => format!("`{name}` cannot be set: on it rests that {guarantee}"),
            (None, None) => return None,
        };
        Some(Problem::new("librdkafka_options", message))
    };
    options.keys().filter_map(|name| conflict(name)).collect()
}

#[cfg(feature = "kafka")]
mod of_client {
    use rdkafka::ClientConfig;
    use rdkafka::config::RDKafkaLogLevel;
    use rdkafka::error::KafkaError;

    use super::super::config::{Compression, Config};
    use super::Problem;

    /// The settings that every client has, of whatever kind.
    pub(in super::super) fn client(config: &Config) -> ClientConfig {
        let mut client = ClientConfig::new();
        let has = |set: bool, with: &'static str, without: &'static str| if set { with } else { without };
        let protocol = match (config.tls.is_enabled(), config.sasl.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        client
            .set("bootstrap.servers", &config.bootstrap_servers)
            .set("client.id", "logferry")
            .set("security.protocol", protocol)
            .set_log_level(RDKafkaLogLevel::Info);
        if config.tls.is_enabled() {
            let check = has(config.tls.verify_certificate, "true", "false");
            client.set("enable.ssl.certificate.verification", check);
            let files = [
                ("ssl.ca.location", &config.tls.ca_file),
                ("ssl.certificate.location", &config.tls.crt_file),
                ("ssl.key.location", &config.tls.key_file),
            ];
            for (name, path) in files {
                if let Some(path) = path {
                    client.set(name, path.to_string_lossy());
                }
            }
            if let Some(password) = &config.tls.key_pass {
                client.set("ssl.key.password", password.expose());
            }
        }
        if let Some(sasl) = &config.sasl {
            client.set("sasl.mechanism", sasl.mechanism.name());
            if sasl.token_url.is_none() {
                client
                    .set("sasl.username", &sasl.username)
                    .set("sasl.password", sasl.password.expose());
            }
        }
        for (name, value) in &config.librdkafka_options {
            client.set(name, value.expose());
        }
        client
    }

    impl Compression {
        pub(in super::super) fn name(self) -> &'static str {
            match self {
                Compression::None => "none",
                Compression::Gzip => "gzip",
                Compression::Snappy => "snappy",
                Compression::Lz4 => "lz4",
                Compression::Zstd => "zstd",
            }
        }
    }

    /// What librdkafka itself finds wrong with its options. The values may be secrets and are not shown.
    pub(in super::super) fn unusable(config: &Config) -> Option<Problem> {
        if config.librdkafka_options.is_empty() {
            return None;
        }
        match client(config).create_native_config() {
            Err(KafkaError::ClientConfig(_, _, name, _)) if config.librdkafka_options.contains_key(&name) => {
                let message = format!("librdkafka has no setting `{name}`, or does not take this value for it");
                Some(Problem::new("librdkafka_options", message))
            }
            _ => None,
        }
    }
}
