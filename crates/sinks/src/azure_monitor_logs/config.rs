//! What can be set about Azure Monitor.

use schemars::JsonSchema;
use serde::Deserialize;

use super::request;
use crate::exchange::{Compression, Problem, Tls, TooOld};
use crate::secret::Secret;

/// A sink of type `azure_monitor_logs`: Azure Monitor's logs.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the data collection rule takes logs: its own address (`logsIngestion`), or that of a data collection endpoint.
    pub endpoint: String,
    /// The immutable id of the data collection rule: `dcr-` and 32 digits.
    pub dcr_immutable_id: String,
    /// The stream of the rule, as its `streamDeclarations` name it: `Custom-…`.
    pub stream_name: String,
    /// The tenant of the application: its id, or one of its domains.
    pub tenant_id: String,
    /// The id of the application, which needs the role Monitoring Metrics Publisher on the rule.
    pub client_id: String,
    /// A client secret of the application: its value, not its id.
    pub client_secret: Secret,
    /// Where tokens are given. Azure Government: `https://login.microsoftonline.us`; Azure China: `https://login.partner.microsoftonline.cn`.
    #[serde(default = "authority")]
    pub authority: String,
    /// What tokens are good for. Azure Government: `https://monitor.azure.us/.default`; Azure China: `https://monitor.azure.cn/.default`.
    #[serde(default = "scope")]
    pub scope: String,
    /// What becomes of events that are older than 2 days, to which Azure gives the time of their arrival.
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

fn authority() -> String {
    "https://login.microsoftonline.com".to_owned()
}

fn scope() -> String {
    "https://monitor.azure.com/.default".to_owned()
}

impl Config {
    /// What is wrong with the settings.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = [request::base(self), request::token_url(self)]
            .into_iter()
            .filter_map(Result::err)
            .collect();
        let mut wrong = |key, message: &str| problems.push(Problem::new(key, message));
        if !self.dcr_immutable_id.strip_prefix("dcr-").is_some_and(is_name) {
            wrong(
                "dcr_immutable_id",
                "expected the rule's immutable id, which begins with `dcr-`",
            );
        }
        if !self.stream_name.strip_prefix("Custom-").is_some_and(is_name) {
            wrong(
                "stream_name",
                "expected a stream of the rule, which begins with `Custom-`",
            );
        }
        if !is_name(&self.tenant_id) {
            wrong("tenant_id", "expected the id of a tenant, or its domain");
        }
        if !is_name(&self.client_id) {
            wrong("client_id", "expected the id of an application");
        }
        if self.client_secret.expose().trim().is_empty() {
            wrong("client_secret", "it is empty");
        }
        if self.scope.trim().is_empty() {
            wrong("scope", "expected an address with `/.default` at its end");
        }
        if self.compression == Compression::Zstd {
            wrong("compression", "Azure Monitor takes `none` and `gzip`");
        }
        problems.extend(self.tls.problems());
        problems
    }
}

/// It stands in paths and forms as it is.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.bytes().all(is_allowed) && text.bytes().any(|byte| byte.is_ascii_alphanumeric())
}
