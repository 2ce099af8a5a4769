//! Every order of events, against a server of every kind: what is covered is delivered, and no stored position is ahead of its sink.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const SETTLE: u64 = 30;

/// What a server makes of the documentation.
#[derive(Debug, Clone, Copy)]
struct Manner {
    inclusive: bool,
    next: Policy,
    /// Rows whose id has this remainder by five belong to others, and are taken away after a page was cut.
    filter: Option<u64>,
    page: usize,
}

#[derive(Debug, Clone, Copy)]
enum Policy {
    Last,
    NullOnShort,
    FirstOfNextPage,
    LastPlusOne,
    None,
}

#[derive(Debug, Clone, Copy)]
struct Stored {
    id: u64,
    visible_at: Millis,
    /// When its content changes.
    changes_at: Option<Millis>,
}

#[derive(Debug, Default)]
struct Server {
    rows: BTreeMap<u64, Stored>,
}

impl Server {
    fn content(row: &Stored, now: Millis) -> u32 {
        1 + u32::from(row.changes_at.is_some_and(|at| at <= now))
    }

    fn answer(&self, manner: &Manner, start: u64, now: Millis) -> (Vec<Row>, Next) {
        let from = if manner.inclusive { start } else { start + 1 };
        let visible: Vec<_> = self
            .rows
            .range(from..)
            .map(|(_, row)| row)
            .filter(|row| row.visible_at <= now)
            .collect();
        let page = &visible[..visible.len().min(manner.page)];
        let rows = page.iter().filter(|row| manner.filter != Some(row.id % 5));
        let rows = rows.map(|row| Row {
            id: row.id,
            fingerprint: Fingerprint(Server::content(row, now)),
            created: None,
        });
        let last = page.last().map(|row| row.id);
        let next = match (manner.next, last) {
            (Policy::None, _) => Next::Absent,
            (_, None) => Next::Null,
            (Policy::Last, Some(last)) => Next::Id(last),
            (Policy::NullOnShort, Some(last)) => match page.len() < manner.page {
                true => Next::Null,
                false => Next::Id(last),
            },
            (Policy::FirstOfNextPage, Some(_)) => visible.get(page.len()).map_or(Next::Null, |row| Next::Id(row.id)),
            (Policy::LastPlusOne, Some(last)) => Next::Id(last + 1),
        };
        (rows.collect(), next)
    }
}

#[derive(Debug, Clone)]
enum Action {
    /// Time passes.
    Wait(Millis),
    /// A row is inserted; it becomes visible so much later than it might, and may change.
    Insert { gap: u64, lag: Millis, changes: bool },
    /// The next request is made. `lost`: its answer never arrives.
    Request { lost: bool },
    /// A sink keeps some of what is on its way, not in order.
    Acknowledge { sink: usize, pick: usize, many: usize },
    /// A sink is full or stopped for a while.
    Open { sink: usize, open: bool },
    /// What is on its way to a sink is lost.
    Abandon { sink: usize },
    /// A position is stored.
    Store { sink: usize },
    /// The program is killed and started again, so much later.
    Crash { down: Millis },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => (1..SETTLE * 700).prop_map(Action::Wait),
        4 => (1..9_u64, 0..SETTLE * 1000, any::<bool>())
            .prop_map(|(gap, lag, changes)| Action::Insert { gap, lag: if lag % 3 == 0 { lag } else { 0 }, changes: changes && lag % 7 == 0 }),
        8 => (0..8).prop_map(|n| Action::Request { lost: n == 0 }),
        6 => (0..3_usize, 0..8_usize, 1..30_usize).prop_map(|(sink, pick, many)| Action::Acknowledge { sink, pick, many }),
        1 => (0..3_usize, any::<bool>()).prop_map(|(sink, open)| Action::Open { sink, open }),
        1 => (0..3_usize).prop_map(|sink| Action::Abandon { sink }),
        3 => (0..3_usize).prop_map(|sink| Action::Store { sink }),
        1 => (0..SETTLE * 2000).prop_map(|down| Action::Crash { down }),
    ]
}

fn manner() -> impl Strategy<Value = Manner> {
    let policy = prop_oneof![
        Just(Policy::Last),
        Just(Policy::NullOnShort),
        Just(Policy::FirstOfNextPage),
        Just(Policy::LastPlusOne),
        Just(Policy::None)
    ];
    (any::<bool>(), policy, prop::option::of(0..5_u64), 1..8_usize).prop_map(|(inclusive, next, filter, page)| Manner {
        inclusive,
        next,
        // Without a word for the next page a page without rows can only be the end.
        filter: filter.filter(|_| !matches!(next, Policy::None)),
        // Two rows a page at least: with one, an inclusive server shows but the row asked for.
        page: page + 1,
    })
}

#[derive(Debug, Default)]
struct Sink {
    on_its_way: Vec<(u32, u64, u32)>,
    kept: BTreeMap<u64, Vec<u32>>,
    stored: Snapshot,
}

struct World {
    manner: Manner,
    settings: Settings,
    server: Server,
    feed: Feed,
    sinks: Vec<Sink>,
    now: Millis,
    newest: u64,
    /// When a row of at least this id was first seen.
    sighted: BTreeMap<u64, Millis>,
    /// Whether anything was lost on its way, so that repeats are right.
    rough: bool,
}

impl World {
    fn new(manner: Manner, sinks: usize, redeliver_changed: bool) -> World {
        let settings = Settings {
            settle_secs: SETTLE as u32,
            poll_interval: 20_000,
            redeliver_changed,
            once: None,
        };
        World {
            manner,
            settings,
            server: Server::default(),
            feed: Feed::new(settings, (0..sinks).map(|_| Snapshot::default())),
            sinks: (0..sinks).map(|_| Sink::default()).collect(),
            now: 1_800_000_000_000,
            newest: 0,
            sighted: BTreeMap::new(),
            rough: false,
        }
    }

    /// The rows that the protocol covers: ours, and visible in time after a higher id was first seen.
    fn is_covered(&self, row: &Stored) -> bool {
        let ours = self.manner.filter != Some(row.id % 5);
        let sighted = self.sighted.range(row.id + 1..).map(|(_, at)| *at).min();
        ours && sighted.is_none_or(|sighted| row.visible_at <= sighted + SETTLE * 1000)
    }

    fn act(&mut self, action: &Action) {
        let sinks = self.sinks.len();
        match *action {
            Action::Wait(millis) => self.now += millis,
            Action::Insert { gap, lag, changes } => {
                self.newest += gap;
                let row = Stored {
                    id: self.newest,
                    visible_at: self.now + lag,
                    changes_at: changes.then_some(self.now + lag + 20_000),
                };
                self.server.rows.insert(row.id, row);
            }
            Action::Request { lost } => {
                self.request(lost);
            }
            Action::Acknowledge { sink, pick, many } => {
                for _ in 0..many {
                    self.acknowledge(sink % sinks, pick);
                }
            }
            Action::Open { sink, open } => self.feed.set_open(sink % sinks, open),
            Action::Abandon { sink } => {
                self.rough = true;
                self.feed.abandon(sink % sinks);
            }
            Action::Store { sink } => self.store(sink % sinks),
            Action::Crash { down } => {
                self.rough = true;
                self.now += down;
                let stored = self.sinks.iter().map(|sink| sink.stored.clone());
                self.feed = Feed::new(self.settings, stored);
                for sink in &mut self.sinks {
                    sink.on_its_way.clear();
                }
            }
        }
    }

    fn request(&mut self, lost: bool) -> Option<Request> {
        let Plan::Request(request) = self.feed.plan(self.now) else {
            return None;
        };
        if lost {
            self.now += 500;
            self.feed.put_off(self.now + 1000);
            return Some(request);
        }
        let (rows, next) = self.server.answer(&self.manner, request.start, self.now);
        self.now += 300;
        for row in &rows {
            self.sighted.entry(row.id).or_insert(self.now);
        }
        let outcome = self.feed.page(&request, &rows, &next, self.now);
        for taken in outcome.taken {
            let row = rows[taken.row];
            let epoch = self.feed.epoch(taken.reader);
            self.sinks[taken.reader]
                .on_its_way
                .push((epoch, row.id, row.fingerprint.0));
        }
        Some(request)
    }

    fn until_waiting(&mut self) {
        let mut requests = 0;
        while self.request(false).is_some() {
            requests += 1;
            assert!(requests < 20_000, "it asks without end: {:?}", self.feed);
        }
    }

    fn acknowledge(&mut self, sink: usize, pick: usize) {
        let on_its_way = &mut self.sinks[sink].on_its_way;
        if !on_its_way.is_empty() {
            let (epoch, id, content) = on_its_way.remove(pick % on_its_way.len());
            self.sinks[sink].kept.entry(id).or_default().push(content);
            self.feed.acknowledge(sink, epoch, id);
        }
    }

    fn store(&mut self, sink: usize) {
        let snapshot = self.feed.position(sink).snapshot();
        let kept = &self.sinks[sink].kept;
        for row in self.server.rows.range(..=snapshot.low_water).map(|(_, row)| row) {
            assert!(
                kept.contains_key(&row.id) || row.visible_at > self.now || !self.is_covered(row),
                "low-water {} of sink {sink} passed row {}, which it does not have",
                snapshot.low_water,
                row.id
            );
        }
        for entry in &snapshot.window {
            assert!(kept.contains_key(&entry.id), "row {} is stored as kept", entry.id);
        }
        self.sinks[sink].stored = snapshot;
    }

    /// Everything works from now on, until nothing is left to do.
    fn finish(&mut self) {
        let mut quiet = 0;
        let mut steps = 0;
        while quiet < 3 {
            steps += 1;
            assert!(steps < 20_000, "it never comes to rest: {:?}", self.feed);
            for sink in 0..self.sinks.len() {
                self.feed.set_open(sink, true);
                while !self.sinks[sink].on_its_way.is_empty() {
                    self.acknowledge(sink, 0);
                }
            }
            if self.request(false).is_none() {
                self.now += u64::from(self.settings.settle_secs.max(SETTLE as u32)) * 1000 * 2;
                let settled = (0..self.sinks.len()).all(|sink| self.feed.position(sink).window_len() == 0);
                quiet += u32::from(settled && self.feed.is_caught_up());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Rules 1, 2, 3 and 5.
    #[test]
    fn rule_3_every_covered_row_is_delivered_to_every_sink_and_no_position_is_ahead(
        manner in manner(), sinks in 1..4_usize, redeliver in any::<bool>(), actions in prop::collection::vec(action(), 0..250),
    ) {
        let mut world = World::new(manner, sinks, redeliver);
        for action in &actions {
            world.act(action);
        }
        // What is not visible yet will be.
        world.now += SETTLE * 1000;
        world.finish();
        for (index, sink) in world.sinks.iter().enumerate() {
            for row in world.server.rows.values() {
                let kept = sink.kept.get(&row.id).map_or(&[][..], |kept| &kept[..]);
                prop_assert!(!kept.is_empty() || !world.is_covered(row), "row {} never came to sink {index}", row.id);
                // Without faults nothing comes twice.
                let contents: BTreeSet<_> = kept.iter().collect();
                let repeats = if redeliver { contents.len() } else { 1 };
                prop_assert!(world.rough || kept.len() <= repeats, "row {} came {} times", row.id, kept.len());
            }
        }
        for sink in 0..sinks {
            world.store(sink);
        }
    }

    /// Rule 7.
    #[test]
    fn rule_7_a_clean_restart_repeats_nothing(manner in manner(), lags in prop::collection::vec(0..SETTLE * 1000, 1..60), stop in 0..60_usize) {
        let mut world = World::new(manner, 1, false);
        for (index, lag) in lags.iter().enumerate() {
            world.act(&Action::Insert { gap: 1 + lag % 4, lag: if lag % 3 == 0 { *lag } else { 0 }, changes: false });
            world.act(&Action::Wait(700));
            world.until_waiting();
            if index == stop {
                while !world.sinks[0].on_its_way.is_empty() {
                    world.acknowledge(0, 0);
                }
                world.store(0);
                world.act(&Action::Crash { down: lag * 3 });
            }
            world.act(&Action::Acknowledge { sink: 0, pick: 0, many: 9 });
        }
        world.now += SETTLE * 1000;
        world.finish();
        for (id, kept) in &world.sinks[0].kept {
            prop_assert_eq!(kept.len(), 1, "row {}", id);
        }
    }
}

/// Two percent of three thousand rows come late, by up to so many seconds; it is looked once a minute at most. Lost are only
/// those that come later than rows take to settle.
#[test]
fn rule_3_late_rows_are_lost_only_beyond_settle_secs() {
    let manner = Manner {
        inclusive: false,
        next: Policy::Last,
        filter: None,
        page: 50,
    };
    let lost = |skew: u64, settle: u32| {
        let mut world = World::new(manner, 1, false);
        world.settings.settle_secs = settle;
        world.settings.poll_interval = 60_000;
        world.feed = Feed::new(world.settings, [Snapshot::default()]);
        for row in 0..3_000_u64 {
            // Every fiftieth is late, by more or less.
            let lag = if row % 50 == 7 {
                skew * 1000 * (1 + row % 7) / 7
            } else {
                0
            };
            world.act(&Action::Insert {
                gap: 1 + row % 3,
                lag,
                changes: false,
            });
            world.act(&Action::Wait(1_500));
            world.until_waiting();
            world.act(&Action::Acknowledge {
                sink: 0,
                pick: 0,
                many: 60,
            });
        }
        world.now += skew * 1000;
        world.finish();
        world.server.rows.len() - world.sinks[0].kept.len()
    };
    for skew in [5, 60, 200] {
        assert_eq!(lost(skew, 300), 0, "by up to {skew} s");
    }
    assert!(lost(600, 300) > 0);
    assert_eq!(lost(600, 900), 0);
    // What a cursor without a window loses.
    assert!(lost(60, 0) > 10);
}

/// A stream at rest costs one request a look, and the looks become as rare as they may.
#[test]
fn an_idle_stream_costs_one_request_a_poll() {
    for inclusive in [false, true] {
        let manner = Manner {
            inclusive,
            next: Policy::Last,
            filter: None,
            page: 50,
        };
        let mut world = World::new(manner, 1, false);
        for _ in 0..120 {
            world.act(&Action::Insert {
                gap: 2,
                lag: 0,
                changes: false,
            });
        }
        world.finish();
        let end = world.now + 3_600_000;
        let mut requests = 0;
        while world.now < end {
            match world.feed.plan(world.now) {
                Plan::Wait(until) => world.now = until,
                _ => {
                    world.request(false);
                    requests += 1;
                }
            }
        }
        // An hour of looks, twenty seconds apart.
        assert!((170..=180).contains(&requests), "{requests}");
    }
}

/// A sink that fell behind by far does not keep the others from what is new.
#[test]
fn rule_5_a_slow_sink_delays_nobody() {
    let manner = Manner {
        inclusive: false,
        next: Policy::Last,
        filter: None,
        page: 50,
    };
    let mut world = World::new(manner, 2, false);
    world.feed.set_open(1, false);
    for _ in 0..5000 {
        world.act(&Action::Insert {
            gap: 1,
            lag: 0,
            changes: false,
        });
    }
    while world.sinks[0].kept.len() < 5000 {
        if world.request(false).is_none() {
            world.now += 1000;
        }
        world.act(&Action::Acknowledge {
            sink: 0,
            pick: 0,
            many: 50,
        });
    }
    assert_eq!(world.sinks[1].on_its_way.len(), 0);

    // It comes back, a hundred pages behind. What is new reaches the other one all the same.
    world.feed.set_open(1, true);
    for _ in 0..40 {
        world.request(false);
        world.act(&Action::Acknowledge {
            sink: 1,
            pick: 0,
            many: 50,
        });
    }
    world.act(&Action::Insert {
        gap: 1,
        lag: 0,
        changes: false,
    });
    world.now += 20_000;
    for _ in 0..6 {
        world.request(false);
    }
    assert!(world.sinks[0].on_its_way.iter().any(|(_, id, _)| *id == 5001));
    world.finish();
    assert_eq!(world.sinks[1].kept.len(), 5001);
}

/// Rows that keep coming, and ripen while others are read, are left to the next run.
#[test]
fn reading_once_ends_where_rows_keep_coming() {
    const BEGUN: Millis = 1_000_000_000;
    let settings = Settings {
        settle_secs: 5,
        poll_interval: 20_000,
        redeliver_changed: false,
        once: Some(BEGUN as i64),
    };
    let mut feed = Feed::new(settings, [Snapshot::default()]);
    let row = |id: u64, created: Millis| Row {
        id,
        fingerprint: Fingerprint(1),
        created: Some(created as i64),
    };
    let Plan::Request(request) = feed.plan(BEGUN) else {
        panic!()
    };
    // The last row is of later: this is the end.
    let rows = [row(1, BEGUN - 1), row(2, BEGUN)];
    feed.page(&request, &rows, &Next::Id(2), BEGUN);
    for id in [1, 2] {
        feed.acknowledge(0, feed.epoch(0), id);
    }
    for now in [BEGUN, BEGUN + 4_000, BEGUN + 6_000, BEGUN + 600_000] {
        assert!(feed.is_read(now), "{now}");
        assert!(!matches!(feed.plan(now), Plan::Request(_)), "{now}");
    }
}
