//! What is asked of Azure.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Url};

use super::{AzureSink, Config, respond};
use crate::exchange::{Answer, Grant, Problem, Tokens, Unable, address, below};

const API_VERSION: &str = "api-version=2023-01-01";

/// Where the rule takes logs.
pub(super) fn base(config: &Config) -> Result<Url, Problem> {
    address("endpoint", &config.endpoint)
}

/// Where rows go.
pub(super) fn stream(config: &Config) -> Result<Url, Problem> {
    let Config {
        dcr_immutable_id,
        stream_name,
        ..
    } = config;
    let path = format!("dataCollectionRules/{dcr_immutable_id}/streams/{stream_name}");
    let mut url = below(&base(config)?, &path);
    url.set_query(Some(API_VERSION));
    Ok(url)
}

/// Where tokens are given.
pub(super) fn token_url(config: &Config) -> Result<Url, Problem> {
    let authority = address("authority", &config.authority)?;
    Ok(below(&authority, &format!("{}/oauth2/v2.0/token", config.tenant_id)))
}

pub(super) fn tokens(config: &Config, url: Url) -> Tokens {
    let Config {
        client_id,
        client_secret,
        scope,
        ..
    } = config.clone();
    let grant = move || {
        Ok(Grant {
            open: vec![
                ("grant_type", "client_credentials".to_owned()),
                ("client_id", client_id.clone()),
                ("scope", scope.clone()),
            ],
            secret: ("client_secret", client_secret.clone()),
        })
    };
    Tokens::new(url, grant, respond::WHO, "`authority` and `tenant_id`")
}

pub(super) async fn send(sink: &AzureSink, body: Vec<u8>) -> Result<Answer, Unable> {
    let request = sink.client.request(Method::POST, sink.stream.clone());
    let request = request.header(CONTENT_TYPE, "application/json");
    let request = sink.config.compression.body(request, body).await?;
    sink.tokens.send(&sink.client, request).await
}
