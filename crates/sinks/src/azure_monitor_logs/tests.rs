//! A strict Azure, and what follows from its answers.

#![allow(clippy::disallowed_types, reason = "What a service reads is a JSON value.")]

use logferry_model::Severity;
use serde_json::{Value, json};

use super::*;
use crate::exchange::fake::{Answered, Asked, Fake, answered, batch, before_sending, config, event, open};
use crate::sink::Parts;

const RULE: &str = "dcr-00000000000000000000000000000007";

fn settings(address: &str) -> Value {
    json!({
        "endpoint": address, "dcr_immutable_id": RULE, "stream_name": "Custom-Fivetran", "tenant_id": "tenant-1", "client_id": "client-1",
        "client_secret": "a~secret value", "authority": address,
    })
}

fn sink(address: &str) -> Arc<dyn Sink> {
    open::<Config>(settings(address))
}

/// Gives a token for what Azure gives one for.
fn token(asked: &Asked) -> Answered {
    let refuse = |status: u16, error: &str, words: &str| {
        answered(status, json!({"error": error, "error_description": words}).to_string())
    };
    if asked.uri.path() != "/tenant-1/oauth2/v2.0/token" {
        return refuse(400, "invalid_request", "AADSTS90002: Tenant not found");
    }
    let form = "grant_type=client_credentials&client_id=client-1&scope=https%3A%2F%2Fmonitor.azure.com%2F.default\
                &client_secret=a%7Esecret+value";
    if asked.header("content-type") != "application/x-www-form-urlencoded" || asked.text() != form {
        return refuse(
            401,
            "invalid_client",
            "AADSTS7000215: Invalid client secret provided: a~secret value",
        );
    }
    answered(
        200,
        r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"eyJ.token"}"#,
    )
}

/// Refuses what Azure refuses.
fn azure(asked: &Asked) -> Answered {
    let refuse = |status: u16, code: &str| {
        answered(
            status,
            json!({"error": {"code": code, "message": format!("about {code}")}}).to_string(),
        )
    };
    if asked.uri.path().contains("/oauth2/") {
        return token(asked);
    }
    if asked.header("authorization") != "Bearer eyJ.token" {
        return refuse(401, "InvalidToken");
    }
    let path = format!("/dataCollectionRules/{RULE}/streams/Custom-Fivetran");
    if asked.uri.path() != path || asked.uri.query() != Some("api-version=2023-01-01") || asked.method != "POST" {
        return refuse(404, "NotFound");
    }
    if asked.body.is_empty() {
        return answered(500, "");
    }
    if asked.body.len() > 1_048_576 {
        return refuse(413, "ContentLengthLimitExceeded");
    }
    if asked.header("content-type") != "application/json" {
        return refuse(400, "InvalidContentType");
    }
    let Ok(Value::Array(rows)) = serde_json::from_str(asked.text()) else {
        // Taken and lost, which must not happen here.
        panic!("{}", asked.text());
    };
    let columns = [
        "TimeGenerated",
        "Created",
        "Event",
        "EventId",
        "Severity",
        "ConnectorType",
        "ConnectionId",
        "ConnectionName",
        "SyncId",
        "Envelope",
    ];
    for row in rows {
        let row = row.as_object().unwrap();
        assert!(
            row.keys().all(|key| columns.contains(&key.as_str())),
            "it drops other columns: {row:?}"
        );
        assert!(row.values().all(|value| value.to_string().len() <= 65_536), "it cuts");
    }
    answered(204, "")
}

#[tokio::test]
async fn events_become_rows() {
    let fake = Fake::start(azure).await;
    for compression in ["gzip", "none"] {
        let mut settings = settings(&fake.address);
        settings["compression"] = json!(compression);
        let sink = open::<Config>(settings);
        let events =
            [Severity::Info, Severity::Warning, Severity::Severe].map(|severity| event(7, 1_795_194_000_123, severity));
        assert_eq!(sink.send(&events).await, Verdict::Delivered);
        let asked = fake.asked().pop().unwrap();
        assert_eq!(
            asked.header("content-encoding"),
            if compression == "none" { "" } else { compression }
        );
        let size: usize = events.iter().map(|event| sink.size(event)).sum();
        assert_eq!(asked.body.len(), size + encode::FRAME);
        let rows: Vec<Value> = serde_json::from_str(asked.text()).unwrap();
        for ((row, event), severity) in rows.iter().zip(&events).zip(["INFO", "WARNING", "SEVERE"]) {
            let text = str::from_utf8(&event.text).unwrap();
            assert_eq!(
                row,
                &json!({
                    "TimeGenerated": "2026-11-20T17:00:00.123Z", "Created": "2026-11-20T17:00:00.123Z", "Event": "info",
                    "EventId": "00000000-0000-0000-0000-000000000007", "Severity": severity, "ConnectorType": "mysql, 8",
                    "ConnectionId": "pipeline_7", "ConnectionName": "blog_7", "SyncId": "00000000-0000-0000-0000-000000000007",
                    "Envelope": serde_json::from_str::<Value>(text).unwrap(),
                })
            );
            assert!(asked.text().contains(text));
        }
    }
}

#[tokio::test]
async fn times_and_numbers_keep_their_digits() {
    let fake = Fake::start(azure).await;
    let sink = sink(&fake.address);
    for (created, time) in [
        ("2026-11-20T17:00:00.1234567Z", "2026-11-20T17:00:00.1234567Z"),
        ("2026-11-20T17:00:00.123456789Z", "2026-11-20T17:00:00.1234567Z"),
    ] {
        for (number, is_text) in [("9007199254740992", false), ("9007199254740993", true)] {
            let mut event = event(1, 0, Severity::Info);
            let text = format!("{{\"event\":\"info\",\"data\":{number},\"created\":\"{created}\"}}");
            event.text = text.clone().into();
            assert_eq!(sink.send(std::slice::from_ref(&event)).await, Verdict::Delivered);
            let asked = fake.asked().pop().unwrap();
            let rows: Value = serde_json::from_str(asked.text()).unwrap();
            let row = &rows[0];
            assert_eq!(
                (&row["TimeGenerated"], &row["Created"]),
                (&json!(time), &json!(created))
            );
            assert_eq!(row["Envelope"].as_str(), is_text.then_some(text.as_str()));
            assert!(is_text || asked.text().contains(&text));
            assert_eq!(asked.body.len(), sink.size(&event) + encode::FRAME);
        }
    }
}

#[tokio::test]
async fn a_batch_of_the_largest_size_is_taken() {
    let fake = Fake::start(azure).await;
    let sink = sink(&fake.address);
    let mut events = batch(20);
    let lengthen = |event: &mut Event, by: usize| {
        let text = String::from_utf8(event.text.to_vec()).unwrap();
        event.text = text
            .replacen("\"message\":\"", &format!("\"message\":\"{}", "x".repeat(by)), 1)
            .into();
    };
    let size = |events: &[Event]| events.iter().map(|event| sink.size(event)).sum::<usize>();
    let missing = sink.limits().max_bytes - size(&events);
    for event in &mut events {
        lengthen(event, missing / 20);
    }
    let missing = sink.limits().max_bytes - size(&events);
    lengthen(&mut events[0], missing);
    assert_eq!(size(&events), sink.limits().max_bytes);
    assert_eq!(sink.send(&events).await, Verdict::Delivered);
    assert_eq!(fake.asked().pop().unwrap().body.len(), 1_048_576);
    lengthen(&mut events[0], 1);
    let beyond = sink.send(&events).await;
    assert!(
        matches!(beyond, Verdict::Divide(Parts::Halves | Parts::Smaller, _)),
        "{beyond:?}"
    );
}

#[tokio::test]
async fn a_test_has_no_row_and_tells_the_settings_apart() {
    let fake = Fake::start(azure).await;
    sink(&fake.address).probe().await.unwrap();
    assert_eq!(fake.asked().pop().unwrap().text(), "[]");
    for (key, value, at) in [
        ("client_secret", "another", "`client_secret`"),
        ("scope", "https://monitor.azure.us/.default", "`scope`"),
        ("tenant_id", "tenant-2", "`tenant_id`"),
        ("dcr_immutable_id", "dcr-8", "`dcr_immutable_id`"),
        ("stream_name", "Custom-Other", "`stream_name`"),
    ] {
        let mut settings = settings(&fake.address);
        settings[key] = json!(value);
        let sink = open::<Config>(settings.clone());
        let reason = sink.probe().await.unwrap_err();
        let secret = settings["client_secret"].as_str().unwrap();
        assert!(reason.contains(at) && !reason.contains(secret), "{reason}");
        let verdict = sink.send(&batch(1)).await;
        assert!(
            matches!(&verdict, Verdict::Stop(reason) if reason.contains(at)),
            "{verdict:?}"
        );
    }
}

/// What follows when the service answers so, and answers a test with another status.
async fn verdict_of(compression: &str, status: u16, test: u16, headers: &'static [(&str, &str)]) -> Verdict {
    let fake = Fake::start(move |asked| {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        match asked.text() {
            _ if asked.uri.path().contains("/oauth2/") => token(asked),
            "[]" => (test, Vec::new(), "about eyJ.token".to_owned()),
            _ => (status, headers, "about eyJ.token".to_owned()),
        }
    })
    .await;
    let mut settings = settings(&fake.address);
    settings["compression"] = json!(compression);
    let verdict = open::<Config>(settings).send(&batch(2)).await;
    assert!(!format!("{verdict:?}").contains("eyJ"), "{verdict:?}");
    verdict
}

#[tokio::test]
async fn its_answers_have_consequences() {
    for status in [200, 202, 204] {
        assert_eq!(verdict_of("none", status, 500, &[]).await, Verdict::Delivered);
    }
    for (compression, status, test, at) in [
        ("none", 400, 400, "`stream_name`"),
        ("none", 400, 403, "Monitoring Metrics Publisher"),
        ("none", 401, 204, "`client_secret`"),
        ("none", 403, 204, "Monitoring Metrics Publisher"),
        ("none", 404, 204, "`dcr_immutable_id`"),
        ("none", 302, 204, "`endpoint`"),
        ("none", 501, 204, "`endpoint`"),
        ("gzip", 501, 204, "`compression`"),
    ] {
        let verdict = verdict_of(compression, status, test, &[]).await;
        assert!(
            matches!(&verdict, Verdict::Stop(reason) if reason.contains(at)),
            "{status}: {verdict:?}"
        );
    }
    let page = verdict_of("none", 200, 204, &[("content-type", "text/html; charset=utf-8")]).await;
    assert!(
        matches!(&page, Verdict::Stop(reason) if reason.contains("`endpoint`")),
        "{page:?}"
    );
    for status in [400, 413] {
        let verdict = verdict_of("none", status, 204, &[]).await;
        assert!(
            matches!(verdict, Verdict::Divide(Parts::Halves | Parts::Smaller, _)),
            "{status}: {verdict:?}"
        );
    }
    for status in [408, 429, 500, 502, 503, 504] {
        let verdict = verdict_of("gzip", status, 204, &[("retry-after", "7")]).await;
        let after = Some(Duration::from_secs(7));
        assert!(
            matches!(&verdict, Verdict::Retry(later) if later.after == after),
            "{status}: {verdict:?}"
        );
    }
    let unsaid = verdict_of("none", 400, 503, &[]).await;
    assert!(matches!(unsaid, Verdict::Divide(..)), "{unsaid:?}");
}

#[test]
fn what_it_would_cut_or_restamp_is_refused_before() {
    let sink = sink("https://example.com");
    let now = 1_795_194_000_000;
    let day = 86_400_000;
    for (created, fate) in [
        (-2 * day, "sent"),
        (-2 * day - 1, "refused"),
        (day, "sent"),
        (day + 1, "waits"),
    ] {
        assert_eq!(before_sending(&*sink, now + created, now), fate, "{created}");
    }
    let of = |prefix: &str, length: usize| {
        let mut event = event(1, now, Severity::Info);
        let text = format!("{{\"event\":\"info\",\"data\":[{prefix},\"");
        event.text = format!("{text}{}\"]}}", "x".repeat(length - text.len() - 3)).into();
        assert_eq!(event.text.len(), length);
        sink.refuses(&event, now)
    };
    assert_eq!(of("1", 65_536), None);
    assert!(of("1", 65_537).unwrap().contains("too large"));
    // As a text it is longer: two quotes, and a backslash before each of eight.
    assert_eq!(of("9007199254740993", 65_536 - 10), None);
    assert!(of("9007199254740993", 65_537 - 10).is_some());
    let mut settings = settings("https://example.com");
    settings["too_old"] = json!("send");
    let sent = open::<Config>(settings);
    assert_eq!(sent.refuses(&event(1, 0, Severity::Info), now), None);
}

#[test]
fn problems_are_found_before_anything_is_sent() {
    for (key, value) in [
        ("endpoint", "nowhere"),
        ("dcr_immutable_id", "00000000000000000000000000000007"),
        ("dcr_immutable_id", "dcr-"),
        ("dcr_immutable_id", "dcr-../a"),
        ("stream_name", "Fivetran_CL"),
        ("stream_name", "Custom-a/b"),
        ("tenant_id", ""),
        ("tenant_id", "a/b"),
        ("tenant_id", ".."),
        ("client_id", ""),
        ("client_secret", ""),
        ("authority", "login.microsoftonline.com"),
        ("scope", " "),
        ("compression", "zstd"),
    ] {
        let mut settings = settings("https://example.com");
        settings[key] = json!(value);
        let problems: Vec<_> = config::<Config>(settings)
            .problems()
            .into_iter()
            .map(|problem| problem.key)
            .collect();
        assert_eq!(problems, [key], "{value}");
    }
}
