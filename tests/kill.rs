//! `kill -9` at random moments: whatever the API says it has shown is in the files afterwards, and what is there twice is the same.
//!
//! Live rows, some of them late by up to 0.9 of `settle_secs`, faults and throttling go on while the program is killed, stopped and continued,
//! and started again at once or after a pause that may be longer than `settle_secs`. Its file is rotated and compressed all the time. The
//! ledger comes from the emulator. A run proves nothing without late rows and throttles, so it fails without them.
//!
//! `LOGFERRY_KILLS` says how many kills; `tests/faults/kill 200` does it from the command line. `LOGFERRY_SEED` repeats the rows, the faults and
//! the waits of a run, though not what the machine makes of them.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "run/lives.rs"]
mod lives;
#[path = "run/program.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod program;
#[path = "run/scrape.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod scrape;
#[path = "run/world.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use logferry_emulator::{Fault, STREAMS};
use nix::sys::signal::Signal;

use world::World;

const SETTLE: Duration = Duration::from_secs(2);

/// Events wait a while before they are written, so that many are on their way when a kill comes.
const SINK: &str = "[sinks.lake]
type = \"file\"
path = \"lake/events.ndjson\"
compression = \"gzip\"
rotate.max_bytes = 20000
batch.timeout_secs = 0.3
";

/// So many more kills there may be until a run proves something.
const MORE: u64 = 20;

#[test]
fn rules_3_11_25_and_26_no_kill_loses_a_row() {
    let kills = lives::number("LOGFERRY_KILLS").unwrap_or(20);
    let seed = lives::number("LOGFERRY_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("LOGFERRY_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let world = World::new(lives::busy(seed, SETTLE));
    fs::create_dir(world.path("lake")).unwrap();
    world.configure(lives::SOURCE, SINK);

    let began = Instant::now();
    let mut pauses = 0;
    let mut stops = 0;
    let mut low_waters = vec![0; STREAMS.len()];
    let mut settled = 0;
    let mut kill = 0;
    // A run that proves nothing yet goes on a little.
    while kill < kills || (kill < kills + MORE && !Proof::of(&world, settled).is_enough(kills)) {
        let program = world.start();
        // Most die early, in the midst of something; every third lives long enough to settle what it reads.
        let most = if rng.u8(0..3) == 0 { 2_000 } else { 1_000 };
        let life = match kill % 3 {
            2 => SETTLE.mul_f64(1.0 + rng.f64()),
            _ => Duration::from_millis(rng.u64(0..most)),
        };
        if rng.u8(0..6) == 0 {
            stops += 1;
            sleep(life / 2);
            program.signal(Signal::SIGSTOP);
            sleep(Duration::from_millis(rng.u64(0..1_000)));
            if rng.bool() {
                program.signal(Signal::SIGCONT);
                sleep(life / 2);
            }
        } else {
            sleep(life);
        }
        lives::killed(program, kill);
        kill += 1;
        let now = lives::low_waters(&world);
        assert!(
            now.iter().zip(&low_waters).all(|(now, before)| now >= before),
            "{low_waters:?}, then {now:?}"
        );
        settled += u64::from(now != low_waters);
        low_waters = now;
        if kill % 10 == 7 {
            pauses += 1;
            sleep(SETTLE.mul_f64(1.1));
        } else if rng.u8(0..3) == 0 {
            sleep(Duration::from_millis(rng.u64(0..1_000)));
        }
    }

    lives::until_settled(&world);

    let found = events(&world);
    let expected = world.events(&world.rows());
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    let files = found.len();
    for line in found.values().flat_map(|text| text.lines()) {
        *times.entry(line).or_default() += 1;
    }
    let mut lacking = 0;
    for line in &expected {
        if !times.contains_key(line.as_str()) {
            lacking += 1;
            println!("lacking: {line}");
        }
    }
    let wanted: BTreeMap<&str, ()> = expected.iter().map(|line| (line.as_str(), ())).collect();
    // What is there beyond the ledger's events is torn, or a duplicate that differs.
    let strange: Vec<_> = times.keys().filter(|line| !wanted.contains_key(*line)).collect();
    let events: u64 = times.values().sum();
    let duplicates = events.saturating_sub(expected.len() as u64);

    let stats = world.emulator.stats();
    let proof = Proof::of(&world, settled);
    let Proof { late, throttles, .. } = proof;
    let faults: u64 = stats.faults.values().sum();
    println!(
        "{kill} kills, {stops} of them stopped before, {pauses} pauses longer than settle_secs, rows settled in {settled} lives, {:.0} s\n\
         {} rows of {:?}, {late} late, {throttles} throttles, {faults} faults, {} requests\n\
         {events} events in {files} files, {duplicates} of them duplicates, {} differing, {lacking} lacking",
        began.elapsed().as_secs_f64(),
        world.rows().len(),
        stats.visible_rows,
        stats.requests.values().sum::<u64>(),
        strange.len(),
    );
    assert_eq!(lacking, 0, "events were lost");
    assert!(strange.is_empty(), "{strange:?}");
    assert!(proof.is_enough(kills), "this proves nothing: {proof:?}");
}

/// What a run must have had, or it proves nothing.
#[derive(Debug)]
struct Proof {
    /// Rows of the stream that has fewer.
    rows: u64,
    late: u64,
    throttles: u64,
    /// Lives in which rows settled: only behind those a late one can be lost.
    settled: u64,
}

impl Proof {
    fn of(world: &World, settled: u64) -> Proof {
        let stats = world.emulator.stats();
        Proof {
            rows: stats.visible_rows.values().copied().min().unwrap_or_default(),
            late: stats.late_rows.values().sum(),
            throttles: stats.throttles + stats.faults.get(Fault::Throttle.name()).copied().unwrap_or_default(),
            settled,
        }
    }

    fn is_enough(&self, kills: u64) -> bool {
        self.rows > 200 && self.late >= 10 && self.throttles >= 10 && self.settled >= (kills / 10).max(2)
    }
}

/// What the files of the sink hold, by their names. What it did not finish to compress is not there.
fn events(world: &World) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(world.path("lake")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let file = fs::File::open(&path).unwrap();
        let mut text = String::new();
        if name.ends_with(".gz") {
            MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
        } else {
            assert!(name.ends_with(".ndjson"), "{name} is left over");
            { file }.read_to_string(&mut text).unwrap();
        }
        assert!(text.is_empty() || text.ends_with('\n'), "{name} ends with a torn line");
        files.insert(name, text);
    }
    files
}
