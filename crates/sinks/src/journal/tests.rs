use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::disk::Disk;
use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// Append so many lines until they are acknowledged, but so often at most.
    Append { lines: usize, attempts: usize },
    /// So much time passes.
    Wait(u64),
    /// Closed files are compressed.
    Tend,
    /// The process ends, or the machine.
    Crash { machine: bool, before: Option<u32> },
    /// From now on, so many of 1000 operations fail.
    Failing(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..6_usize, 1..4_usize).prop_map(|(lines, attempts)| Step::Append { lines, attempts }),
        1 => (1..30_u64).prop_map(Step::Wait),
        2 => Just(Step::Tend),
        2 => (any::<bool>(), proptest::option::of(0..60_u32)).prop_map(|(machine, before)| Step::Crash { machine, before }),
        2 => prop_oneof![Just(0), 1..300_u32].prop_map(Step::Failing),
    ]
}

struct World {
    disk: Disk,
    names: Names,
    rotation: Rotation,
    compress: bool,
    journal: Option<Journal<Disk>>,
    now: SystemTime,
    /// The lowest line that is not acknowledged.
    next: usize,
}

fn line(number: usize) -> String {
    format!("{{\"n\":{number},\"x\":\"{}\"}}\n", "x".repeat(number % 40))
}

impl World {
    fn append(&mut self, lines: usize) {
        let text: String = (self.next..self.next + lines).map(line).collect();
        if self.journal.is_none() {
            self.journal = Journal::open(self.disk.clone(), self.names.clone(), self.rotation, self.now).ok();
        }
        if let Some(journal) = &mut self.journal
            && journal.append(text.as_bytes(), self.now).is_ok()
        {
            self.next += lines;
        }
    }

    fn tend(&self) {
        let _ = tend(&self.disk, &self.names, self.compress, None);
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Append { lines, attempts } => {
                let goal = self.next + lines;
                for _ in 0..attempts {
                    if self.next < goal {
                        self.append(lines);
                    }
                }
            }
            Step::Wait(secs) => self.now += Duration::from_secs(secs),
            Step::Tend => self.tend(),
            Step::Crash { machine, before } => {
                if let Some(operations) = before {
                    self.disk.stop_after(operations);
                    self.append(3);
                    self.tend();
                }
                self.journal = None;
                self.disk.crash(machine);
            }
            Step::Failing(of_1000) => self.disk.set_failing(of_1000),
        }
    }

    /// Everything that is kept, in order.
    fn read(&self) -> String {
        let mut closed = BTreeMap::new();
        let mut open = Vec::new();
        for (name, data) in self.disk.all() {
            match self.names.parse(&name) {
                Some((file, names::Form::Plain)) => {
                    assert!(closed.insert(file, data).is_none(), "{name} is there twice")
                }
                Some((file, names::Form::Gzip)) => {
                    let mut text = Vec::new();
                    GzDecoder::new(&data[..]).read_to_end(&mut text).unwrap();
                    assert!(closed.insert(file, text).is_none(), "{name} is there twice");
                }
                Some((_, names::Form::Temporary)) => panic!("{name} was left"),
                None => {
                    assert_eq!(name, "events.ndjson");
                    open = data;
                }
            }
        }
        String::from_utf8(closed.into_values().flatten().chain(open).collect()).unwrap()
    }
}

fn world(seed: u64, rotation: Rotation, compress: bool) -> World {
    World {
        disk: Disk::new(seed),
        names: Names::new(PathBuf::from("/log/events.ndjson")).unwrap(),
        rotation,
        compress,
        journal: None,
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_194_000),
        next: 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Failing writes, syncs and renames, short writes, full disks, crashes at every step, and disks that forget.
    #[test]
    fn rule_8_11_and_27_what_is_acknowledged_stands_whole_and_in_order(
        seed: u64, compress: bool, max_bytes in proptest::option::of(50..400_u64), interval in proptest::option::of(5..40_u64),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let rotation = Rotation { max_bytes, interval: interval.map(Duration::from_secs) };
        let mut world = world(seed, rotation, compress);
        for step in &steps {
            world.run(step);
        }
        world.journal = None;
        world.disk.crash(true);
        world.disk.set_failing(0);
        Journal::open(world.disk.clone(), world.names.clone(), rotation, world.now).unwrap();
        tend(&world.disk, &world.names, compress, None).unwrap();

        let text = world.read();
        prop_assert!(text.is_empty() || text.ends_with('\n'), "{}", text);
        let mut numbers = Vec::new();
        for found in text.lines() {
            let number = found.strip_prefix("{\"n\":").and_then(|rest| rest.split(',').next()).and_then(|n| n.parse().ok());
            let number: usize = number.unwrap_or(usize::MAX);
            prop_assert_eq!(format!("{found}\n"), line(number.min(9999)), "torn");
            numbers.push(number);
        }
        let kept: BTreeSet<usize> = numbers.iter().copied().collect();
        prop_assert!((0..world.next).all(|number| kept.contains(&number)), "{} acknowledged, kept {:?}", world.next, numbers);
        // What is there twice is so because it had not been acknowledged; whichever of the copies one takes, the lines are in order.
        let mut seen = BTreeSet::new();
        prop_assert!(numbers.iter().filter(|number| seen.insert(**number)).is_sorted(), "{:?}", numbers);
        seen.clear();
        numbers.retain(|number| *number < world.next);
        prop_assert!(numbers.iter().rev().filter(|number| seen.insert(**number)).rev().is_sorted(), "{:?}", numbers);
    }
}

#[test]
fn rule_11_a_torn_line_is_cut_off_and_never_closed() {
    for (before, after) in [
        ("", ""),
        ("{\"a\":1}\n", "{\"a\":1}\n"),
        ("{\"a\":1}\n{\"b", "{\"a\":1}\n"),
        ("{\"a\":1", ""),
        ("{\"a\":1}\n{\"\0\0\0\"}\n", "{\"a\":1}\n"),
        ("\0\0\0", ""),
    ] {
        let mut world = world(1, Rotation::default(), false);
        world.disk.put("events.ndjson", before.as_bytes());
        world.append(1);
        assert_eq!(world.read(), format!("{after}{}", line(0)), "{before:?}");
    }
}

#[test]
fn what_holds_no_lines_is_left_alone() {
    let mut world = world(1, Rotation::default(), false);
    world.disk.put("events.ndjson", b"another program's");
    world.append(1);
    assert_eq!(world.next, 0);
    assert_eq!(world.disk.all()["events.ndjson"], b"another program's");
}

#[test]
fn rule_11_leftovers_of_compressing_are_repaired() {
    let whole = {
        let disk = Disk::new(1);
        disk.put("events.20261120T170000Z.ndjson", b"{\"a\":1}\n");
        tend(&disk, &world(1, Rotation::default(), true).names, true, None).unwrap();
        disk.all().into_values().next().unwrap()
    };
    let torn = &whole[..whole.len() - 3];
    for compressed in [&whole[..], torn, b""] {
        for compress in [true, false] {
            let world = world(1, Rotation::default(), compress);
            world.disk.put("events.20261120T170000Z.ndjson", b"{\"a\":1}\n");
            world.disk.put("events.20261120T170000Z.ndjson.gz", compressed);
            world.disk.put("events.20261120T170000Z.ndjson.gz.tmp", torn);
            world.tend();
            assert_eq!(world.read(), "{\"a\":1}\n");
        }
    }
}

#[test]
fn the_oldest_closed_files_go() {
    let world = world(1, Rotation::default(), true);
    for name in [
        "20261120T170000Z",
        "20261120T170000Z-1",
        "20261120T170000Z-10",
        "20261120T170000Z-2",
        "20261121T000000Z",
    ] {
        world.disk.put(&format!("events.{name}.ndjson"), b"{}\n");
    }
    world.disk.put("events.old.ndjson", b"somebody else's");
    tend(&world.disk, &world.names, false, Some(2)).unwrap();
    let left: Vec<String> = world.disk.all().into_keys().collect();
    assert_eq!(
        left,
        [
            "events.20261120T170000Z-10.ndjson",
            "events.20261121T000000Z.ndjson",
            "events.old.ndjson"
        ]
    );
}
