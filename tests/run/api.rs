//! The API refuses, throttles, fails, and changes its rows.

use std::time::Duration;

use logferry_emulator::{Delay, Fault, Limits, Numbers, Options, Quirks, Stream};
use nix::sys::signal::Signal;

use crate::program::Program;
use crate::world::{LAKE, PASSING, QUICK, World, until};

#[test]
fn a_wrong_token_ends_with_78_and_a_message() {
    let mut world = World::with_records(1);
    world.emulator.token = "0b6d1f2e3a4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e".to_owned();
    for streams in ["", "start = \"latest\"\n"] {
        world.configure(&format!("{QUICK}{streams}"), LAKE);
        for once in [true, false] {
            let args = ["run", "--config", "logferry.toml", "--once"];
            let ended = world.ends(&args[..3 + usize::from(once)], 78);
            assert!(ended.stderr.contains("source acme: "), "{}", ended.stderr);
            assert!(ended.stderr.contains("INVALID_TOKEN"), "{}", ended.stderr);
        }
    }
}

#[test]
fn swapped_key_and_token_are_said() {
    let mut world = World::with_records(1);
    let (key, token) = (world.emulator.key.clone(), world.emulator.token.clone());
    (world.emulator.key, world.emulator.token) = (token, key);
    world.configure(QUICK, LAKE);
    let said = world.once_fails(78).stderr;
    assert!(said.contains("swapped"), "{said}");
}

#[test]
fn no_level_of_logging_shows_key_or_token() {
    let world = World::with_records(3);
    world.emulator.set_faults(
        [Fault::Reset, Fault::Cut, Fault::Html, Fault::ServerErrors]
            .map(|fault| (fault, 0.1))
            .into(),
    );
    world.configure(QUICK, LAKE);
    for level in ["trace", "trace,hyper=trace"] {
        for format in ["text", "json"] {
            world.emulator.add_rows(Stream::PipelineLogs, 3);
            let program = world.spawn(&[
                "run",
                "--config",
                "logferry.toml",
                "--log-level",
                level,
                "--log-format",
                format,
            ]);
            world.until_all_in("lake.ndjson");
            let ended = program.stop();
            assert!(ended.stderr.len() > 100);
        }
    }
}

#[test]
fn a_token_that_is_switched_off_while_it_runs_is_waited_for() {
    let world = World::with_records(10);
    world.configure(QUICK, LAKE);
    let mut program = world.start();
    world.until_all_in("lake.ndjson");
    world.emulator.set_faults([(Fault::Unauthorized, 1.0)].into());
    program.until_said("cannot read, and will hardly by itself");
    until("a reason", || program.get("/ready").0 == 503);
    program.scrape().assert_laws();
    program.stop();
    world.emulator.set_faults([].into());
    world.emulator.add_rows(Stream::ModelLogs, 3);
    world.once();
    world.assert_all_in(&world.read("lake.ndjson"));
}

#[test]
fn throttling_is_waited_out_and_no_failure() {
    let world = World::new(Options {
        records: 200,
        limits: Some(Limits {
            requests: 4,
            window: Duration::from_secs(1),
            min_interval: Duration::ZERO,
        }),
        ..Options::default()
    });
    world.configure(QUICK, LAKE);
    let ended = world.once();
    world.assert_all_in(&world.read("lake.ndjson"));
    let throttles = world.emulator.stats().throttles;
    assert!(throttles > 0);
    assert!(
        ended.stderr.contains(&format!(", {throttles} throttled")),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("WARN"), "{}", ended.stderr);
}

#[test]
fn the_quota_outlives_a_process_that_is_killed() {
    let world = World::new(Options {
        records: 0,
        limits: Some(Limits {
            requests: 20,
            window: Duration::from_secs(60),
            min_interval: Duration::ZERO,
        }),
        ..Options::default()
    });
    world.configure("rate_limit.min_interval_ms = 1\npoll_interval_secs = 1\n", LAKE);
    let requests = || world.emulator.stats().requests.values().sum::<u64>();
    let used = |program: &mut Program| program.scrape().sum("logferry_quota_used_ratio", &[]);
    let mut last = 0;
    while last < 20 {
        let mut program = world.start();
        // The last of them may not have been counted by the server, but by us.
        until("requests", || requests() >= last + 2 || used(&mut program) >= 1.0);
        last = requests();
        let is_used_up = used(&mut program) >= 1.0;
        program.signal(Signal::SIGKILL);
        program.wait();
        if is_used_up {
            break;
        }
    }
    assert!(last >= 10, "{last}");
    assert_eq!(world.emulator.stats().throttles, 0);
    let mut program = world.start();
    until("the quota", || used(&mut program) >= 0.95);
    assert_eq!(world.emulator.stats().throttles, 0);
}

#[test]
fn a_kind_of_failure_is_counted_before_the_first() {
    let world = World::with_records(3);
    world.configure(QUICK, LAKE);
    let mut program = world.start();
    program.until_ready();
    let metrics = program.get("/metrics").1;
    for kind in ["transient", "protocol", "refused", "bad_request", "fatal"] {
        let series = metrics.lines().find(|line| {
            line.starts_with("component_errors_total{") && line.contains(&format!("error_type=\"{kind}\""))
        });
        assert!(series.is_some_and(|line| line.ends_with(" 0.0")), "{kind}: {series:?}");
    }
    program.stop();
}

#[test]
fn every_row_arrives_whatever_the_fault() {
    let all = PASSING.iter().map(|fault| vec![*fault]);
    std::thread::scope(|scope| {
        for faults in all.chain([PASSING.to_vec()]) {
            scope.spawn(move || {
                let share = match faults[..] {
                    // They come up to five in a row, and each makes the next wait longer.
                    [Fault::ServerErrors | Fault::ServerErrorsRetryAfter] => 0.04,
                    [_] => 0.1,
                    _ => 0.02,
                };
                let world = World::new(Options {
                    records: 30,
                    page_size: 5,
                    // Windows of one second, which is what a throttle names.
                    limits: Some(Limits {
                        requests: 1_000,
                        window: Duration::from_secs(1),
                        min_interval: Duration::ZERO,
                    }),
                    quirks: Quirks {
                        faults: faults.iter().map(|fault| (*fault, share)).collect(),
                        numbers: Numbers::Strings,
                        slow: Delay {
                            min: Duration::from_millis(100),
                            max: Duration::from_secs(3),
                        },
                        ..Quirks::default()
                    },
                    ..Options::default()
                });
                world.configure(QUICK, LAKE);
                let mut program = world.start();
                until(&format!("{faults:?}"), || {
                    program.scrape().assert_laws();
                    program.scrape().sum("logferry_records_mapped_total", &[]) as usize == 60
                });
                world.until_all_in("lake.ndjson");
                until(&format!("{faults:?} to befall a request"), || {
                    !world.emulator.stats().faults.is_empty()
                });
                program.stop();
            });
        }
    });
}

#[test]
fn a_changed_row_is_delivered_again_if_that_is_wanted() {
    for wanted in [false, true] {
        let world = World::new(Options {
            records: 0,
            limits: None,
            quirks: Quirks {
                modified_share: 0.5,
                modified: Delay {
                    min: Duration::from_millis(1_000),
                    max: Duration::from_millis(1_500),
                },
                ..Quirks::default()
            },
            ..Options::default()
        });
        let source = QUICK.replace("settle_secs = 1", "settle_secs = 3");
        world.configure(&format!("{source}redeliver_changed = {wanted}\n"), LAKE);
        let mut program = world.start();
        program.until_ready();
        world.emulator.add_rows(Stream::PipelineLogs, 40);
        world.emulator.add_rows(Stream::ModelLogs, 40);
        let rows = || world.emulator.ledger().into_iter();
        until("changes after rows were read", || {
            rows().filter(|entry| entry.changed.is_some()).count() > 10
        });
        until("settled rows", || {
            let scrape = program.scrape();
            scrape.sum("logferry_window_ids", &[]) == 0.0 && scrape.sum("logferry_records_mapped_total", &[]) >= 80.0
        });
        program.stop();
        let mut expected: Vec<_> = rows().map(|entry| entry.row).collect();
        if wanted {
            expected.extend(rows().filter_map(|entry| entry.changed));
        }
        let mut events = world.events(&expected);
        let text = world.read("lake.ndjson");
        let mut found: Vec<_> = text.lines().map(str::to_owned).collect();
        events.sort();
        found.sort();
        assert!(found == events, "{} events, expected {}", found.len(), events.len());
    }
}
