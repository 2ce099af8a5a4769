//! A strict CloudWatch Logs, and what follows from its answers.

#![allow(clippy::disallowed_types, reason = "What a service reads is a JSON value.")]

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_lc_rs::{digest, hmac};
use logferry_model::Severity;
use serde_json::{Value, json};

use super::*;
use crate::clock;
use crate::exchange::fake::{Answered, Asked, Fake, answered, batch, before_sending, config, event, open};
use crate::sink::{Fate, Parts, Verdict};

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn error(kind: &str, message: &str) -> Answered {
    answered(400, json!({"__type": kind, "message": message}).to_string())
}

/// The settings for a service at this address, with more or others.
fn settings(fake: &Fake, more: Value) -> Value {
    let mut all = json!({
        "group_name": "/fivetran/logs", "region": "eu-central-1", "endpoint": fake.address,
        "auth": {"access_key_id": ID, "secret_access_key": SECRET},
    });
    let more = more.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(more);
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of the body as they were sent: the same text compresses to the same bytes.
fn wire(asked: &Asked) -> Vec<u8> {
    if asked.header("content-encoding") != "gzip" {
        return asked.body.clone();
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&asked.body).unwrap();
    encoder.finish().unwrap()
}

/// The signature that the request should have, in the words of AWS's documentation.
fn signature(asked: &Asked, signed: &str, scope: &str) -> String {
    let headers: String = signed
        .split(';')
        .map(|name| format!("{name}:{}\n", asked.header(name).trim()))
        .collect();
    let body = hex(digest::digest(&digest::SHA256, &wire(asked)).as_ref());
    let canonical = format!("{}\n{}\n\n{headers}\n{signed}\n{body}", asked.method, asked.uri.path());
    let canonical = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{canonical}", asked.header("x-amz-date"));
    let key = scope
        .split('/')
        .fold(format!("AWS4{SECRET}").into_bytes(), |key, part| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
            hmac::sign(&key, part.as_bytes()).as_ref().to_vec()
        });
    hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes()).as_ref())
}

/// What is wrong with who asks.
fn unsigned(asked: &Asked) -> Option<Answered> {
    let invalid = |message: &str| Some(error("InvalidSignatureException", message));
    let date = asked.header("x-amz-date");
    let now = clock::stamp(SystemTime::now());
    if date.len() != 16
        || date[..8] != now[..8] && date[..8] != clock::stamp(SystemTime::now() - Duration::from_secs(60))[..8]
    {
        return invalid("Signature expired: …");
    }
    let scope = format!("{}/eu-central-1/logs/aws4_request", &date[..8]);
    let begins = format!("AWS4-HMAC-SHA256 Credential={ID}/{scope}, SignedHeaders=");
    let Some(rest) = asked.header("authorization").strip_prefix(&begins) else {
        return Some(error(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ));
    };
    let (signed, found) = rest.split_once(", Signature=").unwrap();
    let mut needed = vec!["content-type", "host", "x-amz-date", "x-amz-target"];
    for name in ["content-encoding", "x-amz-security-token"] {
        if !asked.header(name).is_empty() {
            needed.push(name);
        }
    }
    needed.sort_unstable();
    if signed != needed.join(";") || found != signature(asked, signed, &scope) {
        return invalid("The request signature we calculated does not match the signature you provided.");
    }
    None
}

/// A log group and a log stream, which are there or not.
struct Logs {
    group: bool,
    stream: bool,
    retention: Option<u32>,
}

/// Refuses what CloudWatch Logs refuses.
fn cloudwatch(logs: &Mutex<Logs>, asked: &Asked) -> Answered {
    if let Some(refused) = unsigned(asked) {
        return refused;
    }
    if (asked.method.as_str(), asked.uri.path()) != ("POST", "/")
        || asked.header("content-type") != "application/x-amz-json-1.1"
    {
        return answered(404, r#"{"__type":"UnknownOperationException"}"#);
    }
    let missing = |what: &str| {
        error(
            "ResourceNotFoundException",
            &format!("The specified log {what} does not exist."),
        )
    };
    let exists = || {
        error(
            "ResourceAlreadyExistsException",
            "The specified log group already exists",
        )
    };
    let Ok(body) = serde_json::from_str::<Value>(asked.text()) else {
        return error("SerializationException", "");
    };
    let mut logs = logs.lock().unwrap();
    let mut keys: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    match (
        asked.header("x-amz-target").strip_prefix("Logs_20140328.").unwrap(),
        keys.as_slice(),
    ) {
        ("CreateLogGroup", ["logGroupName"]) if logs.group => exists(),
        ("CreateLogGroup", ["logGroupName"]) => {
            logs.group = true;
            answered(200, "")
        }
        ("CreateLogStream", ["logGroupName", "logStreamName"]) => match (logs.group, logs.stream) {
            (false, _) => missing("group"),
            (true, true) => exists(),
            (true, false) => {
                logs.stream = true;
                answered(200, "")
            }
        },
        ("DescribeLogGroups", ["logGroupNamePrefix"]) => {
            let longer = json!({"logGroupName": "/fivetran/logs/more"});
            let group = json!({"logGroupName": "/fivetran/logs", "retentionInDays": logs.retention});
            let groups = if logs.group {
                json!([group, longer])
            } else {
                json!([longer])
            };
            answered(200, json!({"logGroups": groups}).to_string())
        }
        ("DescribeLogStreams", ["logGroupName", "logStreamNamePrefix"]) if logs.group => {
            let name = if logs.stream { "logferry" } else { "logferry-2" };
            answered(200, json!({"logStreams": [{"logStreamName": name}]}).to_string())
        }
        ("PutLogEvents", ["logEvents", "logGroupName", "logStreamName"]) => match (logs.group, logs.stream) {
            (false, _) => missing("group"),
            (true, false) => missing("stream"),
            (true, true) => put(&body),
        },
        _ => error("ValidationException", "what is that"),
    }
}

fn put(body: &Value) -> Answered {
    let invalid = |message: &str| error("InvalidParameterException", message);
    let events = body["logEvents"].as_array().unwrap();
    let (mut bytes, mut times) = (0, Vec::new());
    for event in events {
        assert_eq!(event.as_object().unwrap().len(), 2);
        let size = event["message"].as_str().unwrap().len();
        if size == 0 || size + 26 > 1_048_576 {
            return invalid("Log event too large");
        }
        bytes += size + 26;
        times.push(event["timestamp"].as_i64().unwrap());
    }
    if events.is_empty() || events.len() > 10_000 || bytes > 1_048_576 {
        return invalid(&format!("Upload too large: {bytes} bytes exceeds limit of 1048576"));
    }
    if !times.is_sorted() {
        return invalid("Log events in a single PutLogEvents request must be in chronological order.");
    }
    if times.last().unwrap() - times[0] >= 86_400_000 {
        return invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
    }
    answered(200, r#"{"nextSequenceToken":"49590302"}"#)
}

async fn there() -> Fake {
    service(true, true, None).await
}

async fn service(group: bool, stream: bool, retention: Option<u32>) -> Fake {
    let logs = Mutex::new(Logs {
        group,
        stream,
        retention,
    });
    Fake::start(move |asked| cloudwatch(&logs, asked)).await
}

fn actions(fake: &Fake) -> Vec<String> {
    let asked = fake.asked();
    let action = asked.iter().map(|asked| asked.header("x-amz-target"));
    action
        .map(|action| action.rsplit('.').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn events_become_log_events_by_time() {
    let fake = there().await;
    let now = 1_795_194_000_123;
    for compression in ["gzip", "none"] {
        let sink = open::<Config>(settings(&fake, json!({"compression": compression})));
        let events = [
            event(1, now + 1, Severity::Severe),
            event(2, now, Severity::Info),
            event(3, now + 1, Severity::Warning),
        ];
        assert_eq!(sink.send(&events).await, Verdict::Delivered);
        let asked = fake.asked().pop().unwrap();
        let encoding = if compression == "gzip" { "gzip" } else { "" };
        assert_eq!(asked.header("content-encoding"), encoding);
        let message = |event: &Event| serde_json::to_string(std::str::from_utf8(&event.text).unwrap()).unwrap();
        let [first, second, third] = &events;
        let expected = format!(
            "{{\"logGroupName\":\"/fivetran/logs\",\"logStreamName\":\"logferry\",\"logEvents\":[\
             {{\"timestamp\":1795194000123,\"message\":{}}},{{\"timestamp\":1795194000124,\"message\":{}}},\
             {{\"timestamp\":1795194000124,\"message\":{}}}]}}",
            message(second),
            message(first),
            message(third)
        );
        assert_eq!(asked.text(), expected);
    }
}

#[tokio::test]
async fn limits_are_kept_exactly() {
    let fake = there().await;
    let sink = open::<Config>(settings(&fake, json!({})));
    let limits = sink.limits();
    assert_eq!(limits.max_bytes, 1_048_576);
    assert_eq!(limits.span, Some(Duration::from_millis(86_399_999)));
    let sized = |bytes: usize, created: i64| {
        let mut event = event(1, created, Severity::Info);
        // Two bytes a letter in UTF-8, and six in the body.
        event.text = "\u{7f}".repeat(bytes % 2).into_bytes().into();
        event.text = [&event.text[..], "é".repeat(bytes / 2).as_bytes()].concat().into();
        assert_eq!(event.text.len(), bytes);
        event
    };
    let divided = |verdict: Verdict| matches!(verdict, Verdict::Divide(Parts::Halves | Parts::Smaller, _));
    let now = clock::now_millis();
    for (of_second, is_too_large) in [(524_262, false), (524_263, true)] {
        let events = [sized(524_262, now), sized(of_second, now)];
        let size: usize = events.iter().map(|event| sink.size(event)).sum();
        assert_eq!(size > limits.max_bytes, is_too_large);
        assert_eq!(divided(sink.send(&events).await), is_too_large);
    }
    for (bytes, is_too_large) in [(1_048_550, false), (1_048_551, true)] {
        let event = sized(bytes, now);
        let refused = sink.refuses(&event, now);
        assert_eq!(refused.is_some(), is_too_large, "{refused:?}");
        assert_eq!(divided(sink.send(&[event]).await), is_too_large);
    }
    for (span, is_too_long) in [(86_399_999, false), (86_400_000, true)] {
        let events = [sized(2, now), sized(2, now - span)];
        assert_eq!(divided(sink.send(&events).await), is_too_long);
    }
    let (most, beyond) = (batch(limits.max_events), batch(limits.max_events + 1));
    assert!(divided(sink.send(&beyond).await));
    let small: Vec<Event> = most.iter().map(|event| sized(2, event.created_millis)).collect();
    assert_eq!(sink.send(&small).await, Verdict::Delivered);
}

#[test]
fn what_would_be_refused_is_refused_before() {
    let settings = |more: Value| {
        let mut all = json!({"group_name": "g", "region": "eu-central-1"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        open::<Config>(all)
    };
    let now = 1_795_194_000_000;
    let hour = 3_600_000;
    for (max_age, oldest) in [
        (json!({}), 14 * 24 * hour),
        (json!({"max_age_secs": 7 * 86_400}), 7 * 24 * hour),
    ] {
        let sink = settings(max_age);
        for (created, fate) in [
            (-oldest, "sent"),
            (-oldest - 1, "refused"),
            (2 * hour, "sent"),
            (2 * hour + 1, "waits"),
        ] {
            assert_eq!(before_sending(&*sink, now + created, now), fate, "{created}");
        }
    }
    let sent = settings(json!({"too_old": "send"}));
    assert_eq!(sent.refuses(&event(1, 0, Severity::Info), now), None);
    let mut before = event(1, 0, Severity::Info);
    before.created_millis = -1;
    assert!(sent.refuses(&before, now).unwrap().contains("1970"));
    let seven_days: Config = config(json!({"group_name": "g", "region": "r", "max_age_secs": 604_800}));
    assert_eq!(Service::oldest(&seven_days), Some(Duration::from_secs(604_800)));
}

#[tokio::test]
async fn what_is_missing_is_made_where_that_is_allowed() {
    let fake = service(false, false, None).await;
    let sink = open::<Config>(settings(&fake, json!({})));
    assert_eq!(sink.send(&batch(3)).await, Verdict::Delivered);
    assert_eq!(
        actions(&fake),
        [
            "PutLogEvents",
            "CreateLogStream",
            "CreateLogGroup",
            "CreateLogStream",
            "PutLogEvents"
        ]
    );
    for (group, more, expected) in [
        (true, json!({"create_missing_group": false}), None),
        (
            false,
            json!({"create_missing_group": false}),
            Some("`create_missing_group`"),
        ),
        (
            true,
            json!({"create_missing_stream": false}),
            Some("`create_missing_stream`"),
        ),
        (
            false,
            json!({"create_missing_stream": false}),
            Some("`create_missing_stream`"),
        ),
    ] {
        let fake = service(group, false, None).await;
        let sink = open::<Config>(settings(&fake, more));
        let probed = sink.probe().await;
        assert!(actions(&fake).iter().all(|action| action.starts_with("Describe")));
        match (sink.send(&batch(3)).await, expected) {
            (Verdict::Delivered, None) => probed.unwrap(),
            (Verdict::Stop(reason), Some(key)) => {
                assert!(reason.contains(key) && reason.contains("`group_name`"), "{reason}");
                assert!(probed.unwrap_err().contains(key));
            }
            (verdict, _) => panic!("{verdict:?}"),
        }
    }
}

#[tokio::test]
async fn what_cannot_be_made_makes_no_dead_letters() {
    for (of_create, retries) in [
        (
            error(
                "AccessDeniedException",
                "not authorized to perform: logs:CreateLogStream",
            ),
            false,
        ),
        (error("LimitExceededException", "Resource limit exceeded."), false),
        (error("InvalidParameterException", "what a name"), false),
        (
            error("OperationAbortedException", "A conflicting operation is in progress."),
            true,
        ),
        (
            error(
                "ResourceAlreadyExistsException",
                "The specified log stream already exists",
            ),
            true,
        ),
        (answered(200, ""), true),
    ] {
        let reply = of_create.clone();
        let fake = Fake::start(move |asked| match asked.header("x-amz-target") {
            "Logs_20140328.PutLogEvents" => {
                error("ResourceNotFoundException", "The specified log stream does not exist.")
            }
            _ => reply.clone(),
        })
        .await;
        let sink = open::<Config>(settings(&fake, json!({})));
        let verdict = sink.send(&batch(2)).await;
        assert_eq!(
            matches!(verdict, Verdict::Retry(_)),
            retries,
            "{of_create:?}: {verdict:?}"
        );
        assert_eq!(
            matches!(verdict, Verdict::Stop(_)),
            !retries,
            "{of_create:?}: {verdict:?}"
        );
    }
}

#[tokio::test]
async fn its_answers_have_consequences() {
    let retry = |verdict: &Verdict| matches!(verdict, Verdict::Retry(_));
    let divide = |verdict: &Verdict| matches!(verdict, Verdict::Divide(Parts::Halves | Parts::Smaller, _));
    let delivered = |verdict: &Verdict| *verdict == Verdict::Delivered;
    fn stop(part: &'static str) -> impl Fn(&Verdict) -> bool {
        move |verdict| matches!(verdict, Verdict::Stop(reason) if reason.contains(part))
    }
    type IsRight = Box<dyn Fn(&Verdict) -> bool>;
    let table: Vec<(Answered, IsRight)> = vec![
        (answered(200, "{}"), Box::new(delivered)),
        (answered(200, r#"{"rejectedLogEventsInfo":{}}"#), Box::new(delivered)),
        (answered(200, "<html>"), Box::new(stop("`endpoint`"))),
        (answered(200, ""), Box::new(stop("`endpoint`"))),
        (answered(202, "{}"), Box::new(stop("`endpoint`"))),
        (error("ThrottlingException", "Rate exceeded"), Box::new(retry)),
        (
            error("com.amazonaws.logs#ThrottlingException:http://x/", ""),
            Box::new(retry),
        ),
        (error("ServiceUnavailableException", ""), Box::new(retry)),
        (error("OperationAbortedException", ""), Box::new(retry)),
        (error("InvalidSequenceTokenException", ""), Box::new(retry)),
        (error("DataAlreadyAcceptedException", ""), Box::new(delivered)),
        (answered(500, r#"{"__type":"InternalFailure"}"#), Box::new(retry)),
        (answered(503, "no"), Box::new(retry)),
        (answered(408, ""), Box::new(retry)),
        (answered(429, ""), Box::new(retry)),
        (answered(413, ""), Box::new(divide)),
        (error("RequestEntityTooLargeException", ""), Box::new(divide)),
        (
            error("InvalidParameterException", "Upload too large: 1049882 bytes"),
            Box::new(divide),
        ),
        (error("ValidationException", ""), Box::new(divide)),
        (
            error(
                "InvalidParameterException",
                "1 validation error detected: Value '' at 'logGroupName' failed",
            ),
            Box::new(stop("`group_name`")),
        ),
        (error("SerializationException", ""), Box::new(stop("`compression`"))),
        (
            error("AccessDeniedException", "User is not authorized"),
            Box::new(stop("`auth`")),
        ),
        (
            answered(403, r#"{"__type":"IncompleteSignature"}"#),
            Box::new(stop("`auth`")),
        ),
        (error("UnrecognizedClientException", ""), Box::new(stop("`auth`"))),
        (
            error("InvalidSignatureException", "does not match"),
            Box::new(stop("`auth`")),
        ),
        (error("ExpiredTokenException", ""), Box::new(stop("`auth`"))),
        (error("SomethingNewException", ""), Box::new(stop("`endpoint`"))),
        (answered(400, "<html>"), Box::new(stop("`endpoint`"))),
        (
            answered(404, r#"{"__type":"UnknownOperationException"}"#),
            Box::new(stop("`endpoint`")),
        ),
        (answered(301, ""), Box::new(stop("`endpoint`"))),
        (
            (
                400,
                vec![("x-amzn-errortype", "ThrottlingException:http://x/".to_owned())],
                String::new(),
            ),
            Box::new(retry),
        ),
    ];
    for (reply, is_right) in table {
        let answer = reply.clone();
        let fake = Fake::start(move |_| answer.clone()).await;
        let sink = open::<Config>(settings(&fake, json!({})));
        let verdict = sink.send(&batch(2)).await;
        assert!(is_right(&verdict), "{reply:?}: {verdict:?}");
    }
}

#[tokio::test]
async fn refused_events_are_told_in_the_order_of_the_batch() {
    let now = clock::now_millis();
    // By time: 2, 0, 3, 1.
    let events = [5, 9, 1, 7].map(|millis| event(1, now + millis, Severity::Info));
    for (rejected, expected) in [
        (json!({"tooOldLogEventEndIndex": 1}), ["ok", "ok", "14 days", "ok"]),
        (
            json!({"expiredLogEventEndIndex": 2}),
            ["retention", "ok", "retention", "ok"],
        ),
        (json!({"tooNewLogEventStartIndex": 3}), ["ok", "ahead", "ok", "ok"]),
        (
            json!({"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2, "tooNewLogEventStartIndex": 3}),
            ["retention", "ahead", "14 days", "ok"],
        ),
        (json!({"tooOldLogEventEndIndex": 4}), ["14 days"; 4]),
    ] {
        let fake = Fake::start(move |_| answered(200, json!({"rejectedLogEventsInfo": rejected}).to_string())).await;
        let sink = open::<Config>(settings(&fake, json!({})));
        let Verdict::Each(fates) = sink.send(&events).await else {
            panic!()
        };
        assert_eq!(fates.len(), expected.len());
        for (fate, expected) in fates.iter().zip(expected) {
            match fate {
                Fate::Delivered => assert_eq!(expected, "ok"),
                Fate::Rejected(reason) => assert!(reason.contains(expected), "{reason}"),
                fate => panic!("{fate:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_named() {
    let fake = Fake::start(|_| {
        let date = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(630));
        let (status, _, body) = error(
            "InvalidSignatureException",
            "Signature not yet current: … is still later than …",
        );
        (status, vec![("date", date)], body)
    })
    .await;
    let sink = open::<Config>(settings(&fake, json!({})));
    let Verdict::Stop(reason) = sink.send(&batch(1)).await else {
        panic!()
    };
    assert!(
        reason.contains("10 minutes ahead of") && reason.contains("`auth`"),
        "{reason}"
    );
}

/// Gives credentials that the service calls expired, then good ones.
#[derive(Debug)]
struct Renewing {
    asked: Arc<AtomicUsize>,
    lasts: Option<Duration>,
}

impl ProvideCredentials for Renewing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let end = self.lasts.map(|lasts| SystemTime::now() + lasts);
        let credentials = Credentials::new(ID, SECRET, Some(format!("token/{number}+==")), end, "test");
        future::ProvideCredentials::ready(Ok(credentials))
    }
}

fn renewing(fake: &Fake, lasts: Option<Duration>) -> (CloudWatchSink, Arc<AtomicUsize>) {
    let config: Config = config(settings(fake, json!({})));
    let asked = Arc::new(AtomicUsize::new(0));
    let provider = SharedCredentialsProvider::new(Renewing {
        asked: Arc::clone(&asked),
        lasts,
    });
    let keys = keys::Keys::of(&config, provider);
    (
        CloudWatchSink::new(&config, &retry::Settings::default(), keys).unwrap(),
        asked,
    )
}

#[tokio::test]
async fn expired_credentials_are_renewed_once_and_the_batch_goes_again() {
    let logs = Mutex::new(Logs {
        group: true,
        stream: true,
        retention: None,
    });
    let fake = Fake::start(move |asked| match asked.header("x-amz-security-token") {
        "token/0+==" => error(
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        _ => cloudwatch(&logs, asked),
    })
    .await;
    let (sink, asked) = renewing(&fake, None);
    for _ in 0..2 {
        assert_eq!(sink.send(&batch(2)).await, Verdict::Delivered);
    }
    assert_eq!(actions(&fake).len(), 3);
    assert_eq!(asked.load(Ordering::Relaxed), 2);

    let fake = Fake::start(|asked| {
        let token = asked.header("x-amz-security-token").to_owned();
        error("ExpiredTokenException", &format!("x-amz-security-token:{token}"))
    })
    .await;
    let (sink, asked) = renewing(&fake, None);
    let Verdict::Stop(reason) = sink.send(&batch(2)).await else {
        panic!()
    };
    assert!(reason.contains("`auth`") && !reason.contains("token/"), "{reason}");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn credentials_are_kept_until_shortly_before_their_end() {
    for (lasts, expected) in [(None, 1), (Some(3600), 1), (Some(30), 3)] {
        let fake = there().await;
        let (sink, asked) = renewing(&fake, lasts.map(Duration::from_secs));
        for _ in 0..3 {
            assert_eq!(sink.send(&batch(1)).await, Verdict::Delivered);
        }
        assert_eq!(asked.load(Ordering::Relaxed), expected, "{lasts:?}");
    }
}

#[tokio::test]
async fn a_test_sends_nothing_and_says_what_is_wrong() {
    for (group, stream) in [(true, true), (true, false), (false, false)] {
        let fake = service(group, stream, Some(7)).await;
        open::<Config>(settings(&fake, json!({}))).probe().await.unwrap();
        assert!(actions(&fake).iter().all(|action| action.starts_with("Describe")));
    }
    let fake = there().await;
    for (more, expected) in [
        (
            json!({"auth": {"access_key_id": "AKIDOTHER", "secret_access_key": SECRET}}),
            "`auth`",
        ),
        (
            json!({"auth": {"access_key_id": ID, "secret_access_key": "other"}}),
            "`auth`",
        ),
        (json!({"region": "eu-west-1"}), "`region`"),
        (json!({"endpoint": format!("{}/elsewhere", fake.address)}), "`endpoint`"),
        (json!({"endpoint": "http://127.0.0.1:1"}), "127.0.0.1:1"),
    ] {
        let sink = open::<Config>(settings(&fake, more));
        let reason = sink.probe().await.unwrap_err();
        assert!(reason.contains(expected) && !reason.contains(SECRET), "{reason}");
    }
}

#[test]
fn problems_are_found_before_anything_is_sent() {
    for (more, at) in [
        (json!({"group_name": ""}), "group_name"),
        (json!({"group_name": "é"}), "group_name"),
        (json!({"group_name": "g".repeat(513)}), "group_name"),
        (json!({"stream_name": "a:b"}), "stream_name"),
        (json!({"stream_name": ""}), "stream_name"),
        (json!({"region": "Frankfurt"}), "region"),
        (json!({"endpoint": "nowhere"}), "endpoint"),
        (json!({"max_age_secs": 0}), "max_age_secs"),
        (json!({"max_age_secs": 1_209_601}), "max_age_secs"),
        (json!({"compression": "zstd"}), "compression"),
        (json!({"tls": {"crt_file": "a"}}), "tls.crt_file"),
        (json!({"auth": {"access_key_id": "a"}}), "auth.access_key_id"),
        (
            json!({"auth": {"access_key_id": "a b", "secret_access_key": "s"}}),
            "auth.access_key_id",
        ),
        (json!({"auth": {"secret_access_key": "s"}}), "auth.secret_access_key"),
        (
            json!({"auth": {"access_key_id": "a", "secret_access_key": ""}}),
            "auth.secret_access_key",
        ),
        (json!({"auth": {"session_token": "s"}}), "auth.session_token"),
        (
            json!({"auth": {"access_key_id": "a", "secret_access_key": "s", "session_token": "a\n"}}),
            "auth.session_token",
        ),
        (
            json!({"auth": {"access_key_id": "a", "secret_access_key": "s", "profile": "p"}}),
            "auth.profile",
        ),
        (json!({"auth": {"assume_role": "logs"}}), "auth.assume_role"),
        (json!({"auth": {"external_id": "ab"}}), "auth.external_id"),
        (
            json!({"auth": {"assume_role": "arn:aws:iam::123456789012:role/logs", "external_id": "a"}}),
            "auth.external_id",
        ),
    ] {
        let mut settings = json!({"group_name": "g", "region": "eu-central-1"});
        settings
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let problems: Vec<_> = config::<Config>(settings)
            .problems()
            .into_iter()
            .map(|problem| problem.key)
            .collect();
        assert_eq!(problems, [at], "{more}");
    }
}

#[test]
fn regions_have_addresses() {
    for (region, expected) in [
        ("eu-central-1", "https://logs.eu-central-1.amazonaws.com/"),
        ("us-gov-west-1", "https://logs.us-gov-west-1.amazonaws.com/"),
        ("cn-north-1", "https://logs.cn-north-1.amazonaws.com.cn/"),
    ] {
        let config: Config = config(json!({"group_name": "g", "region": region}));
        assert_eq!(request::url(&config).unwrap().as_str(), expected);
    }
}
