//! Generated events: half of them made by `logferry normalize`, half varied from the fixtures, so that all kinds occur. The same
//! at every run.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::shared::random::Random;
use crate::shared::{PROGRAM, records};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/fivetran/events");

const FIRST: [&str; 20] = [
    "amber", "brisk", "calm", "dusty", "eager", "faint", "gentle", "hollow", "idle", "jolly", "keen", "lively",
    "mellow", "nimble", "opaque", "placid", "quiet", "rustic", "steady", "tidy",
];
const SECOND: [&str; 25] = [
    "anchor", "beacon", "cobalt", "delta", "ember", "falcon", "glacier", "harbour", "island", "juniper", "kernel",
    "lantern", "meadow", "needle", "orchard", "pebble", "quarry", "ribbon", "summit", "thicket", "umbrella", "valley",
    "willow", "yarrow", "zephyr",
];

/// So many events, one a line. The folder is for what is made on the way.
pub fn write(events: usize, folder: &Path) -> String {
    let normalized = normalized(events / 2, folder);
    let examples = examples();
    let mut random = Random::new();
    let mut out = String::new();
    for (index, line) in normalized.lines().take(events / 2).enumerate() {
        out.push_str(line);
        out.push('\n');
        let example = match index < examples.len() {
            true => index,
            false => random.below(examples.len() as u64) as usize,
        };
        vary(&examples[example], &mut random, &mut out);
        out.push('\n');
    }
    out
}

/// At least so many events of Kondado records.
fn normalized(events: usize, folder: &Path) -> String {
    let path = folder.join("validate_records.ndjson");
    let mut text = String::new();
    records::write(events as u64 / 4, &mut text);
    fs::write(&path, text).expect("a file of records");
    let output = Command::new(PROGRAM)
        .arg("normalize")
        .arg(&path)
        .stderr(Stdio::inherit())
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "the records are valid");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The fixtures, in the order of their names.
fn examples() -> Vec<String> {
    let folder = fs::read_dir(FIXTURES).expect("the fixtures");
    let mut paths: Vec<_> = folder.map(|entry| entry.expect("a fixture").path()).collect();
    paths.sort();
    let read = |path| fs::read_to_string(path).expect("a fixture");
    paths.into_iter().map(read).collect()
}

/// Appends an event on one line, with other ids, times and numbers.
fn vary(example: &str, random: &mut Random, out: &mut String) {
    let connection = random.below(500);
    let mut key = "";
    let mut rest = example;
    while let Some(c) = rest.chars().next() {
        let token;
        match c {
            '"' => {
                (token, rest) = rest.split_at(end_of_string(rest));
                let text = &token[1..token.len() - 1];
                if rest.starts_with(':') {
                    key = text;
                    out.push_str(token);
                    continue;
                }
                out.push('"');
                match key {
                    "connection_id" | "connector_id" => {
                        let (first, second) = (connection % 20, connection / 20);
                        let _ = write!(out, "{}_{}", FIRST[first as usize], SECOND[second as usize]);
                    }
                    "connection_name" | "connector_name" | "table" => {
                        let _ = write!(out, "{text}_{connection}");
                    }
                    "sync_id" => hex_digits(text, random, out),
                    _ if is_time(text) => time(text, random, out),
                    _ => out.push_str(text),
                }
                out.push('"');
            }
            '0'..='9' => {
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                rest = &rest[end..];
                let _ = write!(out, "{}", random.up_to_bits(24));
            }
            _ => {
                rest = &rest[c.len_utf8()..];
                if !c.is_ascii_whitespace() {
                    out.push(c);
                }
            }
        }
    }
}

/// Behind the closing quote of a string.
fn end_of_string(text: &str) -> usize {
    let mut escaped = true;
    let is_end = |byte: &u8| {
        let is_end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_end
    };
    // The opening quote counts as escaped.
    1 + text.as_bytes().iter().position(is_end).expect("a closing quote")
}

fn hex_digits(like: &str, random: &mut Random, out: &mut String) {
    for c in like.chars() {
        match c {
            '-' => out.push('-'),
            _ => out.extend(char::from_digit(random.below(16) as u32, 16)),
        }
    }
}

fn is_time(text: &str) -> bool {
    let shape = text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    shape.take(19).eq(*b"0000-00-00T00:00:00") && text.ends_with('Z')
}

/// Another time of the same year, with as many digits.
fn time(like: &str, random: &mut Random, out: &mut String) {
    let (month, day, hour) = (1 + random.below(12), 1 + random.below(28), random.below(24));
    let (minute, second) = (random.below(60), random.below(60));
    let _ = write!(
        out,
        "{}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}",
        &like[..4]
    );
    for c in like[19..].chars() {
        match c {
            '0'..='9' => out.extend(char::from_digit(random.below(10) as u32, 10)),
            _ => out.push(c),
        }
    }
}
