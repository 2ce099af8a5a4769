//! Ready events, and how long a sink takes for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use logferry_model::Severity;
use logferry_sinks::delivery::{BUFFER_BYTES, GivenUp, Retrying, Settled};
use logferry_sinks::{DeadLetters, Delivery, Event, EventId, Report, Sink, Ticket, Unit, batch, retry};
use uuid::Uuid;

/// How many events go in a run.
pub const EVENTS: u64 = 2_000_000;
const CONNECTIONS: u64 = 40;
const EVENTS_OF_A_RECORD: usize = 4;

#[derive(Default)]
struct Counts {
    delivered: AtomicU64,
    failures: AtomicU64,
}

impl Report for Counts {
    fn settled(&self, settled: &Settled<'_>) {
        self.delivered.fetch_add(settled.delivered as u64, Ordering::Relaxed);
    }

    fn retrying(&self, retrying: &Retrying<'_>) {
        eprintln!("{}", retrying.reason);
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    fn stopped(&self, reason: &str) {
        eprintln!("{reason}");
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    fn closed(&self, _: GivenUp) {}
}

/// Events as they come from records, of about 460 bytes.
pub fn events() -> Vec<Event> {
    // Those of a record share their key.
    let mut key: Arc<str> = Arc::from("");
    let event = |number: u64| {
        let connection = number / EVENTS_OF_A_RECORD as u64 % CONNECTIONS;
        let id = Uuid::from_u128(u128::from(number) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let text = format!(
            "{{\"event\":\"records_modified\",\"data\":{{\"schema\":\"kondado_blog\",\"table\":\"wp_options_{connection}\",\
             \"operationType\":\"REPLACED_OR_INSERTED\",\"count\":{}}},\"created\":\"2026-11-20T17:{:02}:{:02}.{:03}Z\",\
             \"connector_type\":\"kondado\",\"connector_id\":\"pipeline_{connection}\",\"connector_name\":\"kondado_blog_wp_options_{connection}\",\
             \"connection_id\":\"pipeline_{connection}\",\"connection_name\":\"kondado_blog_wp_options_{connection}\",\"sync_id\":\"{id}\"}}",
            number * 7919 % 100_000,
            number / 60_000 % 60,
            number / 1000 % 60,
            number % 1000,
        );
        if number.is_multiple_of(EVENTS_OF_A_RECORD as u64) {
            key = format!("pipeline_{connection}").into();
        }
        Event {
            text: Bytes::from_static(text.leak().as_bytes()),
            name: "records_modified".into(),
            key: Arc::clone(&key),
            severity: Severity::Info,
            created_millis: 1_795_194_000_000 + i64::try_from(number).unwrap(),
            id: EventId::Known(id),
        }
    };
    (0..100_000).map(event).collect()
}

/// Sends events again and again; gives how many they were, their bytes with line ends, and the seconds.
pub async fn deliver(
    sink: Arc<dyn Sink>,
    request: retry::Settings,
    events: &[Event],
    letters: &DeadLetters,
) -> (u64, u64, f64) {
    let counts = Arc::new(Counts::default());
    let delivery = Delivery::start(
        "bench",
        sink,
        batch::Settings::default(),
        request,
        letters.clone(),
        BUFFER_BYTES,
        counts.clone(),
    );
    let began = Instant::now();
    let mut bytes = 0;
    let mut pushed = 0;
    for (record, events) in (0..).zip(events.chunks(EVENTS_OF_A_RECORD).cycle()) {
        if pushed >= EVENTS {
            break;
        }
        if !delivery.has_room() {
            delivery.room().await;
        }
        bytes += events.iter().map(|event| event.text.len() as u64 + 1).sum::<u64>();
        pushed += events.len() as u64;
        let ticket = Ticket {
            position: 0,
            epoch: 0,
            record,
        };
        let unit = Unit {
            events: events.to_vec(),
            ticket,
        };
        assert!(delivery.push(unit).is_ok());
    }
    delivery
        .drain(tokio::time::Instant::now() + Duration::from_secs(600))
        .await;
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(counts.delivered.load(Ordering::Relaxed), pushed);
    assert_eq!(counts.failures.load(Ordering::Relaxed), 0);
    (pushed, bytes, seconds)
}
