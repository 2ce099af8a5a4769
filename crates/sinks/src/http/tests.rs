//! The endpoint's answers, and what follows from them.

use serde_json::json;

use super::*;
use crate::exchange::fake::{Asked, Fake, answered, batch, config, open};
use crate::sink::{Later, Parts};

fn event_lines(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| String::from_utf8(event.text.to_vec()).unwrap())
        .collect()
}

#[tokio::test]
async fn events_are_lines_an_array_or_one_a_request() {
    let fake = Fake::start(|_| answered(202, "")).await;
    let events = batch(3);
    let lines = event_lines(&events);
    for (encoding, content_type, expected) in [
        ("ndjson", "application/x-ndjson", lines.join("\n") + "\n"),
        ("json_array", "application/json", format!("[{}]", lines.join(","))),
    ] {
        for compression in ["none", "gzip", "zstd"] {
            let sink = open::<Config>(json!({"uri": fake.address, "encoding": encoding, "compression": compression}));
            assert_eq!(sink.send(&events).await, Verdict::Delivered);
            let asked = fake.asked().pop().unwrap();
            assert_eq!(
                (asked.text(), asked.header("content-type")),
                (expected.as_str(), content_type)
            );
            assert_eq!(
                asked.header("content-encoding"),
                if compression == "none" { "" } else { compression }
            );
        }
    }
    // As it is counted, so it is sent.
    let sink = open::<Config>(json!({"uri": fake.address, "encoding": "json_array"}));
    let size: usize = events.iter().map(|event| sink.size(event)).sum();
    assert_eq!(fake.asked().pop().unwrap().body.len(), size + 1);
}

#[tokio::test]
async fn a_webhook_is_signed_as_fivetran_signs_it() {
    let fake = Fake::start(|_| answered(200, "")).await;
    let sink = open::<Config>(json!({"uri": fake.address, "encoding": "webhook", "secret": "a secret"}));
    assert_eq!(sink.limits().max_events, 1);
    let event = &batch(1)[0];
    assert_eq!(sink.send(std::slice::from_ref(event)).await, Verdict::Delivered);
    let asked = fake.asked().pop().unwrap();
    assert_eq!(asked.body, event.text);
    assert_eq!(asked.header("idempotency-key"), event.id().to_string());
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"a secret");
    let signature = asked.header("x-fivetran-signature-256");
    assert_eq!((signature.len(), signature), (64, signature.to_lowercase().as_str()));
    let bytes: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&signature[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    aws_lc_rs::hmac::verify(&key, &asked.body, &bytes).unwrap();
}

#[tokio::test]
async fn it_is_shown_who_asks() {
    let fake = Fake::start(|_| answered(200, "")).await;
    for (auth, header, expected) in [
        (
            json!({"strategy": "basic", "user": "u", "password": "p:w"}),
            "authorization",
            "Basic dTpwOnc=",
        ),
        (
            json!({"strategy": "bearer", "token": "abc"}),
            "authorization",
            "Bearer abc",
        ),
        (
            json!({"strategy": "header", "name": "X-Api-Key", "value": "abc"}),
            "x-api-key",
            "abc",
        ),
    ] {
        let config = json!({"uri": format!("{}/in?a=b", fake.address), "method": "PUT", "auth": auth,
            "headers": {"X-Team": "data", "Content-Type": "text/plain"}});
        let sink = open::<Config>(config);
        assert_eq!(sink.send(&batch(1)).await, Verdict::Delivered);
        let asked = fake.asked().pop().unwrap();
        assert_eq!(asked.header(header), expected);
        assert_eq!(
            (asked.header("x-team"), asked.header("content-type")),
            ("data", "text/plain")
        );
        assert_eq!(
            (asked.method.as_str(), asked.uri.to_string().as_str()),
            ("PUT", "/in?a=b")
        );
    }
}

/// What the fake answers when the path asks for it.
fn by_path(asked: &Asked) -> (u16, Vec<(&'static str, String)>, String) {
    let status = asked.uri.path()[1..].parse().unwrap();
    (
        status,
        vec![
            ("retry-after", "7".to_owned()),
            ("location", "/elsewhere?token=abcdef".to_owned()),
        ],
        "because of abcdef".to_owned(),
    )
}

#[tokio::test]
async fn every_status_has_its_consequence() {
    let fake = Fake::start(by_path).await;
    for status in [
        200, 201, 202, 204, 301, 307, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 501, 502, 503, 504,
    ] {
        let config =
            json!({"uri": format!("{}/{status}", fake.address), "auth": {"strategy": "bearer", "token": "abcdef"}});
        let verdict = open::<Config>(config).send(&batch(2)).await;
        let is_as_expected = match (status, &verdict) {
            (200..=299, Verdict::Delivered) => true,
            (408 | 413 | 429 | 500 | 502..=504, Verdict::Retry(Later { after, .. })) => {
                *after == Some(std::time::Duration::from_secs(7))
            }
            (400 | 409 | 422, Verdict::Divide(Parts::Halves, _)) => true,
            (401 | 403, Verdict::Stop(reason)) => reason.contains("`auth`"),
            (301 | 307 | 404 | 405 | 415 | 501, Verdict::Stop(reason)) => reason.contains("`uri`"),
            _ => false,
        };
        assert!(is_as_expected, "{status}: {verdict:?}");
        assert!(!format!("{verdict:?}").contains("abcdef"), "{verdict:?}");
    }
}

#[tokio::test]
async fn a_refusal_of_settings_makes_no_dead_letters() {
    for (answer, expected) in [
        (
            "<html>400 No required SSL certificate was sent</html>",
            "`tls.crt_file`",
        ),
        ("<html>The plain HTTP request was sent to HTTPS port</html>", "https"),
        ("Client sent an HTTP request to an HTTPS server.", "https"),
    ] {
        let fake = Fake::start(move |_| answered(400, answer)).await;
        let sink = open::<Config>(json!({"uri": fake.address}));
        let verdict = sink.send(&batch(1)).await;
        assert!(
            matches!(&verdict, Verdict::Stop(reason) if reason.contains(expected)),
            "{verdict:?}"
        );
    }
    // An event is only to blame where others are taken.
    let fake = Fake::start(|asked| answered(if asked.text().contains("\"n\":1") { 200 } else { 400 }, ""));
    let fake = fake.await;
    let sink = open::<Config>(json!({"uri": fake.address}));
    let events = batch(2);
    assert!(matches!(sink.send(&events[..1]).await, Verdict::Retry(later) if later.reason.contains("`encoding`")));
    assert_eq!(sink.send(&events[1..]).await, Verdict::Delivered);
    assert!(matches!(sink.send(&events[..1]).await, Verdict::Divide(..)));
}

#[tokio::test]
async fn no_secret_is_shown_whatever_the_endpoint_says() {
    let fake = Fake::start(|asked| {
        let said = format!(
            "{} {:?} {}",
            asked.uri,
            asked.header("authorization"),
            asked.header("x-key")
        );
        answered(401, said)
    });
    let fake = fake.await;
    let settings = json!({
        "uri": format!("{}/receiver/A1b2C3d4E5f6G7h8I9/x?sig=QUERYSECRET", fake.address),
        "headers": {"X-Key": "Bearer HEADERSECRET a~b+c&longsecret"},
        "auth": {"strategy": "basic", "user": "u", "password": "PASSWORD~SECRET"},
    });
    let verdict = format!("{:?}", open::<Config>(settings).send(&batch(1)).await);
    for secret in [
        "A1b2C3d4E5f6G7h8I9",
        "QUERYSECRET",
        "HEADERSECRET",
        "longsecret",
        "PASSWORD",
        "dTpQQVNT",
    ] {
        assert!(!verdict.contains(secret), "{verdict}");
    }
}

#[tokio::test]
async fn what_does_not_answer_is_tried_again() {
    let sink = open::<Config>(json!({"uri": "http://127.0.0.1:1/in?key=abcdef"}));
    let Verdict::Retry(Later { reason, .. }) = sink.send(&batch(1)).await else {
        panic!()
    };
    assert!(
        reason.starts_with("http://127.0.0.1:1/in: ") && reason.contains("refused") && !reason.contains("abcdef"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_test_sends_no_event() {
    let fake = Fake::start(|asked| {
        answered(
            if asked.header("authorization").is_empty() {
                401
            } else {
                400
            },
            "",
        )
    })
    .await;
    for (encoding, body) in [
        ("ndjson", ""),
        ("json_array", "[]"),
        ("webhook", r#"{"event":"test_event"}"#),
    ] {
        let mut config = json!({"uri": fake.address, "encoding": encoding});
        assert!(
            open::<Config>(config.clone())
                .probe()
                .await
                .unwrap_err()
                .contains("401")
        );
        config["auth"] = json!({"strategy": "bearer", "token": "abcdef"});
        open::<Config>(config).probe().await.unwrap();
        assert_eq!(fake.asked().pop().unwrap().text(), body);
    }
}

#[test]
fn problems_are_found_before_anything_is_sent() {
    let good = json!({"uri": "https://example.com"});
    assert_eq!(config::<Config>(good.clone()).problems(), []);
    for (key, value, at) in [
        ("uri", json!("example.com"), "uri"),
        ("uri", json!("ftp://example.com"), "uri"),
        ("uri", json!("https://a:b@example.com"), "uri"),
        ("auth", json!({"strategy": "basic"}), "auth.strategy"),
        (
            "auth",
            json!({"strategy": "bearer", "token": "a", "user": "b"}),
            "auth.user",
        ),
        ("auth", json!({"strategy": "bearer", "token": "a\nb"}), "auth.token"),
        (
            "auth",
            json!({"strategy": "header", "name": "a b", "value": "c"}),
            "auth.name",
        ),
        ("headers", json!({"a b": "c"}), "headers"),
        ("secret", json!("a"), "secret"),
        ("tls", json!({"crt_file": "a"}), "tls.crt_file"),
    ] {
        let mut wrong = good.clone();
        wrong[key] = value;
        let problems: Vec<_> = config::<Config>(wrong.clone())
            .problems()
            .into_iter()
            .map(|problem| problem.key)
            .collect();
        assert_eq!(problems, [at], "{wrong}");
    }
}
