//! Times `logferry validate` on one file of 200,000 generated events, beside only parsing them and beside other validators, and
//! prints ratios.
//!
//! ```text
//! cargo bench --bench validate
//! ```
//!
//! Every figure is the median of several runs of whole processes, in turn with what they are compared with. Times differ on every
//! machine; the ratios hold. ajv and check-jsonschema are installed on the first run, in `validators/` under the target folder;
//! they need Node.js with npm, and Python.

#![allow(clippy::print_stdout, clippy::expect_used)]

mod events;
#[path = "../shared/mod.rs"]
mod shared;
mod value;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use shared::PROGRAM;
use shared::lines::parse;
use shared::process::{Rounds, Run, measure, print_ratio};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const EVENTS: usize = 200_000;
/// So many are a tenth.
const FEWER: usize = EVENTS / 10;
const RUNS: usize = 7;
/// If all events would take check-jsonschema longer, it is given fewer.
const MOST_SECONDS: f64 = 240.0;

fn main() {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("parse") => parse(Path::new(&args.next().expect("a file")), parse_value),
        Some("parse-btree") => parse(Path::new(&args.next().expect("a file")), parse_btree),
        Some("measure") => measure(args),
        _ => compare(),
    }
}

fn compare() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let text = events::write(EVENTS, &folder);
    assert_eq!(text.lines().count(), EVENTS);
    let file = &folder.join("validate.ndjson");
    fs::write(file, &text).expect("a file of events");

    let own = std::env::current_exe().expect("this program");
    let validate = |args: &[&str]| Run::new(PROGRAM).args(["validate"]).args(args.iter().copied());
    // Not only valid: nothing undocumented is in them, so this fails if a fixture was varied too much.
    validate(&["--strict"]).file(file).once();

    let parse = |mode: &str| Run::new(&own).args([mode]).file(file);
    let mut runs = vec![
        ("parse into serde_json::Value, 1 thread", parse("parse")),
        ("the same with BTreeMap, its default", parse("parse-btree")),
        ("validate, 1 thread", validate(&["--threads=1"]).file(file)),
        ("validate, default threads", validate(&[]).file(file)),
    ];
    runs.extend(ajv(file).map(|run| ("ajv", run)));
    let rounds = Rounds::run(RUNS, runs.iter().map(|(_, run)| run));
    println!("{EVENTS} events, {} bytes, median of {RUNS} runs", text.len());
    for (index, (name, _)) in runs.iter().enumerate() {
        println!("  {name:<50} {:>8.3} s", rounds.seconds(index));
    }
    println!("ratios, median of {RUNS} rounds");
    for (name, ours) in [("validate, 1 thread", 2), ("validate", 3)] {
        for (parse, parsed) in [("serde_json::Value", 0), ("BTreeMap Value", 1)] {
            let ratio = rounds.ratio(ours, parsed);
            print_ratio(&format!("{name} / parse into {parse}"), ratio, "at most 2");
        }
    }
    if runs.len() > 4 {
        print_ratio("ajv / validate, 1 thread", rounds.ratio(4, 2), "at least 3");
        print_ratio("ajv / validate", rounds.ratio(4, 3), "at least 3");
    }
    check_jsonschema(&text, rounds.seconds(2), rounds.seconds(3));

    println!("peak memory of validate");
    for (name, run) in [
        ("file, 1 thread", validate(&["--threads=1"]).file(file)),
        ("file, default threads", validate(&[]).file(file)),
        ("stdin, default threads", validate(&[]).stdin(file)),
    ] {
        println!("  {name:<50} {:>8.1} MiB", run.once().mebibytes);
    }
}

fn ajv(file: &Path) -> Option<Run> {
    let tools = tool("ajv")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/validate/with_ajv.mjs");
    let schemas = Path::new(ROOT).join("schemas");
    Some(Run::new("node").file(&script).file(&tools).file(&schemas).file(file))
}

/// check-jsonschema reads one JSON document, so it is given an array.
fn check_jsonschema(events: &str, one_thread: f64, default_threads: f64) {
    let Some(program) = tool("check-jsonschema") else {
        return;
    };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file to validate");
        path
    };
    let event = fs::read_to_string(Path::new(ROOT).join("schemas/event.json")).expect("the schema of events");
    let schema = write(
        "validate_schema.json",
        &format!(r#"{{"type":"array","items":{event}}}"#),
    );
    let seconds = |count: usize| {
        let lines: Vec<&str> = events.lines().take(count).collect();
        let array = write("validate.json", &format!("[{}]", lines.join(",\n")));
        let run = Run::new(&program).args(["--schemafile"]).file(&schema).file(&array);
        run.once().seconds
    };
    // Its start is not scaled.
    let start = seconds(0);
    let scaled = start + (seconds(FEWER) - start) * (EVENTS / FEWER) as f64;
    let (seconds, how) = match scaled < MOST_SECONDS {
        true => (seconds(EVENTS), "one run".to_owned()),
        false => (scaled, format!("scaled from one run on {FEWER} events")),
    };
    println!("  {:<50} {seconds:>8.3} s, {how}", "check-jsonschema");
    for (name, ours) in [("validate, 1 thread", one_thread), ("validate", default_threads)] {
        print_ratio(&format!("check-jsonschema / {name}"), seconds / ours, "at least 30");
    }
}

/// Installs a tool, and tells where it is.
fn tool(name: &str) -> Option<PathBuf> {
    // The folder for temporary files is in the target folder.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let output = Command::new("python3")
        .arg(Path::new(ROOT).join("tests/validators/tools.py"))
        .arg(name)
        .env("CARGO_TARGET_DIR", target.map_or(OsStr::new("target"), Path::as_os_str))
        .output();
    match output {
        Ok(output) if output.status.success() => {
            let path = String::from_utf8_lossy(&output.stdout);
            Some(path.trim_end().into())
        }
        _ => {
            println!("  {name} cannot be installed: no comparison with it (tests/validators/tools.py {name} says why)");
            None
        }
    }
}

#[allow(
    clippy::disallowed_types,
    reason = "What most programs parse into. Nothing is kept of it."
)]
fn parse_value(line: &str) -> bool {
    std::hint::black_box(serde_json::from_str::<serde_json::Value>(line)).is_ok()
}

fn parse_btree(line: &str) -> bool {
    std::hint::black_box(serde_json::from_str::<value::Value>(line)).is_ok()
}
