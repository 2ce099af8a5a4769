//! What can be set about Loki.

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{encode, request};
use crate::exchange::{Auth, Compression, Problem, Tls, TooOld};
use crate::secret::Secret;

/// A sink of type `grafana_loki`: Grafana Loki, one's own or that of Grafana Cloud.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The address of Loki, or of the gateway before it; `/loki/api/v1/push` is added to it.
    pub endpoint: String,
    /// Who asks. Loki itself asks for nothing; the gateway before it does, and Grafana Cloud.
    #[serde(default)]
    #[schemars(with = "Auth")]
    pub auth: Option<Auth>,
    /// The tenant, sent as `X-Scope-OrgID`. Needed by a Loki with `auth_enabled` unless the gateway before it says who the tenant is.
    #[serde(default)]
    #[schemars(with = "String")]
    pub tenant_id: Option<String>,
    /// Labels of every stream, beside those of its events: `connector_type`, and `connection_id` or `job_id`. `service_name` is `fivetran`
    /// unless it is set here.
    #[serde(default = "labels")]
    pub labels: BTreeMap<String, String>,
    /// How old an event may be, in seconds: the server's `reject_old_samples_max_age`.
    #[serde(default = "max_age_secs")]
    pub max_age_secs: NonZeroU64,
    /// What becomes of events that are older than `max_age_secs`, which Loki refuses.
    #[serde(default)]
    pub too_old: TooOld,
    /// The longest envelope, in bytes: the server's `max_line_size`. A longer one becomes a dead letter.
    #[serde(default = "max_line_bytes")]
    pub max_line_bytes: NonZeroUsize,
    /// How bodies are compressed: `none` or `gzip`.
    #[serde(default = "compression")]
    pub compression: Compression,
    /// Whom to trust, and how to show who asks.
    #[serde(default)]
    #[schemars(schema_with = "Tls::json_schema")]
    pub tls: Tls,
}

fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([(encode::SERVICE_NAME.to_owned(), encode::SERVICE.to_owned())])
}

fn max_age_secs() -> NonZeroU64 {
    const WEEK: NonZeroU64 = NonZeroU64::new(7 * 86_400).unwrap();
    WEEK
}

fn max_line_bytes() -> NonZeroUsize {
    const KB_256: NonZeroUsize = NonZeroUsize::new(256 * 1024).unwrap();
    KB_256
}

fn compression() -> Compression {
    Compression::Gzip
}

/// Most labels that can be set: Loki's `max_label_names_per_series` is 15, and two are the event's own. It does not count `service_name`.
const MOST_LABELS: usize = 13;
/// Loki's `max_label_name_length`.
const MOST_NAME_BYTES: usize = 1024;
/// Loki's `max_label_value_length`.
const MOST_VALUE_BYTES: usize = 2048;
/// The longest name of a tenant.
const MOST_TENANT_BYTES: usize = 150;

impl Config {
    /// What is wrong with the settings.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = request::push(self).err().into_iter().collect();
        problems.extend(self.auth.iter().flat_map(Auth::problems));
        problems.extend(self.tls.problems());
        problems.extend(self.tenant_id.as_deref().and_then(tenant));
        problems.extend(self.labels.iter().filter_map(|(name, value)| label(name, value)));
        let counted = self.labels.keys().filter(|name| *name != encode::SERVICE_NAME);
        if counted.count() > MOST_LABELS {
            let message = format!("Loki takes 15 labels, and two are the event's own: expected {MOST_LABELS} at most");
            problems.push(Problem::new("labels", message));
        }
        if self.compression == Compression::Zstd {
            problems.push(Problem::new("compression", "Loki takes `none` and `gzip`"));
        }
        problems
    }

    pub(super) fn max_age(&self) -> Duration {
        Duration::from_secs(self.max_age_secs.get())
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.auth.iter().flat_map(Auth::secrets).collect()
    }
}

/// What is wrong with the name of a tenant, if something is.
fn tenant(name: &str) -> Option<Problem> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!-_.*'()".contains(&byte);
    let is_good =
        (1..=MOST_TENANT_BYTES).contains(&name.len()) && name.bytes().all(is_allowed) && !matches!(name, "." | "..");
    let message = "expected the name of one tenant: 1 to 150 letters, digits and `!-_.*'()`";
    (!is_good).then(|| Problem::new("tenant_id", message))
}

/// What is wrong with a label, if something is.
fn label(name: &str, value: &str) -> Option<Problem> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_name = !name.is_empty()
        && name.len() <= MOST_NAME_BYTES
        && name.bytes().all(is_allowed)
        && !name.starts_with(|c: char| c.is_ascii_digit());
    let message = if !is_name {
        format!("`{name}` is not the name of a label: expected letters, digits and `_`, and no digit first")
    } else if name.starts_with("__") {
        format!("`{name}`: names with `__` first are Loki's own")
    } else if encode::OWN.contains(&name) {
        format!("`{name}` is set by logferry itself")
    } else if value.is_empty() || value.len() > MOST_VALUE_BYTES {
        let bytes = value.len();
        format!("the value of `{name}` has {bytes} bytes: expected 1 to {MOST_VALUE_BYTES}")
    } else if value.contains(char::REPLACEMENT_CHARACTER) {
        format!("the value of `{name}` has a character in it that stands for a damaged one, which Loki refuses")
    } else {
        return None;
    };
    Some(Problem::new("labels", message))
}
