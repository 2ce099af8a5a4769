//! Lives of the program that `kill -9` ends, over an API that does what it can to be difficult.

use std::time::Duration;

use logferry_emulator::{Delay, Fault, Limits, Numbers, Options, Quirks, STREAMS, Stream};
use nix::sys::signal::Signal;

use crate::program::Program;
use crate::world::{PASSING, World, until, until_ok};

/// A source for an API like [`busy`], which settles within two seconds.
pub const SOURCE: &str = "rate_limit.requests_per_minute = 6000
rate_limit.min_interval_ms = 20
poll_interval_secs = 1
settle_secs = 2
timeout_secs = 2
";

/// A number from the environment.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// Live rows, some of them late by up to 0.9 of the time to settle, faults and throttling.
pub fn busy(seed: u64, settle: Duration) -> Options {
    Options {
        records: 100,
        // Of each stream, a minute.
        rate: 900.0 / 60.0,
        seed,
        limits: Some(Limits {
            requests: 12,
            ..Limits::default()
        }),
        // Windows of a second.
        time_scale: 60.0,
        quirks: Quirks {
            late_share: 0.08,
            late: Delay {
                min: Duration::from_millis(100),
                max: settle.mul_f64(0.9),
            },
            numbers: Numbers::Strings,
            // Waits of whole seconds are longer than a life.
            faults: PASSING
                .into_iter()
                .filter(|fault| *fault != Fault::ThrottleSeconds)
                .map(|fault| (fault, if fault == Fault::Throttle { 0.12 } else { 0.01 }))
                .collect(),
            slow: Delay {
                min: Duration::from_millis(50),
                max: Duration::from_secs(1),
            },
            ..Quirks::default()
        },
        ..Options::default()
    }
}

/// Ends new rows and faults, and lets the program live until all there is has settled.
#[track_caller]
pub fn until_settled(world: &World) {
    world.emulator.pause();
    world.emulator.set_faults([].into());
    until("late rows", || {
        world.emulator.stats().pending_rows.values().all(|rows| *rows == 0)
    });
    let mut program = world.start();
    program.until_ready();
    let ledger = world.emulator.ledger();
    let last = |stream: Stream| ledger.iter().rfind(|entry| entry.stream == stream).unwrap().id;
    until_ok("settled rows", || {
        let scrape = program.scrape();
        scrape.assert_laws();
        let low_water = |stream: Stream| {
            let stream = format!("stream=\"{}\"", stream.name());
            scrape.sum("logferry_checkpoint_low_water", &[&stream])
        };
        let is_settled = STREAMS
            .into_iter()
            .all(|stream| low_water(stream) as u64 == last(stream));
        let stats = world.emulator.stats();
        is_settled
            .then_some(())
            .ok_or_else(|| format!("{}\n{stats:?}\n{scrape:?}", program.said()))
    });
    program.stop();
}

/// Up to where the program left the streams settled, as it says itself; a checkpoint is whole whenever it was killed.
pub fn low_waters(world: &World) -> Vec<u64> {
    let shown = world
        .ends(&["checkpoint", "show", "--config", "logferry.toml"], 0)
        .stdout;
    let low_water = |stream: Stream| {
        let line = shown.lines().find(|line| line.contains(stream.name()))?;
        let (_, rest) = line.split_once(": up to ")?;
        rest.split([' ', ',']).next()?.parse().ok()
    };
    STREAMS.map(|stream| low_water(stream).unwrap_or(0)).to_vec()
}

/// Kills it, which it survived until then.
#[track_caller]
pub fn killed(program: Program, kill: u64) {
    program.signal(Signal::SIGKILL);
    let ended = program.wait();
    assert_eq!(ended.code, None, "before kill {kill} it had ended:\n{}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}
