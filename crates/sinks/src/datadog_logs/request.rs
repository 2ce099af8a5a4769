//! What is asked of Datadog.

use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::{Method, Url};

use super::{Config, DatadogSink, encode};
use crate::event::Event;
use crate::exchange::{Answer, Problem, address, below, sensitive};
use crate::sink::Later;

const KEY: HeaderName = HeaderName::from_static("dd-api-key");

/// Where logs go.
pub(super) fn intake(config: &Config) -> Result<Url, Problem> {
    match &config.endpoint {
        Some(endpoint) => Ok(below(&address("endpoint", endpoint)?, "api/v2/logs")),
        None => address("site", &format!("https://http-intake.logs.{}/api/v2/logs", config.site)),
    }
}

/// Where a key is looked at, without a log.
pub(super) fn validate(config: &Config) -> Result<Url, Problem> {
    match &config.endpoint {
        Some(endpoint) => Ok(below(&address("endpoint", endpoint)?, "api/v1/validate")),
        None => address("site", &format!("https://api.{}/api/v1/validate", config.site)),
    }
}

pub(super) async fn send(sink: &DatadogSink, batch: &[Event]) -> Result<Answer, Later> {
    let request = sink.client.request(Method::POST, sink.intake.clone());
    let request = request
        .header(KEY, sensitive(&sink.config.api_key))
        .header(CONTENT_TYPE, "application/json");
    let body = encode::body(&sink.config, batch);
    let request = sink.config.compression.body(request, body).await?;
    sink.client.send(request).await
}

pub(super) async fn probe(sink: &DatadogSink) -> Result<Answer, Later> {
    let request = sink.client.request(Method::GET, sink.validate.clone());
    sink.client
        .send(request.header(KEY, sensitive(&sink.config.api_key)))
        .await
}
