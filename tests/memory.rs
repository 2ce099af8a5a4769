//! Memory stays bounded whatever a sink does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use logferry_emulator::{Emulator, Options};

/// What an hour brings at the API's quota: twenty requests a minute, fifty rows each.
const ROWS: u64 = 60_000;

const MOST_KIB: u64 = 64 * 1024;

/// An hour's worth of rows, read fast, while one of two sinks takes nothing.
#[test]
fn a_sink_that_stands_still_costs_no_memory() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let emulator = runtime.block_on(Emulator::start(Options {
        records: ROWS / 2,
        limits: None,
        ..Options::default()
    }));
    let emulator = emulator.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().display();
    let config = folder.path().join("logferry.toml");
    let text = format!(
        "[sources.acme]\ntype = 'kondado'\nendpoint = '{}'\nkey = '{}'\ntoken = '{}'\nsettle_secs = 12\n\
         rate_limit.requests_per_minute = 6000\nrate_limit.min_interval_ms = 1\n\
         [sinks.lake]\ntype = 'file'\npath = '{dir}/events.ndjson'\n\
         [sinks.full]\ntype = 'file'\npath = '/dev/full'\n\
         [state]\ndir = '{dir}/state'\n",
        emulator.url(),
        emulator.key,
        emulator.token,
    );
    fs::write(&config, text).unwrap();
    let mut logferry = Command::new(env!("CARGO_BIN_EXE_logferry"))
        .args(["run", "--log-level", "error", "--config"])
        .arg(&config)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();

    let events = folder.path().join("events.ndjson");
    let deadline = Instant::now() + Duration::from_secs(300);
    let mut arrived = 0;
    let mut seen = 0;
    while arrived < ROWS {
        assert!(Instant::now() < deadline, "{arrived} of {ROWS} rows arrived");
        std::thread::sleep(Duration::from_millis(200));
        let text = fs::read(&events).unwrap_or_default();
        arrived = text
            .windows(16)
            .filter(|part| *part == b"\"event\":\"info\",\"")
            .count() as u64;
        seen += 1;
    }
    let status = fs::read_to_string(format!("/proc/{}/status", logferry.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    logferry.kill().unwrap();
    logferry.wait().unwrap();
    println!("peak {peak} KiB after {ROWS} rows ({seen} looks)");
    assert!(peak < MOST_KIB, "{peak} KiB");
}
