//! The plain API: shapes, pages, limits, keys, live rows and the ledger.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use logferry_emulator::{Api, Entry, Limits, Next, Options, Quirks, Request, STREAMS, Stream};
use logferry_kondado::{Field, Record};
use proptest::prelude::*;
use support::{SECOND, ask, drain, page, unlimited};

fn ledger_of(api: &mut Api, now: Duration, stream: Stream) -> BTreeMap<u64, Entry> {
    let entries = api.ledger(now).into_iter().filter(|entry| entry.stream == stream);
    entries.map(|entry| (entry.id, entry)).collect()
}

#[test]
fn rows_have_the_documented_members_with_the_documented_types() {
    let documented = [
        (
            Stream::PipelineLogs,
            include_str!("../../../fixtures/kondado/pipeline_logs.json"),
        ),
        (
            Stream::ModelLogs,
            include_str!("../../../fixtures/kondado/model_logs.json"),
        ),
    ];
    for (stream, example) in documented {
        let kinds = |row: &str| -> Vec<(String, Option<char>)> {
            let record = Record::parse(row).unwrap();
            let members = record.members(stream);
            let kind = |text: &str| match text.chars().next() {
                Some('0'..='9') => Some('0'),
                Some('t' | 'f') => Some('t'),
                other => other,
            };
            members.map(|(key, raw, _)| (key.to_owned(), kind(raw.get()))).collect()
        };
        let example = example
            .split_inclusive(['{', '}'])
            .find(|part| part.contains("createdAt"))
            .unwrap();
        let expected = kinds(&format!("{{{example}"));
        let mut api = Api::new(&unlimited(500));
        let rows = drain(&mut api, SECOND, stream, 0, None);
        assert_eq!(rows.len(), 500);
        for row in rows.values() {
            for (found, expected) in kinds(row).into_iter().zip(&expected) {
                // The example is of a full pipeline, whose savepoints are null.
                let is_savepoint = expected.0.ends_with("savepoint") && found.1 == Some('"');
                assert!(found == *expected || is_savepoint, "{found:?} {expected:?} in {row}");
            }
            assert_eq!(kinds(row).len(), expected.len());
            let keys = |text: &str| -> Vec<usize> {
                expected
                    .iter()
                    .filter_map(|(key, _)| text.find(&format!("\"{key}\"")))
                    .collect()
            };
            assert!(keys(row).is_sorted(), "{row}");
        }
        let distinct = |field| {
            let values = rows
                .values()
                .map(|row| Record::parse(row).unwrap().raw(field).unwrap().get().to_owned());
            values.collect::<BTreeSet<_>>().len()
        };
        assert!(distinct(stream.job_name()) >= if stream == Stream::PipelineLogs { 30 } else { 9 });
        assert!(distinct(Field::ClientId) >= 4);
    }
}

#[test]
fn wrong_keys_and_parameters_are_refused() {
    let options = Options::default();
    let mut api = Api::new(&options);
    let good = Request {
        stream: Stream::ModelLogs,
        key: Some(&options.key),
        token: Some(&options.token),
        start_element_id: Some("0"),
        client_id: None,
    };
    for (request, status, error) in [
        (Request { key: None, ..good }, 200, "INVALID_TOKEN"),
        (
            Request {
                key: good.token,
                token: good.key,
                ..good
            },
            200,
            "INVALID_TOKEN",
        ),
        (
            Request {
                token: Some("x"),
                ..good
            },
            200,
            "INVALID_TOKEN",
        ),
        (
            Request {
                start_element_id: None,
                ..good
            },
            400,
            "INVALID_PARAMETER",
        ),
        (
            Request {
                start_element_id: Some("x"),
                ..good
            },
            400,
            "INVALID_PARAMETER",
        ),
        (
            Request {
                client_id: Some(""),
                ..good
            },
            400,
            "INVALID_PARAMETER",
        ),
    ] {
        let answer = api.answer(SECOND, request);
        assert_eq!(answer.status, status);
        assert!(
            answer
                .body
                .starts_with(&format!(r#"{{"success":false,"error":"{error}","message":""#))
        );
    }
    assert!(
        page(&api.answer(SECOND, good)).is_some(),
        "refused requests do not count"
    );
    assert_eq!(api.stats(SECOND).refusals, 6);
    assert_eq!(api.stats(SECOND).throttles, 0);
}

#[test]
fn a_throttle_has_the_documented_words() {
    let documented = include_str!("../../../fixtures/kondado/rate_limit.json").trim_end();
    let mut api = Api::new(&Options::default());
    assert!(page(&ask(&mut api, SECOND, Stream::ModelLogs, 0, None)).is_some());
    // Both endpoints count together.
    let answer = ask(&mut api, SECOND + SECOND / 2, Stream::PipelineLogs, 0, None);
    assert_eq!((answer.status, answer.body.as_str()), (200, documented));
    assert_eq!(api.stats(SECOND).throttles, 1);

    api.set_limits(Some(Limits {
        requests: 2,
        ..Limits::default()
    }));
    let passed = (2..70).filter(|n| page(&ask(&mut api, SECOND * *n, Stream::ModelLogs, 0, None)).is_some());
    assert_eq!(passed.count(), 4);
}

#[test]
fn an_account_has_its_own_rows_only() {
    let mut api = Api::new(&unlimited(400));
    let all = drain(&mut api, SECOND, Stream::PipelineLogs, 0, None);
    let of = |text: &str| Record::parse(text).unwrap().integer(Field::ClientId).unwrap();
    let expected: Vec<_> = all
        .iter()
        .filter(|(_, text)| of(text) == 318)
        .map(|(id, _)| *id)
        .collect();
    let found = drain(&mut api, SECOND, Stream::PipelineLogs, 0, Some(318));
    assert!(!expected.is_empty());
    assert_eq!(found.into_keys().collect::<Vec<_>>(), expected);
}

#[test]
fn pipeline_rows_are_served_for_ninety_days() {
    let options = Options {
        history: Duration::from_secs(100 * 24 * 60 * 60),
        ..unlimited(1_000)
    };
    let mut api = Api::new(&options);
    let day = SECOND * 24 * 60 * 60;
    for (now, pipelines) in [(SECOND, 900), (day * 45, 450), (day * 91, 0)] {
        assert_eq!(drain(&mut api, now, Stream::PipelineLogs, 0, None).len(), pipelines);
        assert_eq!(drain(&mut api, now, Stream::ModelLogs, 0, None).len(), 1_000);
    }
    assert_eq!(
        ledger_of(&mut api, day * 91, Stream::PipelineLogs).len(),
        900,
        "those that were visible once"
    );
}

#[test]
fn live_rows_arrive_at_their_rate_whoever_asks() {
    let options = Options {
        rate: 30.0,
        ..unlimited(0)
    };
    let mut asked_often = Api::new(&options);
    for second in 0..=600 {
        drain(&mut asked_often, SECOND * second, Stream::ModelLogs, 0, None);
    }
    let mut asked_once = Api::new(&options);
    let once = drain(&mut asked_once, SECOND * 600, Stream::ModelLogs, 0, None);
    assert_eq!(once, drain(&mut asked_often, SECOND * 600, Stream::ModelLogs, 0, None));
    assert!((250..350).contains(&once.len()), "{}", once.len());

    asked_once.set_paused(SECOND * 600, true);
    assert_eq!(drain(&mut asked_once, SECOND * 1_200, Stream::ModelLogs, 0, None), once);
    asked_once.set_paused(SECOND * 1_200, false);
    asked_once.set_rate(SECOND * 1_200, Stream::ModelLogs, 600.0);
    let more = drain(&mut asked_once, SECOND * 1_260, Stream::ModelLogs, 0, None).len() - once.len();
    assert!((520..680).contains(&more), "{more}");
}

#[test]
fn a_faster_clock_brings_more_rows() {
    let options = Options {
        rate: 6.0,
        time_scale: 10.0,
        ..unlimited(0)
    };
    let rows = drain(&mut Api::new(&options), SECOND * 600, Stream::ModelLogs, 0, None).len();
    assert!((520..680).contains(&rows), "{rows}");
}

#[test]
fn a_seed_gives_the_same_rows_and_another_gives_others() {
    let mut options = unlimited(300);
    options.rate = 10.0;
    for quirk in [
        "late=0.2",
        "modified=0.2",
        "post-limit-filter",
        "nulls",
        "unknown-fields",
    ] {
        options.quirks.set(quirk).unwrap();
    }
    let ledger = |options: &Options| Api::new(options).ledger(SECOND * 120);
    assert_eq!(ledger(&options), ledger(&options));
    let other = Options {
        seed: 1,
        ..options.clone()
    };
    assert_ne!(ledger(&options), ledger(&other));
}

#[test]
fn pushed_rows_are_served_as_they_are() {
    let mut api = Api::new(&unlimited(10));
    let row = "{ \"id\" : \"5300000\", \"model_id\":1,\n \"row_count\": 1.0e2,\"createdAt\":\"2026-11-20T11:00:00Z\" }";
    assert_eq!(api.push_row(SECOND, Stream::ModelLogs, row).unwrap(), 5_300_000);
    assert_eq!(
        drain(&mut api, SECOND, Stream::ModelLogs, 0, None).pop_last().unwrap(),
        (5_300_000, row.to_owned())
    );
    let late = api
        .push_row(SECOND * 2, Stream::ModelLogs, r#"{"id":5299999}"#)
        .unwrap();
    let ledger = ledger_of(&mut api, SECOND * 2, Stream::ModelLogs);
    assert_eq!(ledger[&5_300_000].row, row);
    assert_eq!(ledger[&late].late_by, Some(SECOND));
    for bad in ["[]", r#"{"id":"x"}"#, r#"{"id":5300000}"#] {
        api.push_row(SECOND, Stream::ModelLogs, bad).unwrap_err();
    }
    api.add_rows(SECOND * 3, Stream::ModelLogs, 5);
    let rows = drain(&mut api, SECOND * 3, Stream::ModelLogs, 5_300_000, None);
    assert_eq!(rows.len(), 5, "what comes later has greater ids");
}

proptest! {
    /// Each policy of `next`, inclusive or not, filtered or not: by the right rules nothing is missed.
    #[test]
    fn every_kind_of_page_leads_to_the_end(
        seed: u64,
        records in 0_u64..300,
        page_size in 2_usize..60,
        inclusive: bool,
        next in prop::sample::select(&Next::ALL[..]),
        post_limit_filter: bool,
        unsorted: bool,
        duplicates: bool,
        client in prop::option::of(Just(318)),
    ) {
        let quirks = Quirks { inclusive, next, post_limit_filter, unsorted, duplicates, ..Quirks::default() };
        let mut api = Api::new(&Options { seed, page_size, quirks, ..unlimited(records) });
        for stream in STREAMS {
            let rows = drain(&mut api, SECOND, stream, 0, client);
            let ledger = ledger_of(&mut api, SECOND, stream);
            prop_assert_eq!(ledger.len() as u64, records);
            for (id, entry) in ledger {
                let account = Record::parse(&entry.row).unwrap().integer(Field::ClientId).unwrap();
                if client.is_none_or(|client| client == account as u64) {
                    prop_assert!(entry.served);
                    prop_assert_eq!(rows.get(&id), Some(&entry.row));
                } else {
                    prop_assert!(!rows.contains_key(&id));
                }
            }
        }
    }
}
