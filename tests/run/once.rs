//! Runs that end by themselves: with --once, and where only a text is read.

use std::io::Write as _;
use std::net::TcpListener;

use logferry_emulator::{Fault, Stream};

use crate::program::Ended;
use crate::world::{LAKE, QUICK, World, assert_same};

const STDIN: &str = "type = \"stdin\"";
const FILE: &str = "type = \"file\"\npath = \"rows.ndjson\"";
const BAD: &str = "{\"id\":1,\"pipeline_id\":2}";
const FULL: &str = "[sinks.full]\ntype = \"file\"\npath = \"/dev/full\"\n";
const IMPATIENT: [&str; 6] = ["run", "--config", "logferry.toml", "--once", "--give-up-secs", "1"];

fn kondado(endpoint: &str) -> String {
    format!("type = \"kondado\"\nendpoint = \"{endpoint}\"\nkey = \"a-key\"\ntoken = \"atoken\"\n{QUICK}")
}

/// An address where nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn an_api_that_cannot_be_reached_is_given_up() {
    let world = World::with_records(20);
    let no_tls = world.emulator.url().replace("http://", "https://");
    for (endpoint, reason) in [
        (format!("http://{}", nowhere()), "refused"),
        ("https://nowhere.invalid".to_owned(), "nowhere.invalid"),
        (no_tls, "https://127.0.0.1"),
    ] {
        world.configure_source(&kondado(&endpoint), LAKE);
        let said = world.ends(&IMPATIENT, 1).stderr;
        let last = said.lines().last().unwrap();
        assert!(
            last.starts_with("source acme: ") && last.contains("it only fails") && last.contains("(--give-up-secs)"),
            "{said}"
        );
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn what_was_delivered_before_the_api_failed_counts() {
    let world = World::with_records(20);
    world.configure(QUICK, LAKE);
    world.once();
    let before = world.read("lake.ndjson");
    world.emulator.add_rows(Stream::PipelineLogs, 5);
    world.emulator.set_faults([(Fault::Html, 1.0)].into());
    world.ends(&IMPATIENT, 1);
    assert_eq!(world.read("lake.ndjson"), before);
    world.emulator.set_faults([].into());
    world.once();
    assert!(world.read("lake.ndjson").starts_with(&before));
    world.assert_all_in(&world.read("lake.ndjson"));
}

#[test]
fn a_sink_that_only_fails_is_given_up_and_the_others_have_everything() {
    let world = World::with_records(20);
    world.configure(QUICK, &format!("{LAKE}{FULL}"));
    let said = world.ends(&IMPATIENT, 1).stderr;
    assert!(said.contains("sink full: it only fails"), "{said}");
    world.assert_all_in(&world.read("lake.ndjson"));
    world.configure(QUICK, &format!("{LAKE}{}", FULL.replace("/dev/full", "full.ndjson")));
    world.once();
    world.assert_all_in(&world.read("full.ndjson"));
    world.assert_all_in(&world.read("lake.ndjson"));
}

#[test]
fn dead_letters_that_cannot_be_kept_are_given_up() {
    let world = World::with_records(1);
    world.write("rows.ndjson", &format!("{BAD}\n"));
    let letters = |path: &str| format!("{LAKE}[dead_letter]\npath = \"{path}\"\n");
    world.configure_source(FILE, &letters("/dev/full"));
    let said = world.ends(&IMPATIENT, 1).stderr;
    assert!(said.contains("dead letters in /dev/full: it only fails"), "{said}");
    world.configure_source(FILE, &letters("dead.ndjson"));
    world.once_fails(2);
    assert_eq!(world.read("dead.ndjson").lines().count(), 1);
}

fn run_stdin(world: &World, text: &str) -> Ended {
    let mut program = world.start();
    program.stdin().write_all(text.as_bytes()).unwrap();
    program.wait()
}

#[test]
fn a_run_that_ends_by_itself_says_what_it_did_and_its_code_tells_of_dead_letters() {
    let world = World::with_records(3);
    let rows: String = world.rows().iter().map(|row| format!("{row}\n")).collect();
    let args = ["run", "--config", "logferry.toml"];
    for (text, code) in [(rows.clone(), 0), (format!("{rows}{BAD}\n"), 2)] {
        world.write("rows.ndjson", &text);
        for once in [&["--once"][..], &[]] {
            let _ = std::fs::remove_dir_all(world.path("state"));
            world.configure_source(FILE, LAKE);
            let ended = world.ends(&[&args[..], once].concat(), code);
            let summary = format!("acme file: {} records received, 6 mapped", text.lines().count());
            assert!(ended.stderr.contains(&summary), "{}", ended.stderr);
        }
        world.configure_source(STDIN, LAKE);
        let ended = run_stdin(&world, &text);
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(ended.stderr.contains("acme stdin: "), "{}", ended.stderr);
    }
}

#[test]
fn a_run_that_is_told_to_end_says_in_a_line_what_it_did() {
    let world = World::with_records(3);
    world.configure(QUICK, LAKE);
    let program = world.start();
    world.until_all_in("lake.ndjson");
    let events = world.read("lake.ndjson").lines().count();
    let said = program.stop().stderr;
    let last = said.lines().last().unwrap();
    assert!(last.contains("INFO") && last.contains("ended"), "{said}");
    assert!(last.contains(&format!("delivered={events}")), "{said}");
}

#[test]
fn one_bad_record_of_a_file_is_one_dead_letter_however_many_sinks_read_it() {
    let world = World::with_records(40);
    let mut rows = world.rows();
    rows.insert(30, BAD.to_owned());
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    world.write("rows.ndjson", &text);
    let more: String = ["b", "c"]
        .map(|name| format!("[sinks.{name}]\ntype = \"file\"\npath = \"{name}.ndjson\"\n"))
        .concat();
    world.configure_source(FILE, &format!("{LAKE}{more}"));
    let said = world.once_fails(2).stderr;
    assert_eq!(world.read("state/dead-letter.ndjson").lines().count(), 1, "{said}");
    assert_eq!(said.matches("a record became a dead letter").count(), 1, "{said}");
    assert_eq!(said.matches("1 to the dead letters").count(), 1, "{said}");
    for sink in ["lake", "b", "c"] {
        assert_eq!(
            said.matches(&format!("acme file for sink {sink}: ")).count(),
            1,
            "{said}"
        );
        world.assert_all_in(&world.read(&format!("{sink}.ndjson")));
    }
}

#[test]
fn standard_input_alone_needs_no_folder() {
    let world = World::with_records(3);
    let source = "[sources.acme]\ntype = \"stdin\"\n";
    let rows: String = world.rows().iter().map(|row| format!("{row}\n")).collect();
    world.write("logferry.toml", &format!("{source}{LAKE}"));
    let said = world.ends(&["check", "--config", "logferry.toml"], 78).stderr;
    assert!(said.contains("`dead_letter.path` is missing"), "{said}");

    world.write(
        "logferry.toml",
        &format!("{source}{LAKE}[dead_letter]\npath = \"bad.ndjson\"\n"),
    );
    let ended = run_stdin(&world, &format!("{rows}{BAD}\n"));
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert_same(&world.read("lake.ndjson"), &world.events(&world.rows()));
    let mut names: Vec<_> = std::fs::read_dir(world.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["bad.ndjson", "lake.ndjson", "logferry.toml"]);
    world.ends(&["checkpoint", "show", "--config", "logferry.toml"], 78);
}

/// What the program says is one JSON object a line, whatever it is.
#[test]
fn everything_is_json_where_that_is_wanted() {
    let world = World::with_records(3);
    let json = |args: &[&str], code| {
        let all = [args, &["--config", "logferry.toml", "--log-format", "json"]].concat();
        let said = world.ends(&all, code).stderr;
        for line in said.lines() {
            assert!(
                line.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok(),
                "{line}\n{said}"
            );
            assert!(
                line.contains("\"level\":\"") && line.contains("\"message\":\""),
                "{line}"
            );
        }
        said
    };
    world.configure(QUICK, LAKE);
    json(&["check"], 0);
    let said = json(&["run", "--once"], 0);
    let last = said.lines().last().unwrap();
    assert!(last.contains("\"message\":\"ended\""), "{said}");
    assert!(last.contains("\"acme model_logs\":{\"received\":"), "{said}");
    assert!(last.contains("\"lake\":{\"queued\":"), "{said}");

    world.configure(&format!("{QUICK}polls = 1\nsettle = 2\n"), LAKE);
    for command in ["run", "check"] {
        let said = json(&[command], 78);
        assert_eq!(said.lines().count(), 2, "{said}");
        assert!(
            said.contains("\"file\":\"logferry.toml\",\"line\":11,\"column\":1,"),
            "{said}"
        );
    }
    world.configure(QUICK, "[sinks.lake]\ntype = \"file\"\npath = \"no/such/lake.ndjson\"\n");
    assert!(json(&["run", "--once"], 74).contains("no/such/lake.ndjson"));
}
