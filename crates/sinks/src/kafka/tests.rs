//! librdkafka's own stand-in for brokers, and what follows from its errors. Real brokers are asked in `tests/kafka`.

#![allow(clippy::disallowed_types, reason = "Settings of tests are JSON values.")]

mod partitions;

use std::collections::BTreeMap;
use std::time::Duration;

use logferry_model::Severity;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, DefaultConsumerContext};
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey as Request, RDKafkaRespErr as Error};
use serde_json::{Value, json};

use super::sink::KafkaSink;
use super::*;
use crate::event::Event;
use crate::exchange::fake::{self, Fake, answered, event};
use crate::sink::{Fate, Verdict};

const TOPIC: &str = "fivetran.log_events";

/// Three brokers, as long as a test runs.
struct Brokers(MockCluster<'static, DefaultProducerContext>);

/// A message as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arrived {
    partition: i32,
    key: String,
    value: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Brokers {
    fn start() -> Brokers {
        let brokers = MockCluster::new(3).unwrap();
        brokers.create_topic(TOPIC, 4, 3).unwrap();
        Brokers(brokers)
    }

    fn settings(&self) -> Value {
        json!({
            "bootstrap_servers": self.0.bootstrap_servers(),
            "topic": TOPIC,
            // Nothing is waited for longer than a test is patient.
            "librdkafka_options": {
                "topic.metadata.propagation.max.ms": "1",
                "retry.backoff.ms": "1",
                "reconnect.backoff.ms": "10",
                "reconnect.backoff.max.ms": "50",
            },
        })
    }

    fn sink(&self) -> KafkaSink {
        open(self.settings(), &retry::Settings::default())
    }

    /// What is in a topic, by partition, as many messages as there should be.
    fn read(&self, topic: &str, messages: usize) -> Vec<Arrived> {
        let consumer: BaseConsumer<DefaultConsumerContext> = ClientConfig::new()
            .set("bootstrap.servers", self.0.bootstrap_servers())
            .set("group.id", "tests")
            .create()
            .unwrap();
        let mut partitions = TopicPartitionList::new();
        for partition in 0..4 {
            partitions
                .add_partition_offset(topic, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&partitions).unwrap();
        let mut arrived = Vec::new();
        while arrived.len() < messages {
            let message = consumer.poll(Duration::from_secs(30)).unwrap().unwrap();
            let headers = message.headers().unwrap();
            arrived.push(Arrived {
                partition: message.partition(),
                key: String::from_utf8(message.key().unwrap().to_vec()).unwrap(),
                value: message.payload().unwrap().to_vec(),
                headers: headers
                    .iter()
                    .map(|header| {
                        let value = String::from_utf8(header.value.unwrap().to_vec()).unwrap();
                        (header.key.to_owned(), value)
                    })
                    .collect(),
            });
        }
        arrived.sort_by_key(|arrived| arrived.partition);
        arrived
    }
}

/// A sink that need not ask what the topics take, which the stand-in does not know.
fn open(settings: Value, request: &retry::Settings) -> KafkaSink {
    let config: Config = fake::config(settings);
    assert_eq!(config.problems(), []);
    let sink = KafkaSink::new(&config, request).unwrap();
    for topic in [TOPIC, "fivetran.info"] {
        sink.topics.learn(topic, None);
    }
    sink
}

/// Events of several keys, numbered in each.
fn events(keys: usize, count: usize) -> Vec<Event> {
    let number = |number: usize| Event {
        key: format!("pipeline_{}", number % keys).into(),
        ..event(number as u128, 1_795_194_000_123, Severity::Warning)
    };
    (0..count).map(number).collect()
}

/// The texts that arrived, by key, in the order of their partitions.
fn by_key(arrived: &[Arrived]) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut by_key = BTreeMap::<String, Vec<Vec<u8>>>::new();
    for message in arrived {
        by_key
            .entry(message.key.clone())
            .or_default()
            .push(message.value.clone());
    }
    by_key
}

fn texts_by_key(events: &[Event]) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut by_key = BTreeMap::<String, Vec<Vec<u8>>>::new();
    for event in events {
        by_key
            .entry(event.key.to_string())
            .or_default()
            .push(event.text.to_vec());
    }
    by_key
}

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn an_event_is_a_message_with_a_key_and_headers() {
    let brokers = Brokers::start();
    let event = event(7, 1_795_194_000_123, Severity::Warning);
    let id = "00000000-0000-0000-0000-000000000007";
    let plain = [("event_id", id), ("event", "info"), ("severity", "WARNING")];
    let cloud = [
        ("ce_specversion", "1.0"),
        ("ce_id", id),
        ("ce_source", "fivetran"),
        ("ce_type", "com.fivetran.log.info"),
        ("ce_time", "2026-11-20T17:00:00.123Z"),
        ("ce_severitytext", "WARNING"),
        ("content-type", "application/json"),
        ("ce_subject", "pipeline_7"),
    ];
    for (format, topic, arrives_at, headers) in [
        ("json", TOPIC, TOPIC, &plain[..]),
        ("cloudevents", "fivetran.{{ event }}", "fivetran.info", &cloud),
    ] {
        let mut settings = brokers.settings();
        settings["format"] = format.into();
        settings["topic"] = topic.into();
        let sink = open(settings, &retry::Settings::default());
        assert_eq!(sink.send(std::slice::from_ref(&event)).await, Verdict::Delivered);
        let [arrived] = &brokers.read(arrives_at, 1)[..] else {
            panic!("one")
        };
        assert_eq!(arrived.key, "pipeline_7");
        assert_eq!(arrived.value, event.text);
        assert_eq!(arrived.headers, pairs(headers));
        sink.close().await.unwrap();
    }
}

/// Sends a batch again as long as it is to be tried again.
async fn until_it_is_there(sink: &dyn Sink, batch: &[Event]) -> Verdict {
    loop {
        match sink.send(batch).await {
            Verdict::Retry(_) => {}
            verdict => return verdict,
        }
    }
}

/// What comes of an error that the brokers answer requests with.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// librdkafka repeats the request, and it arrives.
    Arrives,
    /// The batch is tried again.
    IsTriedAgain,
    /// Each event is a dead letter.
    DeadLetters,
    /// Nothing is sent until a person mends this.
    Stops(&'static str),
}

#[tokio::test]
async fn what_comes_of_the_errors_of_brokers() {
    use Error::*;
    use Outcome::*;
    // (the error, how many requests in a row it answers, what comes of a batch of three events)
    let table = [
        (RD_KAFKA_RESP_ERR__TRANSPORT, 2, Arrives),
        (RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 3, Arrives),
        (RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, 3, Arrives),
        (RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 3, Arrives),
        (RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, 1, IsTriedAgain),
        (RD_KAFKA_RESP_ERR_UNKNOWN, 1, IsTriedAgain),
        (RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, 3, Arrives),
        (RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, 3, Arrives),
        (RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, 3, Arrives),
        // A request is refused once, with three events in it; alone, all are taken.
        (RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1, Arrives),
        (RD_KAFKA_RESP_ERR_INVALID_RECORD, 1, Arrives),
        // The request, and then each of its events.
        (RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 4, DeadLetters),
        (RD_KAFKA_RESP_ERR_INVALID_RECORD, 4, DeadLetters),
        (RD_KAFKA_RESP_ERR_POLICY_VIOLATION, 4, DeadLetters),
        (RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, 4, DeadLetters),
        (RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1, Stops("access lists")),
        (RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, 1, Stops("access lists")),
    ];
    let brokers = Brokers::start();
    for (error, times, outcome) in table {
        let sink = brokers.sink();
        let warm_up = events(1, 1);
        assert_eq!(sink.send(&warm_up).await, Verdict::Delivered, "{error:?}");
        brokers.0.request_errors(Request::Produce, &vec![error; times]);
        let verdict = sink.send(&events(1, 3)).await;
        brokers.0.clear_request_errors(Request::Produce);
        let is_expected = match (&verdict, outcome) {
            (Verdict::Delivered, Arrives) | (Verdict::Retry(_), IsTriedAgain) => true,
            (Verdict::Each(fates), DeadLetters) => fates.iter().all(
                |fate| matches!(fate, Fate::Rejected(reason) if reason.contains(TOPIC) && reason.contains("Broker: ")),
            ),
            (Verdict::Stop(reason), Stops(word)) => reason.contains(word),
            _ => false,
        };
        assert!(is_expected, "{error:?} {times} times: {verdict:?} and not {outcome:?}");
        // Whatever it was, the next batch arrives.
        assert_eq!(sink.send(&events(1, 3)).await, Verdict::Delivered, "after {error:?}");
    }
}

#[tokio::test]
async fn nothing_is_overtaken_while_brokers_fail() {
    use Error::*;
    let brokers = Brokers::start();
    let sink = brokers.sink();
    let sent = events(7, 3_000);
    let errors = [
        RD_KAFKA_RESP_ERR__TRANSPORT,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_NO_ERROR,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_NO_ERROR,
    ];
    for batch in sent.chunks(500) {
        brokers.0.request_errors(Request::Produce, &errors);
        assert_eq!(sink.send(batch).await, Verdict::Delivered);
    }
    assert_eq!(by_key(&brokers.read(TOPIC, sent.len())), texts_by_key(&sent));
}

#[tokio::test]
async fn batches_at_the_same_time_are_told_apart() {
    let brokers = Brokers::start();
    let sink = brokers.sink();
    let sent = events(4, 4_000);
    let of = |key: usize| -> Vec<Event> { sent.iter().skip(key).step_by(4).cloned().collect() };
    let batches = [of(0), of(1), of(2), of(3)];
    let [a, b, c, d] = &batches;
    let verdicts = tokio::join!(sink.send(a), sink.send(b), sink.send(c), sink.send(d));
    let all = [verdicts.0, verdicts.1, verdicts.2, verdicts.3];
    assert_eq!(all, [const { Verdict::Delivered }; 4]);
    assert_eq!(by_key(&brokers.read(TOPIC, sent.len())), texts_by_key(&sent));
}

#[tokio::test]
async fn a_full_queue_is_waited_for() {
    let brokers = Brokers::start();
    let mut settings = brokers.settings();
    settings["librdkafka_options"]["queue.buffering.max.messages"] = "10".into();
    let sink = open(settings, &retry::Settings::default());
    let sent = events(3, 500);
    assert_eq!(sink.send(&sent).await, Verdict::Delivered);
    assert_eq!(by_key(&brokers.read(TOPIC, sent.len())), texts_by_key(&sent));
}

#[tokio::test]
async fn brokers_that_are_gone_are_waited_for() {
    let brokers = Brokers::start();
    let sink = brokers.sink();
    let sent = events(3, 300);
    let (before, rest) = sent.split_at(100);
    let (during, after) = rest.split_at(100);
    assert_eq!(sink.send(before).await, Verdict::Delivered);
    (1..=3).for_each(|broker| brokers.0.broker_down(broker).unwrap());
    let come_back = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        (1..=3).for_each(|broker| brokers.0.broker_up(broker).unwrap());
    };
    let (verdict, ()) = tokio::join!(sink.send(during), come_back);
    assert_eq!(verdict, Verdict::Delivered);
    assert_eq!(sink.send(after).await, Verdict::Delivered);
    assert_eq!(by_key(&brokers.read(TOPIC, sent.len())), texts_by_key(&sent));
}

#[tokio::test]
async fn brokers_that_are_gone_for_long_are_said_and_tried_again() {
    let brokers = Brokers::start();
    let request = retry::Settings {
        timeout_secs: Some(3.0),
        ..retry::Settings::default()
    };
    let sink = open(brokers.settings(), &request);
    let sent = events(3, 100);
    assert_eq!(until_it_is_there(&sink, &sent[..50]).await, Verdict::Delivered);
    (1..=3).for_each(|broker| brokers.0.broker_down(broker).unwrap());
    let verdict = sink.send(&sent[50..]).await;
    assert!(
        matches!(&verdict, Verdict::Retry(later) if later.reason.contains("no answer of the brokers in 3 s")),
        "{verdict:?}"
    );
    (1..=3).for_each(|broker| brokers.0.broker_up(broker).unwrap());
    assert_eq!(until_it_is_there(&sink, &sent[50..]).await, Verdict::Delivered);
    // What was recalled may have been on its way.
    let mut arrived = by_key(&brokers.read(TOPIC, sent.len()));
    arrived.values_mut().for_each(Vec::dedup);
    assert_eq!(arrived, texts_by_key(&sent));
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_waited_for() {
    let brokers = Brokers::start();
    let sink = brokers.sink();
    let sent = events(2, 10);
    brokers
        .0
        .topic_error(TOPIC, Error::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        .unwrap();
    let probed = sink.probe().await.unwrap_err();
    assert!(probed.contains(TOPIC) && probed.contains("does not exist"), "{probed}");
    let verdict = sink.send(&sent).await;
    assert!(
        matches!(&verdict, Verdict::Retry(later) if later.reason.contains("does not exist")),
        "{verdict:?}"
    );
    brokers.0.topic_error(TOPIC, Error::RD_KAFKA_RESP_ERR_NO_ERROR).unwrap();
    assert_eq!(sink.probe().await, Ok(()));
    assert_eq!(until_it_is_there(&sink, &sent).await, Verdict::Delivered);
    assert_eq!(by_key(&brokers.read(TOPIC, sent.len())), texts_by_key(&sent));
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused_alone() {
    let brokers = Brokers::start();
    let mut settings = brokers.settings();
    // Here librdkafka itself refuses it; a broker's refusal is in the table above.
    settings["librdkafka_options"]["message.max.bytes"] = "5000".into();
    let sink = open(settings, &retry::Settings::default());
    let mut sent = events(1, 3);
    sent[1].text = vec![b'x'; 6000].into();
    let verdict = sink.send(&sent).await;
    let Verdict::Each(fates) = verdict else {
        panic!("{verdict:?}")
    };
    assert!(
        matches!(&fates[..], [Fate::Delivered, Fate::Rejected(reason), Fate::Delivered] if reason.contains("too large")),
        "{fates:?}"
    );
    assert_eq!(brokers.read(TOPIC, 2).len(), 2);
}

#[tokio::test]
async fn a_schema_registry_numbers_the_schema_of_each_topic() {
    let brokers = Brokers::start();
    let registry = Fake::start(|asked| match asked.uri.path() {
        "/subjects/fivetran.info-value" => answered(404, r#"{"error_code":40401,"message":"not found"}"#),
        "/subjects/fivetran.info-value/versions" => answered(200, r#"{"id":258}"#),
        _ => answered(500, ""),
    })
    .await;
    let mut settings = brokers.settings();
    settings["topic"] = "fivetran.{{ event }}".into();
    let auth = json!({"strategy": "basic", "user": "u", "password": "not-a-real-key"});
    settings["schema_registry"] = json!({"url": registry.address, "auth": auth});
    let sink = open(settings, &retry::Settings::default());
    let sent = events(1, 2);
    assert_eq!(sink.send(&sent).await, Verdict::Delivered);
    let arrived = brokers.read("fivetran.info", 2);
    let framed = |event: &Event| [&[0, 0, 0, 1, 2], &event.text[..]].concat();
    assert_eq!(
        arrived.iter().map(|message| message.value.clone()).collect::<Vec<_>>(),
        [framed(&sent[0]), framed(&sent[1])]
    );
    let asked = registry.asked();
    assert_eq!(asked.len(), 2, "an id is asked for once");
    assert!(
        asked
            .iter()
            .all(|asked| asked.header("authorization").starts_with("Basic "))
    );
    let body: Value = serde_json::from_str(asked[1].text()).unwrap();
    assert_eq!(body["schemaType"], "JSON");
    let schema: Value = serde_json::from_str(body["schema"].as_str().unwrap()).unwrap();
    assert_eq!(schema["required"], json!(["event", "created"]));
    assert!(schema["properties"]["connection_id"].is_object());
}

#[tokio::test]
async fn a_schema_that_the_registry_does_not_take_stops_the_sink() {
    let brokers = Brokers::start();
    let registry = Fake::start(|_| answered(409, r#"{"error_code":409,"message":"incompatible"}"#)).await;
    let mut settings = brokers.settings();
    settings["schema_registry"] = json!({"url": registry.address});
    let verdict = open(settings, &retry::Settings::default()).send(&events(1, 2)).await;
    assert!(
        matches!(&verdict, Verdict::Stop(reason) if reason.contains("incompatible") && reason.contains("compatibility")),
        "{verdict:?}"
    );
}

#[test]
fn settings_that_cannot_be_used_are_said() {
    let of = |change: &dyn Fn(&mut Value)| {
        let mut settings = json!({"bootstrap_servers": "a:9092, b:9093", "topic": "t"});
        change(&mut settings);
        let config: Config = fake::config(settings);
        let said = config.problems().into_iter();
        said.map(|problem| format!("{}: {}", problem.key, problem.message))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(of(&|_| {}), "");
    let sasl = |mechanism: &str| json!({"mechanism": mechanism, "username": "u", "password": "not-a-real-key"});
    assert_eq!(of(&|settings| settings["sasl"] = sasl("PLAIN")), "");
    let option = |name: &str, value: &str| {
        let (name, value) = (name.to_owned(), value.to_owned());
        move |settings: &mut Value| settings["librdkafka_options"] = json!({name.clone(): value.clone()})
    };
    assert_eq!(of(&option("linger.ms", "20")), "");
    type Change<'c> = &'c dyn Fn(&mut Value);
    let table: [(Change<'_>, &str); 10] = [
        (
            &|settings| settings["bootstrap_servers"] = "a".into(),
            "bootstrap_servers: expected `host:port`",
        ),
        (
            &|settings| settings["topic"] = "{{ event }}".into(),
            "topic: expected text before",
        ),
        (
            &option("compression.codec", "gzip"),
            "librdkafka_options: `compression.codec` is set by `compression`",
        ),
        (
            &option("batch.size", "1"),
            "librdkafka_options: `batch.size` is set by `batch.max_bytes`",
        ),
        (&option("acks", "1"), "librdkafka_options: `acks` cannot be set"),
        (
            &option("no.such", "1"),
            "librdkafka_options: librdkafka has no setting `no.such`",
        ),
        (
            &option("linger.ms", "not-a-real-key"),
            "librdkafka_options: librdkafka has no setting `linger.ms`, or",
        ),
        (
            &|settings| settings["tls"] = json!({"ca_file": "x"}),
            "tls.ca_file: this says nothing without",
        ),
        (
            &|settings| {
                settings["format"] = "cloudevents".into();
                settings["schema_registry"] = json!({"url": "http://127.0.0.1:1"});
            },
            "format: with `schema_registry`",
        ),
        (
            &|settings| settings["sasl"] = json!({"mechanism": "PLAIN", "username": "", "password": "x"}),
            "sasl.username: it is empty",
        ),
    ];
    for (change, expected) in table {
        let said = of(change);
        assert!(said.starts_with(expected), "{said}\nand not {expected}");
        assert!(!said.contains("not-a-real-key"), "{said}");
    }
    let said = of(&|settings| {
        settings["tls"] = json!({"enabled": true});
        settings["sasl"] = sasl("SCRAM-SHA-512");
    });
    assert_eq!(said.contains("`kafka-tls`"), !cfg!(feature = "kafka-tls"), "{said}");
}

#[test]
fn secrets_are_not_shown() {
    let config: Config = fake::config(json!({
        "bootstrap_servers": "a:9092",
        "topic": "t",
        "sasl": {"mechanism": "PLAIN", "username": "u", "password": "not-a-real-key"},
        "tls": {"key_pass": "not-a-real-key"},
        "librdkafka_options": {"ssl.keystore.password": "not-a-real-key"},
    }));
    assert!(!format!("{config:?}").contains("not-a-real-key"));
    assert_eq!(config.secrets().len(), 3);
}
