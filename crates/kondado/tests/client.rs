//! The client against a server on this machine: what it sends, what it makes of the answers, and that nothing it says
//! shows key, token or the query.

#![cfg(feature = "client")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use logferry_kondado::Stream;
use logferry_kondado::answer::Failure;
use logferry_kondado::client::{Client, ClientOptions, Fetched, MAX_BODY_BYTES};
use logferry_kondado::page::Next;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// They look otherwise in a URL, so that it shows whether that is hidden too.
const KEY: &str = "d538 b946/405a";
const TOKEN: &str = "72d7+4b1c=b8f5&x";

const PAGE: &str =
    r#"{"success":true,"data":{"success":true,"data":[{"id":1,"é":2}, 7],"pagination":{"next_start_element_id":"9"}}}"#;

/// A server for one request: where it is, and the request once it has come.
async fn server(answer: Vec<u8>) -> (String, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, request) = oneshot::channel();
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            let is_http = b"GET ".starts_with(&text[..text.len().min(4)]);
            if !is_http || connection.read_buf(&mut text).await.unwrap_or(0) == 0 {
                break;
            }
        }
        sender.send(String::from_utf8_lossy(&text).into_owned()).ok();
        connection.write_all(&answer).await.ok();
        connection.shutdown().await.ok();
        // What the client still sends is read, lest the connection is reset before it has read the answer.
        while connection.read_buf(&mut text).await.unwrap_or(0) > 0 {}
    });
    (endpoint, request)
}

fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let length = body.as_ref().len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}

fn client(endpoint: &str) -> Client {
    let options = ClientOptions {
        endpoint: endpoint.to_owned(),
        key: KEY.to_owned(),
        token: TOKEN.to_owned(),
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(5),
    };
    let client = Client::new(options.clone()).unwrap();
    hides(&format!("{options:?} {client:?}"));
    client
}

/// That a text shows no secret in any form, and no query.
#[track_caller]
fn hides(shown: &str) {
    let lower = shown.to_lowercase();
    for part in [
        "d538",
        "b946",
        "405a",
        "72d7",
        "4b1c",
        "b8f5",
        "start_element_id=",
        "?key",
    ] {
        assert!(!lower.contains(part), "{part} in {shown}");
    }
}

async fn failure(endpoint: &str) -> Failure {
    let failed = client(endpoint).page(Stream::PipelineLogs, 5, None).await;
    let failure = failed.expect_err("a failure");
    let mut shown = format!("{failure} {failure:?} {failure:#?}");
    let mut source = std::error::Error::source(&failure);
    while let Some(error) = source {
        shown.push_str(&format!("{error} {error:?}"));
        source = error.source();
    }
    hides(&shown);
    failure
}

fn is_transient(failure: &Failure, what: &str) -> bool {
    matches!(failure, Failure::Transient { reason, .. } if reason.contains(what))
}

#[tokio::test]
async fn a_page() {
    let (endpoint, request) = server(answer("200 OK", "", PAGE)).await;
    let fetched = client(&format!("{endpoint}/base/"));
    let fetched = fetched.page(Stream::ModelLogs, u64::MAX, Some(12)).await.unwrap();
    assert_eq!(fetched.rows().collect::<Vec<_>>(), [r#"{"id":1,"é":2}"#, "7"]);
    assert_eq!(*fetched.next(), Next::Id(9));

    let request = request.await.unwrap();
    let line = "GET /base/model_logs?key=d538+b946%2F405a&token=72d7%2B4b1c%3Db8f5%26x&start_element_id=18446744073709551615&\
                client_id=12 HTTP/1.1\r\n";
    assert!(request.starts_with(line), "{request}");
    let agent = concat!("user-agent: logferry/", env!("CARGO_PKG_VERSION"), "\r\n");
    assert!(request.contains(agent), "{request}");
    assert!(request.contains("accept-encoding: gzip\r\n"), "{request}");
    assert!(!request.contains("referer"), "{request}");
}

#[tokio::test]
async fn a_packed_page() {
    // `[1,2]`, by gzip.
    let packed = [
        0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0x02, 0xff, 0x8b, 0x36, 0xd4, 0x31, 0x8a, 0x05, 0, 0xbf, 0x50, 0x8b, 0x08, 5,
        0, 0, 0,
    ];
    let (endpoint, _request) = server(answer("200 OK", "Content-Encoding: gzip\r\n", packed)).await;
    let fetched = client(&endpoint).page(Stream::PipelineLogs, 0, None).await.unwrap();
    assert_eq!(fetched.rows().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(*fetched.next(), Next::Absent);
}

#[tokio::test]
async fn no_answer_betrays_the_secrets() {
    let echo =
        format!("you asked for /pipeline_logs with {KEY} and {TOKEN}, d538%20b946%2f405a, 72d7%2B4b1c%3Db8f5%26x");
    let location = "Location: /pipeline_logs?key=d538+b946%2F405a&token=72d7%2B4b1c%3Db8f5%26x&start_element_id=5\r\n";
    let refused = format!(r#"{{"success":false,"error":"INVALID","message":"{echo}"}}"#);
    let html = format!("<html>{echo}");
    for (answer, class) in [
        (answer("302 Found", location, &echo), "Transient"),
        (answer("301 Moved Permanently", location, ""), "Transient"),
        (answer("200 OK", "", &refused), "Refused"),
        (answer("200 OK", "", &html), "Transient"),
        (answer("200 OK", "", &html[..html.len() - 3]), "Transient"),
        (answer("200 OK", "", r#"{"success":true}"#), "Protocol"),
        (answer("401 Unauthorized", "", &echo), "Fatal"),
        (answer("400 Bad Request", "", &echo), "BadRequest"),
        (answer("503 Service Unavailable", "", &refused), "Transient"),
        (
            answer("500 Internal", "Transfer-Encoding: nonsense\r\n", &echo),
            "Transient",
        ),
        (answer("200 OK", "Content-Encoding: gzip\r\n", &echo), "Transient"),
        (answer("200 OK", "", b"[\"\xff\"]"), "Transient"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[".to_vec(), "Transient"),
        (
            b"HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\nd538 b946/4".to_vec(),
            "Transient",
        ),
        (echo.clone().into_bytes(), "Transient"),
        (Vec::new(), "Transient"),
    ] {
        let (endpoint, _request) = server(answer).await;
        let shown = format!("{:?}", failure(&endpoint).await);
        assert!(shown.starts_with(class), "{class}: {shown}");
    }
}

#[tokio::test]
async fn throttled_and_asked_to_wait() {
    let throttled = r#"{"success":false,"error":"RATE_LIMIT_EXCEEDED","message":"Please try again in 60 seconds."}"#;
    let (endpoint, _request) = server(answer("200 OK", "", throttled)).await;
    let wait = Duration::from_secs(60);
    assert_eq!(failure(&endpoint).await, Failure::Throttled { wait, named: true });

    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:47 GMT\r\n";
    let (endpoint, _request) = server(answer("503 Busy", date, "")).await;
    let after = Some(Duration::from_secs(10));
    assert!(matches!(failure(&endpoint).await, Failure::Transient { after: found, .. } if found == after));
}

#[tokio::test]
async fn nobody_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let refused = failure(&format!("http://{address}")).await;
    assert!(is_transient(&refused, "no connection"), "{refused}");

    let unknown = failure("https://logferry.invalid").await;
    assert!(is_transient(&unknown, "connect"), "{unknown}");

    let (endpoint, _request) = server(answer("200 OK", "", PAGE)).await;
    let plain = failure(&endpoint.replace("http:", "https:")).await;
    assert!(is_transient(&plain, "corrupt message"), "{plain}");
}

#[tokio::test]
async fn a_server_that_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = ClientOptions {
        endpoint: format!("http://{}", listener.local_addr().unwrap()),
        key: KEY.to_owned(),
        token: TOKEN.to_owned(),
        timeout: Duration::from_millis(50),
        ..ClientOptions::default()
    };
    let page = Client::new(options).unwrap().page(Stream::PipelineLogs, 0, None).await;
    let failure = page.expect_err("a failure");
    assert!(is_transient(&failure, "took too long"), "{failure}");
    hides(&format!("{failure} {failure:?}"));
}

#[tokio::test]
async fn an_answer_without_end_is_not_kept() {
    let body = vec![b' '; MAX_BODY_BYTES + 1];
    let (endpoint, _request) = server(answer("200 OK", "", body)).await;
    let failure = failure(&endpoint).await;
    assert!(
        matches!(&failure, Failure::Protocol { reason } if reason.contains("16 MiB")),
        "{failure}"
    );
}

#[test]
fn it_may_be_used_by_tasks() {
    fn is_send<T: Send>(_: T) {}
    let client = client("http://127.0.0.1:1");
    is_send(client.page(Stream::PipelineLogs, 0, None));
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Client>();
    shared::<Fetched>();
}
