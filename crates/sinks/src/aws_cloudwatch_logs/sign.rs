//! Requests signed with AWS's Signature Version 4.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::RequestBuilder;
use reqwest::header::HeaderValue;

/// Why a request cannot be signed.
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// A copy of a request, signed with its headers and its body as they are sent, and with the time of now.
pub(super) fn signed(
    request: &RequestBuilder,
    credentials: &Credentials,
    region: &str,
) -> Result<RequestBuilder, Failed> {
    let copy = || request.try_clone().ok_or("the body can be sent only once");
    let plain = copy()?.build()?;
    let headers = plain
        .headers()
        .iter()
        .map(|(name, value)| Ok((name.as_str(), value.to_str()?)))
        .collect::<Result<Vec<_>, Failed>>()?;
    let body = plain.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let signable = SignableRequest::new(
        plain.method().as_str(),
        plain.url().as_str(),
        headers.into_iter(),
        SignableBody::Bytes(body),
    )?;
    let identity = credentials.clone().into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("logs")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let (instructions, _) = sign(signable, &params)?.into_parts();
    let mut signed = copy()?;
    for (name, value) in instructions.headers() {
        let mut value = HeaderValue::from_str(value)?;
        value.set_sensitive(true);
        signed = signed.header(name, value);
    }
    Ok(signed)
}
