//! Where a run goes on.

use std::fs;

use logferry_emulator::{Entry, Stream};

use crate::world::{LAKE, QUICK, World, assert_same};

const PIPELINES: &str = "state/positions/lake/acme.pipeline_logs.checkpoint";
const MODELS: &str = "state/positions/lake/acme.model_logs.checkpoint";

/// A world whose rows have all been delivered.
fn delivered(records: u64) -> World {
    let world = World::with_records(records);
    world.configure(QUICK, LAKE);
    world.once();
    world.assert_all_in(&world.read("lake.ndjson"));
    world
}

fn rows(world: &World, is_meant: impl Fn(&Entry) -> bool) -> Vec<String> {
    let entries = world.emulator.ledger().into_iter().filter(|entry| is_meant(entry));
    entries.map(|entry| entry.row).collect()
}

fn created(row: &str) -> String {
    let (_, rest) = row.split_once("\"createdAt\":\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn a_second_process_is_kept_out() {
    let world = World::with_records(5);
    world.configure(QUICK, LAKE);
    let mut program = world.start();
    program.until_ready();
    let said = world.once_fails(1).stderr;
    assert!(
        said.contains(&format!(
            "another logferry (process {}) uses this state folder",
            program.id()
        )),
        "{said}"
    );
    let said = world
        .ends(&["checkpoint", "reset", "--config", "logferry.toml"], 1)
        .stderr;
    assert!(said.contains("another logferry"), "{said}");
    // Looking is allowed.
    world.until_all_in("lake.ndjson");
    world.ends(&["checkpoint", "show", "--config", "logferry.toml"], 0);
    program.stop();
}

#[test]
fn rule_6_a_checkpoint_that_cannot_be_used_stops_and_is_never_taken_for_a_new_one() {
    let world = delivered(60);
    let good = fs::read(world.path(PIPELINES)).unwrap();
    let models = fs::read(world.path(MODELS)).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        Some(bytes)
    };
    world.emulator.add_rows(Stream::PipelineLogs, 5);
    world.emulator.add_rows(Stream::ModelLogs, 5);
    let before = world.read("lake.ndjson");
    for (content, expected) in [
        (flipped(good.len() / 2), "the checkpoint is damaged"),
        (flipped(good.len() - 1), "the checkpoint is damaged"),
        (Some(good[..good.len() - 1].to_vec()), "the checkpoint is damaged"),
        (Some(Vec::new()), "the checkpoint"),
        (
            Some(b"logferry checkpoint 9\n{}\n".to_vec()),
            "a format that this release does not know",
        ),
        (Some(models), "the checkpoint is that of another position"),
        (None, "was here and is gone"),
    ] {
        match &content {
            Some(content) => fs::write(world.path(PIPELINES), content).unwrap(),
            None => fs::remove_file(world.path(PIPELINES)).unwrap(),
        }
        let said = world.once_fails(1).stderr;
        assert!(
            said.contains(expected) && said.contains("acme.pipeline_logs.checkpoint"),
            "{said}"
        );
        assert_eq!(world.read("lake.ndjson"), before);
        // It is left as it was.
        assert_eq!(fs::read(world.path(PIPELINES)).ok(), content);
    }
    // Put back, or set, as the messages say.
    fs::write(world.path(PIPELINES), &good).unwrap();
    world.once();
    world.assert_all_in(&world.read("lake.ndjson"));
}

#[test]
fn rule_6_a_sink_added_later_needs_to_be_told_where_it_begins() {
    let world = delivered(60);
    let later = |start: &str| format!("{LAKE}[sinks.later]\ntype = \"file\"\npath = \"later.ndjson\"\n{start}\n");
    world.configure(QUICK, &later(""));
    let said = world.once_fails(78).stderr;
    assert!(
        said.contains("sink later: there is no stored position, though there are others"),
        "{said}"
    );
    assert!(
        said.contains("start = \"earliest\"") && said.contains("inherit = "),
        "{said}"
    );

    world.configure(QUICK, &later("start = \"latest\""));
    world.once();
    assert_eq!(world.read("later.ndjson"), "");
    let known = world.emulator.ledger().len();
    world.emulator.add_rows(Stream::ModelLogs, 7);
    world.once();
    let new: Vec<_> = world.rows().split_off(known);
    assert_same(&world.read("later.ndjson"), &world.events(&new));
    world.assert_all_in(&world.read("lake.ndjson"));
}

#[test]
fn rule_6_a_sink_goes_on_under_another_name() {
    let world = delivered(60);
    let before = world.read("lake.ndjson");
    world.emulator.add_rows(Stream::PipelineLogs, 5);
    let renamed = LAKE.replace("[sinks.lake]", "[sinks.pond]");
    world.configure(QUICK, &renamed);
    world.once_fails(78);
    world.configure(QUICK, &format!("{renamed}inherit = \"lake\"\n"));
    world.once();
    assert!(world.read("lake.ndjson").starts_with(&before));
    world.assert_all_in(&world.read("lake.ndjson"));
    // From then on it has its own.
    world.emulator.add_rows(Stream::PipelineLogs, 5);
    world.once();
    world.assert_all_in(&world.read("lake.ndjson"));
}

#[test]
fn positions_can_be_looked_at_and_moved() {
    let world = delivered(60);
    let checkpoint = |args: &[&str], code| {
        let (action, rest) = args.split_first().unwrap();
        let mut all = vec!["checkpoint", action, "--config", "logferry.toml"];
        all.extend(rest);
        world.ends(&all, code)
    };
    let entries = world.emulator.ledger();
    let last = |stream| entries.iter().rfind(|entry| entry.stream == stream).unwrap().id;
    let shown = checkpoint(&["show"], 0).stdout;
    assert_eq!(shown.lines().count(), 2, "{shown}");
    for stream in [Stream::PipelineLogs, Stream::ModelLogs] {
        let line = shown.lines().find(|line| line.contains(stream.name())).unwrap();
        assert!(
            line.starts_with(&format!("source acme, {}, sink lake: up to ", stream.name())),
            "{line}"
        );
        assert!(line.contains(&format!(" up to {}", last(stream))), "{line}");
    }
    let only = checkpoint(&["show", "--stream", "model_logs"], 0).stdout;
    assert_eq!(only.lines().count(), 1, "{only}");
    assert_eq!(checkpoint(&["show", "--sink", "pond"], 0).stdout, "");

    // Back to the tenth row before the last.
    let tenth = entries
        .iter()
        .filter(|entry| entry.stream == Stream::PipelineLogs)
        .nth_back(10)
        .unwrap()
        .id;
    let id = tenth.to_string();
    checkpoint(&["set", "--id", &id], 64);
    checkpoint(&["set", "--stream", "pipeline_logs", "--id", &id], 0);
    world.configure(QUICK, &LAKE.replace("lake.ndjson", "again.ndjson"));
    world.once();
    let again = rows(&world, |entry| entry.stream == Stream::PipelineLogs && entry.id > tenth);
    assert_eq!(again.len(), 10);
    assert_same(&world.read("again.ndjson"), &world.events(&again));

    // One that is gone is set.
    fs::remove_file(world.path(PIPELINES)).unwrap();
    world.once_fails(1);
    checkpoint(&["set", "--stream", "pipeline_logs", "--id", &id], 0);
    world.configure(QUICK, &LAKE.replace("lake.ndjson", "thrice.ndjson"));
    world.once();
    assert_same(&world.read("thrice.ndjson"), &world.events(&again));

    // All of it once more.
    checkpoint(&["reset", "--sink", "lake"], 0);
    checkpoint(&["reset", "--sink", "lake"], 64);
    world.configure(
        &format!("{QUICK}start = \"earliest\"\n"),
        &LAKE.replace("lake.ndjson", "all.ndjson"),
    );
    world.once();
    world.assert_all_in(&world.read("all.ndjson"));
}

#[test]
fn a_position_is_moved_to_a_time_and_not_beyond_the_end() {
    let world = delivered(300);
    let set = |args: &[&str], code| {
        let all = ["checkpoint", "set", "--config", "logferry.toml", "--sink", "lake"];
        world.ends(&[&all[..], args].concat(), code).stderr
    };
    let before = fs::read(world.path(PIPELINES)).unwrap();
    let beyond = ["--stream", "pipeline_logs", "--id", "999999999"];
    let said = set(&[&beyond[..], &["--connect"]].concat(), 64);
    assert!(said.contains("there is no id so far: the newest is "), "{said}");
    assert_eq!(fs::read(world.path(PIPELINES)).unwrap(), before);
    let said = set(&beyond, 0);
    assert!(
        said.contains("warning: ") && said.contains("are not delivered"),
        "{said}"
    );

    // Both streams at once, for a time is the same for both.
    let entries = world.emulator.ledger();
    let time = created(&entries.iter().nth_back(100).unwrap().row);
    set(&["--time", &time], 0);
    set(&["--time", "yesterday"], 64);
    world.configure(QUICK, &LAKE.replace("lake.ndjson", "again.ndjson"));
    world.once();
    let again = rows(&world, |entry| created(&entry.row) >= time);
    assert!(again.len() > 100 && again.len() < 400, "{}", again.len());
    assert_same(&world.read("again.ndjson"), &world.events(&again));
}

#[test]
fn a_run_begins_where_start_says() {
    let world = World::with_records(400);
    let entries = world.emulator.ledger();
    let middle = entries
        .iter()
        .filter(|entry| entry.stream == Stream::PipelineLogs)
        .nth(250)
        .unwrap();
    let time = created(&middle.row);
    for (name, start, is_meant) in [
        (
            "earliest",
            "\"earliest\"".to_owned(),
            &(|_: &Entry| true) as &dyn Fn(&Entry) -> bool,
        ),
        ("latest", "\"latest\"".to_owned(), &|_| false),
        ("id", middle.id.to_string(), &|entry| entry.id >= middle.id),
        ("time", format!("\"{time}\""), &|entry| created(&entry.row) >= time),
    ] {
        world.configure(
            &format!("{QUICK}start = {start}\n"),
            &format!("[sinks.{name}]\ntype = \"file\"\npath = \"{name}.ndjson\""),
        );
        world.once();
        let expected = world.events(&rows(&world, is_meant));
        assert_same(&world.read(&format!("{name}.ndjson")), &expected);
        assert_eq!(expected.is_empty(), name == "latest");
    }
    // What comes after is delivered, wherever it began.
    world.emulator.add_rows(Stream::PipelineLogs, 3);
    world.configure(QUICK, "[sinks.latest]\ntype = \"file\"\npath = \"latest.ndjson\"");
    world.once();
    let new = rows(&world, |entry| {
        entry.stream == Stream::PipelineLogs && entry.id > entries[399].id
    });
    assert_eq!(new.len(), 3);
    assert_same(&world.read("latest.ndjson"), &world.events(&new));
}
