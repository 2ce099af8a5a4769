//! What is asked of New Relic.

use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::{Method, Url};

use super::{Config, NewRelicSink, Region, encode};
use crate::event::Event;
use crate::exchange::{Answer, Problem, address, below, sensitive};
use crate::sink::Later;

const KEY: HeaderName = HeaderName::from_static("api-key");
const PATH: &str = "log/v1";

/// Where logs go.
pub(super) fn ingest(config: &Config) -> Result<Url, Problem> {
    let base = match (&config.endpoint, config.region) {
        (Some(endpoint), _) => address("endpoint", endpoint)?,
        (None, Region::Us) => address("region", "https://log-api.newrelic.com")?,
        (None, Region::Eu) => address("region", "https://log-api.eu.newrelic.com")?,
        (None, Region::Jp) => address("region", "https://log-api.jp.nr-data.net")?,
        (None, Region::Gov) => address("region", "https://gov-log-api.newrelic.com")?,
    };
    if base.path().trim_end_matches('/').ends_with(PATH) {
        let message = format!("`/{PATH}` is added to it, so it must not stand there");
        return Err(Problem::new("endpoint", message));
    }
    Ok(below(&base, PATH))
}

/// Sends a batch; an empty one to find out whether New Relic would take others.
pub(super) async fn send(sink: &NewRelicSink, batch: &[Event]) -> Result<Answer, Later> {
    let request = sink.client.request(Method::POST, sink.ingest.clone());
    let request = request
        .header(KEY, sensitive(&sink.config.license_key))
        .header(CONTENT_TYPE, "application/json");
    let body = encode::body(&sink.config, batch);
    let request = sink.config.compression.body(request, body).await?;
    sink.client.send(request).await
}
