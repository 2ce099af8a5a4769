//! Services that refuse, break off, are slow, answer too late or forget, while `kill -9` ends the program again and again: every row arrives.
//!
//! What has arrived is what the service keeps; what should have, the emulator's ledger tells. `LOGFERRY_KILLS` says how many kills, and
//! `tests/faults/outage 100` does it from the command line.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "run/lives.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod lives;
#[path = "run/program.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod program;
#[path = "run/scrape.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod scrape;
#[path = "run/target.rs"]
mod target;
#[path = "run/world.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod world;

use std::collections::BTreeSet;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use fastrand::Rng;

use target::{Answer, Form, Request, Target};
use world::World;

const SETTLE: Duration = Duration::from_secs(2);

/// After this a reply is too late.
const TIMEOUT: Duration = Duration::from_secs(1);

const MOST_KIB: u64 = 64 * 1024;

/// Lines in, nothing out.
struct Lines;

impl Form for Lines {
    fn events(&self, body: &[u8]) -> Vec<String> {
        std::str::from_utf8(body).unwrap().lines().map(str::to_owned).collect()
    }

    fn answer(&self, request: &Request, _: &mut Rng) -> Answer {
        Answer {
            kept: self.events(&request.body),
            status: 200,
            body: String::new(),
        }
    }
}

#[test]
fn an_endpoint_gets_every_event_whatever_it_does() {
    outage(Lines, |url| format!("type = \"http\"\nuri = \"{url}/in\"\n"));
}

/// Runs the program against a difficult service, kills it again and again, and looks for every event.
fn outage(form: impl Form, sink: impl Fn(&str) -> String) {
    let kills = lives::number("LOGFERRY_KILLS").unwrap_or(8);
    let seed = lives::number("LOGFERRY_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("LOGFERRY_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let target = Target::start(form, rng.u64(..), TIMEOUT);
    let world = World::new(lives::busy(seed, SETTLE));
    let sink = format!(
        "[sinks.service]\n{}batch.timeout_secs = 0.2\nbatch.max_events = 60\nrequest.timeout_secs = {}\n\
         request.retry_initial_backoff_secs = 0.05\nrequest.retry_max_duration_secs = 0.5\n",
        sink(&target.url),
        TIMEOUT.as_secs_f64(),
    );
    world.configure(lives::SOURCE, &sink);

    let began = Instant::now();
    let mut peak = 0;
    for kill in 0..kills {
        let program = world.start();
        sleep(Duration::from_millis(rng.u64(200..4_000)));
        let status = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
        let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak = peak.max(high.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
        lives::killed(program, kill);
    }
    target.behave();
    lives::until_settled(&world);

    let expected: BTreeSet<String> = world.events(&world.rows()).into_iter().collect();
    let kept = target.kept();
    let lacking: Vec<&String> = expected.iter().filter(|event| !kept.contains_key(*event)).collect();
    // What is kept beyond the ledger's events is torn, or a duplicate that differs.
    let strange: Vec<&String> = kept.keys().filter(|event| !expected.contains(*event)).collect();
    let letters = world.read("state/dead-letter.ndjson");
    println!(
        "{kills} kills in {:.0} s; {} events, kept {} times, {} lacking, {} differing; peak {peak} KiB; {:?}",
        began.elapsed().as_secs_f64(),
        expected.len(),
        kept.values().sum::<u64>(),
        lacking.len(),
        strange.len(),
        target.faults(),
    );
    assert_eq!(lacking, Vec::<&String>::new(), "events were lost");
    assert_eq!(strange, Vec::<&String>::new());
    assert_eq!(letters, "", "nothing was refused for good");
    assert!(peak < MOST_KIB, "{peak} KiB");
    let faults = target.faults();
    assert!(faults.values().sum::<u64>() >= 10, "{faults:?} prove nothing");
}
