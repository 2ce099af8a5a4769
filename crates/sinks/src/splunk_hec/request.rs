//! What is asked of a collector.

use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Url};

use super::channels::Channel;
use super::{Config, SplunkSink};
use crate::exchange::{Answer, Problem, address, below, sensitive};
use crate::secret::Secret;
use crate::sink::Later;

const CHANNEL: HeaderName = HeaderName::from_static("x-splunk-request-channel");

/// Where events go.
pub(super) fn events(config: &Config) -> Result<Url, Problem> {
    Ok(below(
        &address("endpoint", &config.endpoint)?,
        "services/collector/event",
    ))
}

/// Where acknowledgements are asked for.
pub(super) fn acks(config: &Config) -> Result<Url, Problem> {
    Ok(below(&address("endpoint", &config.endpoint)?, "services/collector/ack"))
}

pub(super) async fn send(sink: &SplunkSink, channel: Option<&Channel<'_>>, body: Vec<u8>) -> Result<Answer, Later> {
    let request = post(sink, &sink.events, channel.map(Channel::value));
    let request = sink.config.compression.body(request, body).await?;
    sink.client.send(request).await
}

/// Asks whether what was taken under an id is indexed. The cookies are those of the answer that had the id: a balancer of several indexers
/// knows by them who is asked.
pub(super) async fn ask(
    sink: &SplunkSink,
    channel: &HeaderValue,
    id: u64,
    cookies: Option<&HeaderValue>,
) -> Result<Answer, Later> {
    let mut request = post(sink, &sink.acks, Some(channel)).body(format!("{{\"acks\":[{id}]}}"));
    if let Some(cookies) = cookies {
        request = request.header(COOKIE, cookies);
    }
    sink.client.send(request).await
}

/// A body without events, which a collector refuses only after it has looked at all else.
pub(super) async fn probe(sink: &SplunkSink, channel: Option<&Channel<'_>>) -> Result<Answer, Later> {
    let request = post(sink, &sink.events, channel.map(Channel::value));
    sink.client.send(request.body(Vec::new())).await
}

fn post(sink: &SplunkSink, url: &Url, channel: Option<&HeaderValue>) -> RequestBuilder {
    let token = Secret::from(format!("Splunk {}", sink.config.token.expose()));
    let request = sink.client.request(Method::POST, url.clone());
    let request = request
        .header(reqwest::header::AUTHORIZATION, sensitive(&token))
        .header(CONTENT_TYPE, "application/json");
    match channel {
        Some(channel) => request.header(CHANNEL, channel),
        None => request,
    }
}
