//! `logferry check` as users run it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/configuration");

fn check(file: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logferry"));
    command
        .current_dir(FIXTURES)
        .args(["check", "--config", file])
        .env_clear();
    for (name, value) in [
        ("SECRETS", FIXTURES),
        ("KONDADO_KEY", "d538b946-hunter2"),
        ("TYPE", "swordfish"),
        ("TEXT", "swordfish"),
        ("HYPHENS", "sword-fish"),
        ("NUMBER", "3741"),
        ("NEGATIVE", "-3742"),
    ] {
        command.env(name, value);
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The values of the variables, and the secrets in the files, as far as they can be recognised.
const NEVER_SHOWN: [&str; 9] = [
    "swordfish",
    "sword-fish",
    "3741",
    "-3742",
    "hunter2",
    "not-a-real-key",
    "0123456789",
    "01234567-",
    "password@",
];

/// The bad configurations stand beside what is said of them; `RENEW=1` writes it.
#[test]
fn everything_that_is_wrong_is_said_with_its_place_and_without_secrets() {
    let mut files: Vec<PathBuf> = fs::read_dir(Path::new(FIXTURES).join("bad"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    assert!(files.len() > 5, "{files:?}");
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let output = check(&format!("bad/{name}"));
        assert_eq!(output.status.code(), Some(78), "{name}");
        assert_eq!(text(&output.stdout), "", "{name}");
        let said = text(&output.stderr);
        for secret in NEVER_SHOWN {
            assert!(!said.contains(secret), "{name} shows {secret}:\n{said}");
        }
        let expected = path.with_extension("expected.txt");
        if std::env::var_os("RENEW").is_some() {
            fs::write(&expected, said).unwrap();
        }
        assert_eq!(said, fs::read_to_string(&expected).unwrap_or_default(), "{name}");
    }
}

#[test]
fn a_good_configuration_is_summed_up() {
    let output = check("full.toml");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(text(&output.stdout), "");
    for line in [
        "full.toml: good",
        "source acme (kondado) → anywhere, azure, bearer, cloudwatch, cloudwatch_by_profile, datadog, dynatrace, google, header, kafka, kafka_bearer, kafka_header, lake, loki, new_relic, splunk",
        "  quota: at most 20 requests a minute, so 1000 records a minute",
        "  settling: 300 s, in which at most 5000 records come; a position holds 60000",
        "sink console (stdout), from WARNING",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}\n{said}");
    }
    for secret in NEVER_SHOWN {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn what_cannot_be_read_is_a_bad_configuration() {
    let output = check("nowhere.toml");
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).starts_with("nowhere.toml: No such file"));
}
