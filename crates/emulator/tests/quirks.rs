//! Every quirk does what it says.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use logferry_emulator::{Answer, Api, Fault, How, Next, Options, STREAMS, Stream};
use logferry_kondado::{Field, Record};
use support::{Page, SECOND, ask, drain, page, unlimited};

const STREAM: Stream = Stream::PipelineLogs;

fn with(quirks: &[&str], records: u64) -> Api {
    let mut options = unlimited(records);
    options.page_size = 10;
    for quirk in quirks {
        options.quirks.set(quirk).unwrap();
    }
    Api::new(&options)
}

fn get(api: &mut Api, start: u64) -> Page {
    page(&ask(api, SECOND, STREAM, start, None)).unwrap()
}

#[test]
fn inclusive_or_exclusive() {
    let all = get(&mut with(&[], 10), 0).ids();
    assert_eq!(get(&mut with(&["exclusive"], 10), all[3]).ids(), all[4..]);
    assert_eq!(get(&mut with(&["inclusive"], 10), all[3]).ids(), all[3..]);
}

#[test]
fn next() {
    let all: Vec<_> = drain(&mut with(&[], 25), SECOND, STREAM, 0, None).into_keys().collect();
    for (name, full, short, empty) in [
        ("next-last", Some(all[9]), Some(all[24]), None),
        ("next-null-on-short", Some(all[9]), None, None),
        ("next-first-of-next-page", Some(all[10]), None, None),
        ("next-last-plus-one", Some(all[9] + 1), Some(all[24] + 1), None),
    ] {
        let mut api = with(&[name], 25);
        let found = [0, all[19], all[24]].map(|start| get(&mut api, start).next);
        assert_eq!(found, [full, short, empty], "{name}");
    }
    assert_eq!(Next::ALL.len(), 4);
}

#[test]
fn late_rows_come_below_ids_that_were_there() {
    let mut api = with(&["late=0.2"], 0);
    api.set_rate(SECOND, STREAM, 60.0);
    let (mut highest, mut seen, mut behind) = (0, BTreeSet::new(), 0);
    for second in 1..=300 {
        for id in drain(&mut api, SECOND * second, STREAM, 0, None).into_keys() {
            if seen.insert(id) && id < highest {
                behind += 1;
            }
            highest = highest.max(id);
        }
    }
    let now = SECOND * 300;
    let ledger = api.ledger(now);
    let late: Vec<_> = ledger.iter().filter_map(|entry| entry.late_by).collect();
    assert!(
        late.len() >= 30 && behind >= 20 && behind <= late.len(),
        "{behind} {}",
        late.len()
    );
    assert!(late.iter().all(|late_by| *late_by <= SECOND * 20));
    assert!(late.iter().any(|late_by| *late_by > SECOND * 10));
    assert_eq!(api.stats(now).late_rows["pipeline_logs"], late.len() as u64);
    assert_eq!(ledger.len(), seen.len());
    assert!(api.stats(now).pending_rows["pipeline_logs"] > 0);
    api.set_paused(now, true);
    assert_eq!(api.stats(SECOND * 330).pending_rows["pipeline_logs"], 0);
}

#[test]
fn a_late_filter_makes_pages_that_are_short_or_empty_and_go_on() {
    let mut api = with(&["post-limit-filter"], 600);
    let (mut start, mut short, mut empty) = (0, 0, 0);
    loop {
        let page = get(&mut api, start);
        let Some(next) = page.next else { break };
        short += usize::from(page.rows.len() < 10);
        empty += usize::from(page.rows.is_empty());
        start = next;
    }
    assert!(short > 20 && empty > 2, "{short} {empty}");
}

#[test]
fn numbers_missing_fields_nulls_and_unknown_fields() {
    for stream in STREAMS {
        let rows = |quirk| {
            drain(&mut with(&[quirk], 100), SECOND, stream, 0, None)
                .into_values()
                .collect::<Vec<_>>()
        };
        let is_quoted = |row: &str| {
            let record = Record::parse(row).unwrap();
            let fields = [Field::Id, Field::RowCount, Field::ExecutionTimeSeconds, stream.job_id()];
            fields.map(|field| record.raw(field).unwrap().get().starts_with('"'))
        };
        assert!(rows("bare-numbers").iter().all(|row| is_quoted(row) == [false; 4]));
        assert!(rows("string-numbers").iter().all(|row| is_quoted(row) == [true; 4]));
        assert!(
            rows("missing-fields")
                .iter()
                .all(|row| !row.contains("raw_row_count") && !row.contains("mb_estimate"))
        );
        let nulls = rows("nulls");
        let has_null = |row: &&String| Record::parse(row).unwrap().raw(Field::RowCount).unwrap().get() == "null";
        assert!((5..40).contains(&nulls.iter().filter(has_null).count()));
        assert!(
            nulls
                .iter()
                .all(|row| !row.contains("\"id\":null") && !row.contains("\"createdAt\":null"))
        );
        let unknown = rows("unknown-fields")
            .iter()
            .filter(|row| row.contains("\"tags\":{"))
            .count();
        assert!((15..60).contains(&unknown), "{unknown}");
    }
    let body = ask(&mut with(&["string-numbers"], 5), SECOND, STREAM, 0, None).body;
    assert!(body.contains(r#""next_start_element_id":"51"#), "{body}");
}

#[test]
fn unsorted_pages_and_rows_that_come_twice() {
    let sorted = get(&mut with(&[], 100), 0);
    let mut unsorted = get(&mut with(&["unsorted"], 100), 0);
    assert_ne!(unsorted, sorted);
    unsorted.rows.sort();
    assert_eq!(unsorted, sorted);
    let mut twice = get(&mut with(&["duplicates"], 100), 0);
    assert!((11..=13).contains(&twice.rows.len()));
    twice.rows.dedup();
    assert_eq!(twice, sorted);
}

#[test]
fn modified_rows_change_once_and_the_ledger_has_both_texts() {
    let mut api = with(&["modified=0.3"], 0);
    api.add_rows(SECOND, STREAM, 200);
    let before = drain(&mut api, SECOND, STREAM, 0, None);
    let after = drain(&mut api, SECOND * 60, STREAM, 0, None);
    assert_eq!(drain(&mut api, SECOND * 600, STREAM, 0, None), after);
    let changed: BTreeMap<_, _> = after.iter().filter(|(id, text)| before[id] != **text).collect();
    assert!((40..80).contains(&changed.len()), "{}", changed.len());
    for entry in api.ledger(SECOND * 60) {
        assert_eq!(entry.row, before[&entry.id]);
        assert_eq!(entry.changed.as_ref(), changed.get(&entry.id).copied());
    }
    for text in changed.values() {
        let record = Record::parse(text).unwrap();
        assert!(record.text(Field::UpdatedAt) > record.text(Field::CreatedAt), "{text}");
    }
    assert_eq!(
        api.stats(SECOND * 60).modified_rows["pipeline_logs"],
        changed.len() as u64
    );
}

/// What is to be seen of a fault.
fn shows(fault: Fault, answer: &Answer) -> bool {
    let is_throttle = answer.body.contains("RATE_LIMIT_EXCEEDED");
    let breaks = |how| answer.breaks.is_some_and(|breaks| breaks.how == how);
    match fault {
        Fault::Throttle => is_throttle && answer.body.contains(" 60 seconds"),
        Fault::ThrottleSeconds => is_throttle && answer.body.contains(" second") && !answer.body.contains(" 60 "),
        Fault::ThrottleWordless => is_throttle && !answer.body.contains("second"),
        Fault::InnerFailure => answer
            .body
            .starts_with(r#"{"success":true,"data":{"success":false,"error""#),
        Fault::Html => answer.status == 200 && answer.body.starts_with("<html>"),
        Fault::EmptyObject => answer.body == "{}",
        Fault::NoArray => answer
            .body
            .starts_with(r#"{"success":true,"data":{"success":true,"data":null"#),
        Fault::Unauthorized => answer.status == 401,
        Fault::Forbidden => answer.status == 403,
        Fault::ServerErrors => [500, 502, 503].contains(&answer.status) && answer.retry_after.is_none(),
        Fault::ServerErrorsRetryAfter => [500, 502, 503].contains(&answer.status) && answer.retry_after.is_some(),
        Fault::Slow => answer.delay >= SECOND && answer.delay <= SECOND * 5,
        Fault::Cut => breaks(How::Close),
        Fault::Hang => breaks(How::Stall),
        Fault::Reset => breaks(How::Reset),
    }
}

#[test]
fn faults_come_as_often_as_asked_and_are_counted() {
    for &fault in Fault::ALL {
        let mut options: Options = unlimited(10);
        options.quirks.faults.insert(fault, 0.2);
        let mut api = Api::new(&options);
        let answers: Vec<_> = (0..400).map(|_| ask(&mut api, SECOND, STREAM, 0, None)).collect();
        let shown = answers.iter().filter(|answer| shows(fault, answer)).count();
        // A burst is of three on average.
        let is_burst = matches!(fault, Fault::ServerErrors | Fault::ServerErrorsRetryAfter);
        let expected = if is_burst { 120..240 } else { 50..110 };
        assert!(expected.contains(&shown), "{fault:?}: {shown}");
        assert_eq!(api.stats(SECOND).faults[fault.name()], shown as u64, "{fault:?}");
        let is_plain = |answer: &&Answer| page(answer).is_some() && answer.breaks.is_none() && answer.delay.is_zero();
        assert_eq!(answers.iter().filter(is_plain).count(), 400 - shown, "{fault:?}");

        api.set_faults(BTreeMap::new());
        assert!((0..100).all(|_| page(&ask(&mut api, SECOND, STREAM, 0, None)).is_some()));
    }
}
