//! Who asks, where a service leaves it to whoever stands before it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Problem, sensitive};
use crate::secret::Secret;

/// The `auth` table: who asks.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// How it is shown who asks.
    pub strategy: Strategy,
    /// With `basic`: the user.
    #[serde(default)]
    #[schemars(with = "String")]
    pub user: Option<String>,
    /// With `basic`: the password.
    #[serde(default)]
    #[schemars(with = "Secret")]
    pub password: Option<Secret>,
    /// With `bearer`: the token.
    #[serde(default)]
    #[schemars(with = "Secret")]
    pub token: Option<Secret>,
    /// With `header`: the name of the header.
    #[serde(default)]
    #[schemars(with = "String")]
    pub name: Option<String>,
    /// With `header`: its value.
    #[serde(default)]
    #[schemars(with = "Secret")]
    pub value: Option<Secret>,
}

/// How it is shown who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// With `user` and `password`.
    Basic,
    /// With a `token`.
    Bearer,
    /// With a header: `name` and `value`.
    Header,
}

impl Auth {
    /// What is wrong with the settings.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let given = [
            ("auth.user", self.user.is_some(), Strategy::Basic, true),
            ("auth.password", self.password.is_some(), Strategy::Basic, false),
            ("auth.token", self.token.is_some(), Strategy::Bearer, true),
            ("auth.name", self.name.is_some(), Strategy::Header, true),
            ("auth.value", self.value.is_some(), Strategy::Header, true),
        ];
        let problem = |(key, is_given, strategy, is_needed)| match (is_given, strategy == self.strategy) {
            (true, false) => Some(Problem::new(key, "this belongs to another `strategy`")),
            (false, true) if is_needed => {
                let name = str::rsplit(key, '.').next().unwrap_or(key);
                Some(Problem::new(
                    "auth.strategy",
                    format!("`{name}` is missing, which this strategy needs"),
                ))
            }
            _ => None,
        };
        let mut problems: Vec<Problem> = given.into_iter().filter_map(problem).collect();
        if let Some(name) = &self.name
            && name.parse::<HeaderName>().is_err()
        {
            problems.push(Problem::new("auth.name", "expected the name of a header"));
        }
        for (key, value) in [("auth.value", &self.value), ("auth.token", &self.token)] {
            if value
                .as_ref()
                .is_some_and(|value| HeaderValue::from_str(value.expose()).is_err())
            {
                problems.push(Problem::new(
                    key,
                    "a header cannot have line ends and other control characters in it",
                ));
            }
        }
        problems
    }

    /// What must not be shown, in every form in which it is sent.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let given = [&self.password, &self.token, &self.value]
            .into_iter()
            .flatten()
            .cloned();
        given.chain(self.basic().map(Secret::from)).collect()
    }

    /// The header that shows who asks.
    pub(crate) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = match self.strategy {
            Strategy::Basic => (AUTHORIZATION, format!("Basic {}", self.basic()?)),
            Strategy::Bearer => (AUTHORIZATION, format!("Bearer {}", self.token.as_ref()?.expose())),
            Strategy::Header => (
                self.name.as_ref()?.parse().ok()?,
                self.value.as_ref()?.expose().to_owned(),
            ),
        };
        Some((name, sensitive(&Secret::from(value))))
    }

    fn basic(&self) -> Option<String> {
        let password = self.password.as_ref().map(Secret::expose).unwrap_or_default();
        let user = self.user.as_ref()?;
        Some(STANDARD.encode(format!("{user}:{password}")))
    }
}
