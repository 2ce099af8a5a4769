//! A server that stands in for a service.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use logferry_model::Severity;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::Service;
use crate::event::{Event, EventId};
use crate::sink::Sink;
use crate::{clock, retry};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// The body, not compressed any more.
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// What is answered: a status, headers, and a body.
pub(crate) type Answered = (u16, Vec<(&'static str, String)>, String);

/// An answer without headers.
pub(crate) fn answered(status: u16, body: impl Into<String>) -> Answered {
    (status, Vec::new(), body.into())
}

/// What the server shares with its test.
#[derive(Clone)]
struct Shared {
    asked: Arc<Mutex<Vec<Asked>>>,
    respond: Arc<dyn Fn(&Asked) -> Answered + Send + Sync>,
}

/// A server on this machine, as long as the runtime runs.
pub(crate) struct Fake {
    /// `http://127.0.0.1:…`
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    pub(crate) async fn start(respond: impl Fn(&Asked) -> Answered + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let shared = Shared {
            asked: Arc::clone(&asked),
            respond: Arc::new(respond),
        };
        let routes = Router::new().fallback(answer).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Fake { address, asked }
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 64 << 20).await.unwrap().to_vec();
    let encoding = head
        .headers
        .get("content-encoding")
        .map(|value| value.to_str().unwrap());
    let body = match encoding {
        None => body,
        Some("gzip") => {
            let mut plain = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&body[..]), &mut plain).unwrap();
            plain
        }
        Some("zstd") => zstd::stream::decode_all(&body[..]).unwrap(),
        Some(other) => panic!("{other}"),
    };
    let request = Asked {
        method: head.method,
        uri: head.uri,
        headers: head.headers,
        body,
    };
    let (status, headers, body) = (shared.respond)(&request);
    shared
        .asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request);
    let mut response = (StatusCode::from_u16(status).unwrap(), Body::from(body)).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// Settings, as a configuration has them.
#[allow(clippy::disallowed_types, reason = "Settings of tests are JSON values.")]
pub(crate) fn config<C: serde::de::DeserializeOwned>(settings: serde_json::Value) -> C {
    serde_json::from_value(settings).unwrap()
}

/// The sink of these settings, which have no problems.
#[allow(clippy::disallowed_types, reason = "Settings of tests are JSON values.")]
pub(crate) fn open<C: serde::de::DeserializeOwned + Service>(settings: serde_json::Value) -> Arc<dyn Sink> {
    let config: C = config(settings);
    assert_eq!(config.problems(), []);
    config.open(&retry::Settings::default()).unwrap()
}

/// So many events of now, a millisecond apart.
pub(crate) fn batch(events: usize) -> Vec<Event> {
    let now = clock::now_millis();
    let numbers = i64::try_from(events).unwrap();
    (0..numbers)
        .map(|number| event(number.unsigned_abs().into(), now - numbers + number, Severity::Info))
        .collect()
}

/// An event with what makes trouble in texts.
pub(crate) fn event(number: u128, created_millis: i64, severity: Severity) -> Event {
    let created = clock::utc(UNIX_EPOCH + Duration::from_millis(created_millis.unsigned_abs()));
    let text = format!(
        "{{\"event\":\"info\",\"data\":{{\"n\":{number},\"message\":\"ä\\\\\\\"\\n\\u0007\"}},\"created\":\"{created}\",\"connector_type\":\"mysql, 8\",\
         \"connector_id\":\"pipeline_7\",\"connector_name\":\"blog_7\",\"connection_id\":\"pipeline_7\",\"connection_name\":\"blog_7\",\
         \"sync_id\":\"00000000-0000-0000-0000-000000000007\"}}"
    );
    Event {
        text: text.into(),
        name: "info".into(),
        key: "pipeline_7".into(),
        severity,
        created_millis,
        id: EventId::Known(Uuid::from_u128(number)),
    }
}

/// An event with a text so long that a sink counts so many bytes for it.
pub(crate) fn grown(sink: &dyn Sink, mut event: Event, size: usize) -> Event {
    event.text = Bytes::new();
    event.text = "x".repeat(size - sink.size(&event)).into();
    event
}

/// What becomes of an event that was created then, before anything is sent.
pub(crate) fn before_sending(sink: &dyn Sink, created: i64, now: i64) -> &'static str {
    let event = event(1, created, Severity::Info);
    match sink.not_before(&event) {
        _ if sink.refuses(&event, now).is_some() => "refused",
        Some(not_before) if not_before.millis > now => "waits",
        _ => "sent",
    }
}
