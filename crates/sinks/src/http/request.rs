//! The request that carries a body.

use aws_lc_rs::hmac;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::{Auth, Config, Encoding, HttpSink, Method, Strategy};
use crate::event::Event;
use crate::exchange::Answer;
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
    if let Some(Auth {
        strategy: Strategy::Basic,
        user: Some(user),
        password,
        ..
    }) = &config.auth
    {
        request = request.basic_auth(user, password.as_ref().map(|password| password.expose()));
    }
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
        && let Ok(id) = HeaderValue::from_str(&event.id.to_string())
    {
        headers.insert(IDEMPOTENCY_KEY, id);
    }
    let auth = config.auth.as_ref();
    let auth = auth.and_then(|auth| match (auth.strategy, &auth.token, &auth.name, &auth.value) {
        (Strategy::Bearer, Some(token), ..) => Some(("authorization".to_owned(), format!("Bearer {}", token.expose()))),
        (Strategy::Header, _, Some(name), Some(value)) => Some((name.clone(), value.expose().to_owned())),
        _ => None,
    });
    let set = config
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.expose().to_owned()));
    for (name, value) in set.chain(auth) {
        if let (Ok(name), Ok(mut value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers
}

/// By which a receiver recognises an event that it has had already.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
