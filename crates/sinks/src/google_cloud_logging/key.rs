//! The key of a service account, and how it asks for tokens.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::Config;
use crate::exchange::{Grant, OpenError, address};
use crate::secret::Secret;

/// What a token is good for.
const SCOPE: &str = "https://www.googleapis.com/auth/logging.write";

/// How long a token is asked for: the longest that Google gives.
const LIFE_SECS: u64 = 3600;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The key of a service account.
pub(super) struct Key {
    pub(super) project_id: Option<String>,
    /// Where the APIs are that it is for: `googleapis.com`, but for sovereign clouds.
    pub(super) universe: String,
    pub(super) token_uri: Url,
    email: String,
    header: Header,
    text: Secret,
    private: EncodingKey,
}

/// The JSON text of a key.
#[derive(Deserialize)]
struct Text {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    project_id: Option<String>,
    #[serde(default)]
    private_key_id: Option<String>,
    #[serde(default)]
    private_key: String,
    #[serde(default)]
    client_email: String,
    #[serde(default = "token_uri")]
    token_uri: String,
    #[serde(default = "universe")]
    universe_domain: String,
}

fn token_uri() -> String {
    "https://oauth2.googleapis.com/token".to_owned()
}

fn universe() -> String {
    "googleapis.com".to_owned()
}

/// What a token is asked for with.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

impl Key {
    /// The key that is set.
    pub(super) fn of(config: &Config) -> Result<Key, OpenError> {
        if let Some(key) = &config.service_account_key {
            return Key::parse(key.expose()).map_err(|reason| OpenError::new("service_account_key", reason));
        }
        let Some(path) = &config.credentials_path else {
            return Err(OpenError::new("credentials_path", "there is no key"));
        };
        let what = || format!("credentials_path: {}", path.display());
        let text = fs::read_to_string(path).map_err(|error| OpenError::new(what(), error))?;
        Key::parse(&text).map_err(|reason| OpenError::new(what(), reason))
    }

    /// Reads the JSON text of a key. What is said of a bad one has nothing of it.
    pub(super) fn parse(text: &str) -> Result<Key, String> {
        let text: Text = serde_json::from_str(text)
            .map_err(|_| "expected the key of a service account, which is a JSON object".to_owned())?;
        if text.kind != "service_account" {
            return Err("its `type` is not `service_account`: it is no key of a service account".to_owned());
        }
        if text.client_email.is_empty() || text.private_key.is_empty() {
            return Err("`client_email` or `private_key` is missing in it".to_owned());
        }
        let wrong = "its `private_key` is no private key of RSA in PEM; look whether its line ends are still `\\n`";
        let key = Key {
            project_id: text.project_id,
            universe: text.universe_domain,
            token_uri: address("token_uri", &text.token_uri).map_err(|_| "its `token_uri` is no address".to_owned())?,
            email: text.client_email,
            header: Header {
                kid: text.private_key_id,
                ..Header::new(Algorithm::RS256)
            },
            private: EncodingKey::from_rsa_pem(text.private_key.as_bytes()).map_err(|_| wrong.to_owned())?,
            text: Secret::from(text.private_key),
        };
        // Whether it signs is seen only when it does.
        key.assertion(0).map_err(|_| wrong.to_owned())?;
        Ok(key)
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        vec![self.text.clone()]
    }

    /// What a token is asked for with, now.
    pub(super) fn grant(&self) -> Result<Grant, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let assertion = self.assertion(now.as_secs())?;
        Ok(Grant {
            open: vec![("grant_type", GRANT_TYPE.to_owned())],
            secret: ("assertion", Secret::from(assertion)),
        })
    }

    fn assertion(&self, now_secs: u64) -> Result<String, String> {
        let claims = Claims {
            iss: &self.email,
            scope: SCOPE,
            aud: self.token_uri.as_str(),
            iat: now_secs,
            exp: now_secs + LIFE_SECS,
        };
        encode(&self.header, &claims, &self.private).map_err(|error| format!("the key does not sign: {error}"))
    }
}
