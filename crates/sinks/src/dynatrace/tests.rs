//! A strict Dynatrace, and what follows from its answers.

#![allow(clippy::disallowed_types, reason = "What a service reads is a JSON value.")]

use logferry_model::{Severity, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::exchange::fake::{Answered, Asked, Fake, answered, before_sending, config, event, open};
use crate::sink::{Fate, Later, Parts};

const NOW: i64 = 1_795_194_000_123;
const HOUR: i64 = 3_600_000;
const ACCESS: &str = "dt0c01.ABC.DEF";
const PLATFORM: &str = "dt0s16.ABC.DEF";

fn refuse(status: u16, message: &str) -> Answered {
    answered(
        status,
        json!({"error": {"code": status, "message": message}}).to_string(),
    )
}

/// Refuses what Dynatrace refuses, and what it would take and then cut.
fn dynatrace(asked: &Asked) -> Answered {
    let is_platform = match asked.header("authorization").split_once(' ') {
        Some(("Api-Token", ACCESS)) => false,
        Some(("Bearer", PLATFORM)) => true,
        _ => return refuse(401, "Token Authentication failed"),
    };
    if asked.header("content-type") != "application/json; charset=utf-8" {
        return refuse(415, "what type is that");
    }
    let body: Value = serde_json::from_str(asked.text()).unwrap();
    match (asked.method.as_str(), asked.uri.to_string().as_str()) {
        ("POST", "/e/abc/api/v2/logs/ingest") => ingest(asked.body.len(), &body),
        ("POST", "/e/abc/api/v2/apiTokens/lookup") if !is_platform && body == json!({"token": ACCESS}) => {
            let token =
                json!({"id": "dt0c01.ABC", "enabled": true, "scopes": ["metrics.read", "logs.ingest"], "owner": "a"});
            answered(200, token.to_string())
        }
        _ => answered(404, ""),
    }
}

fn ingest(bytes: usize, body: &Value) -> Answered {
    let records = body.as_array().unwrap();
    if records.is_empty() {
        return refuse(400, "The log batch is empty");
    }
    if bytes > 10_000_000 || records.len() > 50_000 {
        return refuse(413, "too large");
    }
    if !records.iter().all(is_record) {
        return refuse(400, "no record");
    }
    let old = records.iter().filter(|record| is_old(record)).count();
    if old == records.len() {
        return refuse(400, "All logs are out of correct time range.");
    }
    if old > 0 {
        let message = format!("{old} events were not ingested because of timestamp out of correct time range");
        return answered(200, json!({"details": {"code": 200, "message": message}}).to_string());
    }
    answered(204, "")
}

fn is_record(record: &Value) -> bool {
    let record = record.as_object().unwrap();
    let level = record["loglevel"].as_str().unwrap();
    record["timestamp"].as_str().unwrap().len() == "2026-11-20T17:00:00.123Z".len()
        && ["INFO", "WARN", "SEVERE"].contains(&level)
        && record["content"].as_str().unwrap().len() <= 10_000_000
        && record.len() <= 503
        && record.iter().all(|(name, value)| {
            name.len() <= 100 && (name == "content" || value.as_str().is_some_and(|text| text.len() <= 32_000))
        })
}

fn is_old(record: &Value) -> bool {
    let time = Timestamp::parse(record["timestamp"].as_str().unwrap()).unwrap();
    time.as_millis() < NOW - 24 * HOUR
}

fn settings(fake: &Fake, token: &str) -> Value {
    json!({"endpoint": format!("{}/e/abc/", fake.address), "api_token": token})
}

fn events(created: &[i64]) -> Vec<Event> {
    let created = created.iter().map(|created| event(7, NOW + created, Severity::Info));
    created.collect()
}

#[tokio::test]
async fn events_become_records() {
    let fake = Fake::start(dynatrace).await;
    for (compression, token) in [("gzip", ACCESS), ("none", PLATFORM)] {
        let mut config = settings(&fake, token);
        config["compression"] = json!(compression);
        config["attributes"] = json!({"account.id": "a\"b", "log.source": "loads"});
        let sink = open::<Config>(config);
        let events = [Severity::Info, Severity::Warning, Severity::Severe].map(|severity| event(7, NOW, severity));
        assert_eq!(sink.send(&events).await, Verdict::Delivered);
        let asked = fake.asked().pop().unwrap();
        assert_eq!(
            asked.header("content-encoding"),
            if compression == "none" { "" } else { "gzip" }
        );
        let size: usize = events.iter().map(|event| sink.size(event)).sum();
        assert_eq!(asked.body.len(), size + encode::FRAME);
        let records: Vec<Value> = serde_json::from_str(asked.text()).unwrap();
        for ((record, event), level) in records.iter().zip(&events).zip(["INFO", "WARN", "SEVERE"]) {
            assert_eq!(
                record,
                &json!({
                    "timestamp": "2026-11-20T17:00:00.123Z", "loglevel": level, "content": std::str::from_utf8(&event.text).unwrap(),
                    "logger": "Fivetran", "log.source": "loads", "account.id": "a\"b", "connector.name": "mysql, 8",
                    "schema.name": "blog_7", "event": "info", "event_id": "00000000-0000-0000-0000-000000000007",
                    "connection_id": "pipeline_7", "sync_id": "00000000-0000-0000-0000-000000000007",
                })
            );
        }
    }
}

#[tokio::test]
async fn a_part_that_is_refused_is_found_one_by_one() {
    let fake = Fake::start(dynatrace).await;
    let mut config = settings(&fake, ACCESS);
    config["too_old"] = json!("send");
    let sink = open::<Config>(config);
    let old = -25 * HOUR;
    for mixed in [&events(&[0, old, 0]), &events(&[old, old])] {
        let verdict = sink.send(mixed).await;
        let Verdict::Divide(Parts::Singles, reason) = &verdict else {
            panic!("{verdict:?}")
        };
        assert!(reason.contains("out of correct time range"), "{reason}");
    }
    assert_eq!(sink.send(&events(&[0])).await, Verdict::Delivered);
    for (key, version) in [("details", "newer"), ("success", "older")] {
        let message = "1 events were not ingested because of timestamp out of correct time range.";
        let said = json!({ key: {"code": 200, "message": message} }).to_string();
        let fake = Fake::start(move |_| answered(200, said.clone())).await;
        let verdict = open::<Config>(settings(&fake, ACCESS)).send(&events(&[old])).await;
        let rejected = Fate::Rejected(format!("Dynatrace: {message}"));
        assert_eq!(verdict, Verdict::Each(vec![rejected]), "{version}");
    }
}

#[tokio::test]
async fn its_answers_have_consequences() {
    for (status, expected) in [
        (200, "stop `endpoint`"),
        (202, "stop `endpoint`"),
        (302, "stop `endpoint`"),
        (400, "divide"),
        (401, "stop `api_token`"),
        (402, "stop `endpoint`"),
        (403, "stop `api_token`"),
        (404, "stop `endpoint`"),
        // With `Retry-After`, which says that it is for now.
        (413, "retry"),
        (415, "stop `endpoint`"),
        (429, "retry"),
        (500, "retry"),
        (501, "stop `endpoint`"),
        (502, "retry"),
        (503, "retry"),
        (504, "retry"),
    ] {
        let words = format!("<html>because of {ACCESS}</html>");
        let fake = Fake::start(move |_| (status, vec![("retry-after", "7".to_owned())], words.clone())).await;
        for token in [ACCESS, PLATFORM] {
            let sink = open::<Config>(settings(&fake, token));
            let verdict = sink.send(&events(&[0, 0])).await;
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
            let reason = sink.probe().await.unwrap_err();
            let shown = format!("{verdict:?} {reason}");
            assert_eq!(shown.contains(ACCESS), token != ACCESS, "{shown}");
        }
    }
}

#[tokio::test]
async fn a_test_sends_no_event() {
    let fake = Fake::start(dynatrace).await;
    open::<Config>(settings(&fake, ACCESS)).probe().await.unwrap();
    assert!(fake.asked().pop().unwrap().uri.path().ends_with("/apiTokens/lookup"));
    open::<Config>(settings(&fake, PLATFORM)).probe().await.unwrap();
    assert_eq!(fake.asked().pop().unwrap().text(), "[]");
    for token in ["dt0c01.other", "dt0s16.other"] {
        let reason = open::<Config>(settings(&fake, token)).probe().await.unwrap_err();
        assert!(reason.contains("401") && reason.contains("`api_token`"), "{reason}");
    }
    let elsewhere = json!({"endpoint": fake.address, "api_token": ACCESS});
    let reason = open::<Config>(elsewhere).probe().await.unwrap_err();
    assert!(reason.contains("404") && reason.contains("`endpoint`"), "{reason}");
}

#[tokio::test]
async fn a_test_says_what_is_wrong_with_an_access_token() {
    for (token, words) in [
        (json!({"enabled": false, "scopes": ["logs.ingest"]}), "disabled"),
        (
            json!({"enabled": true, "scopes": ["logs.ingest"], "expirationDate": "2020-01-01T00:00:00.000Z"}),
            "expired at 2020-01-01",
        ),
        (
            json!({"enabled": true, "scopes": ["a", "b"]}),
            "lacks the scope `logs.ingest`; Dynatrace says that it has: a, b",
        ),
        (json!({"hello": "world"}), "does not answer so"),
        (
            json!({"enabled": true, "scopes": ["logs.ingest"], "expirationDate": "9999-01-01T00:00:00.000Z"}),
            "",
        ),
    ] {
        let known = token.to_string();
        let fake = Fake::start(move |_| answered(200, known.clone())).await;
        match open::<Config>(settings(&fake, ACCESS)).probe().await {
            Ok(()) => assert_eq!(words, ""),
            Err(reason) => assert!(!words.is_empty() && reason.contains(words), "{reason}"),
        }
    }
}

#[test]
fn what_it_would_cut_or_refuse_is_refused_before() {
    let sink = open::<Config>(json!({"endpoint": "https://a.live.dynatrace.com", "api_token": ACCESS}));
    for (created, fate) in [
        (-24 * HOUR + 60_000, "sent"),
        (-24 * HOUR + 59_999, "refused"),
        (600_000, "sent"),
        (600_001, "waits"),
    ] {
        assert_eq!(before_sending(&*sink, NOW + created, NOW), fate, "{created}");
    }
    let of = |bytes: usize| {
        let mut event = event(1, NOW, Severity::Info);
        event.text = "x".repeat(bytes).into();
        event
    };
    assert_eq!(sink.refuses(&of(524_288), NOW), None);
    let reason = sink.refuses(&of(524_289), NOW).unwrap();
    assert!(reason.contains("`max_event_bytes` is 524288"), "{reason}");
    let sent = json!({"endpoint": "https://a.live.dynatrace.com", "api_token": ACCESS, "too_old": "send"});
    let sent = open::<Config>(sent);
    assert_eq!(sent.refuses(&event(1, 0, Severity::Info), NOW), None);
    assert_eq!(before_sending(&*sent, NOW + 600_001, NOW), "waits");
}

#[tokio::test]
async fn a_body_has_as_much_as_dynatrace_takes_and_no_more() {
    let fake = Fake::start(dynatrace).await;
    let mut config = settings(&fake, ACCESS);
    config["max_event_bytes"] = json!(10_000_000);
    let sink = open::<Config>(config);
    let mut event = event(1, NOW, Severity::Info);
    event.text = bytes::Bytes::new();
    let room = sink.limits().max_bytes - sink.size(&event);
    event.text = "x".repeat(room).into();
    assert_eq!(sink.refuses(&event, NOW), None);
    assert_eq!(sink.send(&[event.clone()]).await, Verdict::Delivered);
    assert_eq!(fake.asked().pop().unwrap().body.len(), 10_000_000);
    event.text = "x".repeat(room + 1).into();
    assert!(sink.refuses(&event, NOW).is_some());
    let too_large = sink.send(&[event]).await;
    assert!(
        matches!(too_large, Verdict::Divide(Parts::Halves | Parts::Smaller, _)),
        "{too_large:?}"
    );
}

#[test]
fn problems_are_found_before_anything_is_sent() {
    let object = |number: usize, value: &str| {
        let attributes = (0..number).map(|number| (format!("a{number}"), json!(value)));
        Value::Object(attributes.collect())
    };
    for (key, value, at) in [
        ("endpoint", json!("nowhere"), "endpoint"),
        (
            "endpoint",
            json!("https://a.live.dynatrace.com/api/v2/logs/ingest"),
            "endpoint",
        ),
        ("endpoint", json!("https://a.live.dynatrace.com?a=b"), "endpoint"),
        ("api_token", json!(""), "api_token"),
        ("api_token", json!("a\nb"), "api_token"),
        ("max_event_bytes", json!(0), "max_event_bytes"),
        ("max_event_bytes", json!(10_000_001), "max_event_bytes"),
        ("compression", json!("zstd"), "compression"),
        ("tls", json!({"crt_file": "a"}), "tls.crt_file"),
        ("attributes", json!({"": "a"}), "attributes"),
        ("attributes", json!({"a".repeat(101): "a"}), "attributes"),
        ("attributes", json!({"event_id": "a"}), "attributes"),
        ("attributes", json!({"epochSecond": "a"}), "attributes"),
        ("attributes", json!({"a": "b".repeat(32_001)}), "attributes"),
        ("attributes", object(493, "a"), "attributes"),
        ("attributes", object(4, &"a".repeat(30_000)), "attributes"),
    ] {
        let mut settings = json!({"endpoint": "https://a.live.dynatrace.com", "api_token": ACCESS});
        settings[key] = value;
        let problems: Vec<_> = config::<Config>(settings.clone())
            .problems()
            .into_iter()
            .map(|problem| problem.key)
            .collect();
        assert_eq!(problems, [at], "{settings}");
    }
    let good =
        json!({"endpoint": "https://example.com:9999/e/abc", "api_token": ACCESS, "attributes": object(492, "a")});
    assert_eq!(config::<Config>(good).problems(), []);
}
