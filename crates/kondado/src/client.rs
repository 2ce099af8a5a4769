//! Asking the API for a page.
//!
//! Key and token are query parameters, so an address is never shown with its query, redirects are not followed, and plain
//! HTTP goes to this machine only. The client neither waits nor tries again: who calls it holds a permit of the
//! [`Limiter`](crate::limiter::Limiter) meanwhile, and decides by the [`Failure`].

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use reqwest::header::{DATE, HeaderName, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, Url, retry};

use crate::answer::{Failure, Head, Page, classify};
use crate::page::Next;
use crate::record::Stream;
use crate::secrets::Secrets;

pub use crate::secrets::looks_swapped;

/// Where the API is.
pub const ENDPOINT: &str = "https://k2.kondado.com.br";

/// The largest answer that is read. Fifty rows come nowhere near.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// As much of an error's answer is read to quote from.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// How much of a library's words is shown, in bytes.
const EXCERPT: usize = 500;

/// What a client is made of.
#[derive(Clone)]
pub struct ClientOptions {
    /// Where the API is, [`ENDPOINT`] by default.
    pub endpoint: String,
    /// The token's identifier, also called access key.
    pub key: String,
    /// The token.
    pub token: String,
    /// How long a request may take in all, the reading of the answer included.
    pub timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions {
            endpoint: ENDPOINT.to_owned(),
            key: String::new(),
            token: String::new(),
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Someone may have put key and token into the endpoint.
        f.debug_struct("ClientOptions")
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// Why a client cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The endpoint cannot be used. It is not shown, because it might hold a secret.
    #[error("`endpoint`: expected {expected}")]
    Endpoint {
        /// What it should be.
        expected: String,
    },
    /// Key or token is empty.
    #[error("`{name}` is empty")]
    Empty {
        /// Which one.
        name: &'static str,
    },
    /// The system's certificates cannot be used, or something like that.
    #[error("the HTTP client cannot be made: {reason}")]
    Http {
        /// What the library says.
        reason: String,
    },
}

/// The API, as one key and token see it. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    endpoint: Url,
    secrets: Secrets,
}

impl Client {
    /// Makes a client; it connects to nothing yet.
    ///
    /// # Errors
    ///
    /// [`ClientError`] when the endpoint is no URL, or one of plain HTTP to another machine; when key or token is empty; when
    /// the system has no certificates that HTTPS could be checked with.
    pub fn new(options: ClientOptions) -> Result<Client, ClientError> {
        for (name, value) in [("key", &options.key), ("token", &options.token)] {
            if value.is_empty() {
                return Err(ClientError::Empty { name });
            }
        }
        let endpoint = endpoint(&options.endpoint)?;
        let secrets = Secrets::new(options.key, options.token);

        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("logferry/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .retry(retry::never())
            .referer(false)
            .gzip(true)
            .timeout(options.timeout)
            .connect_timeout(options.connect_timeout);
        if is_loopback(&endpoint) {
            builder = builder.no_proxy();
        }
        if endpoint.scheme() == "http" {
            // Certificates are not needed then, and a small container may have none.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| ClientError::Http {
            reason: words(error, &secrets),
        })?;
        Ok(Client {
            http,
            endpoint,
            secrets,
        })
    }

    /// Asks for the page that begins at an id, of one account or of all.
    ///
    /// # Errors
    ///
    /// [`Failure`] for everything that is no page.
    pub async fn page(
        &self,
        stream: Stream,
        start_element_id: u64,
        client_id: Option<u64>,
    ) -> Result<Fetched, Failure> {
        let start = start_element_id.to_string();
        let account = client_id.map(|id| id.to_string());
        let mut query = vec![
            ("key", self.secrets.key()),
            ("token", self.secrets.token()),
            ("start_element_id", &start),
        ];
        query.extend(account.as_deref().map(|id| ("client_id", id)));

        let mut url = self.endpoint.clone();
        let path = format!("{}/{}", url.path().trim_end_matches('/'), stream.name());
        url.set_path(&path);
        let request = self.http.get(url).query(&query);
        let response = request.send().await.map_err(|error| self.transient(error))?;
        self.fetched(response).await
    }

    async fn fetched(&self, mut response: Response) -> Result<Fetched, Failure> {
        let status = response.status();
        let header = |name: HeaderName| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let (retry_after, date) = (header(RETRY_AFTER), header(DATE));
        let head = Head {
            status: status.as_u16(),
            retry_after: retry_after.as_deref(),
            date: date.as_deref(),
        };

        if !status.is_success() {
            // The status says it all. What of the body can be read is quoted.
            let mut body = Vec::new();
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk[..chunk.len().min(MAX_ERROR_BYTES - body.len())]);
                if body.len() == MAX_ERROR_BYTES {
                    break;
                }
            }
            let body = String::from_utf8_lossy(&body);
            let page = classify(&head, &body, &self.secrets);
            return Err(page.err().unwrap_or_else(|| Failure::Protocol {
                reason: format!("HTTP {status} with a page"),
            }));
        }

        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transient(error))? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(Failure::Protocol {
                    reason: format!("the answer is larger than {} MiB", MAX_BODY_BYTES / 1024 / 1024),
                });
            }
            body.extend_from_slice(&chunk);
        }
        let body = String::from_utf8(body).map_err(|error| Failure::Transient {
            reason: format!(
                "the answer is not UTF-8 from byte {} on",
                error.utf8_error().valid_up_to()
            ),
            after: None,
        })?;
        let Page { rows, next } = classify(&head, &body, &self.secrets)?;
        let rows = rows.iter().map(|row| place(row.get(), &body)).collect();
        Ok(Fetched { rows, next, body })
    }

    /// A request or an answer that did not come through.
    fn transient(&self, error: reqwest::Error) -> Failure {
        let what = if error.is_connect() && error.is_timeout() {
            "connecting took too long"
        } else if error.is_timeout() {
            "the answer took too long"
        } else if error.is_connect() {
            "no connection"
        } else if error.is_body() || error.is_decode() {
            "the answer broke off or cannot be decoded"
        } else {
            "the request failed"
        };
        // Someone may have put key or token there.
        let asked = self
            .secrets
            .redact(&self.endpoint.origin().ascii_serialization(), EXCERPT);
        Failure::Transient {
            reason: format!("{asked}: {what}: {}", words(error, &self.secrets)),
            after: None,
        }
    }

    /// Whether key and token seem to be swapped.
    pub fn looks_swapped(&self) -> bool {
        self.secrets.look_swapped()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint.as_str())
            .finish_non_exhaustive()
    }
}

/// A page with the text it came in.
#[derive(Debug, Clone)]
pub struct Fetched {
    body: String,
    /// Where in the text the rows are.
    rows: Vec<Range<usize>>,
    next: Next,
}

impl Fetched {
    /// The rows, each as JSON text. They are values of any kind: what is no object is no record.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rows.iter().map(|place| &self.body[place.clone()])
    }

    /// Where the next page begins.
    pub fn next(&self) -> &Next {
        &self.next
    }
}

/// Where in a text a part of it is.
fn place(part: &str, whole: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

/// What a library says, with its reasons, and without the address.
fn words(error: reqwest::Error, secrets: &Secrets) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        let reason = error.to_string();
        if !words.ends_with(&reason) {
            words.push_str(": ");
            words.push_str(&reason);
        }
        source = error.source();
    }
    secrets.redact(&words, EXCERPT)
}

fn endpoint(text: &str) -> Result<Url, ClientError> {
    let expected = |expected: &str| ClientError::Endpoint {
        expected: expected.to_owned(),
    };
    let url = Url::parse(text).map_err(|error| expected(&format!("a URL such as {ENDPOINT} ({error})")))?;
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(expected(
            "a URL without query and user: key and token are settings of their own",
        ));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(expected(
            "https://, because key and token would be readable on the way (http:// goes to this machine only)",
        )),
        _ => Err(expected("https://")),
    }
}

/// Whether an address is this machine's own.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_unless_loopback() {
        let made = |endpoint: &str| {
            let options = ClientOptions {
                endpoint: endpoint.to_owned(),
                key: "secret-key".to_owned(),
                token: "secrettoken".to_owned(),
                ..ClientOptions::default()
            };
            assert!(!format!("{options:?}").contains("secret"));
            Client::new(options).map(|client| format!("{client:?}"))
        };
        for endpoint in [
            ENDPOINT,
            "https://example.com/base/",
            "http://127.0.0.1:8080",
            "http://127.1.2.3",
            "http://[::1]:8080/",
            "http://[::ffff:127.0.0.1]",
            "http://LOCALHOST:1",
        ] {
            assert!(!made(endpoint).unwrap().contains("secret"), "{endpoint}");
        }
        for endpoint in [
            "http://k2.kondado.com.br",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://192.168.0.1",
            "https://secret:secret@k2.kondado.com.br",
            "https://k2.kondado.com.br/?key=secret-key&token=secrettoken",
            "k2.kondado.com.br/secrettoken",
            "ftp://127.0.0.1",
            "",
        ] {
            let error = made(endpoint).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains("`endpoint`: expected") && !shown.contains("secret"),
                "{shown}"
            );
        }
        let empty = Client::new(ClientOptions::default());
        assert_eq!(empty.unwrap_err(), ClientError::Empty { name: "key" });
    }
}
