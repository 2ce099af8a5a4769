//! A strict Loki, and what follows from its answers.

#![allow(clippy::disallowed_types, reason = "What a service reads is a JSON value.")]

use std::collections::BTreeMap;

use logferry_model::Severity;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::event::EventId;
use crate::exchange::fake::{Answered, Asked, Fake, answered, batch, before_sending, config, event, open};
use crate::sink::Parts;

const USER: &str = "Basic MTIzNDU2OnRva2Vu";

/// Refuses what Loki refuses, and what would not arrive as it was sent.
fn loki(asked: &Asked) -> Answered {
    match (asked.uri.path(), asked.method.as_str()) {
        ("/loki/api/v1/push", "POST") => {}
        ("/loki/api/v1/push", _) => return answered(405, ""),
        _ => return answered(404, "404 page not found\n"),
    }
    if asked.header("authorization") != USER {
        return answered(401, "invalid credentials\n");
    }
    if asked.header("x-scope-orgid") != "team" {
        return answered(401, "no org id\n");
    }
    if asked.header("content-type") != "application/json" {
        return answered(400, "snappy: corrupt input\n");
    }
    let push: Value = serde_json::from_str(asked.text()).unwrap();
    let [stream] = push["streams"].as_array().unwrap().as_slice() else {
        return answered(422, "error at least one valid stream is required for ingestion\n");
    };
    if let Err(words) = labels(&stream["stream"]) {
        return answered(400, words);
    }
    let mut wrongs = BTreeMap::new();
    let mut last = i64::MIN;
    for line in stream["values"].as_array().unwrap() {
        let [time, text, metadata] = line.as_array().unwrap().as_slice() else {
            return answered(400, "how many values\n");
        };
        let Some(time) = time.as_str().and_then(|time| time.parse().ok()) else {
            return answered(400, "no time\n");
        };
        let Some(text) = text.as_str() else {
            return answered(400, "no line\n");
        };
        if !metadata.as_object().unwrap().values().all(Value::is_string) {
            return answered(400, "metadata that is no text\n");
        }
        if time < last {
            return answered(400, "not in order\n");
        }
        last = time;
        if text.len() > 262_144 {
            *wrongs
                .entry("max entry size '262144' bytes exceeded for stream '{}'")
                .or_insert(0) += 1;
        }
    }
    match wrongs.first_key_value() {
        None => answered(204, ""),
        Some((wrong, times)) => answered(400, format!("{times} errors like: {wrong}\n")),
    }
}

fn labels(labels: &Value) -> Result<(), &'static str> {
    let labels = labels.as_object().unwrap();
    let is_name = |name: &String| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    match labels.len() {
        0 => Err("error at least one label pair is required per stream\n"),
        17.. => Err("entry for stream '{}' has 16 label names; limit 15\n"),
        _ if !labels.keys().all(is_name) => Err("couldn't parse labels\n"),
        _ if !labels
            .values()
            .all(|value| value.as_str().is_some_and(|value| !value.is_empty())) =>
        {
            Err("no label\n")
        }
        _ => Ok(()),
    }
}

fn settings(address: &str) -> Value {
    json!({"endpoint": address, "tenant_id": "team", "auth": {"strategy": "basic", "user": "123456", "password": "token"}})
}

fn with(settings: &Value, key: &str, value: Value) -> Value {
    let mut settings = settings.clone();
    settings[key] = value;
    settings
}

fn envelope(text: &str, key: &'static str, created_millis: i64) -> Event {
    Event {
        text: text.to_owned().into(),
        key: key.into(),
        ..event(1, created_millis, Severity::Info)
    }
}

#[tokio::test]
async fn events_become_lines_of_their_connections_stream() {
    let fake = Fake::start(loki).await;
    for compression in ["gzip", "none"] {
        let labelled = with(&settings(&fake.address), "labels", json!({"env": "prod \"1\""}));
        let sink = open::<Config>(with(&labelled, "compression", json!(compression)));
        let created = 1_795_194_000_123;
        // A late one comes last, and is sent first.
        let events = [(Severity::Info, 2), (Severity::Warning, 1), (Severity::Severe, 0)]
            .map(|(severity, later)| event(7, created + later, severity));
        assert_eq!(sink.send(&events).await, Verdict::Delivered);
        let asked = fake.asked().pop().unwrap();
        let expected_encoding = if compression == "gzip" { "gzip" } else { "" };
        assert_eq!(asked.header("content-encoding"), expected_encoding);
        let lines = [("error", 0, 2), ("warning", 1, 1), ("info", 2, 0)].map(|(level, later, index)| {
            let text = serde_json::to_string(std::str::from_utf8(&events[index].text).unwrap()).unwrap();
            let nanos = (created + later) * 1_000_000;
            format!(
                "[\"{nanos}\",{text},{{\"level\":\"{level}\",\"event\":\"info\",\"event_id\":\"00000000-0000-0000-0000-000000000007\",\
                 \"connection_name\":\"blog_7\",\"sync_id\":\"00000000-0000-0000-0000-000000000007\"}}]"
            )
        });
        let labels = r#"{"env":"prod \"1\"","service_name":"fivetran","connector_type":"mysql, 8","connection_id":"pipeline_7"}"#;
        let expected = format!(
            "{{\"streams\":[{{\"stream\":{labels},\"values\":[{}]}}]}}",
            lines.join(",")
        );
        assert_eq!(asked.text(), expected);
        let size: usize = events.iter().map(|event| sink.size(event)).sum();
        let around = format!("{{\"streams\":[{{\"stream\":{labels},\"values\":[]}}]}}");
        assert_eq!(asked.body.len(), size - 1 + around.len());
    }
}

#[tokio::test]
async fn a_push_has_one_stream_and_the_rest_goes_in_another() {
    let fake = Fake::start(loki).await;
    let sink = open::<Config>(settings(&fake.address));
    let now = 1_795_194_000_000;
    let job = r#"{"event":"transformation_start","created":"2026-11-20T17:00:00.000Z"}"#;
    let untyped = r#"{"event":"info","created":"2026-11-20T17:00:00.000Z","connection_id":"c","connector_type":""}"#;
    let typed = r#"{"event":"info","created":"2026-11-20T17:00:00.000Z","connector_type":"s3","connection_id":"c"}"#;
    let events = [(untyped, 0), (typed, 1), (untyped, 2)].map(|(text, later)| envelope(text, "c", now + later));
    let fates = vec![Fate::Delivered, Fate::Untried, Fate::Delivered];
    assert_eq!(sink.send(&events).await, Verdict::Each(fates));
    assert_eq!(sink.send(&[envelope(job, "model_7", now)]).await, Verdict::Delivered);
    assert_eq!(sink.send(&[envelope(job, "", now)]).await, Verdict::Delivered);
    let streams = fake.asked().into_iter().map(|asked| {
        let push: Value = serde_json::from_str(asked.text()).unwrap();
        let stream = push["streams"][0].clone();
        (stream["stream"].clone(), stream["values"].as_array().unwrap().len())
    });
    assert_eq!(
        streams.collect::<Vec<_>>(),
        [
            (json!({"service_name": "fivetran", "connection_id": "c"}), 2),
            (json!({"service_name": "fivetran", "job_id": "model_7"}), 1),
            (json!({"service_name": "fivetran"}), 1),
        ]
    );
}

#[tokio::test]
async fn times_keep_all_their_digits() {
    let fake = Fake::start(loki).await;
    let sink = open::<Config>(settings(&fake.address));
    for (created, millis, nanos) in [
        ("2026-11-20T17:00:00.123Z", 1_795_194_000_123, "1795194000123000000"),
        ("2026-11-20T17:00:00.1234Z", 1_795_194_000_123, "1795194000123400000"),
        (
            "2026-11-20T17:00:00.123456789Z",
            1_795_194_000_123,
            "1795194000123456789",
        ),
        ("1969-12-31T23:59:59.9999Z", -1, "-100000"),
    ] {
        let text = format!("{{\"event\":\"info\",\"created\":\"{created}\"}}");
        assert_eq!(sink.send(&[envelope(&text, "c", millis)]).await, Verdict::Delivered);
        let push: Value = serde_json::from_str(fake.asked().pop().unwrap().text()).unwrap();
        assert_eq!(push["streams"][0]["values"][0][0], nanos);
    }
}

#[tokio::test]
async fn its_answers_have_consequences() {
    let rate = |limit: &str| {
        format!("ingestion rate limit exceeded for user fake (limit: {limit}/sec) while attempting to ingest '2' lines")
    };
    let stream_rate = "entry with timestamp 2026-11-20 ignored, reason: 'Per stream rate limit exceeded (limit: 1KB/sec) while attempting to";
    let larger =
        "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (5000000 vs. 4194304)\n";
    let too_far =
        "entry with timestamp 2026-11-20 ignored, reason: 'entry too far behind, entry timestamp is: 2026-11-20";
    let smaller = "Divide(Smaller";
    let singles = "Divide(Singles";
    for (status, words, of_two, of_one) in [
        (204, "", "Delivered", "Delivered"),
        (200, "", "Delivered", "Delivered"),
        (200, "<html>log in</html>", "Stop `endpoint`", "Stop `endpoint`"),
        (202, "", "Stop `endpoint`", "Stop `endpoint`"),
        (
            260,
            "ingestion blocked for user 'fake' until",
            "Stop `block_ingestion_until`",
            "Stop `block_ingestion_until`",
        ),
        (
            400,
            "ingestion blocked for user 'fake' until",
            "Stop `block_ingestion_until`",
            "Stop `block_ingestion_until`",
        ),
        (
            400,
            "2 errors like: entry for stream '{}' has timestamp too old",
            singles,
            singles,
        ),
        (400, too_far, singles, singles),
        (422, "", singles, singles),
        (
            400,
            "missing required labels 'a' for user 'fake'",
            "Stop `labels`",
            "Stop `labels`",
        ),
        (
            400,
            "entry for stream '{}' has 17 label names; limit 15",
            "Stop `labels`",
            "Stop `labels`",
        ),
        (
            400,
            "1 errors like: stream '{}' includes structured metadata, but this feature is disallowed.",
            "Stop `allow_structured_metadata`",
            "Stop `allow_structured_metadata`",
        ),
        (
            400,
            "<html>The plain HTTP request was sent to HTTPS port</html>",
            "Stop `endpoint`",
            "Stop `endpoint`",
        ),
        (401, "<html>Authorization Required</html>", "Stop `auth`", "Stop `auth`"),
        (403, "", "Stop `tenant_id`", "Stop `tenant_id`"),
        (404, "404 page not found", "Stop `endpoint`", "Stop `endpoint`"),
        (405, "", "Stop `endpoint`", "Stop `endpoint`"),
        (301, "", "Stop `endpoint`", "Stop `endpoint`"),
        (408, "", "Retry", "Retry"),
        (413, "<html>Request Entity Too Large</html>", smaller, smaller),
        (429, &rate("4194304 bytes"), "Retry", "Retry"),
        (429, &rate("1000 bytes"), smaller, "Retry"),
        (429, stream_rate, smaller, "Retry"),
        (429, "maximum active stream limit exceeded", "Retry", "Retry"),
        (500, larger, smaller, smaller),
        (500, "rpc error: code = Unavailable", "Retry", "Retry"),
        (
            503,
            "at least 1 live replicas required, could only find 0",
            "Retry",
            "Retry",
        ),
    ] {
        let answer = answered(status, words);
        let fake = Fake::start(move |_| answer.clone()).await;
        let sink = open::<Config>(json!({"endpoint": fake.address}));
        for (events, expected) in [(2, of_two), (1, of_one)] {
            let verdict = format!("{:?}", sink.send(&batch(events)).await);
            let (kind, setting) = expected.split_once(' ').unwrap_or((expected, ""));
            assert!(
                verdict.starts_with(kind) && verdict.contains(setting),
                "{status} {words}: {verdict}"
            );
        }
    }
}

#[tokio::test]
async fn one_bad_line_takes_no_others_with_it() {
    let fake = Fake::start(loki).await;
    let sink = open::<Config>(with(&settings(&fake.address), "max_line_bytes", json!(1_000_000)));
    let long = |bytes: usize| {
        let begin = r#"{"event":"info","created":"2026-11-20T17:00:00.000Z","connection_id":"c","data":""#;
        let text = format!("{begin}{}\"}}", "x".repeat(bytes - begin.len() - 2));
        envelope(&text, "c", 1_795_194_000_000)
    };
    let events = [long(262_144), long(262_145), long(100)];
    let Verdict::Divide(Parts::Singles, words) = sink.send(&events).await else {
        panic!()
    };
    assert!(words.contains("max entry size '262144'"), "{words}");
    assert_eq!(sink.send(&events[..1]).await, Verdict::Delivered);
    assert!(matches!(sink.send(&events[1..2]).await, Verdict::Divide(..)));
}

#[tokio::test]
async fn a_test_sends_no_line_and_tells_settings_apart() {
    let fake = Fake::start(loki).await;
    let good = settings(&fake.address);
    open::<Config>(good.clone()).probe().await.unwrap();
    assert_eq!(fake.asked().pop().unwrap().text(), r#"{"streams":[]}"#);
    let bearer = json!({"strategy": "bearer", "token": "abcdef"});
    for (key, value, named) in [
        ("auth", bearer, "`auth`"),
        ("tenant_id", json!("other"), "`tenant_id`"),
        ("endpoint", json!(format!("{}/else", fake.address)), "`endpoint`"),
        ("endpoint", json!("http://127.0.0.1:1"), "refused"),
    ] {
        let words = open::<Config>(with(&good, key, value)).probe().await.unwrap_err();
        assert!(words.contains(named), "{words}");
    }
    for (status, words, is_good) in [
        (204, "", true),
        (400, "error at least one valid stream is required for ingestion\n", true),
        (400, "The plain HTTP request was sent to HTTPS port", false),
        (503, "Ingester not ready", false),
    ] {
        let fake = Fake::start(move |_| answered(status, words)).await;
        let probed = open::<Config>(json!({"endpoint": fake.address})).probe().await;
        assert_eq!(probed.is_ok(), is_good, "{status} {words}: {probed:?}");
    }
}

#[tokio::test]
async fn no_secret_is_shown() {
    let fake = Fake::start(|asked| answered(401, asked.header("authorization").to_owned())).await;
    for auth in [
        json!({"strategy": "basic", "user": "u", "password": "abcdef"}),
        json!({"strategy": "bearer", "token": "abcdef"}),
    ] {
        let sink = open::<Config>(with(&json!({"endpoint": fake.address}), "auth", auth));
        let shown = sink.probe().await.unwrap_err();
        assert!(
            shown.contains("***") && !shown.contains("abcdef") && !shown.contains("dTphYmNkZWY="),
            "{shown}"
        );
    }
}

#[test]
fn what_it_would_refuse_is_refused_before() {
    let good = json!({"endpoint": "https://loki.example.com"});
    let sink = open::<Config>(good.clone());
    let now = 1_795_194_000_000;
    let day = 86_400_000;
    let refused = |sink: &Arc<dyn Sink>, created: i64| sink.refuses(&event(1, created, Severity::Info), now);
    for (created, fate) in [
        (-7 * day, "sent"),
        (-7 * day - 1, "refused"),
        (600_000, "sent"),
        (600_001, "waits"),
    ] {
        assert_eq!(before_sending(&*sink, now + created, now), fate, "{created}");
    }
    let sent = open::<Config>(with(&good, "too_old", json!("send")));
    assert_eq!(refused(&sent, 0), None);
    let short = open::<Config>(with(&good, "max_age_secs", json!(86_400)));
    assert!(refused(&short, now - day - 1).unwrap().contains("1 day "));
    // The line is what counts, not the size in the body.
    let long = |bytes: usize| envelope(&"x".repeat(bytes), "c", now);
    assert_eq!(sink.refuses(&long(262_144), now), None);
    let words = sink.refuses(&long(262_145), now).unwrap();
    assert!(words.contains("262145") && words.contains("262144"), "{words}");
}

/// The form in which Loki passes a push on is never larger than it may be.
#[test]
fn a_full_body_is_within_what_loki_passes_on() {
    let varint = |number: usize| number.ilog2() as usize / 7 + 1;
    let field = |bytes: usize| 1 + varint(bytes.max(1)) + bytes;
    let pair = |name: usize, value: usize| field(field(name) + field(value));
    let text = r#"{"event":"a","created":"2026-11-20T17:00:00.000Z"}"#;
    let smallest = Event {
        name: "a".into(),
        id: EventId::Known(Uuid::nil()),
        ..envelope(text, "c", 1_795_194_000_000)
    };
    // Loki adds what it thinks the level is.
    let metadata = pair(5, 4) + pair(5, 1) + pair(8, 36) + pair("detected_level".len(), 8);
    let line = field(field(12) + field(text.len()) + metadata);
    let lines = encode::LIMITS.max_bytes / encode::size(&smallest);
    let labels = 16 * (1024 + 2048);
    assert!(lines * line + labels < 4_194_304, "{lines} lines of {line} bytes");
}

#[test]
fn problems_are_found_before_anything_is_sent() {
    let good = json!({"endpoint": "https://loki.example.com/base/"});
    assert_eq!(config::<Config>(good.clone()).problems(), []);
    let labels = |number: usize| -> Value { (0..number).map(|label| (format!("l{label}"), json!("x"))).collect() };
    assert_eq!(config::<Config>(with(&good, "labels", labels(13))).problems(), []);
    for (key, value, at) in [
        ("endpoint", json!("loki:3100"), "endpoint"),
        (
            "endpoint",
            json!("https://loki.example.com/loki/api/v1/push"),
            "endpoint",
        ),
        ("auth", json!({"strategy": "basic"}), "auth.strategy"),
        ("auth", json!({"strategy": "bearer", "token": "a\nb"}), "auth.token"),
        ("tenant_id", json!(""), "tenant_id"),
        ("tenant_id", json!("a|b"), "tenant_id"),
        ("tenant_id", json!(".."), "tenant_id"),
        ("tenant_id", json!("a".repeat(151)), "tenant_id"),
        ("labels", json!({"a.b": "c"}), "labels"),
        ("labels", json!({"1a": "c"}), "labels"),
        ("labels", json!({"": "c"}), "labels"),
        ("labels", json!({"__name__": "c"}), "labels"),
        ("labels", json!({"event": "c"}), "labels"),
        ("labels", json!({"service_name": ""}), "labels"),
        ("labels", json!({"a": "c".repeat(2049)}), "labels"),
        ("labels", json!({"a": "\u{fffd}"}), "labels"),
        ("labels", labels(14), "labels"),
        ("compression", json!("zstd"), "compression"),
        ("tls", json!({"crt_file": "a"}), "tls.crt_file"),
    ] {
        let problems: Vec<_> = config::<Config>(with(&good, key, value.clone()))
            .problems()
            .into_iter()
            .map(|problem| problem.key)
            .collect();
        assert_eq!(problems, [at], "{value}");
    }
}
