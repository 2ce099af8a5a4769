//! A strict New Relic, and what follows from its answers.

#![allow(clippy::disallowed_types, reason = "What a service reads is a JSON value.")]

use logferry_model::Severity;
use serde_json::{Value, json};

use super::*;
use crate::exchange::fake::{Answered, Asked, Fake, answered, batch, before_sending, config, event, open};
use crate::sink::{Later, Parts};

const NOW: i64 = 1_795_194_000_123;

/// Refuses what New Relic refuses, and what it would take and then lose.
fn new_relic(asked: &Asked) -> Answered {
    match (
        asked.method.as_str(),
        asked.uri.to_string().as_str(),
        asked.header("api-key"),
    ) {
        ("POST", "/log/v1", "key") => {}
        (_, _, "key") => return answered(404, "no such path"),
        _ => return answered(403, "wrong key"),
    }
    if asked.header("content-type") != "application/json" {
        return answered(415, "what type is that");
    }
    if asked.body.len() > 1_000_000 {
        return answered(413, "too large");
    }
    match serde_json::from_str::<Value>(asked.text()) {
        Ok(Value::Array(blocks)) if blocks.len() == 1 && is_block(&blocks[0]) => {
            answered(202, r#"{"requestId":"f0e7bfff-001a-b000-0000-01682bcf4565"}"#)
        }
        _ => answered(400, "no block of logs"),
    }
}

fn has_keys(value: &Value, keys: &[&str]) -> bool {
    let object = value.as_object().unwrap();
    object.len() == keys.len() && keys.iter().all(|key| object.contains_key(*key))
}

fn is_block(block: &Value) -> bool {
    let attributes = &block["common"]["attributes"];
    has_keys(block, &["common", "logs"])
        && has_keys(&block["common"], &["attributes"])
        && are_attributes(attributes)
        && block["logs"].as_array().unwrap().iter().all(|log| {
            has_keys(log, &["attributes", "message", "timestamp"])
                && log["timestamp"].is_i64()
                && are_attributes(&log["attributes"])
                && is_kept_whole(log["message"].as_str().unwrap())
        })
}

fn are_attributes(attributes: &Value) -> bool {
    let attributes = attributes.as_object().unwrap();
    attributes.len() <= 255 && attributes.values().all(Value::is_string)
}

fn is_kept_whole(message: &str) -> bool {
    let beyond = message.char_indices().nth(4094).map_or(message.len(), |(at, _)| at);
    message.len() - beyond <= 128_000
}

/// An event that takes so many bytes, with the comma.
fn of_size(size: usize) -> Event {
    let mut event = event(7, NOW, Severity::Info);
    let text = |pad: usize| format!("{{\"event\":\"info\",\"pad\":\"{}\"}}", "x".repeat(pad)).into();
    event.text = text(0);
    event.text = text(size - encode::size(&event));
    event
}

#[tokio::test]
async fn events_become_logs() {
    let fake = Fake::start(new_relic).await;
    for compression in ["gzip", "none"] {
        let config = json!({"license_key": "key", "endpoint": fake.address, "compression": compression,
            "attributes": {"env": "pröd\"", "service": "loads"}});
        let sink = open::<Config>(config);
        let events = [Severity::Info, Severity::Warning, Severity::Severe].map(|severity| event(7, NOW, severity));
        assert_eq!(sink.send(&events).await, Verdict::Delivered);
        let asked = fake.asked().pop().unwrap();
        assert_eq!(
            asked.header("content-encoding"),
            if compression == "none" { "" } else { "gzip" }
        );
        let size: usize = events.iter().map(|event| sink.size(event)).sum();
        assert_eq!(asked.body.len() + sink.limits().max_bytes, size + 1_000_000);
        let logs: Vec<Value> = events.iter().zip(["INFO", "WARN", "ERROR"]).map(log).collect();
        let common = json!({"attributes": {"env": "pröd\"", "logtype": "fivetran", "service": "loads"}});
        let body: Value = serde_json::from_str(asked.text()).unwrap();
        assert_eq!(body, json!([{"common": common, "logs": logs}]));
    }
}

fn log((event, level): (&Event, &str)) -> Value {
    json!({
        "timestamp": NOW, "message": std::str::from_utf8(&event.text).unwrap(),
        "attributes": {
            "level": level, "event": "info", "event_id": "00000000-0000-0000-0000-000000000007", "connector_type": "mysql, 8",
            "connection_id": "pipeline_7", "connection_name": "blog_7", "sync_id": "00000000-0000-0000-0000-000000000007",
        },
    })
}

#[tokio::test]
async fn a_body_has_as_much_as_new_relic_takes_and_no_more() {
    let fake = Fake::start(new_relic).await;
    let sink = open::<Config>(json!({"license_key": "key", "endpoint": fake.address}));
    let most = sink.limits().max_bytes;
    let mut events = vec![of_size(120_000); 8];
    events.push(of_size(most - 8 * 120_000));
    assert_eq!(sink.send(&events).await, Verdict::Delivered);
    assert_eq!(fake.asked().pop().unwrap().body.len(), 1_000_000);
    events[8] = of_size(most - 8 * 120_000 + 1);
    let too_large = sink.send(&events).await;
    assert!(
        matches!(too_large, Verdict::Divide(Parts::Halves | Parts::Smaller, _)),
        "{too_large:?}"
    );
}

#[tokio::test]
async fn its_answers_have_consequences() {
    for (status, expected) in [
        (200, "stop `endpoint`"),
        (204, "stop `endpoint`"),
        (302, "stop `endpoint`"),
        (400, "divide"),
        (401, "stop `license_key`"),
        (403, "stop `region`"),
        (404, "stop `region`"),
        (405, "stop `endpoint`"),
        (408, "retry"),
        (411, "stop `endpoint`"),
        // With `Retry-After`, which says that it is for now.
        (413, "retry"),
        (415, "stop `endpoint`"),
        (429, "retry"),
        (500, "retry"),
        (502, "retry"),
        (503, "retry"),
        (504, "retry"),
        (599, "retry"),
    ] {
        let words = "because of abcdef".to_owned();
        let fake = Fake::start(move |_| (status, vec![("retry-after", "7".to_owned())], words.clone())).await;
        let sink = open::<Config>(json!({"license_key": "abcdef", "endpoint": fake.address}));
        let verdict = sink.send(&batch(2)).await;
        let is_as_expected = match (&verdict, expected.split_once(' ')) {
            (Verdict::Stop(reason), Some(("stop", setting))) => {
                reason.contains(setting) && reason.contains(&status.to_string())
            }
            (Verdict::Retry(Later { after, .. }), None) => {
                expected == "retry" && *after == Some(Duration::from_secs(7))
            }
            (Verdict::Divide(Parts::Halves | Parts::Smaller, _), None) => expected == "divide",
            _ => false,
        };
        assert!(is_as_expected, "{status}: {verdict:?}");
        assert!(!format!("{verdict:?}").contains("abcdef"), "{verdict:?}");
        assert_eq!(sink.probe().await.is_ok(), status == 400, "{status}");
    }
}

#[tokio::test]
async fn a_test_sends_no_event() {
    let fake = Fake::start(new_relic).await;
    let right = open::<Config>(json!({"license_key": "key", "endpoint": fake.address}));
    right.probe().await.unwrap();
    let body: Value = serde_json::from_str(fake.asked().pop().unwrap().text()).unwrap();
    assert_eq!(body[0]["logs"], json!([]));
    let wrong = open::<Config>(json!({"license_key": "other", "endpoint": fake.address}));
    let reason = wrong.probe().await.unwrap_err();
    assert!(reason.contains("403") && reason.contains("`license_key`"), "{reason}");
}

#[test]
fn what_it_would_cut_or_drop_is_refused_before() {
    let sink = open::<Config>(json!({"license_key": "key"}));
    let hour = 3_600_000;
    for (created, fate) in [
        (-48 * hour, "sent"),
        (-48 * hour - 1, "refused"),
        (24 * hour, "sent"),
        (24 * hour + 1, "waits"),
    ] {
        assert_eq!(before_sending(&*sink, NOW + created, NOW), fate, "{created}");
    }
    let small = event(1, NOW, Severity::Info);
    for (bytes, is_refused) in [(132_094, false), (132_095, true)] {
        let mut event = small.clone();
        event.text = "x".repeat(bytes).into();
        assert_eq!(sink.refuses(&event, NOW).is_some(), is_refused);
        assert_eq!(is_kept_whole(std::str::from_utf8(&event.text).unwrap()), !is_refused);
    }
    let sent = open::<Config>(json!({"license_key": "key", "too_old": "send"}));
    assert_eq!(sent.refuses(&event(1, 0, Severity::Info), NOW), None);
}

#[test]
fn each_region_has_its_address() {
    for (region, host) in [
        ("us", "log-api.newrelic.com"),
        ("eu", "log-api.eu.newrelic.com"),
        ("jp", "log-api.jp.nr-data.net"),
        ("gov", "gov-log-api.newrelic.com"),
    ] {
        let config: Config = config(json!({"license_key": "key", "region": region}));
        assert_eq!(
            request::ingest(&config).unwrap().as_str(),
            format!("https://{host}/log/v1")
        );
    }
}

#[test]
fn problems_are_found_before_anything_is_sent() {
    let many: serde_json::Map<String, Value> = (0..244).map(|number| (format!("a{number}"), json!("b"))).collect();
    let large: serde_json::Map<String, Value> = (0..30)
        .map(|number| (format!("a{number}"), json!("b".repeat(4000))))
        .collect();
    for (key, value, at) in [
        ("license_key", json!(""), "license_key"),
        ("license_key", json!("a b"), "license_key"),
        ("license_key", json!("NRAK-ABCDEF"), "license_key"),
        ("endpoint", json!("nowhere"), "endpoint"),
        ("endpoint", json!("https://log-api.newrelic.com/log/v1/"), "endpoint"),
        ("compression", json!("zstd"), "compression"),
        ("attributes", json!({"": "a"}), "attributes"),
        ("attributes", json!({"event_id": "a"}), "attributes"),
        ("attributes", json!({"eventType": "a"}), "attributes"),
        ("attributes", json!({"entity.guid": "a"}), "attributes"),
        ("attributes", json!({"a": "b".repeat(4095)}), "attributes"),
        ("attributes", Value::Object(many), "attributes"),
        ("attributes", Value::Object(large), "attributes"),
    ] {
        let mut settings = json!({"license_key": "key"});
        settings[key] = value;
        let problems: Vec<_> = config::<Config>(settings.clone())
            .problems()
            .into_iter()
            .map(|problem| problem.key)
            .collect();
        assert_eq!(problems, [at], "{settings}");
    }
    let good = json!({"license_key": "key", "attributes": {"a".repeat(255): "b".repeat(4094)}});
    assert_eq!(config::<Config>(good).problems(), []);
}
