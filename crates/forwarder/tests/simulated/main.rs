//! The whole run but for the network and the clock: the emulator answers in memory, hours pass in moments, and the process is killed at any
//! of them. Positions, files and fsyncs are real.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use std::time::Duration;

use logferry_emulator::{Delay, Fault, Next, Numbers, Options, Quirks};
use proptest::prelude::*;

use world::{Killed, World};

/// What ends a source that was never answered is no matter of luck.
const FINAL: [Fault; 2] = [Fault::Unauthorized, Fault::Forbidden];

fn quirks() -> impl Strategy<Value = Quirks> {
    let next = prop_oneof![
        Just(Next::Last),
        Just(Next::NullOnShort),
        Just(Next::FirstOfNextPage),
        Just(Next::LastPlusOne)
    ];
    let numbers = prop_oneof![Just(Numbers::Documented), Just(Numbers::Bare), Just(Numbers::Strings)];
    let faults = prop::collection::btree_map(prop::sample::select(Fault::ALL.to_vec()), 0.01..0.15_f64, 0..4);
    (any::<bool>(), next, numbers, faults, any::<(bool, bool, bool)>()).prop_map(
        |(inclusive, next, numbers, faults, (unsorted, duplicates, unknown_fields))| Quirks {
            inclusive,
            next,
            numbers,
            faults: faults.into_iter().filter(|(fault, _)| !FINAL.contains(fault)).collect(),
            late_share: 0.08,
            late: Delay::secs(1, 50),
            unsorted,
            duplicates,
            unknown_fields,
            ..Quirks::default()
        },
    )
}

/// How many turns the program still has after an answer of the API: some end before the events are written, some between the sink and the
/// checkpoint.
fn steps() -> impl Strategy<Value = u32> {
    prop_oneof![0..20_u32, 20..2_000_u32, 2_000..40_000_u32]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    /// Rules 1 to 3, 7, 8, 11 and 13: whatever the API does, and whenever the process dies, every row arrives with all its events, what arrives
    /// twice is the same to the byte, and no count is wrong.
    #[test]
    fn rule_3_nothing_is_lost_whenever_the_process_dies(
        quirks in quirks(), seed in any::<u64>(), lives in prop::collection::vec((1..400_u64, steps(), 0..200_u64), 1..12),
    ) {
        let options = Options { seed, quirks, records: 120, rate: 20.0, ..Options::default() };
        let mut world = World::new(options, 60);
        for (seconds, steps, down) in lives {
            let killed = world.live(Duration::from_secs(seconds), Killed::InTheMiddle { steps });
            prop_assert!(killed.is_ok(), "{killed:?}");
            world.pass(Duration::from_secs(down));
        }
        world.pause_rows();
        // Late rows become visible, and settle.
        let ended = world.live(Duration::from_secs(1200), Killed::Gently);
        prop_assert!(ended.is_ok(), "{ended:?}");
        let ledger = world.compare_with_ledger();
        prop_assert!(ledger.missing.is_empty(), "missing: {:?}", ledger.missing);
        prop_assert!(ledger.differing.is_empty(), "differing: {:?}", ledger.differing);

        // A clean restart repeats nothing.
        let before = world.file_lens();
        prop_assert!(world.live(Duration::from_secs(60), Killed::Gently).is_ok());
        prop_assert_eq!(world.file_lens(), before);
    }
}

/// The quota is the API's, and polls never go beyond it: a server that counts strictly has nothing to complain of.
#[test]
fn the_quota_is_never_passed() {
    let options = Options {
        records: 2_000,
        rate: 30.0,
        ..Options::default()
    };
    let mut world = World::new(options, 300);
    world.live(Duration::from_secs(3600), Killed::Gently).unwrap();
    let stats = world.stats();
    assert_eq!(stats.throttles, 0);
    let requests: u64 = stats.requests.values().sum();
    assert!(requests > 900, "{requests} requests in an hour");
}

/// A process that was away longer than rows take to settle still finds those that came late meanwhile.
#[test]
fn rule_3_downtime_included() {
    let quirks = Quirks {
        late_share: 0.3,
        late: Delay::secs(40, 54),
        ..Quirks::default()
    };
    let options = Options {
        quirks,
        records: 10,
        rate: 210.0,
        ..Options::default()
    };
    let mut world = World::new(options, 60);
    for _ in 0..6 {
        world
            .live(Duration::from_secs(70), Killed::InTheMiddle { steps: 0 })
            .unwrap();
        world.pass(Duration::from_secs(300));
    }
    world.pause_rows();
    world.live(Duration::from_secs(7200), Killed::Gently).unwrap();
    let ledger = world.compare_with_ledger();
    assert!(ledger.late > 50, "{} late rows", ledger.late);
    assert_eq!(ledger.missing, Vec::<String>::new());
}

/// A position older than the API's memory is said, and what there is is delivered.
#[test]
fn a_position_older_than_ninety_days_is_gone_on_from() {
    let options = Options {
        records: 60,
        rate: 1.0,
        ..Options::default()
    };
    let mut world = World::new(options, 60);
    world.live(Duration::from_secs(900), Killed::Gently).unwrap();
    assert!(!world.was_beyond_retention);
    world.pause_rows();
    world.pass(Duration::from_secs(100 * 24 * 3600));
    let before = world.file_lens();
    world.add_rows(20);
    world.live(Duration::from_secs(900), Killed::Gently).unwrap();
    assert!(world.was_beyond_retention);
    assert!(world.file_lens()[0] > before[0]);
    assert_eq!(world.compare_with_ledger().missing, Vec::<String>::new());
}
