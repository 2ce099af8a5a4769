//! The request that carries a body.

use aws_lc_rs::hmac;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::{Config, Encoding, HttpSink, Method};
use crate::event::Event;
use crate::exchange::{Answer, Auth, sensitive};
use crate::sink::Later;

/// Sends a body, and reads the answer.
pub(super) async fn send(sink: &HttpSink, body: Vec<u8>, batch: &[Event]) -> Result<Answer, Later> {
    let config = &sink.config;
    let method = match config.method {
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
    };
    let mut request = sink
        .client
        .request(method, sink.uri.clone())
        .headers(headers(config, batch));
    if let Some(secret) = &config.secret {
        request = request.header(SIGNATURE, signature(secret.expose(), &body));
    }
    let request = config.compression.body(request, body).await?;
    sink.client.send(request).await
}

/// What Fivetran's webhooks sign with.
const SIGNATURE: &str = "X-Fivetran-Signature-256";

/// HMAC-SHA256 of the body before compression, in lower-case hexadecimal digits.
fn signature(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, body);
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn headers(config: &Config, batch: &[Event]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let content_type = match config.encoding {
        Encoding::Ndjson => "application/x-ndjson",
        Encoding::JsonArray | Encoding::Webhook => "application/json",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let (Encoding::Webhook, [event]) = (config.encoding, batch)
        && let Ok(id) = HeaderValue::from_str(&event.id().to_string())
    {
        headers.insert(IDEMPOTENCY_KEY, id);
    }
    for (name, value) in &config.headers {
        if let Ok(name) = name.parse::<HeaderName>() {
            headers.insert(name, sensitive(value));
        }
    }
    if let Some((name, value)) = config.auth.as_ref().and_then(Auth::header) {
        headers.insert(name, value);
    }
    headers
}

/// By which a receiver recognises an event that it has had already.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
