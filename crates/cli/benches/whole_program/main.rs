//! Times the whole program on 1,000,000 generated records, beside what the same work costs otherwise, and prints ratios.
//!
//! ```text
//! cargo bench --bench whole_program
//! ```
//!
//! Every figure is the median of several runs of whole processes, in turn with what they are compared with, output to
//! /dev/null. Times differ on every machine; the ratios hold. Memory is the peak of the resident set.

#![allow(clippy::print_stdout, clippy::expect_used)]

#[path = "../shared/mod.rs"]
mod shared;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use shared::lines::parse;
use shared::process::{Rounds, Run, measure, print_ratio};
use shared::{PROGRAM, records};

const JQ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/whole_program/four_events.jq");
const FOUR: &str = "sync_start,records_modified,update_state,sync_end";
const RUNS: usize = 7;

fn main() {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("parse") => parse(Path::new(&args.next().expect("a file")), parse_record),
        Some("parse-plain") => parse(Path::new(&args.next().expect("a file")), parse_plain),
        Some("measure") => measure(args),
        _ => compare(),
    }
}

fn compare() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = |name: &str, records| {
        let path = folder.join(name);
        let mut text = String::new();
        records::write(records, &mut text);
        fs::write(&path, text).expect("a file of records");
        path
    };
    let million = &file("1000000.ndjson", 1_000_000);
    let hundred_thousand = &file("100000.ndjson", 100_000);

    let own = std::env::current_exe().expect("this program");
    let own = |mode: &str, file: &Path| Run::new(&own).args([mode]).file(file);
    let logferry = |file: &Path, args: &[&str]| {
        Run::new(PROGRAM)
            .args(["normalize"])
            .args(args.iter().copied())
            .file(file)
    };

    let runs = [
        ("parse into Record, 1 thread", own("parse", million)),
        (
            "parse into a plain derived struct, 1 thread",
            own("parse-plain", million),
        ),
        (
            "four events, 1 thread",
            logferry(million, &["--threads=1", "--events", FOUR]),
        ),
        ("all eight events, 1 thread", logferry(million, &["--threads=1"])),
        ("all eight events, 2 threads", logferry(million, &["--threads=2"])),
    ];
    let rounds = Rounds::run(RUNS, runs.iter().map(|(_, run)| run));
    let bytes = fs::metadata(million).map_or(0, |data| data.len());
    println!("1,000,000 records, {bytes} bytes, median of {RUNS} runs");
    for (index, (name, _)) in runs.iter().enumerate() {
        println!("  {name:<50} {:>8.3} s", rounds.seconds(index));
    }
    println!("ratios, median of {RUNS} rounds");
    print_ratio("four events / parse into Record", rounds.ratio(2, 0), "at most 2.5");
    print_ratio(
        "four events / parse into a plain struct",
        rounds.ratio(2, 1),
        "at most 2.5",
    );
    print_ratio("all eight / parse into Record", rounds.ratio(3, 0), "at most 4.5");
    print_ratio(
        "all eight / parse into a plain struct",
        rounds.ratio(3, 1),
        "at most 4.5",
    );
    print_ratio("1 thread / 2 threads, all eight", rounds.ratio(3, 4), "at least 1.7");

    let jq = Run::new("jq").args(["-c", "-f", JQ]).file(hundred_thousand);
    if Command::new("jq")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_err()
    {
        println!("  jq is not installed: no comparison with it (Debian: apt-get install jq)");
    } else {
        let ours = logferry(hundred_thousand, &["--threads=1", "--events", FOUR]);
        let rounds = Rounds::run(RUNS, [&jq, &ours]);
        print_ratio(
            "jq -c / four events, 1 thread, 100,000 records",
            rounds.ratio(0, 1),
            "at least 40",
        );
    }

    println!("peak memory");
    for (name, run) in [
        ("file, 1 thread", logferry(million, &["--threads=1"])),
        ("file, default threads", logferry(million, &[])),
        ("file, 8 threads", logferry(million, &["--threads=8"])),
        (
            "stdin, default threads",
            Run::new(PROGRAM).args(["normalize"]).stdin(million),
        ),
    ] {
        println!("  {name:<50} {:>8.1} MiB (under 32)", run.once().mebibytes);
    }
}

fn parse_record(line: &str) -> bool {
    std::hint::black_box(serde_json::from_str::<logferry_kondado::Record<'_>>(line)).is_ok()
}

fn parse_plain(line: &str) -> bool {
    std::hint::black_box(serde_json::from_str::<plain::PipelineLog<'_>>(line)).is_ok()
}

/// The plainest typed record, as one would derive it without a thought for what varies.
mod plain {
    use std::borrow::Cow;

    use serde::Deserialize;
    use serde_json::value::RawValue;

    #[derive(Deserialize)]
    #[allow(dead_code, non_snake_case)]
    pub struct PipelineLog<'a> {
        id: u64,
        client_id: u64,
        pipeline_id: u64,
        #[serde(borrow)]
        execution_time_seconds: &'a RawValue,
        has_deltas: bool,
        #[serde(borrow)]
        pipeline_name: Cow<'a, str>,
        #[serde(borrow)]
        row_count: &'a RawValue,
        #[serde(borrow)]
        createdAt: Cow<'a, str>,
        #[serde(borrow)]
        updatedAt: Cow<'a, str>,
        #[serde(borrow)]
        initial_savepoint: &'a RawValue,
        #[serde(borrow)]
        new_savepoint: &'a RawValue,
        #[serde(borrow)]
        external_ip: Cow<'a, str>,
        is_billable: bool,
        #[serde(borrow)]
        raw_row_count: Option<&'a RawValue>,
        #[serde(borrow)]
        mb_estimate: Option<&'a RawValue>,
    }
}
