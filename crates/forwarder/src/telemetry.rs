//! What a run shows of itself: `/metrics` for Prometheus, `/health` and `/ready`.
//!
//! Every figure of a scrape is of one moment, so that the laws of [`invariants`](crate::invariants) can be checked from outside.

mod metrics;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use logferry_sinks::DeadLetters;
use tokio::net::TcpListener;

pub use metrics::render;

use crate::feed::Millis;
use crate::state::{Shared, time_of_millis};

/// A sink that has only failed for so long does not pass for ready.
const FAILS_FOR_LONG: Millis = 60_000;

/// What is looked at: the run of now, or none while one is begun.
#[derive(Clone, Default)]
pub struct Watched(Arc<Mutex<Option<Watch>>>);

#[derive(Clone)]
struct Watch {
    shared: Arc<Shared>,
    letters: DeadLetters,
}

impl Watched {
    /// Looks at a run from now on.
    pub fn set(&self, shared: Arc<Shared>, letters: DeadLetters) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Watch { shared, letters });
    }

    /// The run that is looked at.
    pub fn shared(&self) -> Option<Arc<Shared>> {
        self.get().map(|watch| watch.shared)
    }

    /// Looks at none.
    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn get(&self) -> Option<Watch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

/// Serves until the process ends; gives the address, of which the port may have been chosen by the system.
///
/// # Errors
///
/// What the system says when the address cannot be used.
pub async fn serve(listen: SocketAddr, watched: Watched) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .with_state(watched);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!("telemetry cannot be served any more: {error}");
        }
    });
    Ok(address)
}

async fn metrics(State(watched): State<Watched>) -> impl IntoResponse {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match watched.get() {
        Some(watch) => {
            let text = render(&watch.shared, watch.letters.size_bytes());
            (StatusCode::OK, [(CONTENT_TYPE, OPEN_METRICS)], text)
        }
        None => (StatusCode::OK, [(CONTENT_TYPE, OPEN_METRICS)], "# EOF\n".to_owned()),
    }
}

/// Whether the process does its work; 503 while it ends.
async fn health(State(watched): State<Watched>) -> impl IntoResponse {
    match watched.get() {
        Some(watch) if watch.shared.lock().draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        _ => (StatusCode::OK, "ok\n"),
    }
}

/// Whether events flow: every source answers, every sink takes, and positions and dead letters can be stored.
async fn ready(State(watched): State<Watched>) -> impl IntoResponse {
    let Some(watch) = watched.get() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "starting\n".to_owned());
    };
    let letters = watch.letters.failing();
    let now = watch.shared.clock.now();
    let state = watch.shared.lock();
    let mut reasons = Vec::new();
    if state.draining {
        reasons.push("draining".to_owned());
    }
    for source in &state.sources {
        reasons.extend(
            source
                .failing
                .values()
                .map(|reason| format!("source {}: {reason}", source.name)),
        );
        // Only an API has a quota, and answers; a text may be empty.
        if source.limiter.is_some() && !source.answered && source.failing.is_empty() {
            reasons.push(format!("source {}: no answer yet", source.name));
        }
    }
    for sink in &state.sinks {
        reasons.extend(
            sink.stopped
                .iter()
                .map(|reason| format!("sink {}: {reason}", sink.name)),
        );
        let failing = sink
            .failing
            .as_ref()
            .filter(|failing| now >= failing.since + FAILS_FOR_LONG);
        reasons.extend(failing.map(|failing| {
            let since = time_of_millis(failing.since);
            format!("sink {}: it only fails since {since}: {}", sink.name, failing.reason)
        }));
        reasons.extend(sink.closed.then(|| format!("sink {}: its reader is gone", sink.name)));
    }
    reasons.extend(letters.map(|failing| format!("dead letters cannot be written: {}", failing.reason)));
    reasons.extend(
        state
            .checkpoint_error
            .iter()
            .map(|error| format!("checkpoint: {error}")),
    );
    match reasons.is_empty() {
        true => (StatusCode::OK, "ready\n".to_owned()),
        false => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", reasons.join("\n"))),
    }
}
