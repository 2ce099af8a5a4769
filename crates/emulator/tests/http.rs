//! The API on a socket.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use logferry_emulator::{Delay, Emulator, Entry, Fault, Options, Running, STREAMS, StartError, Stats, Stream};
use support::unlimited;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Everything that the server sends for a request.
async fn raw(running: &Running, target: &str) -> (Vec<u8>, io::Result<usize>) {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    let end = stream.read_to_end(&mut response).await;
    (response, end)
}

/// Head and body.
async fn get(running: &Running, target: &str) -> (String, String) {
    let (response, end) = raw(running, target).await;
    end.unwrap();
    let response = String::from_utf8(response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

fn rows(running: &Running, stream: Stream) -> String {
    format!(
        "/{}?key={}&token={}&start_element_id=0",
        stream.name(),
        running.key,
        running.token
    )
}

fn faulty(fault: Fault) -> Options {
    let mut options = unlimited(60);
    options.quirks.faults.insert(fault, 1.0);
    options
}

#[tokio::test]
async fn rows_ledger_and_stats() {
    let running = Emulator::start(unlimited(60)).await.unwrap();
    for stream in STREAMS {
        let (head, body) = get(&running, &rows(&running, stream)).await;
        assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
        assert!(head.contains("content-type: application/json; charset=utf-8"), "{head}");
        assert!(
            body.starts_with(r#"{"success":true,"data":{"success":true,"data":[{"id":5"#),
            "{body}"
        );
        assert_eq!(body.matches("\"updatedAt\"").count(), 50);
    }
    let (_, body) = get(&running, "/model_logs?start_element_id=0").await;
    assert!(body.contains("INVALID_TOKEN"));
    let (head, _) = get(&running, "/pipelines/1/status").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");

    let (head, body) = get(&running, "/_emulator/ledger").await;
    assert!(head.contains("application/x-ndjson"), "{head}");
    let lines: Vec<_> = body.lines().map(|line| Entry::from_line(line).unwrap()).collect();
    assert_eq!(lines, running.ledger());
    assert_eq!(lines.iter().filter(|entry| entry.served).count(), 100);
    let mut written = Vec::new();
    running.write_ledger(&mut written).unwrap();
    assert_eq!(body.as_bytes(), written);

    let (_, body) = get(&running, "/_emulator/stats").await;
    let stats: Stats = serde_json::from_str(&body).unwrap();
    assert_eq!(stats, running.stats());
    assert_eq!((stats.requests["model_logs"], stats.refusals), (2, 1));
    running.stop().await;
}

#[tokio::test]
async fn an_address_is_taken_once() {
    let running = Emulator::start(Options::default()).await.unwrap();
    let options = Options {
        listen: running.address,
        ..Options::default()
    };
    let StartError::Listen { address, source } = Emulator::start(options).await.unwrap_err();
    assert_eq!((address, source.kind()), (running.address, io::ErrorKind::AddrInUse));
    let address = running.address;
    running.stop().await;
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn retry_after_is_a_header() {
    let running = Emulator::start(faulty(Fault::ServerErrorsRetryAfter)).await.unwrap();
    let (head, _) = get(&running, &rows(&running, Stream::ModelLogs)).await;
    assert!(
        head.starts_with("http/1.1 50") && head.contains("\r\nretry-after: "),
        "{head}"
    );
}

#[tokio::test]
async fn connections_break() {
    let running = Emulator::start(unlimited(60)).await.unwrap();
    let target = rows(&running, Stream::PipelineLogs);
    let whole = raw(&running, &target).await.0.len();

    running.set_faults(BTreeMap::from([(Fault::Cut, 1.0)]));
    for _ in 0..20 {
        let (response, end) = raw(&running, &target).await;
        end.unwrap();
        assert!(
            !response.is_empty() && response.len() < whole,
            "{} of {whole}",
            response.len()
        );
    }

    running.set_faults(BTreeMap::from([(Fault::Reset, 1.0)]));
    for _ in 0..20 {
        let (_, end) = raw(&running, &target).await;
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    // A client that stays is cut off when the server ends.
    running.set_faults(BTreeMap::from([(Fault::Hang, 1.0)]));
    for _ in 0..5 {
        let hung = timeout(Duration::from_millis(200), raw(&running, &target)).await;
        assert!(hung.is_err(), "it answered");
    }
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream
        .write_all(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())
        .await
        .unwrap();
    while running.stats().faults["hang"] < 6 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.stop().await;
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response).await;
    assert!(response.len() < whole);
}

#[tokio::test]
async fn a_slow_response_comes_in_the_end() {
    let mut options = faulty(Fault::Slow);
    let delay = Duration::from_millis(30);
    options.quirks.slow = Delay { min: delay, max: delay };
    let running = Emulator::start(options).await.unwrap();
    let (head, _) = get(&running, &rows(&running, Stream::ModelLogs)).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(running.stats().faults["slow"], 1);
}
