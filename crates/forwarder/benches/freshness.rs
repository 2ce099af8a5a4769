//! How fresh events are at the real limits: from the moment a row becomes visible to the moment its events are in the file, on a
//! simulated clock. `cargo bench -p logferry-forwarder --bench freshness`

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/simulated/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use logferry_emulator::Options;
use logferry_kondado::Stream;
use world::{Killed, World};

const HOURS: u64 = 4;

fn main() {
    println!("rows a minute  p50      p99      longest  requests a minute (quota 20), throttles");
    println!("on each stream");
    for rate in [1.0, 10.0, 60.0, 200.0] {
        let options = Options {
            records: 100,
            rate,
            ..Options::default()
        };
        let mut world = World::new(options, 300);
        // What was there before is caught up with first.
        world.live(Duration::from_secs(900), Killed::Gently).unwrap();
        let requests = requests(&world);
        let begin = i64::try_from(world.age().as_millis()).unwrap();
        let mut arrived: BTreeMap<(Stream, u64), i64> = BTreeMap::new();
        let mut lines = BufReader::new(File::open(world.file("lake")).unwrap());
        world
            .live_watched(
                Duration::from_secs(HOURS * 3600),
                Killed::Gently,
                Duration::from_millis(100),
                &mut |age| {
                    let mut line = String::new();
                    while lines.read_line(&mut line).unwrap() > 0 {
                        if let Some(row) = row_of(&line) {
                            arrived.entry(row).or_insert(i64::try_from(age.as_millis()).unwrap());
                        }
                        line.clear();
                    }
                },
            )
            .unwrap();
        let visible = world.visible();
        let wait = |(row, at): (&(Stream, u64), &i64)| {
            let since = *visible.get(row)?;
            // Rows of before the watch are not of interest.
            (since >= begin).then_some(at - since)
        };
        let mut waits: Vec<i64> = arrived.iter().filter_map(wait).collect();
        waits.sort_unstable();
        let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize] as f64 / 1000.0;
        let a_minute = (self::requests(&world) - requests) as f64 / (HOURS * 60) as f64;
        println!(
            "{rate:>13}  {:>5.1} s  {:>5.1} s  {:>5.1} s  {a_minute:.1}, {}",
            at(0.5),
            at(0.99),
            at(1.0),
            world.stats().throttles
        );
    }
}

fn requests(world: &World) -> u64 {
    world.stats().requests.values().sum()
}

/// The row whose `info` event a line is.
fn row_of(line: &str) -> Option<(Stream, u64)> {
    let stream = match line {
        line if line.contains("\"kondado_pipeline_log\"") => Stream::PipelineLogs,
        line if line.contains("\"kondado_model_log\"") => Stream::ModelLogs,
        _ => return None,
    };
    let (_, rest) = line.split_once("{\\\"id\\\":")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((stream, digits.parse().ok()?))
}
