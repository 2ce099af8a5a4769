//! How fast ready events get into Kafka through the sink `kafka`, beside librdkafka alone with the same keys, headers and values.
//!
//! `LOGFERRY_BENCH_KAFKA` names the brokers, which make topics by themselves. The runs alternate; the last line is the ratio of the medians:
//! `tests/benchmarks/kafka` starts a broker for it.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod ready;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use logferry_sinks::kafka::Config;
use logferry_sinks::{DeadLetters, Event, Service, dead_letter, retry};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext};

const RUNS: usize = 5;

/// The least that the sink's share may be.
const BOUND: f64 = 0.85;

/// Counts the reports.
#[derive(Default)]
struct Counts {
    delivered: AtomicU64,
}

impl ClientContext for Counts {}

impl ProducerContext for Counts {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        assert!(result.is_ok());
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }
}

/// librdkafka alone, with the same settings, and with what is best for it: it waits longer to fill requests, and queues as much as it likes.
/// Gives events a second.
fn alone(brokers: &str, topic: &str, events: &[Event], ids: &[String]) -> f64 {
    let producer: ThreadedProducer<Counts> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("compression.codec", "lz4")
        .set("partitioner", "murmur2_random")
        .set("batch.size", "1000000")
        .set("batch.num.messages", "100000")
        .set("linger.ms", "50")
        .set("queue.buffering.max.messages", "500000")
        .create_with_context(Counts::default())
        .unwrap();
    let began = Instant::now();
    let all = events.iter().zip(ids).cycle();
    for (event, id) in all.take(usize::try_from(ready::EVENTS).unwrap()) {
        let header = |key, value| Header {
            key,
            value: Some(value),
        };
        let headers = OwnedHeaders::new_with_capacity(3)
            .insert(header("event_id", id.as_str()))
            .insert(header("event", &*event.name))
            .insert(header("severity", event.severity.as_str()));
        let mut record = BaseRecord::to(topic)
            .key(&*event.key)
            .payload(&*event.text)
            .headers(headers);
        while let Err((error, again)) = producer.send(record) {
            assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            record = again;
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let counts = producer.client().context();
    while counts.delivered.load(Ordering::Relaxed) < ready::EVENTS {
        std::thread::sleep(Duration::from_millis(1));
    }
    ready::EVENTS as f64 / began.elapsed().as_secs_f64()
}

/// The sink. Gives events a second.
async fn through_the_sink(brokers: &str, topic: &str, events: &[Event], letters: &DeadLetters) -> f64 {
    let settings = format!("{{\"bootstrap_servers\":\"{brokers}\",\"topic\":\"{topic}\"}}");
    let config: Config = serde_json::from_str(&settings).unwrap();
    let request = retry::Settings::default();
    let sink = config.open(&request).unwrap();
    let (events, _, seconds) = ready::deliver(sink, request, events, letters).await;
    events as f64 / seconds
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn main() {
    let Ok(brokers) = std::env::var("LOGFERRY_BENCH_KAFKA") else {
        println!("LOGFERRY_BENCH_KAFKA is not set; tests/benchmarks/kafka sets it");
        return;
    };
    let events = ready::events();
    let ids: Vec<String> = events.iter().map(|event| event.id().to_string()).collect();
    let folder = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(&dead_letter::Config::new(folder.path().join("letters"))).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (mut bare, mut sink) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        bare.push(alone(&brokers, &format!("bare-{run}"), &events, &ids));
        sink.push(runtime.block_on(through_the_sink(&brokers, &format!("sink-{run}"), &events, &letters)));
        println!("librdkafka {:.0}, sink {:.0} events a second", bare[run], sink[run]);
    }
    let (bare, sink) = (median(&mut bare), median(&mut sink));
    let ratio = sink / bare;
    println!("medians: librdkafka {bare:.0}, sink {sink:.0}, ratio {ratio:.2} (at least {BOUND})");
    assert!(ratio >= BOUND, "missed");
}
