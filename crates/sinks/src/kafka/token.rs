//! Tokens for `OAUTHBEARER`.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rdkafka::client::OAuthToken;
use tokio::runtime::Handle;

use super::config::Config;
use crate::exchange::{Client, Grant, OpenError, Tls, Tokens, Unable, address};
use crate::retry;

/// Asks for tokens when librdkafka wants one.
pub(super) struct Token {
    tokens: Tokens,
    client: Client,
    runtime: Handle,
    /// Who asks.
    name: String,
}

impl Token {
    /// The tokens of these settings, if they are to be used.
    pub(super) fn of(config: &Config, request: &retry::Settings) -> Result<Option<Token>, OpenError> {
        let Some(sasl) = &config.sasl else { return Ok(None) };
        let Some(url) = &sasl.token_url else { return Ok(None) };
        let url = address("sasl.token_url", url)?;
        let runtime = Handle::try_current().map_err(|error| OpenError::new("sasl.token_url", error))?;
        let asks = sasl.clone();
        let grant = move || {
            let mut open = vec![
                ("grant_type", "client_credentials".to_owned()),
                ("client_id", asks.username.clone()),
            ];
            open.extend(asks.scope.clone().map(|scope| ("scope", scope)));
            Ok(Grant {
                open,
                secret: ("client_secret", asks.password.clone()),
            })
        };
        Ok(Some(Token {
            tokens: Tokens::new(url, grant, "`sasl.username` and `sasl.password`", "`sasl.token_url`"),
            client: Client::new(&Tls::default(), request.timeout(), vec![sasl.password.clone()])?,
            runtime,
            name: sasl.username.clone(),
        }))
    }

    /// A token. It is librdkafka's thread that waits for it.
    pub(super) fn fetch(&self) -> Result<OAuthToken, Unable> {
        let (token, until) = self.runtime.block_on(self.tokens.lasting(&self.client))?;
        let until = SystemTime::now() + until.saturating_duration_since(Instant::now());
        let millis = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Ok(OAuthToken {
            token: token.expose().to_owned(),
            principal_name: self.name.clone(),
            lifetime_ms: i64::try_from(millis).unwrap_or(i64::MAX),
        })
    }
}
