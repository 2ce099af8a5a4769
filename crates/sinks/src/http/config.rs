//! What can be set about an endpoint.

use std::collections::BTreeMap;

use reqwest::header::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::exchange::{Auth, Compression, Problem, Tls, address};
use crate::secret::Secret;

/// A sink of type `http`: any endpoint that takes events by HTTP.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to send events.
    pub uri: String,
    /// How.
    #[serde(default)]
    pub method: Method,
    /// The form of a body.
    #[serde(default)]
    pub encoding: Encoding,
    /// Headers that every request has, beside those that logferry sets; they come before its own.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Who asks.
    #[serde(default)]
    #[schemars(with = "Auth")]
    pub auth: Option<Auth>,
    /// With `encoding = "webhook"`: signs each body, as Fivetran does, in the header `X-Fivetran-Signature-256`.
    #[serde(default)]
    #[schemars(with = "Secret")]
    pub secret: Option<Secret>,
    /// How bodies are compressed.
    #[serde(default)]
    pub compression: Compression,
    /// Whom to trust, and how to show who asks.
    #[serde(default)]
    #[schemars(schema_with = "Tls::json_schema")]
    pub tls: Tls,
}

/// The method of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
}

/// The form of a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// An event a line.
    #[default]
    Ndjson,
    /// A JSON array of events.
    JsonArray,
    /// One event a request, as Fivetran's webhooks send them.
    Webhook,
}

impl Config {
    /// What is wrong with the settings.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = address("uri", &self.uri).err().into_iter().collect();
        problems.extend(self.auth.iter().flat_map(Auth::problems));
        problems.extend(self.tls.problems());
        for (name, value) in &self.headers {
            if name.parse::<HeaderName>().is_err() {
                problems.push(Problem::new(
                    "headers",
                    "one of the names is not the name of a header".to_owned(),
                ));
            }
            if HeaderValue::from_str(value.expose()).is_err() {
                let message = format!("the value of `{name}` has line ends or other control characters in it");
                problems.push(Problem::new("headers", message));
            }
        }
        if self.secret.is_some() && self.encoding != Encoding::Webhook {
            let message = "only with `encoding = \"webhook\"` is a body signed";
            problems.push(Problem::new("secret", message));
        }
        problems
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        let auth = self.auth.iter().flat_map(Auth::secrets);
        let others = self.secret.iter().chain(self.headers.values());
        auth.chain(others.cloned()).chain(self.secrets_of_uri()).collect()
    }

    /// Parts of the address that may be what shows who asks: values of its query, and long parts of its path.
    fn secrets_of_uri(&self) -> Vec<Secret> {
        let Ok(uri) = address("uri", &self.uri) else {
            return Vec::new();
        };
        let path = uri.path_segments().into_iter().flatten();
        let path = path.filter(|part| part.len() >= 16).map(str::to_owned);
        let query = uri.query_pairs().map(|(_, value)| value.into_owned());
        let query: Vec<String> = query.filter(|value| value.len() >= 8).collect();
        path.chain(query).map(Secret::from).collect()
    }
}
