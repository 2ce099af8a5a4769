//! Events reach their sinks, each once.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use logferry_emulator::{Delay, Fault, Next, Options, Quirks, Stream};
use nix::sys::signal::Signal;

use crate::world::{LAKE, QUICK, World, assert_same, until, until_ok};

#[test]
fn rule_7_once_delivers_every_row_and_a_second_time_nothing() {
    for inclusive in [false, true] {
        for next in Next::ALL {
            let world = World::new(Options {
                records: 120,
                limits: None,
                quirks: Quirks {
                    inclusive,
                    next,
                    ..Quirks::default()
                },
                ..Options::default()
            });
            world.configure(QUICK, LAKE);
            let ended = world.once();
            let first = world.read("lake.ndjson");
            world.assert_all_in(&first);
            let said = &ended.stderr;
            assert!(said.contains("acme pipeline_logs: "), "{said}");
            assert!(said.contains(" 120 mapped"), "{said}");
            let events = first.lines().count();
            assert!(
                said.contains(&format!("sink lake: {events} events delivered\n")),
                "{said}"
            );
            assert_eq!(ended.stdout, "");

            world.once();
            assert_eq!(world.read("lake.ndjson"), first, "{inclusive} {next:?}");

            world.emulator.add_rows(Stream::PipelineLogs, 51);
            world.emulator.add_rows(Stream::ModelLogs, 1);
            world.once();
            let all = world.read("lake.ndjson");
            assert!(all.starts_with(&first));
            world.assert_all_in(&all);
        }
    }
}

#[test]
fn once_to_stdout() {
    let world = World::with_records(60);
    world.configure(QUICK, "[sinks.out]\ntype = \"stdout\"");
    world.assert_all_in(&world.once().stdout);
    assert_eq!(world.once().stdout, "");
}

#[test]
fn rule_8_a_run_whose_reader_is_gone_ends_with_74() {
    let world = World::new(Options {
        records: 2_000,
        rate: 6_000.0,
        limits: None,
        ..Options::default()
    });
    world.configure(QUICK, "[sinks.out]\ntype = \"stdout\"");
    for once in [&["--once"][..], &[]] {
        let mut command = world.command(&["run", "--config", "logferry.toml"]);
        let mut child = command
            .args(once)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(line.starts_with("{\"event\":"), "{line}");
        drop(lines);
        until("the end", || child.try_wait().unwrap().is_some());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(74), "{said}");
        assert!(said.contains("the reader of the output is gone"), "{said}");
    }
}

#[test]
fn the_demo_shows_the_whole_chain_and_leaves_nothing_behind() {
    for lines in [usize::MAX, 1] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_logferry"));
        command.args(["demo", "--seconds", "3"]).env("TMPDIR", folder.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let read: Vec<_> = stdout.lines().take(lines).map(Result::unwrap).collect();
        assert!(read.iter().all(|line| line.starts_with("{\"event\":")), "{read:?}");
        until("the end", || child.try_wait().unwrap().is_some());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        if lines > 1 {
            // 120 rows of each stream at the start, with eight and three events.
            assert!(read.len() >= 100 * 11, "{} lines", read.len());
            assert!(said.contains("sink stdout: "), "{said}");
        }
    }
}

/// A sink that is small, so that what it lacks has to be read again.
const SMALL: &str =
    "buffer.max_bytes = 20000\nrequest.retry_initial_backoff_secs = 0.1\nrequest.retry_max_duration_secs = 0.2\n";

#[test]
fn rule_5_a_sink_that_cannot_be_written_delays_nobody_and_catches_up() {
    let world = World::with_records(60);
    fs::create_dir(world.path("disk")).unwrap();
    world.configure(
        QUICK,
        &format!("{LAKE}[sinks.bad]\ntype = \"file\"\npath = \"disk/bad.ndjson\"\n{SMALL}"),
    );
    let mut program = world.start();
    world.until_all_in("lake.ndjson");
    world.until_all_in("disk/bad.ndjson");

    // Its folder is taken away.
    fs::rename(world.path("disk"), world.path("away")).unwrap();
    for _ in 0..3 {
        world.emulator.add_rows(Stream::PipelineLogs, 120);
        world.emulator.add_rows(Stream::ModelLogs, 120);
        world.until_all_in("lake.ndjson");
    }
    until("attempts", || {
        program.scrape().sink("logferry_retries_total", "bad") > 0.0
    });
    program.scrape().assert_laws();
    program.until_said("is tried again");

    fs::rename(world.path("away"), world.path("disk")).unwrap();
    world.until_all_in("disk/bad.ndjson");
    program.stop();
    world.once();
    world.assert_all_in(&world.read("lake.ndjson"));
    world.assert_all_in(&world.read("disk/bad.ndjson"));
}

#[test]
fn rule_5_what_a_full_disk_did_not_take_is_delivered_after_a_restart() {
    let world = World::with_records(150);
    let sinks = |path: &str| format!("{LAKE}[sinks.bad]\ntype = \"file\"\npath = \"{path}\"\n{SMALL}");
    let grace = "shutdown_grace_secs = 1";
    world.configure(QUICK, &sinks("/dev/full"));
    world.write("logferry.toml", &format!("{grace}\n{}", world.read("logferry.toml")));
    let mut program = world.start();
    world.until_all_in("lake.ndjson");
    program.until_said("No space left on device");
    assert!(program.scrape().sink("logferry_events_in_flight", "bad") > 0.0);
    let ended = program.stop();
    assert!(ended.stderr.contains("not delivered"), "{}", ended.stderr);

    world.configure(QUICK, &sinks("bad.ndjson"));
    world.once();
    world.assert_all_in(&world.read("lake.ndjson"));
    world.assert_all_in(&world.read("bad.ndjson"));
}

#[test]
fn rule_13_the_laws_hold_at_every_scrape_while_rows_flow_and_fail() {
    let world = World::new(Options {
        records: 2_000,
        rate: 600.0,
        limits: None,
        quirks: Quirks {
            duplicates: true,
            unsorted: true,
            late_share: 0.1,
            late: Delay {
                min: Duration::from_millis(100),
                max: Duration::from_millis(900),
            },
            faults: [
                Fault::InnerFailure,
                Fault::ServerErrors,
                Fault::Cut,
                Fault::Reset,
                Fault::Html,
            ]
            .map(|fault| (fault, 0.02))
            .into(),
            ..Quirks::default()
        },
        ..Options::default()
    });
    let sinks = format!(
        "{LAKE}[sinks.ends]\ntype = \"file\"\npath = \"ends.ndjson\"\nevents = [\"sync_end\"]\n\
         [sinks.loud]\ntype = \"file\"\npath = \"loud.ndjson\"\nmin_severity = \"WARNING\"\n\
         [sinks.full]\ntype = \"file\"\npath = \"/dev/full\"\nrequest.retry_initial_backoff_secs = 0.01\nrequest.retry_max_duration_secs = 0.02\nrequest.retry_attempts = 2\n"
    );
    // So slow that there is something to see meanwhile.
    let source = QUICK.replace("min_interval_ms = 1\n", "min_interval_ms = 60\n");
    world.configure(&source, &sinks);
    // A row that no sink can get.
    world
        .emulator
        .push_row(Stream::PipelineLogs, "{\"id\":5181900,\"pipeline_id\":1}")
        .unwrap();
    let mut program = world.start();
    program.until_said("telemetry is served");
    let (mut scrapes, mut moved, mut last) = (0, 0, (0.0, 0.0));
    until("150 scrapes, 50 of them with news", || {
        let counted = program.scrape().assert_laws();
        scrapes += 1;
        moved += i32::from(counted != last);
        last = counted;
        scrapes >= 150 && moved >= 50
    });
    world.emulator.pause();
    world.emulator.set_faults([].into());
    until("late rows", || {
        world.emulator.stats().pending_rows.values().all(|rows| *rows == 0)
    });

    let rows: Vec<_> = world
        .rows()
        .into_iter()
        .filter(|row| !row.contains("\"id\":5181900,"))
        .collect();
    let events = world.events(&rows);
    let sync_ends: Vec<_> = events
        .iter()
        .filter(|line| line.starts_with("{\"event\":\"sync_end\""))
        .cloned()
        .collect();
    until_ok("every event", || {
        let counts = program.scrape();
        counts.assert_laws();
        let delivered = |sink| counts.sink("component_sent_events_total", sink) as usize;
        let found = [
            delivered("lake"),
            delivered("ends"),
            counts.sink("logferry_events_dead_lettered_total", "full") as usize,
        ];
        let expected = [events.len(), sync_ends.len(), events.len()];
        (found == expected)
            .then_some(())
            .ok_or_else(|| format!("{found:?}, expected {expected:?}\n{}", program.said()))
    });
    let counts = program.scrape();
    assert_eq!(counts.sum("logferry_records_dead_lettered_total", &[]), 1.0);
    assert_eq!(
        counts.sink("component_discarded_events_total", "loud") as usize,
        events.len()
    );
    assert_eq!(counts.sink("component_discarded_events_total", "lake"), 0.0);
    program.signal(Signal::SIGTERM);
    program.wait();
    assert_same(&world.read("lake.ndjson"), &events);
    assert_same(&world.read("ends.ndjson"), &sync_ends);
    assert_eq!(world.read("loud.ndjson"), "");
    let letters = world.read("state/dead-letter.ndjson");
    assert_eq!(letters.lines().count(), events.len() + 1);
}
