//! A strict collector, and what follows from its answers.

#![allow(clippy::disallowed_types, reason = "What a service reads is a JSON value.")]

mod acknowledged;
mod collector;

use logferry_model::Severity;
use serde_json::{Value, json};

use super::*;
use crate::exchange::fake::{Fake, answered, batch, config, event};
use crate::sink::{Fate, Later, Parts};
use collector::Collector;

/// A sink that does not wait long.
fn sink(mut settings: Value, fake: &Fake) -> Arc<SplunkSink> {
    if settings["endpoint"].is_null() {
        settings["endpoint"] = fake.address.clone().into();
    }
    let pace = Pace {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(5),
    };
    let config: Config = config(settings);
    Arc::new(SplunkSink::new(&config, &retry::Settings::default(), pace).unwrap())
}

fn token() -> Value {
    json!({"token": "a token"})
}

/// An event with this in the place of its envelope.
fn with_text(text: &str) -> Event {
    Event {
        text: text.to_owned().into(),
        ..event(1, 1_795_194_000_123, Severity::Info)
    }
}

#[tokio::test]
async fn events_become_objects() {
    let collector = Collector::default();
    let fake = collector.start().await;
    let all = json!({"token": "a token", "index": "main", "host": "h", "source": "s", "sourcetype": "t", "compression": "none"});
    for (settings, metadata) in [
        (token(), r#""source":"fivetran","sourcetype":"_json""#),
        (all, r#""host":"h","source":"s","sourcetype":"t","index":"main""#),
    ] {
        let sink = sink(settings, &fake);
        let severities = [Severity::Info, Severity::Warning, Severity::Severe];
        let events = severities.map(|severity| event(7, 1_795_194_000_023, severity));
        assert_eq!(sink.send(&events).await, Verdict::Delivered);
        let asked = fake.asked().pop().unwrap();
        let expected = events.iter().map(|event| {
            format!(
                "{{\"time\":1795194000.023,{metadata},\"event\":{},\"fields\":{{\"event_id\":\"00000000-0000-0000-0000-000000000007\",\
                 \"severity\":\"{}\"}}}}\n",
                std::str::from_utf8(&event.text).unwrap(),
                event.severity
            )
        });
        assert_eq!(asked.text(), expected.collect::<String>());
        let size: usize = events.iter().map(|event| sink.size(event)).sum();
        assert_eq!(asked.body.len(), size);
        assert_eq!(collector.take_stored(), 3);
    }
    assert_eq!(fake.asked()[0].header("content-encoding"), "gzip");
    assert_eq!(fake.asked()[1].header("content-encoding"), "");
}

#[tokio::test]
async fn an_object_has_no_key_that_the_collector_does_not_know() {
    // With an unknown key, the collector takes what stands before it, and says that all is well.
    let collector = Collector::default();
    let fake = collector.start().await;
    let unknown = with_text(r#"{"a":1},"severity":"INFO""#);
    let events = [batch(1), vec![unknown], batch(1)].concat();
    assert_eq!(sink(token(), &fake).send(&events).await, Verdict::Delivered);
    assert_eq!(collector.take_stored(), 1);
    // So this is all that there may be, with everything set.
    let settings =
        json!({"endpoint": "http://a", "token": "a", "index": "i", "host": "h", "source": "s", "sourcetype": "t"});
    let body = encode::body(&config(settings), &batch(2));
    for object in serde_json::Deserializer::from_slice(&body).into_iter::<Value>() {
        let object = object.unwrap();
        let mut keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            ["event", "fields", "host", "index", "source", "sourcetype", "time"]
        );
        assert!(object["fields"].as_object().unwrap().values().all(Value::is_string));
    }
}

#[test]
fn times_have_milliseconds() {
    let config: Config = config(json!({"endpoint": "http://a", "token": "a"}));
    for (millis, expected) in [
        (0, "0.000"),
        (1_795_194_000_007, "1795194000.007"),
        (999, "0.999"),
        (-1, "-0.001"),
        (-1_500, "-1.500"),
    ] {
        let mut event = with_text("{}");
        event.created_millis = millis;
        let body = String::from_utf8(encode::body(&config, &[event])).unwrap();
        assert!(body.starts_with(&format!("{{\"time\":{expected},")), "{body}");
    }
}

/// What became of three events, in short.
fn short(verdict: &Verdict) -> String {
    let fate = |fate: &Fate| match fate {
        Fate::Delivered => 'd',
        Fate::Retry(_) => 'r',
        Fate::Untried => 'u',
        Fate::Rejected(_) => 'x',
    };
    match verdict {
        Verdict::Delivered => "delivered".to_owned(),
        Verdict::Retry(_) => "retry".to_owned(),
        Verdict::Divide(Parts::Halves | Parts::Smaller, _) => "divide".to_owned(),
        Verdict::Each(fates) => fates.iter().map(fate).collect(),
        Verdict::Stop(reason) => {
            let at = reason.split("(look at `").nth(1).unwrap();
            format!("stop {}", at.split('`').next().unwrap())
        }
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn every_answer_has_its_consequence() {
    let table = [
        (200, r#"{"text":"Success","code":0}"#, "delivered"),
        (200, r#"{"text":"approaching","code":24}"#, "delivered"),
        (200, r#"{"text":"approaching","code":25}"#, "delivered"),
        (200, r#"{"text":"what is that","code":99}"#, "stop endpoint"),
        (200, r#"{"text":"HEC is healthy","code":17}"#, "stop endpoint"),
        (200, "<html>Log in</html>", "stop endpoint"),
        (204, "", "stop endpoint"),
        (403, r#"{"text":"Token disabled","code":1}"#, "stop token"),
        (401, r#"{"text":"Token is required","code":2}"#, "stop token"),
        (401, r#"{"text":"Invalid authorization","code":3}"#, "stop token"),
        (403, r#"{"text":"Invalid token","code":4}"#, "stop token"),
        (400, r#"{"text":"Invalid token","code":21}"#, "stop token"),
        (400, r#"{"text":"Token disabled","code":22}"#, "stop token"),
        (400, r#"{"text":"No data","code":5}"#, "divide"),
        (400, r#"{"text":"Invalid data format","code":6}"#, "divide"),
        (400, r#"{"code":6,"invalid-event-number":0}"#, "xuu"),
        (400, r#"{"code":6,"invalid-event-number":1}"#, "dxu"),
        (400, r#"{"code":12,"invalid-event-number":2}"#, "ddx"),
        (400, r#"{"code":13,"invalid-event-number":1}"#, "dxu"),
        (400, r#"{"code":15,"invalid-event-number":0}"#, "xuu"),
        (400, r#"{"code":15,"invalid-event-number":3}"#, "divide"),
        (400, r#"{"code":15,"invalid-event-number":-1}"#, "divide"),
        (400, r#"{"code":7,"invalid-event-number":1}"#, "stop index"),
        (500, r#"{"text":"Internal server error","code":8}"#, "retry"),
        (503, r#"{"text":"Server is busy","code":9}"#, "retry"),
        (503, r#"{"code":9,"invalid-event-number":0}"#, "retry"),
        (503, r#"{"code":9,"invalid-event-number":2}"#, "ddr"),
        (
            400,
            r#"{"text":"Data channel is missing","code":10}"#,
            "stop indexer_acknowledgements",
        ),
        (400, r#"{"text":"Invalid data channel","code":11}"#, "stop channel"),
        (
            400,
            r#"{"text":"ACK is disabled","code":14}"#,
            "stop indexer_acknowledgements",
        ),
        (400, r#"{"text":"Query string","code":16}"#, "stop endpoint"),
        (503, r#"{"text":"queues are full","code":18}"#, "retry"),
        (503, r#"{"text":"ack service unavailable","code":19}"#, "retry"),
        (503, r#"{"text":"both","code":20}"#, "retry"),
        (503, r#"{"text":"Server is shutting down","code":23}"#, "retry"),
        (429, r#"{"text":"queue","code":26}"#, "retry"),
        (429, r#"{"text":"ACK channel","code":27}"#, "retry"),
        (
            400,
            r#"{"text":"Data channel is missing. If","code":28}"#,
            "stop indexer_acknowledgements",
        ),
        (400, r#"{"text":"new","code":99}"#, "divide"),
        (503, r#"{"text":"new","code":99}"#, "retry"),
        (404, r#"{"text":"not found","code":404}"#, "stop endpoint"),
        (405, r#"{"text":"not found","code":404}"#, "stop endpoint"),
        (400, "<html>plain HTTP to an HTTPS port</html>", "stop endpoint"),
        (403, "<html>Forbidden</html>", "stop token"),
        (413, "<html>too large</html>", "retry"),
        (415, "<html>what encoding</html>", "stop endpoint"),
        (408, "", "retry"),
        (429, "", "retry"),
        (502, "<html>Bad gateway</html>", "retry"),
        (504, "", "retry"),
        (307, "", "stop endpoint"),
    ];
    for (status, body, expected) in table {
        let fake = Fake::start(move |_| (status, vec![("retry-after", "7".to_owned())], body.to_owned())).await;
        let verdict = sink(token(), &fake).send(&batch(3)).await;
        assert_eq!(short(&verdict), expected, "{status} {body}: {verdict:?}");
        if let Verdict::Retry(Later { after, .. }) = verdict {
            assert_eq!(after, Some(Duration::from_secs(7)), "{status} {body}");
        }
    }
}

#[tokio::test]
async fn one_bad_event_takes_no_other_with_it() {
    let collector = Collector::default();
    let fake = collector.start().await;
    let sink = sink(token(), &fake);
    for (bad, code) in [("{", r#""code":6"#), (r#""""#, r#""code":13"#), ("{}", r#""code":13"#)] {
        let events = [batch(2), vec![with_text(bad)], batch(2)].concat();
        let verdict = sink.send(&events).await;
        assert_eq!(short(&verdict), "ddxuu", "{bad}");
        let Verdict::Each(fates) = verdict else { panic!() };
        assert!(
            matches!(&fates[2], Fate::Rejected(words) if words.contains(code)),
            "{fates:?}"
        );
        assert_eq!(collector.take_stored(), 2);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_divided() {
    // It is said to have a first event that is not valid; so is a body whose first event is not valid.
    let fake = Fake::start(|_| answered(400, r#"{"code":6,"invalid-event-number":0}"#)).await;
    let sink = sink(token(), &fake);
    let large = |bytes: usize| with_text(&format!("{{\"a\":\"{}\"}}", "a".repeat(bytes)));
    let frame = 2 * sink.size(&large(0));
    for (bytes, expected) in [
        (encode::SAFE_BYTES - frame, "xu"),
        (encode::SAFE_BYTES - frame + 1, "divide"),
    ] {
        let verdict = sink.send(&[large(0), large(bytes)]).await;
        assert_eq!(short(&verdict), expected, "{bytes}");
    }
    let one = sink.send(&[large(encode::SAFE_BYTES)]).await;
    assert_eq!(short(&one), "x");
}

#[test]
fn limits_are_those_of_the_service() {
    let of = |settings| Service::limits(&config::<Config>(settings));
    let usual = of(json!({"endpoint": "http://a", "token": "a"}));
    assert_eq!((usual.max_bytes, usual.usual.max_bytes), (5_000_000, 1_000_000));
    assert_eq!(usual.usual.concurrency.get(), 8);
    let guid = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let own = of(json!({"endpoint": "http://a", "token": "a", "channel": guid}));
    assert_eq!(own.usual.concurrency.get(), 1);
    let config: Config = config(json!({"endpoint": "http://a", "token": "a"}));
    let sink = config.open(&retry::Settings::default()).unwrap();
    let bytes = 5_000_000 - sink.size(&with_text("{}"));
    for (more, is_refused) in [(0, false), (1, true)] {
        let event = with_text(&format!("{{{}}}", " ".repeat(bytes + more)));
        let size = sink.size(&event);
        assert_eq!(size, 5_000_000 + more);
        let refused = sink.refuses(&event, 0);
        assert_eq!(refused.is_some(), is_refused);
        assert!(refused.is_none_or(|reason| reason.contains("too large")));
    }
    // There is no limit of age.
    assert_eq!(sink.refuses(&event(1, 0, Severity::Info), 1_795_194_000_000), None);
}

#[tokio::test]
async fn a_test_sends_no_event_and_tells_settings_apart() {
    let collector = Collector::default();
    let fake = collector.start().await;
    for (settings, expected) in [
        (token(), None),
        (json!({"token": "disabled"}), Some("`token`")),
        (json!({"token": "other"}), Some("`token`")),
        (
            json!({"token": "a token", "endpoint": format!("{}/a", fake.address)}),
            Some("`endpoint`"),
        ),
        (
            json!({"token": "a token", "indexer_acknowledgements": "required"}),
            Some("`indexer_acknowledgements"),
        ),
        (json!({"token": "a token", "indexer_acknowledgements": "off"}), None),
    ] {
        let result = sink(settings.clone(), &fake).probe().await;
        match expected {
            None => assert_eq!(result, Ok(()), "{settings}"),
            Some(words) => assert!(result.unwrap_err().contains(words), "{settings}"),
        }
    }
    collector.acknowledges();
    for (how, is_right) in [("if_offered", true), ("required", true), ("off", false)] {
        let sink = sink(json!({"token": "a token", "indexer_acknowledgements": how}), &fake);
        let result = sink.probe().await;
        assert_eq!(result.is_ok(), is_right, "{how}: {result:?}");
        assert!(is_right || result.unwrap_err().contains("`indexer_acknowledgements`"));
    }
    assert_eq!(collector.take_stored(), 0);
    let full = Fake::start(|_| answered(503, r#"{"text":"Server is busy","code":9}"#)).await;
    assert!(sink(token(), &full).probe().await.unwrap_err().contains("busy"));
}

#[tokio::test]
async fn a_token_is_never_shown() {
    let fake = Fake::start(|asked| {
        answered(
            403,
            format!(r#"{{"text":"{}","code":4}}"#, asked.header("authorization")),
        )
    })
    .await;
    let sink = sink(json!({"token": "abcdef-secret"}), &fake);
    let said = format!("{:?} {:?}", sink.send(&batch(1)).await, sink.probe().await);
    assert!(!said.contains("abcdef-secret") && said.contains("Splunk ***"), "{said}");
}

#[test]
fn problems_are_found_before_anything_is_sent() {
    let good = json!({"endpoint": "https://a:8088", "token": "a"});
    assert_eq!(config::<Config>(good.clone()).problems(), []);
    let guid = "0f8fad5b-d9cb-469f-a165-70867728950e";
    for (more, at) in [
        (json!({"endpoint": "a:8088"}), "endpoint"),
        (
            json!({"endpoint": "https://a:8088/services/collector/event"}),
            "endpoint",
        ),
        (json!({"token": ""}), "token"),
        (json!({"token": "Splunk a"}), "token"),
        (json!({"index": ""}), "index"),
        (json!({"host": ""}), "host"),
        (json!({"channel": "a"}), "channel"),
        (json!({"channel": format!("{{{guid}}}")}), "channel"),
        (json!({"channel": guid, "indexer_acknowledgements": "off"}), "channel"),
        (
            json!({"acknowledgement_timeout_secs": 9.9}),
            "acknowledgement_timeout_secs",
        ),
        (json!({"compression": "zstd"}), "compression"),
        (json!({"tls": {"crt_file": "a"}}), "tls.crt_file"),
    ] {
        let mut wrong = good.clone();
        wrong.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let problems = config::<Config>(wrong.clone()).problems();
        let problems: Vec<_> = problems.into_iter().map(|problem| problem.key).collect();
        assert_eq!(problems, [at], "{wrong}");
    }
    let own = config::<Config>(json!({"endpoint": "https://a", "token": "a", "channel": guid}));
    assert_eq!(own.problems(), []);
}
