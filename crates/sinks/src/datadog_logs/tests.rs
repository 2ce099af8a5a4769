//! A strict Datadog, and what follows from its answers.

#![allow(clippy::disallowed_types, reason = "What a service reads is a JSON value.")]

use logferry_model::Severity;
use serde_json::{Value, json};

use super::*;
use crate::exchange::fake::{Answered, Asked, Fake, answered, batch, before_sending, config, event, grown, open};
use crate::sink::Parts;

/// Refuses what Datadog refuses.
fn datadog(asked: &Asked) -> Answered {
    let key = asked.header("dd-api-key");
    if asked.uri.path() == "/api/v1/validate" {
        return match key {
            "key" => answered(200, r#"{"valid":true}"#),
            _ => answered(403, r#"{"errors":["Forbidden"]}"#),
        };
    }
    let refuse = |status: u16, detail: &str| {
        let error = json!({"errors": [{"detail": detail, "status": status.to_string(), "title": "no"}]});
        answered(status, error.to_string())
    };
    match (asked.method.as_str(), asked.uri.path(), key) {
        ("POST", "/api/v2/logs", "key") => {}
        (_, _, "") => return refuse(401, "no key"),
        (_, _, "key") => return refuse(404, "no such path"),
        _ => return refuse(403, "wrong key"),
    }
    if asked.header("content-type") != "application/json" {
        return refuse(400, "what type is that");
    }
    if asked.body.len() > 5_000_000 {
        return refuse(413, "too large");
    }
    let Ok(Value::Array(logs)) = serde_json::from_str(asked.text()) else {
        return refuse(400, "no array");
    };
    if logs.is_empty() || logs.len() > 1000 {
        return refuse(400, "how many");
    }
    let is_good = |log: &Value| {
        let allowed = [
            "message",
            "timestamp",
            "status",
            "ddsource",
            "service",
            "hostname",
            "ddtags",
        ];
        let log = log.as_object().unwrap();
        log["message"].is_string() && log["timestamp"].is_i64() && log.keys().all(|key| allowed.contains(&key.as_str()))
    };
    if logs.iter().all(is_good) {
        answered(202, "{}")
    } else {
        refuse(400, "malformed payload")
    }
}

#[tokio::test]
async fn events_become_logs() {
    let fake = Fake::start(datadog).await;
    for compression in ["gzip", "none"] {
        let config = json!({"api_key": "key", "endpoint": fake.address, "tags": {"env": "prod"}, "hostname": "h", "compression": compression});
        let sink = open::<Config>(config);
        let events =
            [Severity::Info, Severity::Warning, Severity::Severe].map(|severity| event(7, 1_795_194_000_123, severity));
        assert_eq!(sink.send(&events).await, Verdict::Delivered);
        let asked = fake.asked().pop().unwrap();
        let logs: Vec<Value> = serde_json::from_str(asked.text()).unwrap();
        let size: usize = events.iter().map(|event| sink.size(event)).sum();
        assert_eq!(asked.body.len(), size + encode::FRAME);
        for ((log, event), status) in logs.iter().zip(&events).zip(["info", "warning", "error"]) {
            assert_eq!(
                log,
                &json!({
                    "message": std::str::from_utf8(&event.text).unwrap(), "timestamp": 1_795_194_000_123_i64, "status": status,
                    "ddsource": "fivetran", "service": "mysql, 8", "hostname": "h",
                    "ddtags": "env:prod,connector_type:mysql_ 8,connection_id:pipeline_7,connection_name:blog_7",
                })
            );
        }
    }
}

#[tokio::test]
async fn its_answers_have_consequences() {
    let fake = Fake::start(datadog).await;
    let wrong_key = open::<Config>(json!({"api_key": "other", "endpoint": fake.address}));
    let Verdict::Stop(reason) = wrong_key.send(&batch(1)).await else {
        panic!()
    };
    assert!(reason.contains("403") && reason.contains("`api_key`"), "{reason}");
    assert!(wrong_key.probe().await.unwrap_err().contains("`api_key`"));
    let right_key = open::<Config>(json!({"api_key": "key", "endpoint": fake.address}));
    right_key.probe().await.unwrap();
    assert!(fake.asked().last().unwrap().body.is_empty());
    let too_many = right_key.send(&batch(1001)).await;
    assert!(
        matches!(too_many, Verdict::Divide(Parts::Halves | Parts::Smaller, _)),
        "{too_many:?}"
    );
    for (status, retries) in [(408, true), (429, true), (500, true), (503, true), (413, false)] {
        let fake = Fake::start(move |_| answered(status, "")).await;
        let sink = open::<Config>(json!({"api_key": "key", "endpoint": fake.address}));
        let verdict = sink.send(&batch(1)).await;
        assert_eq!(matches!(verdict, Verdict::Retry(_)), retries, "{status}: {verdict:?}");
    }
}

#[test]
fn what_it_would_cut_or_drop_is_refused_before() {
    let sink = open::<Config>(json!({"api_key": "key"}));
    let now = 1_795_194_000_000;
    let hour = 3_600_000;
    for (created, fate) in [
        (-18 * hour, "sent"),
        (-18 * hour - 1, "refused"),
        (2 * hour, "sent"),
        (2 * hour + 1, "waits"),
    ] {
        assert_eq!(before_sending(&*sink, now + created, now), fate, "{created}");
    }
    let of = |size: usize| grown(&*sink, event(1, now, Severity::Info), size);
    assert_eq!(sink.refuses(&of(1_000_000), now), None);
    assert!(sink.refuses(&of(1_000_001), now).unwrap().contains("too large"));
    let sent = open::<Config>(json!({"api_key": "key", "too_old": "send"}));
    assert_eq!(sent.refuses(&event(1, 0, Severity::Info), now), None);
}

#[test]
fn problems_are_found_before_anything_is_sent() {
    for (settings, at) in [
        (json!({"api_key": ""}), "api_key"),
        (json!({"api_key": "a b"}), "api_key"),
        (json!({"api_key": "a", "site": "no site"}), "site"),
        (json!({"api_key": "a", "endpoint": "nowhere"}), "endpoint"),
        (json!({"api_key": "a", "compression": "zstd"}), "compression"),
        (json!({"api_key": "a", "tags": {"a": "b,c"}}), "tags"),
    ] {
        let problems: Vec<_> = config::<Config>(settings)
            .problems()
            .into_iter()
            .map(|problem| problem.key)
            .collect();
        assert_eq!(problems, [at]);
    }
}
