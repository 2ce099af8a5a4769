//! Standard input and files as sources, and dead letters.

use std::fs;
use std::io::Write as _;

use logferry_emulator::Stream;
use nix::sys::signal::Signal;

use crate::world::{LAKE, QUICK, World, assert_same, until};

const STDIN: &str = "type = \"stdin\"";
const FILE: &str = "type = \"file\"\npath = \"rows.ndjson\"";

fn lines(rows: &[String]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

#[test]
fn rule_10_stdin_ends_with_0_when_everything_is_acknowledged() {
    let world = World::with_records(200);
    world.configure_source(STDIN, LAKE);
    let mut program = world.start();
    program.stdin().write_all(lines(&world.rows()).as_bytes()).unwrap();
    let ended = program.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    world.assert_all_in(&world.read("lake.ndjson"));
}

#[test]
fn rule_10_the_last_acknowledged_line_of_stdin_is_named() {
    let world = World::with_records(20);
    fs::create_dir(world.path("disk")).unwrap();
    world.configure_source(
        STDIN,
        &format!("{LAKE}[sinks.bad]\ntype = \"file\"\npath = \"disk/bad.ndjson\"\n"),
    );
    world.write(
        "logferry.toml",
        &format!("shutdown_grace_secs = 1\n{}", world.read("logferry.toml")),
    );
    let rows = world.rows();
    for taken in [0, 3] {
        let mut program = world.start();
        let mut stdin = program.stdin();
        stdin.write_all(lines(&rows[..taken]).as_bytes()).unwrap();
        let taken_events = world.events(&rows[..taken]).len();
        until("the beginning", || {
            program.get("/metrics").1.contains("logferry_build_info")
        });
        until("events", || {
            program.scrape().sink("component_sent_events_total", "bad") as usize == taken_events
        });
        fs::rename(world.path("disk"), world.path("away")).unwrap();
        stdin.write_all(lines(&rows[taken..7]).as_bytes()).unwrap();
        program.until_said("is tried again");
        // The input goes on.
        program.signal(Signal::SIGTERM);
        let ended = program.wait();
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        let expected = match taken {
            0 => "standard input: nothing of what was read is acknowledged",
            _ => "standard input: acknowledged up to the record on line 3,",
        };
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
        drop(stdin);
        fs::rename(world.path("away"), world.path("disk")).unwrap();
    }
}

#[test]
fn rule_10_a_run_that_waits_for_stdin_can_be_ended() {
    let world = World::with_records(5);
    world.configure_source(STDIN, LAKE);
    let mut program = world.start();
    let mut stdin = program.stdin();
    stdin.write_all(lines(&world.rows()).as_bytes()).unwrap();
    world.until_all_in("lake.ndjson");
    // Another run could not read on.
    program.signal(Signal::SIGHUP);
    program.until_said("a source is stdin, of which a new run would miss what was read already");
    program.stop();
    drop(stdin);
}

#[test]
fn rule_10_a_file_is_gone_on_with_and_one_that_changed_is_refused() {
    let world = World::with_records(100);
    let rows = world.rows();
    let (first, rest) = rows.split_at(130);
    world.write("rows.ndjson", &lines(first));
    world.configure_source(FILE, LAKE);
    world.once();
    assert_same(&world.read("lake.ndjson"), &world.events(first));
    let before = world.read("lake.ndjson");
    world.once();
    assert_eq!(world.read("lake.ndjson"), before);

    // It grew.
    let mut file = fs::File::options()
        .append(true)
        .open(world.path("rows.ndjson"))
        .unwrap();
    file.write_all(lines(rest).as_bytes()).unwrap();
    world.once();
    assert!(world.read("lake.ndjson").starts_with(&before));
    world.assert_all_in(&world.read("lake.ndjson"));

    // It was cut, rewritten, replaced.
    let whole = lines(&rows);
    let changes: [(&str, &dyn Fn()); 3] = [
        ("cut", &|| world.write("rows.ndjson", &whole[..whole.len() / 2])),
        ("rewritten", &|| {
            world.write("rows.ndjson", &whole.replacen("\"id\":", "\"ID\":", 1))
        }),
        ("replaced", &|| {
            world.write("new.ndjson", &whole);
            fs::rename(world.path("new.ndjson"), world.path("rows.ndjson")).unwrap();
        }),
    ];
    for (what, change) in changes {
        change();
        let said = world.once_fails(1).stderr;
        assert!(
            said.contains("rows.ndjson: it is not the file that was read before (200 records of it)"),
            "{what}: {said}"
        );
        world.assert_all_in(&world.read("lake.ndjson"));
    }
    world.ends(&["checkpoint", "reset", "--config", "logferry.toml"], 0);
    world.configure_source(FILE, &LAKE.replace("lake.ndjson", "again.ndjson"));
    world.once();
    world.assert_all_in(&world.read("again.ndjson"));
}

#[test]
fn a_file_goes_on_where_each_sink_stopped() {
    let world = World::with_records(100);
    world.write("rows.ndjson", &lines(&world.rows()));
    let sinks =
        |path: &str| format!("{LAKE}[sinks.slow]\ntype = \"file\"\npath = \"{path}\"\nbuffer.max_bytes = 5000\n");
    world.configure_source(FILE, &sinks("/dev/full"));
    world.write(
        "logferry.toml",
        &format!("shutdown_grace_secs = 1\n{}", world.read("logferry.toml")),
    );
    let program = world.start();
    world.until_all_in("lake.ndjson");
    program.stop();
    world.configure_source(FILE, &sinks("slow.ndjson"));
    world.once();
    world.assert_all_in(&world.read("lake.ndjson"));
    world.assert_all_in(&world.read("slow.ndjson"));
}

#[test]
fn invalid_records_become_dead_letters_and_hold_nobody_up() {
    let world = World::with_records(50);
    let bad = [
        "{\"id\":1,\"pipeline_id\":2}",
        "{\"id\":",
        "[1]",
        "{\"id\":\"x\",\"model_id\":3,\"createdAt\":\"2026-11-20T10:00:00Z\"}",
    ];
    let mut rows = world.rows();
    for (at, bad) in [0, 7, 40, 90].into_iter().zip(bad) {
        rows.insert(at, bad.to_owned());
    }
    world.write("rows.ndjson", &lines(&rows));
    world.configure_source(FILE, LAKE);
    let ended = world.once_fails(2);
    world.assert_all_in(&world.read("lake.ndjson"));
    let letters = world.read("state/dead-letter.ndjson");
    assert_eq!(letters.lines().count(), 4, "{letters}");
    for (letter, line) in letters.lines().zip([1, 8, 41, 91]) {
        assert!(letter.starts_with("{\"reason\":\""), "{letter}");
        assert!(
            letter.contains(&format!("\"source\":\"acme\",\"line\":{line},")),
            "{letter}"
        );
    }
    assert!(ended.stderr.contains("4 to the dead letters"), "{}", ended.stderr);
    world.once();
    assert_eq!(world.read("state/dead-letter.ndjson"), letters);

    // They are as bad the second time, and say so in a file of their own.
    let args = ["replay", "state/dead-letter.ndjson", "--config", "logferry.toml"];
    let ended = world.ends(&args, 2);
    assert!(
        ended
            .stderr
            .contains("refused again: state/dead-letter.ndjson.refused-"),
        "{}",
        ended.stderr
    );
    assert_eq!(world.read("state/dead-letter.ndjson"), letters);
    world.assert_all_in(&world.read("lake.ndjson"));
}

#[test]
fn rule_24_replay_sends_dead_letters_again_and_remembers_how_far_it_got() {
    let world = World::with_records(60);
    let sinks =
        |path: &str| format!("{LAKE}[sinks.bad]\ntype = \"file\"\npath = \"{path}\"\nrequest.retry_attempts = 0\n");
    world.configure(QUICK, &sinks("/dev/full"));
    let ended = world.once_fails(2);
    let events = world.events(&world.rows()).len();
    assert!(
        ended.stderr.contains(&format!("{events} to the dead letters")),
        "{}",
        ended.stderr
    );
    assert_eq!(world.read("state/dead-letter.ndjson").lines().count(), events);

    world.configure(QUICK, &sinks("bad.ndjson"));
    let args = ["replay", "state/dead-letter.ndjson", "--config", "logferry.toml"];
    world.ends(&args, 0);
    world.assert_all_in(&world.read("bad.ndjson"));
    let progress = world.read("state/dead-letter.ndjson.progress");
    assert!(progress.contains(&format!("\"letters\":{events}")), "{progress}");

    // A second time there is nothing left; a new letter is sent alone.
    world.ends(&args, 0);
    world.assert_all_in(&world.read("bad.ndjson"));
    world.assert_all_in(&world.read("lake.ndjson"));
    let known = world.emulator.ledger().len();
    world.emulator.add_rows(Stream::ModelLogs, 2);
    world.configure(QUICK, &sinks("/dev/full"));
    world.once_fails(2);
    world.configure(QUICK, &sinks("bad.ndjson"));
    world.ends(&args, 0);
    assert_eq!(world.emulator.ledger().len(), known + 2);
    world.assert_all_in(&world.read("bad.ndjson"));

    // To a sink that is named.
    world.configure(
        QUICK,
        &format!("{LAKE}[sinks.other]\ntype = \"file\"\npath = \"other.ndjson\"\n"),
    );
    fs::remove_file(world.path("state/dead-letter.ndjson.progress")).unwrap();
    world.ends(&[&args[..], &["--sink", "pond"]].concat(), 64);
    world.ends(&[&args[..], &["--sink", "other"]].concat(), 0);
    world.assert_all_in(&world.read("other.ndjson"));

    // Another file is there, which may well have the inode of the former.
    let letters = world.read("state/dead-letter.ndjson");
    let letters: String = letters.lines().rev().map(|letter| format!("{letter}\n")).collect();
    fs::remove_file(world.path("state/dead-letter.ndjson")).unwrap();
    world.write("state/dead-letter.ndjson", &letters);
    let said = world.ends(&args, 1).stderr;
    assert!(
        said.contains("state/dead-letter.ndjson.progress: it was kept for another file"),
        "{said}"
    );
}

#[test]
fn rule_9_reading_waits_while_dead_letters_cannot_be_kept() {
    let world = World::with_records(30);
    world
        .emulator
        .push_row(Stream::PipelineLogs, "{\"id\":6000000,\"pipeline_id\":1}")
        .unwrap();
    let letters = |path: &str| format!("{LAKE}[dead_letter]\npath = \"{path}\"\n");
    world.configure(QUICK, &letters("/dev/full"));
    let mut program = world.start();
    program.until_said("dead letters cannot be written");
    let (status, reasons) = program.get("/ready");
    assert_eq!(status, 503);
    assert!(reasons.contains("dead letters cannot be written: "), "{reasons}");
    let scrape = program.scrape();
    scrape.assert_laws();
    assert_eq!(scrape.sum("logferry_records_dead_lettered_total", &[]), 0.0);
    program.stop();

    world.configure(QUICK, &letters("dead.ndjson"));
    world.once_fails(2);
    let dead = world.read("dead.ndjson");
    assert_eq!(dead.lines().count(), 1, "{dead}");
    assert!(dead.contains("\"id\":6000000"), "{dead}");
    let rows: Vec<_> = world
        .rows()
        .into_iter()
        .filter(|row| !row.contains("\"id\":6000000"))
        .collect();
    until("every row", || world.read("lake.ndjson").lines().count() > 0);
    assert_same(&world.read("lake.ndjson"), &world.events(&rows));
}
