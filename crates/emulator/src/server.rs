//! The API on a socket.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use logferry_kondado::Stream;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::answer::Answer;
use crate::api::{Api, PushError, Request};
use crate::connection::{Breakable, Breaker};
use crate::ledger::{Entry, Stats};
use crate::options::{Limits, Options};
use crate::quirks::Fault;

/// How long the server may take to end.
const GRACE: Duration = Duration::from_secs(2);

/// A local Kondado API.
pub struct Emulator;

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

impl Emulator {
    /// Starts an emulator on the current runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the address cannot be listened on.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        let failed = |source| StartError::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            api: Mutex::new(Api::new(&options)),
            started: Instant::now(),
            stop: CancellationToken::new(),
        });
        let stop = shared.stop.clone();
        let listener = Breakable {
            listener,
            stop: stop.clone(),
        };
        let service = router(shared.clone()).into_make_service_with_connect_info::<Breaker>();
        let ended = stop.cancelled_owned();
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, service).with_graceful_shutdown(ended).await;
            if let Err(error) = served {
                tracing::error!(%error, "the emulator ended");
            }
        });
        Ok(Running {
            address,
            key: options.key,
            token: options.token,
            shared,
            task,
        })
    }
}

/// An emulator that runs. It ends when this is dropped, or by [`Running::stop`].
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The key that clients must send.
    pub key: String,
    /// The token that clients must send.
    pub token: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl Running {
    /// The base of its URLs, such as `http://127.0.0.1:8080`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What its clock showed at the start.
    pub fn start(&self) -> Timestamp {
        self.shared.now(|api, _| api.start())
    }

    /// Every row that became visible by now; the pipelines' first, each stream by id.
    pub fn ledger(&self) -> Vec<Entry> {
        self.shared.now(Api::ledger)
    }

    /// Writes the ledger, a line an entry.
    ///
    /// # Errors
    ///
    /// When the output fails.
    pub fn write_ledger(&self, out: &mut dyn io::Write) -> io::Result<()> {
        self.shared.now(|api, now| api.write_ledger(now, out))
    }

    /// Counts since the start.
    pub fn stats(&self) -> Stats {
        self.shared.now(Api::stats)
    }

    /// Lets so many rows a minute arrive from now on.
    pub fn set_rate(&self, stream: Stream, rate: f64) {
        self.shared.now(|api, now| api.set_rate(now, stream, rate));
    }

    /// Stops live rows. Late rows that are on their way arrive.
    pub fn pause(&self) {
        self.shared.now(|api, now| api.set_paused(now, true));
    }

    /// Lets live rows come again.
    pub fn resume(&self) {
        self.shared.now(|api, now| api.set_paused(now, false));
    }

    /// Adds live rows: they are visible at once, but for those that are late.
    pub fn add_rows(&self, stream: Stream, count: u64) {
        self.shared.now(|api, now| api.add_rows(now, stream, count));
    }

    /// Adds a row as it is, and says its id. The ids of rows that come later are greater.
    ///
    /// # Errors
    ///
    /// [`PushError`] when it is no row, or there is one with its id.
    pub fn push_row(&self, stream: Stream, json: &str) -> Result<u64, PushError> {
        self.shared.now(|api, now| api.push_row(now, stream, json))
    }

    /// Puts other faults in place of those there are.
    pub fn set_faults(&self, faults: BTreeMap<Fault, f64>) {
        self.shared.now(|api, _| api.set_faults(faults));
    }

    /// Puts other limits in place of those there are.
    pub fn set_limits(&self, limits: Option<Limits>) {
        self.shared.now(|api, _| api.set_limits(limits));
    }

    /// Ends it, requests under way first.
    pub async fn stop(mut self) {
        self.shared.stop.cancel();
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            // Somebody has sent half a request.
            self.task.abort();
        }
    }
}

struct Shared {
    api: Mutex<Api>,
    started: Instant,
    stop: CancellationToken,
}

impl Shared {
    /// Does something with the API at the present time.
    fn now<T>(&self, act: impl FnOnce(&mut Api, Duration) -> T) -> T {
        let mut api = self.api.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut api, self.started.elapsed())
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let rows = |stream: Stream| {
        get(
            move |State(shared): State<Arc<Shared>>,
                  ConnectInfo(breaker): ConnectInfo<Breaker>,
                  query: Result<Query<Parameters>, QueryRejection>| {
                rows(shared, stream, breaker, query)
            },
        )
    };
    Router::new()
        .route("/pipeline_logs", rows(Stream::PipelineLogs))
        .route("/model_logs", rows(Stream::ModelLogs))
        .route("/_emulator/ledger", get(ledger))
        .route("/_emulator/stats", get(stats))
        .fallback(|| async { respond(Answer::failure(404, "NOT_FOUND", "There is no such endpoint.")) })
        .with_state(shared)
}

/// The parameters of a request. They hold key and token, so they are never shown.
#[derive(Default, Deserialize)]
struct Parameters {
    key: Option<String>,
    token: Option<String>,
    start_element_id: Option<String>,
    client_id: Option<String>,
}

async fn rows(
    shared: Arc<Shared>,
    stream: Stream,
    breaker: Breaker,
    query: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    // A query that is none has no key either.
    let parameters = query.map(|Query(parameters)| parameters).unwrap_or_default();
    let request = Request {
        stream,
        key: parameters.key.as_deref(),
        token: parameters.token.as_deref(),
        start_element_id: parameters.start_element_id.as_deref(),
        client_id: parameters.client_id.as_deref(),
    };
    let answer = shared.now(|api, now| api.answer(now, request));
    tracing::debug!(
        path = stream.name(),
        status = answer.status,
        bytes = answer.body.len(),
        "answered"
    );
    tokio::select! {
        () = tokio::time::sleep(answer.delay) => {}
        () = shared.stop.cancelled() => {}
    }
    if let Some(breaks) = answer.breaks {
        breaker.set(breaks);
    }
    respond(answer)
}

async fn ledger(State(shared): State<Arc<Shared>>) -> Response {
    let mut text = Vec::new();
    match shared.now(|api, now| api.write_ledger(now, &mut text)) {
        Ok(()) => ([(header::CONTENT_TYPE, "application/x-ndjson")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn stats(State(shared): State<Arc<Shared>>) -> Response {
    match serde_json::to_string(&shared.now(Api::stats)) {
        Ok(text) => respond(Answer::new(200, text + "\n")),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn respond(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(header::CONTENT_TYPE, answer.content_type)], answer.body).into_response();
    if let Some(seconds) = answer.retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
