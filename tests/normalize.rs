//! `logferry normalize`, as a user runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;

const RECORD: &str = r#"{"id":1,"pipeline_id":7,"createdAt":"2026-11-20T10:00:00.000Z"}"#;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/kondado")
}

fn logferry(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logferry"));
    command.arg("normalize").args(args).current_dir(fixtures());
    command
}

/// Runs with this on stdin.
fn run(args: &[&str], stdin: &[u8]) -> Output {
    let mut child = spawn(args);
    let mut pipe = child.stdin.take().unwrap();
    thread::scope(|scope| {
        // A program that stops early closes the pipe.
        scope.spawn(move || drop(pipe.write_all(stdin)));
        child.wait_with_output().unwrap()
    })
}

fn spawn(args: &[&str]) -> Child {
    let mut command = logferry(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
fn assert_exit(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
}

fn events_of(stdout: &[u8]) -> Vec<&str> {
    text(stdout)
        .lines()
        .map(|line| line.split('"').nth(3).unwrap())
        .collect()
}

/// Records that differ, some of them invalid.
fn many_records() -> String {
    (0..20_000)
        .map(|id| match id % 97 {
            13 => format!("{{\"id\":{id},\"pipeline_id\":\n"),
            41 => format!("{{\"id\":{id},\"model_id\":-1}}\n"),
            _ => format!("{{\"id\":{id},\"pipeline_id\":{},\"pipeline_name\":\"A - {id}\",\"createdAt\":\"2026-11-20T10:00:00Z\"}}\n", id % 10),
        })
        .collect()
}

#[test]
fn every_good_fixture_gives_its_events() {
    let mut seen = 0;
    for folder in [fixtures(), fixtures().join("awkward")] {
        for entry in fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let name = file.file_name().unwrap().to_str().unwrap();
            let Some(stem) = name.strip_suffix(".expected.ndjson") else {
                continue;
            };
            let input = ["json", "ndjson"].map(|ending| file.with_file_name(format!("{stem}.{ending}")));
            let input = input
                .iter()
                .find(|input| input.exists())
                .expect("a fixture beside its events");
            let output = logferry(&[input.to_str().unwrap()]).output().unwrap();
            assert_exit(&output, 0);
            assert_eq!(text(&output.stdout), fs::read_to_string(&file).unwrap(), "{name}");
            assert_eq!(text(&output.stderr), "", "{name}");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen} fixtures");
}

#[test]
fn every_bad_fixture_gives_its_reason() {
    let mut files: Vec<_> = fs::read_dir(fixtures().join("bad"))
        .unwrap()
        .map(|entry| format!("bad/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    files.sort();
    files.push("rate_limit.json".to_owned());
    let mut reasons = String::new();
    for file in &files {
        let output = logferry(&[file]).output().unwrap();
        assert_exit(&output, 2);
        assert_eq!(text(&output.stdout), "", "{file}");
        let said = text(&output.stderr);
        let (said, summary) = said.trim_end().rsplit_once('\n').unwrap();
        assert!(summary.ends_with("records were invalid"), "{summary}");
        reasons.push_str(said);
        reasons.push('\n');
    }
    let expected = fs::read_to_string(fixtures().join("bad.expected.txt")).unwrap();
    assert_eq!(reasons, expected);
}

#[test]
fn the_order_is_that_of_the_input_whatever_the_threads() {
    let input = many_records();
    let one = run(&["--threads", "1"], input.as_bytes());
    assert_exit(&one, 2);
    assert!(
        text(&one.stderr).ends_with("413 of 20000 records were invalid\n"),
        "{}",
        text(&one.stderr)
    );
    for threads in ["2", "7"] {
        let more = run(&["--threads", threads], input.as_bytes());
        assert!(
            more.stdout == one.stdout && more.stderr == one.stderr,
            "{threads} threads"
        );
    }
}

#[test]
fn files_stdin_and_gzip_follow_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let compressed = folder.path().join("two.gz");
    let mut members = Vec::new();
    for id in [2, 3] {
        let mut member = GzEncoder::new(&mut members, Compression::fast());
        writeln!(member, "{}", RECORD.replace("\"id\":1", &format!("\"id\":{id}"))).unwrap();
        member.finish().unwrap();
    }
    fs::write(&compressed, &members).unwrap();
    let args = [
        "--events",
        "info",
        "-",
        compressed.to_str().unwrap(),
        "pipeline_logs.json",
    ];
    let output = run(&args, RECORD.as_bytes());
    assert_exit(&output, 0);
    let ids: Vec<_> = text(&output.stdout)
        .lines()
        .map(|line| line.split("\\\"id\\\":").nth(1).unwrap().split(',').next().unwrap())
        .collect();
    assert_eq!(ids, ["1", "2", "3", "5181910"]);

    // Of a stream that was cut off, what is there counts.
    members.truncate(members.len() - 12);
    fs::write(&compressed, &members).unwrap();
    let output = logferry(&[
        "--events",
        "sync_end",
        compressed.to_str().unwrap(),
        "pipeline_logs.json",
    ])
    .output()
    .unwrap();
    assert_exit(&output, 2);
    assert!(events_of(&output.stdout).len() >= 2);
    assert!(
        text(&output.stderr).contains("two.gz: the gzip stream is cut off"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn events_can_be_selected() {
    let output = logferry(&[
        "--events",
        "sync_end,transformation_start",
        "pipeline_logs.json",
        "model_logs.json",
    ])
    .output()
    .unwrap();
    assert_exit(&output, 0);
    assert_eq!(events_of(&output.stdout), ["sync_end", "transformation_start"]);

    let event = r#"{"event":"alter_table","created":"2026-11-20T10:00:00.000Z"}"#;
    let output = run(&["--events", "sync_end"], event.as_bytes());
    assert_eq!(
        text(&output.stdout),
        format!("{event}\n"),
        "Fivetran events pass the selection by"
    );

    let output = run(&["--events", "sync_start,sync_ends"], b"");
    assert_exit(&output, 64);
    assert!(
        text(&output.stderr).contains("did you mean `sync_end`?"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn the_kind_is_told_from_the_keys_unless_it_is_said() {
    let mixed = [
        r#"{"message_event":"sync_start","pipeline_id":1,"time_stamp":"2026-11-20 10:00:00"}"#,
        RECORD,
        r#"{"id":1,"model_id":7,"event":"x","createdAt":"2026-11-20T10:00:00.000Z"}"#,
        r#"{ "created":"2026-11-20T10:00:00Z", "event" : "x", "data" : [ 1.50, "\u00e9" ] }"#,
    ];
    let output = run(
        &["--events", "sync_end,transformation_start"],
        mixed.join("\n").as_bytes(),
    );
    assert_exit(&output, 0);
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(
        lines[0],
        r#"{"event":"sync_start","created":"2026-11-20T10:00:00.000Z","pipeline_id":1}"#
    );
    assert!(lines[1].starts_with(r#"{"event":"sync_end""#), "{}", lines[1]);
    assert!(
        lines[2].starts_with(r#"{"event":"transformation_start""#),
        "{}",
        lines[2]
    );
    assert_eq!(
        lines[3],
        r#"{"event":"x","data":[1.50,"\u00e9"],"created":"2026-11-20T10:00:00.000Z"}"#
    );

    let again = run(&[], lines[0].as_bytes());
    assert_exit(&again, 0);
    assert_eq!(text(&again.stdout).trim_end(), lines[0]);

    let output = run(&["--kind", "fivetran"], RECORD.as_bytes());
    assert_exit(&output, 2);
    assert_eq!(text(&output.stdout), "");

    let output = run(&["--kind", "model"], RECORD.as_bytes());
    assert_exit(&output, 2);
    assert!(
        text(&output.stderr).starts_with("<stdin>:1:1: `model_id` is missing"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn every_form_of_an_event_becomes_canonical_and_stays_so() {
    let mut forms = 0;
    for entry in fs::read_dir(fixtures().join("../fivetran/forms")).unwrap() {
        let input = entry.unwrap().path();
        let expected = input.with_extension("expected.ndjson");
        if !expected.exists() {
            continue;
        }
        forms += 1;
        let expected = fs::read(expected).unwrap();
        for file in [input.as_os_str().to_str().unwrap(), "-"] {
            let output = run(&[file], &expected);
            assert_exit(&output, 0);
            assert_eq!(text(&output.stdout), text(&expected), "{}", input.display());
        }
    }
    assert_eq!(forms, 6);
}

#[test]
fn an_event_that_cannot_be_understood_is_a_dead_letter() {
    let folder = tempfile::tempdir().unwrap();
    let letters = folder.path().join("dead.ndjson");
    let file = fixtures().join("../fivetran/bad/log_row_not_json.json");
    let output = run(
        &["--dead-letter", letters.to_str().unwrap(), file.to_str().unwrap()],
        b"",
    );
    assert_exit(&output, 2);
    let said = text(&output.stderr);
    assert!(
        said.contains(":7:19: `message_data`: expected a text that holds JSON"),
        "{said}"
    );
    let letter = fs::read_to_string(letters).unwrap();
    assert!(letter.contains("has succeeded"), "{letter}");
}

#[test]
fn what_is_invalid_is_kept_whole_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let letters = folder.path().join("dead.ndjson");
    let too_large = format!(r#"{{"id":5,"pad":"{}é"}}"#, "é".repeat(100_000));
    let input = [
        b"{\"id\":1, \"pipeline_id\":7, \"n\":1.50}\n".as_slice(),
        b"{\"id\":2,\n{\"id\":3,\"pipeline_id\":\"\\ud800\"}\n",
        b"{\"id\":4,\"x\":\"\xff\"}\n",
        too_large.as_bytes(),
        b"\n",
    ]
    .concat();
    let args = [
        "--dead-letter",
        letters.to_str().unwrap(),
        "--max-record-bytes",
        "100000",
    ];
    for runs in 1..=2 {
        assert_exit(&run(&args, &input), 2);
        let written = fs::read_to_string(&letters).unwrap();
        let lines: Vec<_> = written.lines().collect();
        assert_eq!(lines.len(), 5 * runs, "dead letters are appended");
        assert_eq!(
            lines[..4],
            [
                r#"{"reason":"`createdAt` is missing","source":"<stdin>","line":1,"record":{"id":1,"pipeline_id":7,"n":1.50}}"#,
                r#"{"reason":"expected a key, found the end of the line","source":"<stdin>","line":2,"record":"{\"id\":2,"}"#,
                r#"{"reason":"`pipeline_id`: expected a whole number from 0 to 9223372036854775807, found \"\\ud800\"","source":"<stdin>","line":3,"record":"{\"id\":3,\"pipeline_id\":\"\\ud800\"}"}"#,
                r#"{"reason":"not UTF-8","source":"<stdin>","line":4,"record_base64":"eyJpZCI6NCwieCI6Iv8ifQ=="}"#,
            ]
        );
        assert!(lines[4].ends_with(r#"é","truncated":true}"#), "cut at a character");
        assert!(
            (64 * 1024..64 * 1024 + 300).contains(&lines[4].len()),
            "{}",
            lines[4].len()
        );
    }
}

#[test]
fn the_mapper_table_of_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logferry.toml");
    let config = path.to_str().unwrap();
    let with = |text: &str| {
        fs::write(&path, text).unwrap();
        let mut command = logferry(&["--config", config, "pipeline_logs.json"]);
        command.env("TEAM", "growth").output().unwrap()
    };
    let output = with(
        "[mapper]\nevents = ['records_modified']\nconnector_type = 'mysql'\n\
         [mapper.pipelines.702]\nconnection_name = '${TEAM}_blog'\nschema = 's'\ntable = 't'\n",
    );
    assert_exit(&output, 0);
    let line = text(&output.stdout);
    for part in [
        r#""schema":"s","table":"t""#,
        r#""connector_type":"mysql""#,
        r#""connector_name":"growth_blog""#,
        r#""connection_name":"growth_blog""#,
    ] {
        assert!(line.contains(part), "{line}");
    }

    let output = with("[mapper]\nevents = []\nconector_type = 'x'\n");
    assert_exit(&output, 78);
    let said = text(&output.stderr);
    assert!(
        said.contains("logferry.toml:3:1: unknown field `conector_type`"),
        "{said}"
    );
    assert!(said.contains("did you mean `connector_type`?"), "{said}");

    fs::remove_file(&path).unwrap();
    assert_exit(&logferry(&["--config", config]).output().unwrap(), 78);
}

#[test]
fn what_cannot_be_read_or_written() {
    let output = logferry(&["--events", "sync_end", "nowhere.json", "bad", "pipeline_logs.json"])
        .output()
        .unwrap();
    assert_exit(&output, 74);
    assert_eq!(events_of(&output.stdout), ["sync_end"], "the rest is read");
    let said = text(&output.stderr);
    assert!(
        said.contains("nowhere.json: No such file") && said.contains("bad: "),
        "{said}"
    );

    assert_exit(
        &logferry(&["--dead-letter", "nowhere/x", "pipeline_logs.json"])
            .output()
            .unwrap(),
        74,
    );
    for args in [
        &["--no-such-flag"][..],
        &["--threads", "0"],
        &["--dead-letter", "-"],
        &["--events", ""],
    ] {
        assert_exit(&logferry(args).output().unwrap(), 64);
    }
    assert_exit(&Command::new(env!("CARGO_BIN_EXE_logferry")).output().unwrap(), 64);
    if let Ok(full) = File::options().write(true).open("/dev/full") {
        let output = logferry(&["pipeline_logs.json"]).stdout(full).output().unwrap();
        assert_exit(&output, 74);
        assert!(text(&output.stderr).starts_with("stdout: "), "{}", text(&output.stderr));
        assert_exit(&run(&["--dead-letter", "/dev/full"], b"{}"), 74);
    }
}

#[test]
fn what_is_written_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, RECORD).unwrap();
    let file = path.to_str().unwrap();
    let append = File::options().append(true).open(&path).unwrap();
    for mut command in [logferry(&[file]), logferry(&["--dead-letter", file, file])] {
        let output = command.stdout(append.try_clone().unwrap()).output().unwrap();
        assert_exit(&output, 64);
        assert!(
            text(&output.stderr).contains("is input and output at once"),
            "{}",
            text(&output.stderr)
        );
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), RECORD);
}

#[test]
fn help_shows_an_example() {
    for args in [&["--help"][..], &["normalize", "--help"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_logferry"))
            .args(args)
            .output()
            .unwrap();
        assert_exit(&output, 0);
        assert!(
            text(&output.stdout).contains("\n  logferry normalize "),
            "{}",
            text(&output.stdout)
        );
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    // With much to write, and with a stdin that stays open.
    let many = RECORD.repeat(100_000);
    let mut child = spawn(&["--threads", "2"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let writer = thread::spawn(move || {
        let _ = stdin.write_all(many.as_bytes());
        stdin
    });
    stdout.read_line(&mut String::new()).unwrap();
    drop(stdout);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(writer.join().unwrap());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[test]
fn a_slow_stdin_is_not_waited_for() {
    let mut child = spawn(&["--events", "sync_end"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    // With and without a line end behind the record, in one piece and in two.
    for pieces in [
        &[RECORD, "\n"][..],
        &[RECORD],
        &["\n", &RECORD[..20], &RECORD[20..]],
        &["\n[", RECORD, ","],
        &[RECORD],
    ] {
        for piece in pieces {
            stdin.write_all(piece.as_bytes()).unwrap();
            stdin.flush().unwrap();
        }
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.starts_with(r#"{"event":"sync_end""#), "{line}");
    }
    stdin.write_all(b"]").unwrap();
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Peak memory in MiB of a program that is fed by `feed` and has not ended.
#[cfg(target_os = "linux")]
fn peak_memory(feed: impl FnOnce(&mut ChildStdin)) -> u64 {
    let mut command = logferry(&["--threads", "2"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    feed(&mut stdin);
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(2));
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Each is far deeper than a record may be; none may take long.
#[test]
fn nothing_is_too_deep() {
    for (open, close) in [
        ("[", "]"),
        ("{\"a\":", "}"),
        ("{\"data\":", "}"),
        ("{\"data\":[", "]}"),
        ("[{\"x\":", "}]"),
    ] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        for input in [
            format!("{deep}\n{RECORD}\n"),
            format!("[\n{deep},\n{RECORD}\n]\n"),
            deep[..deep.len() / 2].to_owned() + "\n" + RECORD,
        ] {
            let output = run(&["--events", "sync_end"], input.as_bytes());
            assert_exit(&output, 2);
            assert_eq!(events_of(&output.stdout), ["sync_end"], "{}", &input[..20]);
        }
    }
}

#[test]
fn a_report_is_one_line_whatever_the_api_says() {
    let output = run(&[], br#"{"success":false,"message":"a\n\u001b[31mb"}"#);
    assert_exit(&output, 2);
    let expected = "<stdin>:1:1: the API answered with an error: a\\n\\u{1b}[31mb\n1 of 1 records were invalid\n";
    assert_eq!(text(&output.stderr), expected);
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_bounded_whatever_comes() {
    const MEBIBYTE: usize = 1 << 20;
    let repeat = |begin: &str, what: &str, bytes: usize| {
        let (begin, block) = (begin.to_owned(), what.repeat(MEBIBYTE / what.len()));
        move |stdin: &mut ChildStdin| {
            stdin.write_all(begin.as_bytes()).unwrap();
            for _ in 0..bytes / block.len() {
                stdin.write_all(block.as_bytes()).unwrap();
            }
        }
    };
    for (name, peak) in [
        (
            "1 GiB on one line",
            peak_memory(repeat("{\"id\":1,\"x\":\"", "x", 1024 * MEBIBYTE)),
        ),
        ("brackets that never close", peak_memory(repeat("", "[", 64 * MEBIBYTE))),
        (
            "objects that never close",
            peak_memory(repeat("", "{\"a\":", 64 * MEBIBYTE)),
        ),
        (
            "a number and blanks that never end",
            peak_memory(repeat("42", " ", 64 * MEBIBYTE)),
        ),
        (
            "text that is no JSON",
            peak_memory(repeat("", "lorem ipsum\n", 64 * MEBIBYTE)),
        ),
        (
            "rows of a page that never ends",
            peak_memory(repeat("{\"success\":true,\"data\":[{}", ",{}", 8 * MEBIBYTE)),
        ),
        ("a string of line ends", peak_memory(repeat("{", "\n", 64 * MEBIBYTE))),
    ] {
        assert!(peak < 32, "{name}: {peak} MiB");
    }
}
