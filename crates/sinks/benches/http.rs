//! How fast ready events get to an endpoint through the sink `http`, with each compression.
//!
//! `LOGFERRY_BENCH_URL` names an endpoint that answers 2xx. A line for each compression: its name, bytes a second before compression, events
//! a second. Figures mean something only beside those of another client on the same machine: `tests/benchmarks/http` puts them there.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod ready;

use logferry_sinks::http::Config;
use logferry_sinks::{DeadLetters, Event, Service, dead_letter, retry};

async fn deliver(url: &str, compression: &str, events: &[Event], letters: &DeadLetters) {
    let settings = format!("{{\"uri\":\"{url}\",\"compression\":\"{compression}\"}}");
    let config: Config = serde_json::from_str(&settings).unwrap();
    let request = retry::Settings::default();
    let sink = config.open(&request).unwrap();
    let (events, bytes, seconds) = ready::deliver(sink, request, events, letters).await;
    println!(
        "{compression} {:.0} {:.0}",
        bytes as f64 / seconds,
        events as f64 / seconds
    );
}

fn main() {
    let Ok(url) = std::env::var("LOGFERRY_BENCH_URL") else {
        println!("LOGFERRY_BENCH_URL is not set; tests/benchmarks/http sets it");
        return;
    };
    let events = ready::events();
    let folder = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(&dead_letter::Config::new(folder.path().join("letters"))).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for compression in ["none", "zstd", "gzip"] {
        runtime.block_on(deliver(&url, compression, &events, &letters));
    }
}
