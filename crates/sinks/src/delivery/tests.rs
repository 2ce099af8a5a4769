mod world;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::*;
use crate::batch::Limits;
use crate::clock;
use crate::event::Event;
use crate::sink::{Fate, Parts, Verdict};
use world::*;

const NO_TIME: Duration = Duration::ZERO;
const A_SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn rule_8_a_record_is_acknowledged_with_its_last_event() {
    // The second event is tried again.
    let sink = Scripted::new(|number, ids| match number {
        0 => (
            A_SECOND,
            Verdict::Each(
                ids.iter()
                    .map(|&id| {
                        if id == 2 {
                            Fate::Retry(later(Some(5)))
                        } else {
                            Fate::Delivered
                        }
                    })
                    .collect(),
            ),
        ),
        _ => (A_SECOND, Verdict::Delivered),
    });
    let world = World::new(sink, at_most(10), concurrently(1));
    world
        .push(vec![
            unit(1, vec![event(1, "a", 1), event(2, "a", 1)]),
            unit(2, vec![event(3, "b", 1)]),
            unit(3, vec![]),
        ])
        .await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(world.counts.now().tickets, [ticket(3), ticket(2)]);
    assert_eq!(world.counts.now().in_flight, 1);
    assert_eq!(world.drain(60).await.given_up, GivenUp::default());
    assert_eq!(world.counts.now().tickets, [ticket(3), ticket(2), ticket(1)]);
    assert!(world.sink.seen().closed);
}

#[tokio::test(start_paused = true)]
async fn rule_9_a_dead_letter_counts_when_it_is_kept_and_blocks_until_then() {
    let sink = Scripted::new(|number, ids| match number {
        0 => (
            NO_TIME,
            Verdict::Each(ids.iter().map(|_| Fate::Rejected("no such field".to_owned())).collect()),
        ),
        _ => (NO_TIME, Verdict::Delivered),
    });
    let world = World::with(sink, at_most(1), concurrently(1), BUFFER_BYTES, 100);
    world.push(units("ab")).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!((world.counts.now().in_flight, world.sink.requests().len()), (2, 1));
    world.drain(100_000).await;
    assert_eq!((world.counts.now().delivered, world.counts.now().dead_lettered), (1, 1));
    let letter = String::from_utf8(world.letters.lock().unwrap().clone()).unwrap();
    let expected = r#"{"reason":"no such field","sink":"lake","source":"acme","stream":"pipeline_logs","event_id":"00000000-0000-0000-0000-000000000001","severity":"INFO","event":"xxxxxxxxxx"}"#;
    assert_eq!(letter, format!("{expected}\n"));
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_key_has_one_request_in_flight() {
    // The sink asserts it; here, that keys that differ do go together.
    let world = World::new(
        Scripted::new(|_, _| (A_SECOND, Verdict::Delivered)),
        at_most(2),
        concurrently(3),
    );
    world.push(units(&"aabbcc".repeat(4))).await;
    world.drain(60).await;
    let pairs: Vec<_> = (0..12).map(|pair| [pair * 2 + 1, pair * 2 + 2]).collect();
    assert_eq!(world.sink.requests(), pairs);
    assert_eq!(world.sink.seen().most_under_way, 3);
}

#[tokio::test(start_paused = true)]
async fn rule_12_what_is_tried_again_stays_at_the_head_of_its_key() {
    let sink = Scripted::new(|number, ids| match number {
        1 => (
            NO_TIME,
            Verdict::Each(
                ids.iter()
                    .map(|&id| {
                        if id == 4 {
                            Fate::Retry(later(Some(60)))
                        } else {
                            Fate::Delivered
                        }
                    })
                    .collect(),
            ),
        ),
        0 | 2 => (NO_TIME, Verdict::Retry(later(None))),
        _ => (NO_TIME, Verdict::Delivered),
    });
    let world = World::new(sink, at_most(4), concurrently(1));
    world.push(units("abbabbaa")).await;
    world.drain(1000).await;
    // Of the partial acceptance, 4 is left; its key waits, the other goes on.
    let batches: [&[u128]; 5] = [&[1, 2, 3, 4], &[1, 2, 3, 4], &[5, 6], &[5, 6], &[4, 7, 8]];
    assert_eq!(world.sink.requests(), batches);
}

#[tokio::test(start_paused = true)]
async fn rule_12_what_is_ahead_of_the_clock_waits_with_what_follows_it() {
    let world = World::new(Scripted::strict(), at_most(10), concurrently(1));
    let early = |number| Event {
        created_millis: clock::now_millis() + 200,
        ..event(number, "a", 1)
    };
    let units = [event(1, "a", 1), early(2), event(3, "b", 1), event(4, "a", 1)].map(|event| vec![event]);
    let units = (1..).zip(units).map(|(record, events)| unit(record, events));
    world.push(units.collect()).await;
    world.drain(100_000).await;
    let batches: [&[u128]; 2] = [&[1, 3], &[2, 4]];
    assert_eq!(world.sink.requests(), batches);
    assert_eq!(world.letters(), [0_u128; 0]);
}

#[tokio::test(start_paused = true)]
async fn rule_12_halves_of_a_batch_stay_at_the_head() {
    // Nothing with 3 in it is small enough.
    let answer = |_, ids: &[u128]| match ids.contains(&3) {
        true => (NO_TIME, Verdict::Divide(Parts::Halves, "at most 1 byte".to_owned())),
        false => (NO_TIME, Verdict::Delivered),
    };
    let world = World::new(Scripted::new(answer), at_most(5), concurrently(2));
    world.push(units("aaaaaa")).await;
    world.drain(1000).await;
    let batches: [&[u128]; 7] = [&[1, 2, 3, 4, 5], &[1, 2, 3], &[1, 2], &[3, 4], &[3], &[4], &[5, 6]];
    assert_eq!(world.sink.requests(), batches);
    assert_eq!(world.letters(), [3]);
    assert_eq!(world.counts.now().dead_lettered, 1);
}

#[tokio::test(start_paused = true)]
async fn requests_that_go_at_a_time_grow_while_all_is_well_and_halve_after_a_failure() {
    let sink = Scripted::new(|number, _| match number {
        40 => (A_SECOND, Verdict::Retry(later(None))),
        _ => (A_SECOND, Verdict::Delivered),
    });
    let world = World::new(sink, at_most(1), concurrently(8));
    world.push(units(&"abcdefghijklmnopqrstuvwxyz".repeat(4))).await;
    world.drain(600).await;
    let seen = world.sink.seen();
    assert_eq!(seen.most_under_way, 8);
    let mut began = std::collections::BTreeMap::new();
    for (at, _) in &seen.requests {
        *began.entry(at).or_insert(0) += 1;
    }
    let failed_at = seen.requests[40].0;
    let after: Vec<usize> = began
        .iter()
        .filter(|(at, _)| ***at > failed_at)
        .map(|(_, count)| *count)
        .collect();
    assert!(began.values().take(3).eq([&1, &2, &2]), "{began:?}");
    assert!(after[0] <= 4, "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_one_key_where_the_sink_asks_for_it() {
    let limits = Limits {
        one_key: true,
        ..Limits::NONE
    };
    let world = World::new(Scripted::within(limits, |_, _| None), at_most(3), concurrently(1));
    world.push(units("abaaabc")).await;
    world.drain(60).await;
    let batches: [&[u128]; 4] = [&[1, 3, 4], &[2, 6], &[5], &[7]];
    assert_eq!(world.sink.requests(), batches);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_looked_at_goes_again_at_once_and_is_no_failure() {
    // Each request is refused from its second event on, as often as it has one.
    let sink = Scripted::new(|_, ids| {
        let fates = (0..ids.len()).map(|at| match at {
            0 => Fate::Delivered,
            1 => Fate::Rejected("bad".to_owned()),
            _ => Fate::Untried,
        });
        (NO_TIME, Verdict::Each(fates.collect()))
    });
    let counted = retry::Settings {
        retry_attempts: Some(0),
        ..concurrently(1)
    };
    let world = World::new(sink, at_most(9), counted);
    let begin = Instant::now();
    world.push(units("aaaaaaa")).await;
    world.drain(60).await;
    assert_eq!(world.sink.seen().delivered, [1, 3, 5, 7]);
    assert_eq!((world.letters(), begin.elapsed()), (vec![2, 4, 6], NO_TIME));
}

#[tokio::test(start_paused = true)]
async fn a_batch_stays_in_its_span_and_what_is_refused_is_not_sent() {
    let sink = Scripted::within(
        Limits {
            span: Some(Duration::from_millis(10)),
            ..Limits::NONE
        },
        |event, _| (event.created_millis == 5).then(|| "too old".to_owned()),
    );
    let world = World::new(sink, at_most(9), concurrently(1));
    let created = [0, 10, 11, 5, 1, 30].into_iter().zip(1..);
    let units = created.map(|(created, n)| {
        let event = Event {
            created_millis: created,
            ..event(n.into(), "a", 1)
        };
        unit(n, vec![event])
    });
    world.push(units.collect()).await;
    world.drain(60).await;
    let batches: [&[u128]; 3] = [&[1, 2], &[3, 5], &[6]];
    assert_eq!(world.sink.requests(), batches);
    assert_eq!((world.letters(), world.counts.now().dead_lettered), (vec![4], 1));
}

/// Answers every batch with this event as a failure.
fn poisoned(poison: u128) -> Arc<Scripted> {
    Scripted::new(move |_, ids| match ids.contains(&poison) {
        true => (NO_TIME, Verdict::Retry(later(None))),
        false => (NO_TIME, Verdict::Delivered),
    })
}

#[tokio::test(start_paused = true)]
async fn an_event_that_always_fails_holds_up_its_key_alone() {
    let world = World::new(poisoned(1), at_most(10), concurrently(4));
    world.push(units(&"abcdefghij".repeat(10))).await;
    sleep(Duration::from_secs(120)).await;
    let delivered = world.sink.seen().delivered.len();
    // Those of its own key wait behind it.
    assert_eq!(
        (delivered, world.counts.now().in_flight, world.letters().len()),
        (90, 10, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn the_neighbours_of_an_event_that_always_fails_do_not_end_with_it() {
    let counted = retry::Settings {
        retry_attempts: Some(3),
        ..concurrently(1)
    };
    let world = World::new(poisoned(5), at_most(10), counted);
    world.push(units("aaaaabbbbbcccccddddd")).await;
    world.drain(10_000).await;
    assert_eq!(world.letters(), [5]);
    assert_eq!(world.sink.seen().delivered.len(), 19);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_asks_to_wait_is_left_alone_for_so_long() {
    let sink = Scripted::new(|number, _| match number {
        0 => (NO_TIME, Verdict::Retry(later(Some(100)))),
        _ => (NO_TIME, Verdict::Delivered),
    });
    let world = World::new(sink, at_most(1), concurrently(1));
    let begin = Instant::now();
    world.push(units("ab")).await;
    world.drain(1000).await;
    let requests: Vec<_> = world.sink.seen().requests.iter().map(|(at, _)| *at - begin).collect();
    assert!(
        requests[1] >= Duration::from_secs(100) && requests[1] <= Duration::from_millis(101_010),
        "{requests:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn attempts_end_in_a_dead_letter_only_if_they_are_counted() {
    let counted = retry::Settings {
        retry_attempts: Some(3),
        ..retry::Settings::default()
    };
    for (retry, dead) in [(counted, 2), (retry::Settings::default(), 0)] {
        let world = World::new(
            Scripted::new(|_, _| (NO_TIME, Verdict::Retry(later(None)))),
            at_most(9),
            retry,
        );
        world.push(units("ab")).await;
        let drained = world.drain(10_000).await;
        assert_eq!(
            (world.counts.now().dead_lettered, drained.given_up.events),
            (dead, 2 - dead)
        );
        let waits = world.counts.now().waits;
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(30)));
        // Without end, but at a capped rate.
        assert!(
            if dead > 0 {
                waits.len() == 3
            } else {
                (400..1500).contains(&waits.len())
            },
            "{}",
            waits.len()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_sink_keeps_everything_and_goes_on_when_it_is_mended() {
    let sink = Scripted::new(|number, _| match number {
        2..=5 => (NO_TIME, Verdict::Stop("the key is wrong".to_owned())),
        _ => (A_SECOND, Verdict::Delivered),
    });
    let world = World::new(sink, at_most(1), concurrently(1));
    world.push(units("abcde")).await;
    sleep(Duration::from_secs(90)).await;
    let counted = world.counts.now();
    assert_eq!(counted.stopped, ["the key is wrong"; 2]);
    assert_eq!((counted.delivered, counted.in_flight), (2, 3));
    assert!(world.delivery.has_room());
    assert_eq!(world.drain(600).await.given_up, GivenUp::default());
    assert_eq!(world.sink.seen().delivered, [1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_closed_reader_ends_it_and_a_panic_stops_it() {
    let world = World::new(
        Scripted::new(|_, _| (NO_TIME, Verdict::Closed)),
        at_most(1),
        concurrently(1),
    );
    world.push(units("ab")).await;
    sleep(A_SECOND).await;
    assert_eq!((world.counts.now().closed, world.counts.now().in_flight), (1, 0));
    assert!(world.delivery.push(unit(9, vec![])).is_err());
    assert_eq!(world.drain(1).await.given_up, GivenUp::default());

    let world = World::new(Scripted::new(|_, _| panic!("of the test")), at_most(1), concurrently(1));
    world.push(units("ab")).await;
    sleep(A_SECOND).await;
    assert_eq!((world.counts.now().stopped.len(), world.counts.now().in_flight), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_what_is_left_is_given_up() {
    let world = World::new(
        Scripted::new(|_, _| (Duration::from_secs(4), Verdict::Delivered)),
        at_most(2),
        concurrently(1),
    );
    world.push(units("abcdef")).await;
    let drained = world.drain(10).await;
    assert_eq!(drained.given_up, GivenUp { events: 2, records: 2 });
    assert_eq!(world.counts.now().tickets.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_more_only_as_long_as_is_set() {
    let settings = batch::Settings {
        max_events: NonZeroUsize::new(3),
        timeout_secs: Some(10.0),
        ..batch::Settings::default()
    };
    let world = World::new(
        Scripted::new(|_, _| (NO_TIME, Verdict::Delivered)),
        settings,
        concurrently(1),
    );
    let begin = Instant::now();
    world.push(units("abcd")).await;
    sleep(Duration::from_secs(5)).await;
    world.push(vec![unit(5, vec![event(5, "e", 1)])]).await;
    sleep(Duration::from_secs(60)).await;
    let requests: Vec<_> = world
        .sink
        .seen()
        .requests
        .iter()
        .map(|(at, ids)| ((*at - begin).as_secs(), ids.clone()))
        .collect();
    assert_eq!(requests, [(0, vec![1, 2, 3]), (10, vec![4, 5])]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_bounded() {
    let world = World::with(
        Scripted::new(|_, _| (A_SECOND, Verdict::Delivered)),
        at_most(1),
        concurrently(1),
        2000,
        0,
    );
    let mut taken = 0;
    while world.delivery.has_room() {
        taken += 1;
        world
            .counts
            .push(&world.delivery, unit(taken, vec![event(taken.into(), "a", 100)]))
            .unwrap();
    }
    assert!((4..10).contains(&taken), "{taken}");
    world.delivery.room().await;
    assert!(world.counts.now().in_flight <= taken as usize / 2);
    assert!(world.delivery.has_room());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever a sink answers: every event comes to exactly one end, in order, within the limits.
    #[test]
    fn rule_12_and_13_every_event_comes_to_one_end_in_order(
        seed: u64, units in proptest::collection::vec(proptest::collection::vec((0..4_usize, 0..60_usize), 0..5), 0..40),
        concurrency in 1..4_usize, max_events in 1..8_usize, max_bytes in 20..200_usize, timeout in 0..3_u32,
        attempts in proptest::option::of(0..6_u32), full_for_attempts in 0..4_u32, buffer in 1..4000_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (sink, counts, letters, drained, keys) = runtime.block_on(async {
            let random = Mutex::new(fastrand::Rng::with_seed(seed));
            let sink = Scripted::new(move |_, ids| {
                let mut random = random.lock().unwrap();
                let asked = |random: &mut fastrand::Rng| later(random.bool().then(|| random.u64(0..50)));
                let verdict = match random.u8(0..10) {
                    0..5 => Verdict::Delivered,
                    5 => Verdict::Divide(random.choice([Parts::Halves, Parts::Smaller, Parts::Singles]).unwrap_or(Parts::Halves), "too large".to_owned()),
                    6 | 7 => Verdict::Retry(asked(&mut random)),
                    _ => Verdict::Each(ids.iter().map(|_| match random.u8(0..4) {
                        0 => Fate::Rejected("refused".to_owned()),
                        1 => Fate::Retry(asked(&mut random)),
                        2 if ids.len() > 1 => Fate::Untried,
                        _ => Fate::Delivered,
                    }).collect()),
                };
                (Duration::from_millis(random.u64(0..3000)), verdict)
            });
            let batch = batch::Settings {
                max_events: NonZeroUsize::new(max_events),
                max_bytes: NonZeroUsize::new(max_bytes),
                timeout_secs: Some(timeout.into()),
            };
            let retry = retry::Settings { retry_attempts: attempts, ..concurrently(concurrency) };
            let world = World::with(sink, batch, retry, buffer, full_for_attempts);
            let (mut number, mut keys, mut record) = (0, BTreeMap::new(), 0);
            for events in units {
                let events: Vec<Event> = events.into_iter().map(|(key, size)| {
                    number += 1;
                    keys.insert(number, (key, size + 3));
                    event(number, &key.to_string(), size)
                }).collect();
                record += 1;
                world.push(vec![unit(record, events)]).await;
            }
            let drained = world.drain(1_000_000).await;
            let letters = world.letters();
            let counted = world.counts.now();
            (world.sink, counted, letters, drained, (record, keys))
        });
        let (records, keys) = keys;
        let seen = sink.seen();
        prop_assert_eq!(drained, Drained { given_up: GivenUp::default(), closed: Ok(()) });
        prop_assert!(seen.most_under_way <= concurrency);
        for (_, ids) in &seen.requests {
            prop_assert!(ids.len() <= max_events);
            prop_assert!(ids.len() == 1 || ids.iter().map(|id| keys[id].1).sum::<usize>() <= max_bytes);
        }
        let mut ends: Vec<u128> = seen.delivered.iter().chain(&letters).copied().collect();
        ends.sort_unstable();
        prop_assert!(ends.iter().eq(keys.keys()), "{:?}", ends);
        prop_assert_eq!((counts.delivered, counts.dead_lettered, counts.in_flight), (seen.delivered.len(), letters.len(), 0));
        let mut tickets: Vec<u64> = counts.tickets.iter().map(|ticket| ticket.record).collect();
        tickets.sort_unstable();
        prop_assert!(tickets.into_iter().eq(1..=records));
        for key in 0..4 {
            let of_key = seen.delivered.iter().filter(|id| keys[id].0 == key && !seen.left_over.contains(id));
            prop_assert!(of_key.is_sorted());
        }
    }
}
