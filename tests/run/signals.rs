//! What signals do, and what `/health` and `/ready` say meanwhile.

use logferry_emulator::{Fault, Options, Stream};
use nix::sys::signal::Signal;

use crate::program::Program;
use crate::world::{LAKE, QUICK, World, until};

#[test]
fn sigterm_and_sigint_drain_and_the_next_run_repeats_nothing() {
    let world = World::new(Options {
        records: 500,
        rate: 3_000.0,
        limits: None,
        ..Options::default()
    });
    world.configure(QUICK, LAKE);
    for (round, signal) in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGTERM]
        .into_iter()
        .enumerate()
    {
        let program = world.start();
        let before = world.read("lake.ndjson").len();
        until("some events", || world.read("lake.ndjson").len() > before);
        program.signal(signal);
        let ended = program.wait();
        assert_eq!(ended.code, Some(0), "round {round}: {}", ended.stderr);
    }
    world.emulator.pause();
    world.once();
    world.assert_all_in(&world.read("lake.ndjson"));
}

#[test]
fn a_drain_that_takes_long_is_seen_and_a_second_sigterm_ends_it_at_once() {
    let world = World::with_records(10);
    world.configure(QUICK, "[sinks.full]\ntype = \"file\"\npath = \"/dev/full\"\n");
    let mut program = world.start();
    program.until_said("No space left on device");
    assert_eq!(program.get("/health").0, 200);
    program.signal(Signal::SIGTERM);
    until("503", || program.get("/health").0 == 503);
    let (status, reasons) = program.get("/ready");
    assert_eq!(status, 503);
    assert!(reasons.contains("draining"), "{reasons}");
    program.scrape().assert_laws();
    program.signal(Signal::SIGTERM);
    let ended = program.wait();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("stopped at once"), "{}", ended.stderr);
}

#[test]
fn ready_says_why_not() {
    let world = World::with_records(3);
    world.emulator.set_faults([(Fault::Html, 1.0)].into());
    world.configure(QUICK, LAKE);
    let mut program = world.start();
    until("a reason", || {
        let (status, reasons) = program.get("/ready");
        assert_eq!(status, 503);
        reasons.contains("source acme: ") && !reasons.contains("no answer yet")
    });
    assert_eq!(program.get("/health").0, 200);
    world.emulator.set_faults([].into());
    program.until_ready();
    assert_eq!(program.get("/ready").1, "ready\n");
    world.until_all_in("lake.ndjson");
    program.stop();
}

#[test]
fn rule_23_sighup_takes_a_good_configuration_and_keeps_the_old_one_for_a_bad_one() {
    let world = World::with_records(20);
    world.configure(QUICK, LAKE);
    let mut program = world.start();
    world.until_all_in("lake.ndjson");

    // Bad in itself, and bad for a run that goes on.
    for (change, reason) in [
        (
            ("path = \"lake.ndjson\"", "paht = \"lake.ndjson\""),
            "did you mean `path`",
        ),
        (("settle_secs = 1", "settle_secs = 2"), "[sources] changed"),
        (("dir = \"state\"", "dir = \"other\""), "[state] changed"),
    ] {
        world.configure(QUICK, LAKE);
        let text = world.read("logferry.toml");
        assert!(text.contains(change.0));
        world.write("logferry.toml", &text.replace(change.0, change.1));
        program.signal(Signal::SIGHUP);
        program.until_said(reason);
        world.emulator.add_rows(Stream::PipelineLogs, 5);
        world.until_all_in("lake.ndjson");
    }

    // A sink more, and one less.
    world.configure(
        QUICK,
        &format!("{LAKE}[sinks.more]\ntype = \"file\"\npath = \"more.ndjson\"\nstart = \"earliest\"\n"),
    );
    program.signal(Signal::SIGHUP);
    program.until_said("goes on with the new configuration");
    world.until_all_in("more.ndjson");
    world.emulator.add_rows(Stream::ModelLogs, 5);
    world.until_all_in("lake.ndjson");
    world.until_all_in("more.ndjson");
    until("acknowledgements", || {
        program.scrape().sum("logferry_events_in_flight", &[]) == 0.0
    });

    world.configure(QUICK, LAKE);
    // It is kept as long as it is not known that it has everything.
    let times = |program: &Program, text| program.said().matches(text).count();
    let answers = |program: &Program| {
        times(program, "the old one is kept") + times(program, "goes on with the new configuration")
    };
    until("the sink to go", || {
        let answered = answers(&program);
        program.signal(Signal::SIGHUP);
        until("an answer", || answers(&program) > answered);
        times(&program, "goes on with the new configuration") == 2
    });
    let more = world.read("more.ndjson");
    world.emulator.add_rows(Stream::ModelLogs, 5);
    world.until_all_in("lake.ndjson");
    assert_eq!(world.read("more.ndjson"), more);
    program.stop();
}

#[test]
fn rule_23_a_sink_with_a_backlog_is_not_removed() {
    let world = World::with_records(20);
    let full = "[sinks.full]\ntype = \"file\"\npath = \"/dev/full\"\n";
    world.configure(QUICK, &format!("{LAKE}{full}"));
    let mut program = world.start();
    program.until_said("No space left on device");
    world.configure(QUICK, LAKE);
    program.signal(Signal::SIGHUP);
    program.until_said("sink full is to go or loses a source, but has not got everything yet");
    world.emulator.add_rows(Stream::PipelineLogs, 5);
    world.until_all_in("lake.ndjson");
    drop(program);
}
