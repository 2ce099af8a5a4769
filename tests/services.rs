//! The program with services that it makes requests to.
//!
//! Some refuse, break off, are slow, answer too late or forget, while `kill -9` ends the program again and again: every row arrives. What has
//! arrived is what the service keeps; what should have, the emulator's ledger tells. `LOGFERRY_KILLS` says how many kills, and
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

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use fastrand::Rng;
use logferry_model::Timestamp;
use serde_json::value::RawValue;

use target::{Answer, Form, Request, Target};
use world::World;

const SETTLE: Duration = Duration::from_secs(2);

/// After this a reply is too late.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Fewer faults prove nothing.
const ENOUGH: u64 = 10;

/// So many more kills there may be until there were enough.
const MORE: u64 = 20;

const MOST_KIB: u64 = 64 * 1024;

/// Lines in, nothing out.
struct Lines;

impl Form for Lines {
    fn events(&self, body: &[u8]) -> Vec<String> {
        std::str::from_utf8(body).unwrap().lines().map(str::to_owned).collect()
    }

    fn answer(&self, request: &Request, _: Option<&mut Rng>) -> Answer {
        Answer {
            kept: self.events(&request.body),
            status: 200,
            body: String::new(),
        }
    }
}

#[test]
fn an_endpoint_gets_every_event_whatever_it_does() {
    outage(Lines, |url| {
        format!("type = \"http\"\nuri = \"{url}/in\"\nbatch.max_events = 60\n")
    });
}

/// Splunk's collector with indexer acknowledgement: it takes events and indexes them later, or never, and says so once.
#[derive(Default)]
struct Collector(Mutex<BTreeMap<String, Channel>>);

/// What was taken on a channel and not said to be indexed, by id.
#[derive(Default)]
struct Channel {
    next: u64,
    open: BTreeMap<u64, (Instant, Vec<String>)>,
}

impl Form for Collector {
    fn events(&self, body: &[u8]) -> Vec<String> {
        let envelope = |object: &str| {
            let (_, rest) = object.split_once(",\"event\":")?;
            let (event, _) = rest.rsplit_once(",\"fields\":{")?;
            Some(event.to_owned())
        };
        std::str::from_utf8(body)
            .unwrap()
            .lines()
            .filter_map(envelope)
            .collect()
    }

    fn answer(&self, request: &Request, rng: Option<&mut Rng>) -> Answer {
        assert_eq!(request.headers["authorization"], "Splunk a-token");
        let mut channels = self.0.lock().unwrap();
        let channel = channels
            .entry(request.headers["x-splunk-request-channel"].clone())
            .or_default();
        if request.path == "/services/collector/event" {
            let id = channel.next;
            channel.next += 1;
            // One in ten is lost on its way to the indexer.
            let (is_lost, takes) = rng.map_or((false, 0), |rng| (rng.u8(0..10) == 0, rng.u64(0..1_500)));
            if !is_lost {
                let indexed = Instant::now() + Duration::from_millis(takes);
                channel.open.insert(id, (indexed, self.events(&request.body)));
            }
            return Answer {
                kept: Vec::new(),
                status: 200,
                body: format!(r#"{{"text":"Success","code":0,"ackId":{id}}}"#),
            };
        }
        assert_eq!(request.path, "/services/collector/ack");
        let id = std::str::from_utf8(&request.body).unwrap();
        let id: u64 = id.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        let is_indexed = channel
            .open
            .get(&id)
            .is_some_and(|(indexed, _)| *indexed <= Instant::now());
        let kept = if is_indexed {
            channel.open.remove(&id).unwrap().1
        } else {
            Vec::new()
        };
        Answer {
            kept,
            status: 200,
            body: format!(r#"{{"acks":{{"{id}":{is_indexed}}}}}"#),
        }
    }
}

#[test]
fn a_collector_indexes_every_event_whatever_it_loses() {
    outage(Collector::default(), |url| {
        format!(
            "type = \"splunk_hec\"\nendpoint = \"{url}\"\ntoken = \"a-token\"\ncompression = \"none\"\n\
             indexer_acknowledgements = \"required\"\nacknowledgement_timeout_secs = 10\nbatch.max_events = 400\n"
        )
    });
}

/// Lines in, slowly; or only for who has the password.
struct Slow(Duration);

impl Form for Slow {
    fn events(&self, body: &[u8]) -> Vec<String> {
        Lines.events(body)
    }

    fn answer(&self, request: &Request, rng: Option<&mut Rng>) -> Answer {
        sleep(self.0);
        match request.headers.get("authorization").map(String::as_str) {
            Some("Bearer right") => Lines.answer(request, rng),
            _ => Answer {
                kept: Vec::new(),
                status: 401,
                body: "who are you".to_owned(),
            },
        }
    }
}

fn slow(pause: Duration) -> (Target, World) {
    let target = Target::start(Slow(pause), 0, Duration::from_secs(60));
    target.behave();
    (target, World::with_records(60))
}

fn configure(world: &World, target: &Target, token: &str) {
    let sink = format!(
        "[sinks.service]\ntype = \"http\"\nuri = \"{}\"\nauth = {{ strategy = \"bearer\", token = \"{token}\" }}\n\
         batch.max_events = 50\nbatch.timeout_secs = 0\n",
        target.url
    );
    world.configure(world::QUICK, &sink);
}

#[test]
fn a_signal_in_the_middle_of_a_request_loses_nothing_and_repeats_nothing() {
    let (target, world) = slow(Duration::from_millis(300));
    configure(&world, &target, "right");
    let program = world.start();
    world::until("a request", || !target.kept().is_empty());
    sleep(Duration::from_millis(100));
    program.stop();
    world.once();
    let kept = target.kept();
    world::assert_same(
        &kept.keys().fold(String::new(), |text, event| text + event + "\n"),
        &world.events(&world.rows()),
    );
    assert!(kept.values().all(|times| *times == 1), "{kept:?}");
}

#[test]
fn wrong_credentials_stop_the_sink_and_lose_nothing() {
    let (target, world) = slow(Duration::ZERO);
    configure(&world, &target, "a wrong one");
    let mut program = world.start();
    world::until("a sink that stops", || {
        let (status, why) = program.get("/ready");
        status == 503 && why.contains("sink service: ") && why.contains("401") && why.contains("`auth`")
    });
    assert!(!program.said().contains("a wrong one"), "{}", program.said());
    program.stop();
    assert_eq!(
        (target.kept().len(), world.read("state/dead-letter.ndjson").as_str()),
        (0, "")
    );
    configure(&world, &target, "right");
    world.once();
    let kept = target.kept();
    world::assert_same(
        &kept.keys().fold(String::new(), |text, event| text + event + "\n"),
        &world.events(&world.rows()),
    );
}

/// Datadog, as far as it takes logs.
struct Datadog;

impl Form for Datadog {
    fn events(&self, body: &[u8]) -> Vec<String> {
        let logs: Vec<BTreeMap<&str, &RawValue>> = serde_json::from_str(std::str::from_utf8(body).unwrap()).unwrap();
        logs.iter()
            .map(|log| serde_json::from_str(log["message"].get()).unwrap())
            .collect()
    }

    fn answer(&self, request: &Request, _: Option<&mut Rng>) -> Answer {
        Answer {
            kept: self.events(&request.body),
            status: 202,
            body: "{}".to_owned(),
        }
    }
}

#[test]
fn events_that_are_too_old_are_known_before_they_are_sent() {
    let target = Target::start(Datadog, 0, Duration::from_secs(60));
    target.behave();
    let world = World::with_records(0);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let event = |hours: u64, number: u64| {
        let created = Timestamp::parse("1970-01-01T00:00:00Z").unwrap();
        let created = created.plus_millis(i64::try_from((now - hours * 3600) * 1000).unwrap());
        format!(r#"{{"event":"info","data":{{"message":"{number}"}},"created":"{created}","connector_id":"c"}}"#)
    };
    let hours = [48, 0, 19, 0, 17, 30];
    let lines: Vec<String> = hours
        .into_iter()
        .zip(0..)
        .map(|(hours, number)| event(hours, number))
        .collect();
    world.write("events.ndjson", &(lines.join("\n") + "\n"));
    let sink = format!(
        "[sinks.service]\ntype = \"datadog_logs\"\napi_key = \"k\"\nendpoint = \"{}\"\ncompression = \"none\"\n",
        target.url
    );
    world.configure_source("type = \"file\"\npath = \"events.ndjson\"", &sink);
    let words = "sink service takes what is 18 hours old at most; of source acme, 3 events are older";
    let checked = world.ends(&["check", "--config", "logferry.toml"], 0);
    assert!(checked.stderr.contains(words), "{}", checked.stderr);
    let ended = world.once_fails(2);
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    assert_eq!(target.kept().len(), 3);
    let letters = world.read("state/dead-letter.ndjson");
    assert_eq!(letters.matches("too old").count(), 3, "{letters}");
    // Who wants them all the same says so.
    world.configure_source(
        "type = \"file\"\npath = \"events.ndjson\"",
        &format!("{sink}too_old = \"send\"\n"),
    );
    world.ends(&["replay", "state/dead-letter.ndjson", "--config", "logferry.toml"], 0);
    assert_eq!(target.kept().len(), 6);
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
        "[sinks.service]\n{}batch.timeout_secs = 0.2\nrequest.timeout_secs = {}\n\
         request.retry_initial_backoff_secs = 0.05\nrequest.retry_max_duration_secs = 0.5\n",
        sink(&target.url),
        TIMEOUT.as_secs_f64(),
    );
    world.configure(lives::SOURCE, &sink);

    let began = Instant::now();
    let mut peak = 0;
    let faults = || target.faults().values().sum::<u64>();
    let mut kill = 0;
    // A run that proves nothing yet goes on a little.
    while kill < kills || (kill < kills + MORE && faults() < ENOUGH) {
        let program = world.start();
        sleep(Duration::from_millis(rng.u64(200..4_000)));
        let status = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
        let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let high = high.unwrap_or_else(|| panic!("it ended by itself: {}", program.said()));
        peak = peak.max(high.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
        lives::killed(program, kill);
        kill += 1;
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
        "{kill} kills in {:.0} s; {} events, kept {} times, {} lacking, {} differing; peak {peak} KiB; {:?}",
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
    assert!(faults() >= ENOUGH, "{:?} prove nothing", target.faults());
}
