//! `logferry schema` as users run it.

#![allow(missing_docs, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas");

fn schema(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logferry"));
    command.arg("schema").args(args).output().expect("logferry runs")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let output = schema(&["--check", SCHEMAS]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_is_written_passes_the_check_and_what_is_changed_does_not() {
    let folder = TempDir::new().expect("a folder");
    assert_eq!(schema(&["--write", path(folder.path())]).status.code(), Some(0));
    assert_eq!(schema(&["--check", path(folder.path())]).status.code(), Some(0));

    fs::write(folder.path().join("sync_end.json"), "{}").expect("a stale schema");
    fs::remove_file(folder.path().join("sync_start.json")).expect("a missing schema");
    let former = r#"{"$id":"urn:logferry:schema:sync_middle"}"#;
    fs::write(folder.path().join("sync_middle.json"), former).expect("a schema of nothing");
    fs::write(folder.path().join("package.json"), "{}").expect("a file of somebody else");
    let their_own = r#"{"$ref":"urn:logferry:schema:sync_end"}"#;
    fs::write(folder.path().join("my_own.json"), their_own).expect("a schema of somebody else");
    let output = schema(&["--check", path(folder.path())]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    for what in [
        "sync_end.json: stale",
        "sync_start.json: missing",
        "sync_middle.json: a schema of nothing",
    ] {
        assert!(said.contains(what), "{said}");
    }

    assert_eq!(schema(&["--write", path(folder.path())]).status.code(), Some(0));
    assert_eq!(schema(&["--check", path(folder.path())]).status.code(), Some(0));
    assert!(!folder.path().join("sync_middle.json").exists());
    for file in ["package.json", "my_own.json"] {
        assert!(folder.path().join(file).exists(), "{file}");
    }
}

#[test]
fn a_schema_is_printed_by_name() {
    let output = schema(&["SYNC_END"]);
    let committed = fs::read(format!("{SCHEMAS}/sync_end.json")).expect("a schema");
    assert_eq!(output.stdout, committed);

    let output = schema(&["sync_ends"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `sync_end`?"));
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let output = schema(&["--check", "/nowhere/at/all"]);
    assert_eq!(output.status.code(), Some(74));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/at/all"));
}
