//! `logferry validate` as users run it.

#![allow(missing_docs, clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/fivetran")
}

fn run(args: &[&str], stdin: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logferry"));
    let mut child = command
        .arg("validate")
        .args(args)
        .current_dir(fixtures())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = pipe.write_all(&stdin);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The file names of a folder of fixtures, with the folder.
fn files(folder: &str) -> Vec<String> {
    let mut files: Vec<_> = fs::read_dir(fixtures().join(folder))
        .unwrap()
        .map(|entry| format!("{folder}/{}", entry.unwrap().file_name().into_string().unwrap()))
        .collect();
    files.sort();
    files
}

fn args<'a>(files: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    files.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

#[test]
fn every_good_event_is_valid_even_strictly() {
    let events = files("events");
    let output = run(&args(&events, &["--strict"]), b"");
    assert_eq!(text(&output.stdout), "");
    assert_eq!(output.status.code(), Some(0));
    let count = events.len();
    assert_eq!(
        text(&output.stderr),
        format!("{count} of {count} records are valid; 0 errors, 0 warnings\n")
    );
    let forms = files("forms");
    let output = run(&args(&forms, &[]), b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn every_bad_event_has_one_error_at_its_pointer() {
    let output = run(&args(&files("bad"), &["--format", "json"]), b"");
    assert_eq!(output.status.code(), Some(2));
    let found: Vec<String> = text(&output.stdout)
        .lines()
        .map(|line| {
            let member = |key: &str| {
                let (_, rest) = line.split_once(&format!("\"{key}\":\"")).unwrap();
                rest.split('"').next().unwrap().to_owned()
            };
            assert_eq!(member("level"), "error", "{line}");
            let file = member("file");
            format!("{}: {}", file.strip_prefix("bad/").unwrap(), member("pointer"))
        })
        .collect();
    let expected = fs::read_to_string(fixtures().join("bad.expected.txt")).unwrap();
    let mut expected: Vec<_> = expected.lines().map(|line| line.trim_end().to_owned()).collect();
    expected.sort();
    let mut found: Vec<_> = found.iter().map(|line| line.trim_end().to_owned()).collect();
    found.sort();
    assert_eq!(found, expected);
}

const EVENTS: &str = r#"{"event":"sync_start","created":"2023-07-07T09:56:43.688Z"}
{"event":"records_modified","data":{"schema":"s","table":"tést","operationType":"MERGED","count":"12"},"created":"2023-07-07T09:56:43.688Z"}
{"event":"sync_end","creatd":"2023-07-07T09:56:43.688Z"}
{"event":"sync_middle","created":"2023-07-07T09:56:43.688Z"}
nonsense
"#;

#[test]
fn each_finding_has_its_place_its_words_and_its_text() {
    let output = run(&[], EVENTS.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    let lines: Vec<_> = text(&output.stdout)
        .lines()
        .filter(|line| line.starts_with("<stdin>"))
        .collect();
    assert_eq!(
        lines,
        [
            r#"<stdin>:2:81: warning: /data/operationType: not a documented value: expected one of REPLACED_OR_INSERTED, UPDATED, DELETED, found "MERGED""#,
            r#"<stdin>:2:98: error: /data/count: expected a whole number, found "12""#,
            "<stdin>:3:1: error: `created` is missing (did you mean `creatd`?)",
            "<stdin>:3:21: warning: /creatd: `creatd` is not documented (did you mean `created`?)",
            "<stdin>:4:10: warning: /event: the event `sync_middle` is not documented",
            "<stdin>:5:2: error: expected a value, found `o`",
        ]
    );
    let quoted = [
        r#" 2 | …schema":"s","table":"tést","operationType":"MERGED","count":"12"},"created":"2023-07-07T09:56:43.688Z"}"#,
        r#"   |                                                              ^^^^"#,
    ];
    assert!(
        text(&output.stdout).contains(&quoted.join("\n")),
        "{}",
        text(&output.stdout)
    );
    assert_eq!(text(&output.stderr), "2 of 5 records are valid; 3 errors, 3 warnings\n");

    let strict = run(&["--strict"], EVENTS.as_bytes());
    assert_eq!(text(&strict.stderr), "1 of 5 records are valid; 6 errors, 0 warnings\n");
}

#[test]
fn values_are_masked_when_asked() {
    const SECRETS: [&str; 4] = ["MERGED", "tést", "sync_middle", "nonsense"];
    for format in ["human", "json", "github", "sarif", "junit"] {
        let shown = run(&["--format", format], EVENTS.as_bytes());
        assert!(
            text(&shown.stdout).contains("MERGED"),
            "{format}: {}",
            text(&shown.stdout)
        );

        let masked = run(&["--mask", "--format", format], EVENTS.as_bytes());
        let said = text(&masked.stdout);
        assert!(said.contains("expected a whole number, found text"), "{format}: {said}");
        for secret in SECRETS {
            assert!(!said.contains(secret), "{format}: {said}");
        }
        assert_eq!(masked.stderr, shown.stderr);
    }
    let failure = br#"{"success":false,"message":"s3cr3t"}"#;
    assert!(!text(&run(&["--mask"], failure).stdout).contains("s3cr3t"));
}

#[test]
fn a_misspelt_key_is_recognised() {
    for (event, words) in [
        (
            r#"{"evnt":"sync_start","created":"2023-07-07T09:56:43Z"}"#,
            "did you mean `event`?",
        ),
        (
            r#"{"evnt":"sync_end","data":{"status":"SUCCESSFUL"},"created":"2023-07-07T09:56:43Z"}"#,
            "did you mean `event`?",
        ),
        (
            r#"{"event":"sync_end","dta":{"status":"SUCCESSFUL"},"created":"2023-07-07T09:56:43Z"}"#,
            "did you mean `data`?",
        ),
        (
            r#"{"event":"sync_end","created":"2023-07-07T09:56:43Z","conector_id":"x"}"#,
            "did you mean `connector_id`?",
        ),
    ] {
        let output = run(&[], event.as_bytes());
        assert!(text(&output.stdout).contains(words), "{}", text(&output.stdout));
    }
}

#[test]
fn data_that_is_documented_to_be_none_is_a_warning_for_each_key() {
    let event = br#"{"event":"sync_start","created":"2023-07-07T09:56:43Z","data":{"x":1,"y":2}}"#;
    let output = run(&[], event);
    let lines = text(&output.stdout).lines().filter(|line| line.starts_with("<stdin>"));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "<stdin>:1:64: warning: /data/x: `x` is not documented",
            "<stdin>:1:70: warning: /data/y: `y` is not documented",
        ]
    );
}

#[test]
fn a_null_at_the_top_says_nothing_but_is_none_of_the_canonical_form() {
    let event = br#"{"event":"sync_start","created":"2023-07-07T09:56:43Z","data":null,"sync_id":null}"#;
    let output = run(&[], event);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "1 of 1 records are valid; 0 errors, 2 warnings\n");
    assert_eq!(run(&["--strict"], event).status.code(), Some(2));
}

#[test]
fn a_null_column_makes_no_row_of_an_event() {
    let event = br#"{"message_event":null,"event":"sync_end","created":"2023-07-07T09:56:43Z","data":{"status":7}}"#;
    let said = run(&[], event);
    assert!(
        text(&said.stdout).contains("/data/status: expected text, found 7"),
        "{}",
        text(&said.stdout)
    );
}

#[test]
fn a_source_that_breaks_off_is_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cut.ndjson.gz");
    // The header of a gzip stream, and nothing behind it.
    fs::write(&file, b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03").unwrap();
    for format in ["human", "json", "github", "sarif", "junit"] {
        let output = run(&["--format", format, file.to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(2), "{format}");
        assert!(
            text(&output.stdout).contains("could not be read to its end"),
            "{format}"
        );
    }
}

#[test]
fn annotations_of_github_are_escaped() {
    let event = r#"{"event":"sync_start","created":"50%\n"}"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a,b:c.ndjson");
    fs::write(&file, event).unwrap();
    let output = run(&["--format", "github", file.to_str().unwrap()], b"");
    let said = text(&output.stdout);
    assert!(said.starts_with("::error file="), "{said}");
    assert!(
        said.contains("a%2Cb%3Ac.ndjson,line=1,col=33,title=unexpected::/created: expected a time"),
        "{said}"
    );
    assert!(said.contains(r#"found "50%25\n""#), "{said}");
}

#[test]
fn a_row_of_the_log_table_is_checked_by_what_it_holds() {
    let row = r#"{"message_event":"records_modified","message_data":"{\"count\":\"12\"}","time_stamp":"2023-07-07T09:56:43Z","event":"INFO"}"#;
    let output = run(&[], row.as_bytes());
    let said = text(&output.stdout);
    assert!(
        said.starts_with(r#"<stdin>:1:52: error: /message_data/count: expected a whole number, found "12""#),
        "{said}"
    );
}

#[test]
fn what_normalize_makes_is_valid_even_strictly() {
    let folder = fixtures().join("../kondado");
    for entry in fs::read_dir(folder.join("awkward"))
        .unwrap()
        .chain(fs::read_dir(folder).unwrap())
    {
        let path = entry.unwrap().path();
        let file = path.to_str().unwrap();
        if file.ends_with(".expected.ndjson") {
            let output = run(&["--strict", file], b"");
            assert_eq!(text(&output.stdout), "", "{file}");
        } else if path.with_extension("expected.ndjson").exists() {
            // What is mapped is valid.
            let output = run(&[file], b"");
            assert_eq!(output.status.code(), Some(0), "{file}: {}", text(&output.stdout));
        }
    }
}

#[test]
fn the_order_is_that_of_the_input_whatever_the_threads() {
    let bad: String = (0..20_000)
        .map(|count| format!("{{\"event\":\"sync_start\",\"created\":{count}}}\n"))
        .collect();
    let one = run(&["--threads", "1"], bad.as_bytes());
    for threads in ["2", "7"] {
        let output = run(&["--threads", threads], bad.as_bytes());
        assert!(output.stdout == one.stdout, "{threads} threads");
    }
    assert_eq!(
        text(&one.stderr),
        "0 of 20000 records are valid; 20000 errors, 0 warnings\n"
    );
}
