//! A strict Google Cloud, and what follows from its answers.

#![allow(clippy::disallowed_types, reason = "What a service reads is a JSON value.")]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use logferry_model::Severity;
use serde_json::{Map, Value, json};

use super::*;
use crate::clock;
use crate::exchange::fake::{Answered, Asked, Fake, answered, batch, before_sending, config, event, grown, open};
use crate::sink::{Later, Parts};

static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).unwrap());

fn pem() -> String {
    let der: Pkcs8V1Der<'_> = KEY.as_der().unwrap();
    let lines = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = lines
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    )
}

fn key(address: &str) -> Value {
    json!({
        "type": "service_account", "project_id": "my-project-1", "private_key_id": "key-1", "private_key": pem(),
        "client_email": "logferry@my-project-1.iam.gserviceaccount.com", "client_id": "1", "token_uri": format!("{address}/token"),
        "universe_domain": "googleapis.com",
    })
}

fn settings(address: &str) -> Value {
    json!({"service_account_key": key(address).to_string(), "endpoint": address})
}

fn sink(address: &str) -> Arc<dyn Sink> {
    open::<Config>(settings(address))
}

/// Gives a token for what Google gives one for.
fn token(asked: &Asked) -> Answered {
    let refuse = |error: &str| {
        answered(
            400,
            json!({"error": "invalid_grant", "error_description": error}).to_string(),
        )
    };
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    let Some(assertion) = asked.text().strip_prefix(grant) else {
        return refuse("what grant");
    };
    if asked.header("content-type") != "application/x-www-form-urlencoded" || asked.method != "POST" {
        return refuse("what form");
    }
    let mut validation = Validation::new(Algorithm::RS256);
    let audience = format!("http://{}/token", asked.header("host"));
    validation.set_audience(&[&audience]);
    validation.set_issuer(&["logferry@my-project-1.iam.gserviceaccount.com"]);
    let public = DecodingKey::from_rsa_der(KEY.public_key().as_ref());
    let Ok(token) = jsonwebtoken::decode::<Value>(assertion, &public, &validation) else {
        return refuse("Invalid JWT Signature.");
    };
    let claims = token.claims;
    let (issued, ends) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    if ends - issued > 3600 || (issued - clock::now_millis() / 1000).abs() > 60 {
        return refuse("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.");
    }
    let header = token.header;
    if claims["scope"] != "https://www.googleapis.com/auth/logging.write" || header.kid.as_deref() != Some("key-1") {
        return refuse("what scope, what key");
    }
    answered(
        200,
        r#"{"access_token":"ya29.token","expires_in":3599,"token_type":"Bearer"}"#,
    )
}

fn refused(status: u16, words: &str, entries: Option<Map<String, Value>>) -> Answered {
    let mut details = vec![json!({"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": "[ORIGINAL ERROR]"})];
    if let Some(entries) = entries {
        let errors = json!({"@type": "type.googleapis.com/google.logging.v2.WriteLogEntriesPartialErrors", "logEntryErrors": entries});
        details.insert(0, errors);
    }
    let error = json!({"error": {"code": status, "message": words, "status": "INVALID_ARGUMENT", "details": details}});
    answered(status, error.to_string())
}

/// Refuses what Google Cloud refuses.
fn google(asked: &Asked) -> Answered {
    match (asked.method.as_str(), asked.uri.path()) {
        ("POST", "/token") => return token(asked),
        ("POST", "/v2/entries:write") => {}
        _ => return answered(404, "not found"),
    }
    if asked.header("authorization") != "Bearer ya29.token" {
        return answered(401, r#"{"error":{"code":401,"status":"UNAUTHENTICATED"}}"#);
    }
    if asked.header("content-type") != "application/json" || asked.body.len() > 10_000_000 {
        return refused(400, "Request payload size exceeds the limit: 10485760 bytes.", None);
    }
    let body: Value = serde_json::from_str(asked.text()).unwrap();
    let known = ["logName", "resource", "labels", "partialSuccess", "dryRun", "entries"];
    if !body
        .as_object()
        .unwrap()
        .keys()
        .all(|key| known.contains(&key.as_str()))
        || body["partialSuccess"] != true
    {
        return refused(400, "Unknown name", None);
    }
    if body["logName"].as_str().unwrap().split('/').count() != 4 {
        return refused(400, "Log name contains illegal character", None);
    }
    if body["resource"]["type"] != "global" || body["resource"]["labels"]["project_id"] != "my-project-1" {
        return refused(400, "A monitored resource must be specified for each log entry", None);
    }
    let entries = body["entries"].as_array().unwrap();
    let errors: Map<String, Value> = entries
        .iter()
        .enumerate()
        .filter_map(|(index, entry)| {
            let words = wrong(entry)?;
            Some((index.to_string(), json!({"code": 3, "message": words})))
        })
        .collect();
    if errors.is_empty() && !entries.is_empty() {
        answered(200, "{}")
    } else if errors.len() == entries.len() {
        refused(400, "Log entry is bad", None)
    } else {
        refused(400, "Log entry is bad", Some(errors))
    }
}

/// What is wrong with an entry.
fn wrong(entry: &Value) -> Option<&'static str> {
    let known = [
        "timestamp",
        "severity",
        "insertId",
        "labels",
        "jsonPayload",
        "textPayload",
    ];
    let entry = entry.as_object().unwrap();
    let is_known = entry.keys().all(|key| known.contains(&key.as_str()));
    let has_payload =
        entry.get("jsonPayload").is_some_and(Value::is_object) ^ entry.get("textPayload").is_some_and(Value::is_string);
    let has_labels = entry
        .get("labels")
        .is_none_or(|labels| labels.as_object().unwrap().values().all(Value::is_string));
    if !is_known || !has_payload || !has_labels || !["INFO", "WARNING", "ERROR"].contains(&entry["severity"].as_str()?)
    {
        return Some("malformed");
    }
    if entry
        .get("jsonPayload")
        .is_some_and(|payload| payload["data"]["n"] == 13)
    {
        return Some("Log entry with size 293.1K exceeds maximum size of 256.0K");
    }
    None
}

/// An entry of the fake's events, with its JSON.
fn expected(event: &Event, severity: &str, level: &str, value: &str) -> Value {
    json!({
        "timestamp": "2026-11-20T17:00:00.123Z", "severity": severity, "insertId": event.id().to_string(),
        "labels": {
            "levelName": level, "levelValue": value, "connector_type": "mysql, 8", "connection_id": "pipeline_7",
            "connection_name": "blog_7", "sync_id": "00000000-0000-0000-0000-000000000007",
        },
        "jsonPayload": serde_json::from_str::<Value>(str::from_utf8(&event.text).unwrap()).unwrap(),
    })
}

#[tokio::test]
async fn events_become_entries() {
    let fake = Fake::start(google).await;
    for compression in ["gzip", "none"] {
        let mut settings = settings(&fake.address);
        settings["labels"] = json!({"env": "prod"});
        settings["log_id"] = json!("fivetran/eu");
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
        let [info, warning, severe] = &events;
        let body: Value = serde_json::from_str(asked.text()).unwrap();
        let entries = json!([
            expected(info, "INFO", "INFO", "20000"),
            expected(warning, "WARNING", "WARN", "30000"),
            expected(severe, "ERROR", "ERROR", "40000"),
        ]);
        assert_eq!(
            body,
            json!({
                "logName": "projects/my-project-1/logs/fivetran%2Feu", "labels": {"env": "prod"}, "partialSuccess": true,
                "resource": {"type": "global", "labels": {"project_id": "my-project-1"}}, "entries": entries,
            })
        );
        // The envelope stands there as it is, and the limits are those of the body.
        assert!(asked.text().contains(str::from_utf8(&severe.text).unwrap()));
        let size: usize = events.iter().map(|event| sink.size(event)).sum();
        assert_eq!(asked.body.len() - size, 8_000_000 - sink.limits().max_bytes);
        assert_eq!(sink.limits().max_events, 1000);
    }
}

#[tokio::test]
async fn what_a_structure_would_change_is_text() {
    let fake = Fake::start(google).await;
    let sink = sink(&fake.address);
    for (number, is_text) in [
        ("9007199254740992", false),
        ("9007199254740993", true),
        ("0.12345678901234567", true),
    ] {
        let mut event = event(1, 0, Severity::Info);
        let text = format!(
            "{{\"event\":\"info\",\"data\":{{\"n\":{number}}},\"created\":\"2026-11-20T17:00:00.123456789Z\"}}"
        );
        event.text = text.clone().into();
        assert_eq!(sink.send(std::slice::from_ref(&event)).await, Verdict::Delivered);
        let asked = fake.asked().pop().unwrap();
        let body: Value = serde_json::from_str(asked.text()).unwrap();
        let entry = &body["entries"][0];
        assert_eq!(entry["timestamp"], "2026-11-20T17:00:00.123456789Z");
        assert_eq!(
            entry["textPayload"].as_str(),
            is_text.then_some(text.as_str()),
            "{number}"
        );
        assert_eq!(entry["labels"]["payload"].as_str(), is_text.then_some("text"));
        assert_eq!(entry.get("jsonPayload").is_none(), is_text);
        assert_eq!(
            sink.size(&event) + 8_000_000 - sink.limits().max_bytes,
            asked.body.len()
        );
    }
}

#[tokio::test]
async fn one_bad_entry_is_refused_alone() {
    let fake = Fake::start(google).await;
    let sink = sink(&fake.address);
    let mut events = batch(20);
    let Verdict::Each(fates) = sink.send(&events).await else {
        panic!()
    };
    for (index, fate) in fates.iter().enumerate() {
        match (index, fate) {
            (13, Fate::Rejected(reason)) => assert!(reason.contains("exceeds maximum size"), "{reason}"),
            (13, other) => panic!("{other:?}"),
            (_, fate) => assert_eq!(fate, &Fate::Delivered),
        }
    }
    // Alone it is refused without a word of it, and the test says that it is not the settings' fault.
    let alone = sink.send(&events.split_off(13)[..1]).await;
    assert!(
        matches!(&alone, Verdict::Divide(Parts::Halves, words) if words.contains("Log entry is bad")),
        "{alone:?}"
    );
    let asked = fake.asked();
    assert!(asked.last().unwrap().text().contains("\"dryRun\":true"));
    assert_eq!(asked.iter().filter(|asked| asked.uri.path() == "/token").count(), 1);
}

#[tokio::test]
async fn settings_that_google_refuses_cost_no_event() {
    let fake = Fake::start(google).await;
    let mut settings = settings(&fake.address);
    settings["resource"] = json!({"type": "nothing"});
    let sink = open::<Config>(settings);
    let Verdict::Stop(reason) = sink.send(&batch(2)).await else {
        panic!()
    };
    assert!(
        reason.contains("`resource`") && reason.contains("monitored resource"),
        "{reason}"
    );
    assert!(sink.probe().await.unwrap_err().contains("`resource`"));

    let other = Fake::start(google).await;
    let mut key = key(&other.address);
    key["client_email"] = json!("another@example.com");
    let sink = open::<Config>(json!({"service_account_key": key.to_string(), "endpoint": other.address}));
    let Verdict::Stop(reason) = sink.send(&batch(1)).await else {
        panic!()
    };
    assert!(
        reason.contains("Invalid JWT") && reason.contains("`service_account_key`"),
        "{reason}"
    );
    assert_eq!(other.asked().len(), 1);
}

#[tokio::test]
async fn a_test_writes_nothing() {
    let fake = Fake::start(google).await;
    sink(&fake.address).probe().await.unwrap();
    let body: Value = serde_json::from_str(fake.asked().pop().unwrap().text()).unwrap();
    assert_eq!(
        (&body["dryRun"], body["entries"].as_array().unwrap().len()),
        (&json!(true), 1)
    );
}

/// What follows for two events when the service answers so, and takes every test.
async fn verdict_of(status: u16, body: Value) -> Verdict {
    let body = if body.is_string() {
        body.as_str().unwrap().to_owned()
    } else {
        body.to_string()
    };
    let fake = Fake::start(move |asked| match asked.uri.path() {
        "/token" => answered(200, r#"{"access_token":"ya29.token","expires_in":3599}"#),
        _ if asked.text().contains("\"dryRun\":true") => answered(200, "{}"),
        _ => (status, vec![("retry-after", "7".to_owned())], body.clone()),
    })
    .await;
    let verdict = sink(&fake.address).send(&batch(2)).await;
    assert!(!format!("{verdict:?}").contains("ya29"), "{verdict:?}");
    verdict
}

#[tokio::test]
async fn its_answers_have_consequences() {
    let errors = |entries: Value| {
        json!({"error": {"code": 400, "message": "no", "details": [
            {"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": "x"},
            {"@type": "type.googleapis.com/google.logging.v2.WriteLogEntriesPartialErrors", "logEntryErrors": entries},
        ]}})
    };
    let error = |code: u16| json!({"error": {"code": code, "message": "no", "details": []}});
    let rejected = |words: &str| Fate::Rejected(format!("Google Cloud Logging refuses it: {words} (code 3)"));
    let seven = Some(Duration::from_secs(7));

    assert_eq!(verdict_of(200, json!({})).await, Verdict::Delivered);
    for (status, body) in [
        (400, errors(json!({"1": {"code": 3, "message": "bad"}}))),
        (403, errors(json!({"1": {"code": 3, "message": "bad"}}))),
    ] {
        assert_eq!(
            verdict_of(status, body).await,
            Verdict::Each(vec![Fate::Delivered, rejected("bad")])
        );
    }
    let both = errors(json!({"0": {"code": 3, "message": "a"}, "1": {"code": 3, "message": "b"}}));
    assert_eq!(
        verdict_of(400, both).await,
        Verdict::Each(vec![rejected("a"), rejected("b")])
    );
    // A permission is no fault of an event.
    let mixed = errors(json!({"0": {"code": 3, "message": "a"}, "1": {"code": 7, "message": "b"}}));
    let Verdict::Each(fates) = verdict_of(403, mixed).await else {
        panic!()
    };
    assert!(
        matches!(&fates[..], [Fate::Rejected(_), Fate::Retry(Later { after, .. })] if *after == seven),
        "{fates:?}"
    );
    let denied = errors(json!({"0": {"code": 7, "message": "a"}, "1": {"code": 7, "message": "b"}}));

    for (status, body, settings) in [
        (403, denied, "role Logs Writer"),
        (403, error(403), "role Logs Writer"),
        (401, error(401), "`credentials_path`"),
        (404, error(404), "`project_id`"),
        (200, json!("<html>"), "`endpoint`"),
        (200, error(400), "`endpoint`"),
        (204, json!(""), "`endpoint`"),
        (302, json!(""), "`endpoint`"),
        (501, json!(""), "`compression`"),
    ] {
        let verdict = verdict_of(status, body).await;
        assert!(
            matches!(&verdict, Verdict::Stop(reason) if reason.contains(settings)),
            "{status}: {verdict:?}"
        );
    }
    for (status, body) in [(400, error(400)), (400, errors(json!({}))), (400, json!("no JSON"))] {
        let verdict = verdict_of(status, body).await;
        assert!(
            matches!(verdict, Verdict::Divide(Parts::Halves | Parts::Smaller, _)),
            "{status}: {verdict:?}"
        );
    }
    for (status, body) in [
        (408, error(408)),
        (429, error(429)),
        (500, error(500)),
        (502, json!("")),
        (503, error(503)),
        (504, error(504)),
        (400, errors(json!({"2": {"code": 3}}))),
        (400, errors(json!({"x": {"code": 3}}))),
    ] {
        let verdict = verdict_of(status, body).await;
        assert!(
            matches!(&verdict, Verdict::Retry(later) if later.after == seven),
            "{status}: {verdict:?}"
        );
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let given = AtomicUsize::new(0);
    let fake = Fake::start(move |asked| match asked.uri.path() {
        "/token" => {
            let number = given.fetch_add(1, Ordering::Relaxed);
            answered(
                200,
                format!("{{\"access_token\":\"ya29.{number}\",\"expires_in\":3599}}"),
            )
        }
        _ if asked.header("authorization") == "Bearer ya29.1" => answered(200, "{}"),
        _ => answered(401, "{}"),
    })
    .await;
    assert_eq!(sink(&fake.address).send(&batch(1)).await, Verdict::Delivered);
    assert_eq!(fake.asked().len(), 4);
}

#[test]
fn what_it_would_not_keep_is_refused_before() {
    let sink = sink("https://example.com");
    let now = 1_795_194_000_000;
    let day = 86_400_000;
    let frame = 8_000_000 - sink.limits().max_bytes;
    for (created, fate) in [
        (-30 * day, "sent"),
        (-30 * day - 1, "refused"),
        (day, "sent"),
        (day + 1, "waits"),
    ] {
        assert_eq!(before_sending(&*sink, now + created, now), fate, "{created}");
    }
    let of = |size: usize| grown(&*sink, event(1, now, Severity::Info), size - frame);
    assert_eq!(sink.refuses(&of(262_144), now), None);
    assert!(sink.refuses(&of(262_145), now).unwrap().contains("too large"));

    let mut settings = settings("https://example.com");
    settings["max_age_secs"] = json!(3600);
    let hour = open::<Config>(settings.clone());
    let reason = hour.refuses(&event(1, now - 3_600_001, Severity::Info), now).unwrap();
    assert!(reason.contains("1 hour old at most"), "{reason}");
    assert_eq!(
        config::<Config>(settings.clone()).oldest(),
        Some(Duration::from_secs(3600))
    );
    settings["too_old"] = json!("send");
    assert_eq!(
        open::<Config>(settings.clone()).refuses(&event(1, 0, Severity::Info), now),
        None
    );
    assert_eq!(config::<Config>(settings).oldest(), None);
}

#[test]
fn a_key_is_text_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    let settings = json!({"credentials_path": path});
    let opened = |settings: &Value| {
        config::<Config>(settings.clone())
            .open(&retry::Settings::default())
            .map(|_| ())
    };
    assert_eq!(config::<Config>(settings.clone()).problems(), []);
    assert!(opened(&settings).unwrap_err().to_string().contains("key.json"));
    std::fs::write(&path, key("https://example.com").to_string()).unwrap();
    opened(&settings).unwrap();
    let mut unnamed = key("https://example.com");
    unnamed["project_id"] = Value::Null;
    std::fs::write(&path, unnamed.to_string()).unwrap();
    assert_eq!(opened(&settings).unwrap_err().what, "project_id");
    opened(&json!({"credentials_path": path, "project_id": "example.com:other"})).unwrap();
    std::fs::write(&path, "{").unwrap();
    assert!(opened(&settings).unwrap_err().reason.contains("expected the key"));
}

#[test]
fn problems_are_found_before_anything_is_sent() {
    let with = |key: &str, value: Value| {
        let mut text = self::key("https://example.com");
        text[key] = value;
        json!({"service_account_key": text.to_string()})
    };
    let and = |key: &str, value: Value| {
        let mut settings = settings("https://example.com");
        settings[key] = value;
        settings
    };
    let many: Map<String, Value> = (0..58).map(|number| (format!("l{number}"), json!("a"))).collect();
    for (settings, at) in [
        (json!({}), "credentials_path"),
        (and("credentials_path", json!("a")), "service_account_key"),
        (json!({"service_account_key": "a private text"}), "service_account_key"),
        (
            json!({"service_account_key": "\"a private text\""}),
            "service_account_key",
        ),
        (with("type", json!("authorized_user")), "service_account_key"),
        (with("client_email", json!("")), "service_account_key"),
        (with("private_key", json!("a private text")), "service_account_key"),
        (
            with("private_key", json!(pem().replace('A', "B"))),
            "service_account_key",
        ),
        (with("token_uri", json!("nowhere")), "service_account_key"),
        (with("project_id", Value::Null), "project_id"),
        (and("project_id", json!("my project")), "project_id"),
        (and("log_id", json!("")), "log_id"),
        (and("log_id", json!("a b")), "log_id"),
        (and("log_id", json!("a".repeat(512))), "log_id"),
        (and("resource", json!({"type": ""})), "resource.type"),
        (and("labels", json!({"sync_id": "a"})), "labels"),
        (and("labels", json!({"": "a"})), "labels"),
        (and("labels", json!({"a": "b".repeat(65_536)})), "labels"),
        (and("labels", Value::Object(many)), "labels"),
        (and("endpoint", json!("nowhere")), "endpoint"),
        (and("max_age_secs", json!(0)), "max_age_secs"),
        (and("compression", json!("zstd")), "compression"),
    ] {
        let problems = config::<Config>(settings).problems();
        let keys: Vec<_> = problems.iter().map(|problem| problem.key).collect();
        assert_eq!(keys, [at]);
        assert!(!format!("{problems:?}").contains("private text"), "{problems:?}");
    }
    assert_eq!(config::<Config>(and("log_id", json!("a".repeat(511)))).problems(), []);
    let shown = format!("{:?}", config::<Config>(settings("https://example.com")));
    assert!(!shown.contains("PRIVATE"), "{shown}");
}
