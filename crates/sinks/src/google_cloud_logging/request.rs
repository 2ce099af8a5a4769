//! What is asked of Google Cloud.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Url};

use super::key::Key;
use super::{Config, GoogleSink, respond};
use crate::event::Event;
use crate::exchange::{Answer, Problem, Tokens, Unable, address, below};

/// Where entries go.
pub(super) fn address_of(config: &Config, key: &Key) -> Result<Url, Problem> {
    let base = match &config.endpoint {
        Some(endpoint) => address("endpoint", endpoint)?,
        None => address("endpoint", &format!("https://logging.{}", key.universe))?,
    };
    Ok(below(&base, "v2/entries:write"))
}

pub(super) fn tokens(key: Key) -> Tokens {
    let url = key.token_uri.clone();
    Tokens::new(url, move || key.grant(), respond::KEY, "`token_uri` in the key")
}

pub(super) async fn send(sink: &GoogleSink, batch: &[Event]) -> Result<Answer, Unable> {
    write(sink, sink.frame.body(batch)).await
}

pub(super) async fn probe(sink: &GoogleSink) -> Result<Answer, Unable> {
    write(sink, sink.frame.test()).await
}

async fn write(sink: &GoogleSink, body: Vec<u8>) -> Result<Answer, Unable> {
    let request = sink.client.request(Method::POST, sink.write.clone());
    let request = request.header(CONTENT_TYPE, "application/json");
    let request = sink.config.compression.body(request, body).await?;
    sink.tokens.send(&sink.client, request).await
}
