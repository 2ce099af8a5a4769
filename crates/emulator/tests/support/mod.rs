//! A small client that follows the rules which are right for every reading of the documentation.

// Every test binary has its own copy of this, and uses some of it.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::time::Duration;

use logferry_emulator::{Answer, Api, Options, Request, Stream};
use logferry_kondado::{Field, Record, Response};
use serde_json::value::RawValue;

/// A page as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Ids and texts of the rows, in the order of the page.
    pub rows: Vec<(u64, String)>,
    pub next: Option<u64>,
}

impl Page {
    pub fn ids(&self) -> Vec<u64> {
        self.rows.iter().map(|(id, _)| *id).collect()
    }
}

/// Reads a page; `None` when the answer is something else.
pub fn page(answer: &Answer) -> Option<Page> {
    let outer = Record::parse(&answer.body).ok()?;
    let Some(Response::Rows(rows)) = Response::of(&outer) else {
        return None;
    };
    let rows: Vec<&RawValue> = serde_json::from_str(rows.get()).unwrap();
    let rows = rows.into_iter().map(|row| {
        let id = Record::parse(row.get()).unwrap().required_id(Field::Id).unwrap();
        (id, row.get().to_owned())
    });
    let inner = Record::parse(outer.other("data")?.get()).unwrap();
    let pagination = Record::parse(inner.other("pagination")?.get()).unwrap();
    let next = pagination
        .other("next_start_element_id")?
        .get()
        .trim_matches('"')
        .to_owned();
    Some(Page {
        rows: rows.collect(),
        next: (next != "null").then(|| next.parse().unwrap()),
    })
}

/// Asks for a page with the right key and token.
pub fn ask(api: &mut Api, now: Duration, stream: Stream, start: u64, client: Option<u64>) -> Answer {
    let options = Options::default();
    let client = client.map(|client| client.to_string());
    api.answer(
        now,
        Request {
            stream,
            key: Some(&options.key),
            token: Some(&options.token),
            start_element_id: Some(&start.to_string()),
            client_id: client.as_deref(),
        },
    )
}

/// Reads to the end, and returns every row once, by id, with the text that came first.
pub fn drain(
    api: &mut Api,
    now: Duration,
    stream: Stream,
    mut start: u64,
    client: Option<u64>,
) -> BTreeMap<u64, String> {
    let mut rows = BTreeMap::new();
    for _ in 0..10_000 {
        let page = page(&ask(api, now, stream, start, client)).expect("a page");
        let last = page.rows.iter().map(|(id, _)| *id).max().unwrap_or(start);
        if last > start {
            for (id, text) in page.rows {
                rows.entry(id).or_insert(text);
            }
            start = last;
            if page.next.is_none() {
                return rows;
            }
        } else {
            match page.next {
                Some(next) if next > start => start = (next - 1).max(start + 1),
                _ => return rows,
            }
        }
    }
    panic!("it goes on and on");
}

/// Options without limits, and with the same clock every day.
pub fn unlimited(records: u64) -> Options {
    Options {
        records,
        limits: None,
        start: Some("2026-11-20T12:00:00Z".parse().unwrap()),
        ..Options::default()
    }
}

pub const SECOND: Duration = Duration::from_secs(1);
