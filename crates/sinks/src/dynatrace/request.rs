//! What is asked of Dynatrace.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Url};

use super::{Config, DynatraceSink, encode};
use crate::event::Event;
use crate::exchange::{Answer, Problem, address, below, quoted, sensitive};
use crate::secret::Secret;
use crate::sink::Later;

const JSON: &str = "application/json; charset=utf-8";
const PATH: &str = "api/v2/logs/ingest";

/// Where records go.
pub(super) fn ingest(config: &Config) -> Result<Url, Problem> {
    let base = address("endpoint", &config.endpoint)?;
    let wrong = if base.path().contains("/api/v2") {
        format!("`/{PATH}` is added to it, so it must not stand there")
    } else if base.query().is_some() {
        "an address has no `?` in it: Dynatrace would make attributes of what comes after it".to_owned()
    } else {
        return Ok(below(&base, PATH));
    };
    Err(Problem::new("endpoint", wrong))
}

/// Where an access token is looked at.
pub(super) fn lookup(config: &Config) -> Result<Url, Problem> {
    Ok(below(
        &address("endpoint", &config.endpoint)?,
        "api/v2/apiTokens/lookup",
    ))
}

/// Sends a batch; an empty one to find out whether Dynatrace would take others.
pub(super) async fn send(sink: &DynatraceSink, batch: &[Event]) -> Result<Answer, Later> {
    let request = sink.client.request(Method::POST, sink.ingest.clone());
    let request = request
        .header(AUTHORIZATION, who(&sink.config.api_token))
        .header(CONTENT_TYPE, JSON);
    let body = encode::body(&sink.common, batch);
    let request = sink.config.compression.body(request, body).await?;
    sink.client.send(request).await
}

/// Asks what the access token is good for. It needs no scope for that.
pub(super) async fn look_up(sink: &DynatraceSink) -> Result<Answer, Later> {
    let token = &sink.config.api_token;
    let mut body = b"{\"token\":".to_vec();
    quoted(&mut body, token.expose());
    body.push(b'}');
    let request = sink.client.request(Method::POST, sink.lookup.clone());
    let request = request
        .header(AUTHORIZATION, who(token))
        .header(CONTENT_TYPE, JSON)
        .body(body);
    sink.client.send(request).await
}

/// Whether it is a token of the platform, such as `dt0s16.…`; all others are access tokens, of which old ones have no prefix.
pub(super) fn is_bearer(token: &Secret) -> bool {
    token.expose().starts_with("dt0s")
}

fn who(token: &Secret) -> HeaderValue {
    let scheme = if is_bearer(token) { "Bearer" } else { "Api-Token" };
    sensitive(&Secret::from(format!("{scheme} {}", token.expose())))
}
