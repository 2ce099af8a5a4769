//! The credentials that requests are signed with.

use std::error::Error;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use tokio::sync::Mutex;

use super::{Auth, Config};
use crate::sink::{Later, Verdict};

/// So long before their end, credentials are renewed.
const RENEW_BEFORE: Duration = Duration::from_secs(60);

/// So many characters are shown of why there are no credentials.
const MOST_SHOWN: usize = 500;

/// The credentials of a sink, and where they come from.
pub(super) struct Keys {
    auth: Auth,
    region: String,
    timeout: Duration,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    provider: Option<SharedCredentialsProvider>,
    credentials: Option<Credentials>,
}

impl Keys {
    /// Those that are set. Nothing is asked for yet.
    pub(super) fn new(config: &Config, timeout: Duration) -> Keys {
        Keys {
            auth: config.auth.clone(),
            region: config.region.clone(),
            timeout,
            held: Mutex::default(),
        }
    }

    /// Those of some other provider.
    #[cfg(test)]
    pub(super) fn of(config: &Config, provider: SharedCredentialsProvider) -> Keys {
        Keys {
            held: Mutex::new(Held {
                provider: Some(provider),
                credentials: None,
            }),
            ..Keys::new(config, Duration::from_secs(10))
        }
    }

    /// Credentials that hold a while yet.
    pub(super) async fn get(&self) -> Result<Credentials, Verdict> {
        let mut held = self.held.lock().await;
        if let Some(credentials) = &held.credentials
            && holds(credentials, RENEW_BEFORE)
        {
            return Ok(credentials.clone());
        }
        match (self.load(&mut held).await, &held.credentials) {
            (Ok(credentials), _) => {
                held.credentials = Some(credentials.clone());
                Ok(credentials)
            }
            // They will do while they last.
            (Err(_), Some(credentials)) if holds(credentials, Duration::ZERO) => Ok(credentials.clone()),
            (Err(verdict), _) => Err(verdict),
        }
    }

    /// Others than those that the service calls expired.
    pub(super) async fn renewed(&self, expired: &Credentials) -> Result<Credentials, Verdict> {
        {
            let mut held = self.held.lock().await;
            // Another request may have renewed them meanwhile.
            if held.credentials.as_ref() == Some(expired) {
                held.credentials = None;
            }
        }
        self.get().await
    }

    async fn load(&self, held: &mut Held) -> Result<Credentials, Verdict> {
        let loading = async {
            let provider = match &held.provider {
                Some(provider) => provider.clone(),
                None => self
                    .provider()
                    .await
                    .ok_or_else(CredentialsError::not_loaded_no_source)?,
            };
            let provider = held.provider.insert(provider);
            provider.provide_credentials().await
        };
        match tokio::time::timeout(self.timeout, loading).await {
            Ok(Ok(credentials)) => Ok(credentials),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(Verdict::Retry(Later {
                reason: "the credentials did not come in time".to_owned(),
                after: None,
            })),
        }
    }

    async fn provider(&self) -> Option<SharedCredentialsProvider> {
        let fixed = self.fixed().map(SharedCredentialsProvider::new);
        if fixed.is_some() && self.auth.assume_role.is_none() {
            return fixed;
        }
        let region = Region::new(self.region.clone());
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region.clone());
        if let Some(fixed) = fixed {
            loader = loader.credentials_provider(fixed);
        }
        if let Some(profile) = &self.auth.profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        let Some(role) = &self.auth.assume_role else {
            return config.credentials_provider();
        };
        let mut role = AssumeRoleProvider::builder(role)
            .configure(&config)
            .region(region)
            .session_name("logferry");
        if let Some(id) = &self.auth.external_id {
            role = role.external_id(id);
        }
        Some(SharedCredentialsProvider::new(role.build().await))
    }

    fn fixed(&self) -> Option<Credentials> {
        let secret = self.auth.secret_access_key.as_ref()?;
        let token = self.auth.session_token.as_ref();
        Some(Credentials::new(
            self.auth.access_key_id.as_ref()?,
            secret.expose(),
            token.map(|token| token.expose().to_owned()),
            None,
            "logferry",
        ))
    }

    /// Where AWS cannot be reached, time may help; else a person must.
    fn failed(&self, error: &CredentialsError) -> Verdict {
        let words = words_of(error);
        let is_passing = ["dispatch failure", "timed out", "timeout", "Throttling"];
        if matches!(error, CredentialsError::ProviderTimedOut(_)) || is_passing.iter().any(|part| words.contains(part))
        {
            let reason = format!("the credentials cannot be got: {words}");
            return Verdict::Retry(Later { reason, after: None });
        }
        let at = match (&self.auth.assume_role, error) {
            (Some(role), _) => format!("`auth.assume_role` ({role}), `auth.external_id` and who may assume the role"),
            (None, CredentialsError::CredentialsNotLoaded(_)) => {
                "`auth`, which has no key, and the environment of this process, which has none".to_owned()
            }
            (None, _) => "`auth` and the environment of this process".to_owned(),
        };
        Verdict::Stop(format!("there are no credentials: {words} (look at {at})"))
    }
}

fn holds(credentials: &Credentials, so_long: Duration) -> bool {
    credentials.expiry().is_none_or(|end| end > SystemTime::now() + so_long)
}

/// An error with its causes, on one line.
fn words_of(error: &CredentialsError) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(words, ": {error}");
        cause = error.source();
    }
    // What AWS says of a wrong signature goes on with the whole request, its token too.
    let words = words.split("The Canonical String").next().unwrap_or_default();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(MOST_SHOWN).collect()
}
