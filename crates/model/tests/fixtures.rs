//! The catalogue against `fixtures/fivetran/events/`: a file for each event, and files `<event>.<case>.json` for its other shapes.

#![allow(missing_docs, clippy::expect_used, clippy::panic)]

use std::fs;

use logferry_model::{Event, Kind, Severity};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/fivetran/events");

/// The name of each file's event, the file's name, and its text.
fn fixtures() -> Vec<(String, String, String)> {
    let mut files: Vec<_> = fs::read_dir(FIXTURES)
        .expect("the fixtures")
        .map(|entry| {
            let entry = entry.expect("a file");
            let file = entry.file_name().into_string().expect("a name of text");
            let event = file.split('.').next().unwrap_or_default().to_owned();
            (event, file, fs::read_to_string(entry.path()).expect("a text"))
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_fixture_is_an_event_of_the_catalogue() {
    for (name, file, text) in fixtures() {
        let event = Event::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let kind = event
            .payload
            .kind()
            .unwrap_or_else(|| panic!("{file}: not in the catalogue"));
        assert_eq!(kind.name(), name, "{file}");
    }
}

#[test]
fn every_fixture_is_written_as_it_was_read() {
    for (_, file, text) in fixtures() {
        let event = Event::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut written = Vec::new();
        event.write(&mut written);
        let written = String::from_utf8(written).expect("UTF-8");
        assert_eq!(sorted(&written), sorted(&text), "{file}");
        assert_eq!(Event::parse(&written).expect("an event"), event, "{file}");
    }
}

/// The tokens of a text in order of their own: members of objects may stand in another order.
fn sorted(text: &str) -> Vec<String> {
    let mut tokens: Vec<_> = compact(text)
        .split_inclusive([',', '{', '}', '[', ']', ':'])
        .map(|token| token.trim_end_matches([',', '}', ']']).to_owned())
        .filter(|token| !token.is_empty())
        .collect();
    tokens.sort();
    tokens
}

fn compact(text: &str) -> String {
    let mut out = Vec::new();
    logferry_model::json::compact(text, logferry_model::json::Strings::Escaped, &mut out).expect("text");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn names_are_matched_in_any_case_and_kept() {
    for kind in Kind::ALL {
        let upper = kind.name().to_uppercase();
        assert_eq!(Kind::from_name(&upper), Some(*kind));
        let text = format!(r#"{{"event":"{upper}","created":"2025-07-07T16:34:20.536Z"}}"#);
        let mut written = Vec::new();
        Event::parse(&text).expect("an event").write(&mut written);
        assert_eq!(String::from_utf8_lossy(&written), text);
    }
}

#[test]
fn severity_follows_the_status() {
    for (data, severity) in [
        (r#"{"status":"SUCCESSFUL"}"#, Severity::Info),
        (r#"{"status":"CANCELED"}"#, Severity::Info),
        (r#"{"status":"RESCHEDULED"}"#, Severity::Warning),
        (r#"{"status":"FAILURE"}"#, Severity::Severe),
        (r#"{"status":"FAILURE_WITH_TASK"}"#, Severity::Severe),
    ] {
        for name in ["sync_end", "status"] {
            let text = format!(r#"{{"event":"{name}","data":{data},"created":"2025-07-07T16:34:20.536Z"}}"#);
            assert_eq!(
                Event::parse(&text).expect("an event").payload.severity(),
                severity,
                "{text}"
            );
        }
    }
    assert_eq!(Kind::Error.usual_severity(), Severity::Severe);
    assert_eq!(Kind::Warning.usual_severity(), Severity::Warning);
    assert_eq!(Kind::TransformationFailed.usual_severity(), Severity::Severe);
}
