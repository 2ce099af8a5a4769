use std::convert::Infallible;
use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tokio::runtime::Builder;

use super::*;

/// What `next_start_element_id` is on a page.
#[derive(Debug, Clone, Copy)]
enum Policy {
    Last,
    LastPlusOne,
    FirstOfNext,
    NullWhenShort,
    Absent,
}

/// How a server behaves.
#[derive(Debug, Clone, Copy)]
struct Quirks {
    inclusive: bool,
    policy: Policy,
    /// Rows are left out after a page of 50 has been cut: all but each so manieth.
    shown: u64,
}

/// Any number of rows, by their place; ids and times grow.
struct Log<'a> {
    rows: u64,
    row: &'a dyn Fn(u64) -> Seen,
    quirks: Quirks,
}

impl Log<'_> {
    /// How many rows `test` holds for, which are the first ones.
    fn count(&self, test: impl Fn(Seen) -> bool) -> u64 {
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            if test((self.row)(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn is_shown(&self, place: u64) -> bool {
        place.is_multiple_of(self.quirks.shown)
    }

    fn page(&self, at: u64) -> Probe {
        let Quirks { inclusive, policy, .. } = self.quirks;
        let start = self.count(|row| row.id < at || !inclusive && row.id == at);
        let end = self.rows.min(start + 50);
        let following = (end < self.rows).then(|| (self.row)(end).id);
        let last = (end > start).then(|| (self.row)(end - 1).id);
        let next = match policy {
            Policy::Absent => return self.shown(start, end, Next::Absent),
            Policy::Last => last,
            Policy::LastPlusOne => last.map(|id| id + 1),
            Policy::FirstOfNext => following,
            Policy::NullWhenShort => last.filter(|_| end - start == 50),
        };
        self.shown(start, end, next.map_or(Next::Null, Next::Id))
    }

    fn shown(&self, start: u64, end: u64, next: Next) -> Probe {
        let rows = (start..end)
            .filter(|place| self.is_shown(*place))
            .map(self.row)
            .collect();
        Probe { rows, next }
    }

    fn search(&self, time: Option<i64>) -> Found {
        let mut asked = 0;
        let probe = async |at| {
            asked += 1;
            assert!(at <= LAST_ID);
            Ok::<_, Infallible>(self.page(at))
        };
        let runtime = Builder::new_current_thread().build().unwrap();
        let Ok(found) = runtime.block_on(async {
            match time {
                Some(time) => first_id_at(probe, time).await,
                None => last_id(probe).await,
            }
        });
        assert_eq!(found.requests, asked);
        found
    }

    /// That nothing wanted is below the place found, and if it is exact, nothing unwanted above. The first row may be one
    /// whose time cannot be read.
    fn check(&self, time: Option<i64>) -> Found {
        let found = self.search(time);
        assert!(found.requests <= MAX_REQUESTS);
        let is_older = |row: Seen| time.is_none_or(|time| row.created_millis.is_some_and(|millis| millis < time));
        let first_above = self.count(|row| row.id <= found.after);
        let mut below = (first_above.saturating_sub(200)..first_above).filter(|place| self.is_shown(*place));
        let wanted =
            |place| time.is_some_and(|time| (self.row)(place).created_millis.is_some_and(|millis| millis >= time));
        assert!(!below.any(wanted), "{found:?} is late");
        // A server that filters and does not say where it goes on cannot be told from one that is at its end.
        let tells = self.quirks.shown == 1 || !matches!(self.quirks.policy, Policy::Absent);
        if found.exact && tells {
            let mut above = (first_above..self.rows.min(first_above + 200)).filter(|place| self.is_shown(*place));
            assert!(!above.any(|place| is_older((self.row)(place))), "{found:?} is early");
        }
        found
    }
}

fn quirks(shown: RangeInclusive<u64>) -> impl Strategy<Value = Quirks> {
    let policy = prop_oneof![
        Just(Policy::Last),
        Just(Policy::LastPlusOne),
        Just(Policy::FirstOfNext),
        Just(Policy::NullWhenShort),
        Just(Policy::Absent),
    ];
    (any::<bool>(), policy, shown).prop_map(|(inclusive, policy, shown)| Quirks {
        inclusive,
        policy,
        shown,
    })
}

/// Rows with ids dense, sparse, clustered or huge, times that grow, and some that cannot be read.
fn rows() -> impl Strategy<Value = Vec<Seen>> {
    let gap = prop_oneof![
        Just(vec![1..2_u64, 1..2]),
        Just(vec![1..3_u64, 1..1_000_000]),
        Just(vec![1..2_u64, 1..2, 1..50, 1..2, 1 << 20..1 << 40]),
        Just(vec![1..1_u64 << 20, 1..1_u64 << 52]),
    ];
    let pause = prop_oneof![Just(0..2_i64), Just(1..100_000), Just(0..1_u64 as i64 + 50)];
    let unreadable = prop_oneof![3 => Just(u32::MAX), 1 => 2..9_u32];
    let row = (any::<Index>(), any::<u64>(), any::<i64>(), any::<u32>());
    (gap, 0..1_u64 << 40, pause, unreadable, vec(row, 0..2000)).prop_map(|(gaps, first, pause, unreadable, rows)| {
        let (mut id, mut millis) = (first, 1_600_000_000_000);
        let mut seen = Vec::new();
        for (kind, gap, wait, odd) in rows {
            let range = kind.get(&gaps);
            let gap = range.start + gap % (range.end - range.start);
            if id >= LAST_ID - gap {
                break;
            }
            id += gap;
            millis += pause.start + wait.rem_euclid(pause.end - pause.start);
            let created_millis = Some(millis).filter(|_| !odd.is_multiple_of(unreadable));
            seen.push(Seen { id, created_millis });
        }
        seen
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn never_late_and_never_more_than_forty(rows in rows(), quirks in quirks(1..=70), place: Index, off in -1..=1_i64) {
        let row = |place: u64| rows[place as usize];
        let log = Log { rows: rows.len() as u64, row: &row, quirks };
        let near = (!rows.is_empty()).then(|| place.get(&rows).created_millis).flatten();
        for time in [Some(i64::MIN), Some(0), near.map(|millis| millis + off), Some(i64::MAX), None] {
            log.check(time);
        }
    }

    #[test]
    fn even_logs_are_searched_exactly(
        gap in prop_oneof![Just(1), 1..5_u64, 1..100_000_u64], first in 0..1_u64 << 33, count in 1..20_000_000_u64,
        place: Index, inclusive: bool,
    ) {
        // Busier by day than by night.
        let row = |place: u64| {
            let millis = (place as f64 * 700.0 + (place as f64 / 40_000.0).sin() * 20_000_000.0) as i64;
            Seen { id: first + 1 + place * gap + place % gap, created_millis: Some(millis) }
        };
        let quirks = Quirks { inclusive, policy: Policy::Last, shown: 1 };
        let log = Log { rows: count, row: &row, quirks };
        let millis = row(place.index(count as usize) as u64).created_millis;
        for time in [millis, Some(i64::MIN), None] {
            let found = log.check(time);
            prop_assert!(found.exact, "{found:?}");
        }
        prop_assert!(log.check(millis).requests <= 30);
    }
}

fn found(rows: &[Seen], quirks: Quirks, time: Option<i64>) -> (u64, bool, u32) {
    let row = |place: u64| rows[place as usize];
    let log = Log {
        rows: rows.len() as u64,
        row: &row,
        quirks,
    };
    let found = log.search(time);
    (found.after, found.exact, found.requests)
}

const PLAIN: Quirks = Quirks {
    inclusive: false,
    policy: Policy::Last,
    shown: 1,
};

#[test]
fn small_logs() {
    let row = |id, millis| Seen {
        id,
        created_millis: Some(millis),
    };
    let odd = |id| Seen {
        id,
        created_millis: None,
    };
    assert_eq!(found(&[], PLAIN, Some(5)), (0, true, 1));
    assert_eq!(found(&[], PLAIN, None), (0, true, 1));
    let rows = [row(10, 100), row(20, 200), odd(30), row(40, 400)];
    for inclusive in [false, true] {
        let quirks = Quirks { inclusive, ..PLAIN };
        for (time, after) in [(50, 0), (100, 0), (101, 10), (200, 10), (201, 20), (400, 20), (401, 40)] {
            let found = found(&rows, quirks, Some(time));
            assert_eq!((found.0, found.1), (after, true), "{time}");
        }
        assert_eq!(found(&rows, quirks, None).0, 40);
        // Nothing readable: everything is delivered.
        assert_eq!(found(&[odd(7), odd(9)], quirks, Some(5)).0, 0);
        assert_eq!(found(&[odd(7), odd(9)], quirks, None).0, 9);
    }
    // Stored in another order: before the first one that is wanted.
    let skewed = [row(10, 100), row(11, 103), row(12, 99), row(13, 104)];
    assert_eq!(found(&skewed, PLAIN, Some(102)).0, 10);
}

#[test]
fn an_error_ends_the_search() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let failed = runtime.block_on(first_id_at(async |_| Err::<Probe, _>("no"), 5));
    assert_eq!(failed, Err("no"));
}

#[test]
fn it_may_run_in_a_task() {
    fn is_send<T: Send>(_: T) {}
    let probe = async |_| Err::<Probe, _>("no");
    is_send(first_id_at(probe, 5));
    is_send(last_id(probe));
}
