//! What is asked of Loki.

use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::{Method, RequestBuilder, Url};

use super::{Config, LokiSink, encode};
use crate::exchange::{Answer, Auth, Problem, address, below};
use crate::sink::Later;

const PUSH: &str = "loki/api/v1/push";
const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");

/// Where lines go.
pub(super) fn push(config: &Config) -> Result<Url, Problem> {
    let base = address("endpoint", &config.endpoint)?;
    if base.path().trim_end_matches('/').ends_with(PUSH) {
        return Err(Problem::new(
            "endpoint",
            format!("leave `/{PUSH}` out, which is added to it"),
        ));
    }
    Ok(below(&base, PUSH))
}

pub(super) async fn send(sink: &LokiSink, body: Vec<u8>) -> Result<Answer, Later> {
    let request = sink.config.compression.body(request(sink), body).await?;
    sink.client.send(request).await
}

pub(super) async fn probe(sink: &LokiSink) -> Result<Answer, Later> {
    sink.client.send(request(sink).body(encode::EMPTY)).await
}

fn request(sink: &LokiSink) -> RequestBuilder {
    let mut request = sink.client.request(Method::POST, sink.push.clone());
    // Without it Loki takes the body for one in another form.
    request = request.header(CONTENT_TYPE, "application/json");
    if let Some(tenant) = &sink.config.tenant_id {
        request = request.header(TENANT, tenant);
    }
    if let Some((name, value)) = sink.config.auth.as_ref().and_then(Auth::header) {
        request = request.header(name, value);
    }
    request
}
