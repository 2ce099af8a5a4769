//! Requests and their answers: what all sinks that speak HTTP share.
//!
//! A sink of a service is a folder with the same files: `config` (its settings), `encode` (events to bytes), `request` (what is sent, and to
//! whom), `respond` (what the answer says of each event), `tests` (a strict stand-in for the service). This module has what is the same for
//! all: the client, TLS, compression, and what follows from a status alone.

mod answer;
mod auth;
mod compression;
mod created;
#[cfg(test)]
pub(crate) mod fake;
mod labels;
mod parsed;
mod tls;
mod token;
mod too_old;

use std::error::Error as _;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Url};

pub(crate) use answer::Answer;
pub use auth::{Auth, Strategy};
pub use compression::Compression;
pub(crate) use created::created;
pub(crate) use labels::{Labels, quoted, quoted_envelope};
pub(crate) use parsed::is_same_when_parsed;
pub use tls::Tls;
pub(crate) use token::{Grant, Tokens, Unable};
pub(crate) use too_old::{AgeLimit, too_large};
pub use too_old::{TooOld, days};

use crate::batch::Limits;
use crate::retry;
use crate::secret::Secret;
use crate::sink::{Later, Sink};

/// Most requests under way at a time, where nothing is set.
pub(crate) const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// So much of an answer is looked at.
const MOST_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The settings of a sink that makes requests.
pub trait Service {
    /// What it takes at once.
    fn limits(&self) -> Limits;

    /// How old an event may be at most, if older ones are refused here before they are sent.
    fn oldest(&self) -> Option<Duration> {
        None
    }

    /// What is wrong with the settings beyond the types of their values.
    fn problems(&self) -> Vec<Problem>;

    /// Makes the sink. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when a file that it needs cannot be used.
    fn open(&self, request: &retry::Settings) -> Result<Arc<dyn Sink>, OpenError>;
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its key; with a dot where it is in a table.
    pub key: &'static str,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(key: &'static str, message: impl Into<String>) -> Problem {
        Problem {
            key,
            message: message.into(),
        }
    }
}

/// Why a sink cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct OpenError {
    /// The setting or file.
    pub what: String,
    /// What is wrong with it.
    pub reason: String,
}

impl OpenError {
    /// What was to be a service is none.
    pub fn no_service(kind: &str) -> OpenError {
        OpenError::new(kind, "there is no service behind this type")
    }

    pub(crate) fn new(what: impl Into<String>, reason: impl std::fmt::Display) -> OpenError {
        OpenError {
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}

impl From<Problem> for OpenError {
    fn from(problem: Problem) -> OpenError {
        OpenError::new(problem.key, problem.message)
    }
}

/// Makes requests, and shows none of the secrets they carry.
pub(crate) struct Client {
    http: reqwest::Client,
    hidden: Hidden,
}

/// Secrets in whatever form, which are taken out of what others say.
#[derive(Debug, Clone)]
pub(crate) struct Hidden(Vec<Secret>);

impl Hidden {
    pub(crate) fn new(secrets: &[Secret]) -> Hidden {
        Hidden(forms(secrets))
    }

    /// A text without them.
    pub(crate) fn without(&self, text: &str) -> String {
        without(text, &self.0)
    }
}

impl Client {
    /// A client that knows these secrets. A proxy is taken from the environment.
    pub(crate) fn new(tls: &Tls, timeout: Duration, secrets: Vec<Secret>) -> Result<Client, OpenError> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("logferry/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT.min(timeout))
            .timeout(timeout)
            .tcp_keepalive(Duration::from_secs(60))
            // Credentials go to the address that is set and to no other.
            .redirect(Policy::none());
        let builder = tls.apply(builder)?;
        let http = builder
            .build()
            .map_err(|error| OpenError::new("tls", words_of(error)))?;
        Ok(Client {
            http,
            hidden: Hidden::new(&secrets),
        })
    }

    /// A request that is to be sent by [`Client::send`].
    pub(crate) fn request(&self, method: reqwest::Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request and reads the answer to its end.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Answer, Later> {
        let failed = |error: reqwest::Error| {
            let at = error.url().map(shown);
            let at = at.map(|at| format!("{at}: ")).unwrap_or_default();
            Later {
                reason: self.redact(&format!("{at}{}", words_of(error))),
                after: None,
            }
        };
        let mut response = request.send().await.map_err(failed)?;
        let (status, at) = (response.status(), self.redact(&shown(response.url())));
        let headers = std::mem::replace(response.headers_mut(), HeaderMap::new());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            // It is read to its end, or the time is up; what is beyond the bound is not kept.
            let room = MOST_ANSWER_BYTES.saturating_sub(body.len());
            body.extend_from_slice(&chunk[..room.min(chunk.len())]);
        }
        let body = self.redact(&String::from_utf8_lossy(&body));
        Ok(Answer::new(at, status, headers, body))
    }

    fn redact(&self, text: &str) -> String {
        self.hidden.without(text)
    }
}

/// A text without these forms of secrets.
fn without(text: &str, forms: &[Secret]) -> String {
    let mut text = text.to_owned();
    for form in forms {
        if text.contains(form.expose()) {
            text = text.replace(form.expose(), "***");
        }
    }
    text
}

/// Pairs as a form has them, which is how the query of an address has them.
fn form<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let url = Url::parse_with_params("form:", pairs).ok();
    url.and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

/// What secrets may look like in a text: as they are, each word of them, in a form, and in Base64. The longest first, so that nothing is left of
/// one that has another in it.
fn forms(secrets: &[Secret]) -> Vec<Secret> {
    let mut forms = Vec::new();
    for secret in secrets {
        let text = secret.expose();
        let words = text.split_whitespace().filter(|word| word.len() >= SHORTEST_WORD);
        for text in words.chain([text]) {
            let encoded = form([("", text)]).trim_start_matches('=').to_owned();
            forms.extend([text.to_owned(), encoded, BASE64.encode(text)]);
        }
    }
    forms.retain(|form| form.len() >= SHORTEST_SECRET);
    forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    forms.dedup();
    forms.into_iter().map(Secret::from).collect()
}

/// A shorter word of a secret, such as `Bearer`, is none itself.
const SHORTEST_WORD: usize = 8;

/// What is shorter is found in any text, and hides nothing.
const SHORTEST_SECRET: usize = 4;

/// An address without what may be a secret in it.
pub(crate) fn shown(url: &Url) -> String {
    let mut shown = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        let _ = write!(shown, ":{port}");
    }
    shown.push_str(url.path());
    shown
}

/// An error with its causes, without the address.
fn words_of(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.ends_with(&more) {
            let _ = write!(words, ": {more}");
        }
        cause = error.source();
    }
    let hints = [
        (
            "invalid peer certificate",
            "the service's certificate is not trusted: look at `tls.ca_file`",
        ),
        (
            "tunnel error",
            "a proxy of the environment is asked first: look at HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
        ),
    ];
    if let Some((_, hint)) = hints.iter().find(|(sign, _)| words.contains(sign)) {
        let _ = write!(words, " ({hint})");
    }
    words
}

/// What is wrong with an address of a service, if something is.
pub(crate) fn address(key: &'static str, text: &str) -> Result<Url, Problem> {
    let expected = "expected an address, such as https://logs.example.com/ingest";
    let url: Url = text.parse().map_err(|_| Problem::new(key, expected))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(Problem::new(key, expected));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = "an address has no user and no password in it: `auth` has a place for them";
        return Err(Problem::new(key, message));
    }
    if url.fragment().is_some() {
        return Err(Problem::new(key, "an address has no `#` in it"));
    }
    Ok(url)
}

/// An address below another one.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

/// A secret as the value of a header; empty where it cannot be one, which [`header_value`] reports.
pub(crate) fn sensitive(secret: &Secret) -> HeaderValue {
    let value = HeaderValue::from_str(secret.expose());
    let mut value = value.unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// What is wrong with a secret that is to stand in a header.
pub(crate) fn header_value(key: &'static str, secret: &Secret) -> Option<Problem> {
    let text = secret.expose();
    let wrong = if text.is_empty() {
        "it is empty"
    } else if text.contains(|c: char| c.is_whitespace() || c.is_control()) || HeaderValue::from_str(text).is_err() {
        "it has blanks, line ends or other characters in it that cannot be sent"
    } else {
        return None;
    };
    Some(Problem::new(key, wrong))
}
