//! What can be set about CloudWatch Logs.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{OLDEST, request};
use crate::exchange::{Compression, Problem, Tls, TooOld, header_value};
use crate::secret::Secret;

/// A sink of type `aws_cloudwatch_logs`: Amazon CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The log group.
    pub group_name: String,
    /// The log stream in it.
    #[serde(default = "stream_name")]
    pub stream_name: String,
    /// The AWS region of the log group, such as `eu-central-1`.
    pub region: String,
    /// Whether a log group that is not there is made, together with its stream. Its events never expire, until you set a retention.
    #[serde(default = "yes")]
    pub create_missing_group: bool,
    /// Whether a log stream that is not there is made.
    #[serde(default = "yes")]
    pub create_missing_stream: bool,
    /// Another address than the region's, such as that of a VPC endpoint. Requests are still signed for `region`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub endpoint: Option<String>,
    /// Who asks. Without keys in it, the credentials of the environment are looked for, as all of AWS's tools do: variables, profiles, web
    /// identity (EKS), the container's (ECS, EKS) and the machine's (EC2).
    #[serde(default)]
    #[schemars(schema_with = "Auth::json_schema")]
    pub auth: Auth,
    /// What becomes of events that are older than `max_age_secs`, which CloudWatch Logs refuses.
    #[serde(default)]
    pub too_old: TooOld,
    /// How old an event may be, in seconds. The default is the 14 days of CloudWatch Logs; set it to the retention of the log group where
    /// that is shorter.
    #[serde(default = "max_age_secs")]
    #[schemars(range(min = 1, max = 1_209_600))]
    pub max_age_secs: u64,
    /// How bodies are compressed: `none` or `gzip`.
    #[serde(default = "compression")]
    pub compression: Compression,
    /// Whom to trust, and how to show who asks. It does not hold for the requests by which credentials are got.
    #[serde(default)]
    #[schemars(schema_with = "Tls::json_schema")]
    pub tls: Tls,
}

/// The `auth` table: who asks.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// The id of an access key.
    #[schemars(with = "String")]
    pub access_key_id: Option<String>,
    /// Its secret.
    #[schemars(with = "Secret")]
    pub secret_access_key: Option<Secret>,
    /// The token that belongs to the key, where it is a temporary one. It cannot be renewed.
    #[schemars(with = "Secret")]
    pub session_token: Option<Secret>,
    /// The ARN of a role to assume, with the credentials that are set or found.
    #[schemars(with = "String")]
    pub assume_role: Option<String>,
    /// The external id that the role asks for.
    #[schemars(with = "String")]
    pub external_id: Option<String>,
    /// A profile of AWS's configuration files, in place of `AWS_PROFILE` or `default`.
    #[schemars(with = "String")]
    pub profile: Option<String>,
}

fn stream_name() -> String {
    "logferry".to_owned()
}

fn yes() -> bool {
    true
}

fn max_age_secs() -> u64 {
    OLDEST.as_secs()
}

fn compression() -> Compression {
    Compression::Gzip
}

impl Config {
    /// What is wrong with the settings.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = request::url(self).err().into_iter().collect();
        let group = |c: char| c.is_ascii_alphanumeric() || ".-_/#".contains(c);
        if !is_name(&self.group_name, group) {
            let message = "expected 1 to 512 letters without accents, digits, and `.`, `-`, `_`, `/` and `#`";
            problems.push(Problem::new("group_name", message));
        }
        if !is_name(&self.stream_name, |c| !matches!(c, ':' | '*')) {
            let message = "expected 1 to 512 characters without `:` and `*`";
            problems.push(Problem::new("stream_name", message));
        }
        let region = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !is_name(&self.region, region) {
            problems.push(Problem::new("region", "expected a region, such as eu-central-1"));
        }
        if !(1..=OLDEST.as_secs()).contains(&self.max_age_secs) {
            let message = "expected 1 to 1209600: CloudWatch Logs takes nothing that is older than 14 days";
            problems.push(Problem::new("max_age_secs", message));
        }
        if self.compression == Compression::Zstd {
            problems.push(Problem::new("compression", "CloudWatch Logs takes `none` and `gzip`"));
        }
        problems.extend(self.auth.problems());
        problems.extend(self.tls.problems());
        problems
    }
}

fn is_name(text: &str, may_have: impl Fn(char) -> bool) -> bool {
    (1..=512).contains(&text.chars().count()) && text.chars().all(may_have)
}

impl Auth {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut add = |key, message: &str| problems.push(Problem::new(key, message));
        if self.secret_access_key.is_some() && self.access_key_id.is_none() {
            add(
                "auth.secret_access_key",
                "`auth.access_key_id` is missing, whose secret it is",
            );
        }
        if self.access_key_id.is_some() && self.secret_access_key.is_none() {
            add(
                "auth.access_key_id",
                "`auth.secret_access_key` is missing, the secret of this key",
            );
        }
        if self.session_token.is_some() && self.access_key_id.is_none() {
            add(
                "auth.session_token",
                "`auth.access_key_id` is missing, to which it belongs",
            );
        }
        if self.profile.is_some() && self.access_key_id.is_some() {
            add("auth.profile", "it has no effect where `auth.access_key_id` is set");
        }
        if let Some(id) = &self.access_key_id
            && (id.is_empty() || !id.chars().all(|c| c.is_ascii_graphic() && c != '/'))
        {
            add(
                "auth.access_key_id",
                "expected the id of a key, such as AKIAIOSFODNN7EXAMPLE",
            );
        }
        if let Some(role) = &self.assume_role
            && !(role.starts_with("arn:") && role.contains(":role/"))
        {
            let message = "expected the ARN of a role, such as arn:aws:iam::123456789012:role/logs";
            add("auth.assume_role", message);
        }
        if let Some(id) = &self.external_id {
            let may_have = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
            if self.assume_role.is_none() {
                add("auth.external_id", "it has no effect without `auth.assume_role`");
            }
            if !(2..=1224).contains(&id.len()) || !id.chars().all(may_have) {
                let message = "expected 2 to 1224 letters without accents, digits, and `_+=,.@:/-`";
                add("auth.external_id", message);
            }
        }
        let secrets = [
            ("auth.secret_access_key", &self.secret_access_key),
            ("auth.session_token", &self.session_token),
        ];
        let wrong = secrets
            .into_iter()
            .filter_map(|(key, secret)| header_value(key, secret.as_ref()?));
        problems.extend(wrong);
        problems
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        let given = [&self.secret_access_key, &self.session_token].into_iter().flatten();
        given.cloned().collect()
    }
}
