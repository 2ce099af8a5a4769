//! What can be set about Google Cloud's Logging.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::encode::OWN_LABELS;
use super::key::Key;
use crate::exchange::{Compression, Problem, Tls, TooOld, address};
use crate::secret::Secret;

/// Most labels of an entry (quotas of Cloud Logging).
const MOST_LABELS: usize = 64;

/// Most bytes of a label's key; a longer one is cut.
const MOST_KEY_BYTES: usize = 512;

/// Most bytes that all that is set for every entry may take together, of the 256 KiB of an entry.
const MOST_SET_BYTES: usize = 64 * 1024;

/// A sink of type `google_cloud_logging`: Google Cloud's Logging.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The project whose logs the events become. Without it, the one that the key names.
    #[serde(default)]
    #[schemars(with = "String")]
    pub project_id: Option<String>,
    /// The name of the log within the project: `projects/PROJECT_ID/logs/LOG_ID`.
    #[serde(default = "log_id")]
    pub log_id: String,
    /// The JSON file with the key of a service account. Either this or `service_account_key`.
    #[serde(default)]
    #[schemars(with = "PathBuf")]
    pub credentials_path: Option<PathBuf>,
    /// The key of a service account itself, which is a JSON text.
    #[serde(default)]
    #[schemars(with = "Secret")]
    pub service_account_key: Option<Secret>,
    /// The monitored resource of every entry.
    #[serde(default)]
    #[schemars(schema_with = "Resource::json_schema")]
    pub resource: Resource,
    /// Labels of every entry, beside those of the event.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Another address of the API, such as a private one; `/v2/entries:write` is added to it.
    #[serde(default)]
    #[schemars(with = "String")]
    pub endpoint: Option<String>,
    /// How old an event may be, in seconds: as long as the log's bucket keeps entries. 30 days, as the bucket `_Default` does, by default.
    #[serde(default = "max_age_secs")]
    #[schemars(range(min = 1))]
    pub max_age_secs: u64,
    /// What becomes of events that are older than `max_age_secs`, which Google accepts and does not keep.
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

/// The `resource` table: the monitored resource that entries are said to come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resource {
    /// Its type, such as `global` or `generic_task`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its labels. `project_id` is added where it is not set.
    pub labels: BTreeMap<String, String>,
}

impl Default for Resource {
    fn default() -> Self {
        Resource {
            kind: "global".to_owned(),
            labels: BTreeMap::new(),
        }
    }
}

fn log_id() -> String {
    "fivetran".to_owned()
}

fn max_age_secs() -> u64 {
    30 * 86_400
}

impl Config {
    /// What is wrong with the settings. A key file is looked at when the sink is opened.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |key, message: &str| problems.push(Problem::new(key, message));
        if !is_log_id(&self.log_id) {
            wrong("log_id", "expected 1 to 511 letters, digits, `/`, `_`, `-` and `.`");
        }
        if self.resource.kind.is_empty() {
            wrong("resource.type", "expected a type, such as global");
        }
        if self.labels.len() + OWN_LABELS.len() > MOST_LABELS {
            let most = MOST_LABELS - OWN_LABELS.len();
            wrong("labels", &format!("Google takes {most} labels beside the event's own"));
        }
        if self
            .labels
            .keys()
            .any(|key| key.is_empty() || key.len() > MOST_KEY_BYTES)
        {
            wrong("labels", "the key of a label has 1 to 512 bytes");
        }
        if let Some(key) = self.labels.keys().find(|key| OWN_LABELS.contains(&key.as_str())) {
            wrong("labels", &format!("`{key}` is a label of the event"));
        }
        if bytes(&self.labels) + bytes(&self.resource.labels) > MOST_SET_BYTES {
            wrong("labels", "`labels` and `resource` take more than 64 KiB together");
        }
        if self.max_age_secs == 0 {
            wrong("max_age_secs", "expected a number of seconds, from 1");
        }
        if self.compression == Compression::Zstd {
            wrong("compression", "Google Cloud takes `none` and `gzip`");
        }
        if let Some(endpoint) = &self.endpoint {
            problems.extend(address("endpoint", endpoint).err());
        }
        problems.extend(self.problem_of_key());
        problems.extend(self.tls.problems());
        problems
    }

    fn problem_of_key(&self) -> Option<Problem> {
        let is_wrong = self.project_id.as_ref().is_some_and(|project| !is_project(project));
        if is_wrong {
            return Some(Problem::new("project_id", EXPECTED_PROJECT));
        }
        match (&self.credentials_path, &self.service_account_key) {
            (None, None) => Some(Problem::new(
                "credentials_path",
                "`credentials_path` or `service_account_key` is missing",
            )),
            (Some(_), Some(_)) => Some(Problem::new(
                "service_account_key",
                "`credentials_path` is set too, and there is one key only",
            )),
            (Some(_), None) => None,
            (None, Some(key)) => match Key::parse(key.expose()) {
                Ok(key) => project(self, &key).err(),
                Err(reason) => Some(Problem::new("service_account_key", reason)),
            },
        }
    }
}

const EXPECTED_PROJECT: &str = "expected the id of a project, such as my-project-123";

/// The project that is set, or else the key's.
pub(super) fn project<'c>(config: &'c Config, key: &'c Key) -> Result<&'c str, Problem> {
    let project = config.project_id.as_deref().or(key.project_id.as_deref());
    project
        .filter(|project| is_project(project))
        .ok_or_else(|| Problem::new("project_id", format!("{EXPECTED_PROJECT}; the key names none")))
}

/// A project may belong to a domain: `example.com:my-project`.
fn is_project(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':');
    (1..=128).contains(&text.len()) && text.bytes().all(is_allowed)
}

fn is_log_id(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'.');
    (1..512).contains(&text.len()) && text.bytes().all(is_allowed)
}

fn bytes(labels: &BTreeMap<String, String>) -> usize {
    labels.iter().map(|(key, value)| key.len() + value.len()).sum()
}
