//! The laws of the mapping, as properties over generated records in whatever dress.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use logferry_kondado::{Record, Stream};
use logferry_mapper::canonical::{self, Form};
use logferry_mapper::{Mapper, Selection, Settings, inverse};
use logferry_model::{Event, Severity, Timestamp};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::value::RawValue;

/// A value, apart from how it is written down.
#[derive(Debug, Clone, PartialEq)]
enum Plain {
    /// A number in a numeric field, which may be quoted.
    Numeric(String),
    /// A number anywhere else.
    Number(String),
    Text(String),
    Literal(&'static str),
    List(Vec<Plain>),
    Map(Vec<(String, Plain)>),
}

/// A record, apart from how it is written down.
#[derive(Debug, Clone)]
struct Sample {
    stream: Stream,
    members: Vec<(String, Plain)>,
    created_at: String,
}

/// How a record is written down: every choice is taken from here.
#[derive(Debug, Clone)]
struct Dress {
    order: Vec<Index>,
    choices: Vec<u8>,
}

impl Dress {
    fn write(&self, sample: &Sample) -> String {
        let mut members: Vec<_> = sample.members.iter().collect();
        for (place, index) in self.order.iter().enumerate().take(members.len()) {
            let other = index.index(members.len());
            members.swap(place, other);
        }
        let mut writer = Writer {
            choices: self.choices.iter().cycle(),
            out: String::new(),
        };
        writer.object(members.into_iter().map(|(key, value)| (key.as_str(), value)));
        writer.out
    }
}

struct Writer<'d> {
    choices: std::iter::Cycle<std::slice::Iter<'d, u8>>,
    out: String,
}

impl Writer<'_> {
    fn choice(&mut self, of: u8) -> u8 {
        self.choices.next().map_or(0, |choice| choice % of)
    }

    fn blank(&mut self) {
        let blank = ["", "", "", " ", "\t", "\r\n "][usize::from(self.choice(6))];
        self.out.push_str(blank);
    }

    fn object<'v>(&mut self, members: impl Iterator<Item = (&'v str, &'v Plain)>) {
        self.out.push('{');
        for (index, (key, value)) in members.enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.blank();
            self.string(key);
            self.blank();
            self.out.push(':');
            self.blank();
            self.value(value);
            self.blank();
        }
        self.out.push('}');
    }

    fn value(&mut self, value: &Plain) {
        match value {
            Plain::Numeric(digits) => match self.choice(3) {
                0 => self.string(digits),
                1 => self.string(&format!(" {digits}\t")),
                _ => self.out.push_str(digits),
            },
            Plain::Number(digits) => self.out.push_str(digits),
            Plain::Text(text) => self.string(text),
            Plain::Literal(literal) => self.out.push_str(literal),
            Plain::List(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.push(',');
                    }
                    self.blank();
                    self.value(item);
                }
                self.out.push(']');
            }
            Plain::Map(members) => self.object(members.iter().map(|(key, value)| (key.as_str(), value))),
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            let must = c < ' ' || c == '"' || c == '\\';
            match self.choice(8) {
                0 => c
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .for_each(|unit| self.out.push_str(&format!("\\u{unit:04X}"))),
                1 if "\"\\/".contains(c) => self.out.extend(['\\', c]),
                _ if c == '\n' => self.out.push_str("\\n"),
                _ if must => self.out.push_str(&format!("\\u{:04x}", u32::from(c))),
                _ => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-zA-Z0-9 _/|.-]{0,16}",
        2 => select(vec![
            "Kondado - Blog - wp_options", "Vendas (São Paulo) - Negócios", "🚀 - Leads", " - ", "日本語", "a\0b - \0", "\"q\\uote\"", "ﬁ ½ Ⅷ",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,8}",
        1 => "[\\x00-\\x20\"\\\\é]{0,6}",
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "(0|[1-9][0-9]{0,7})(\\.[0-9]{1,7})?",
        2 => "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
        1 => select(vec!["9223372036854775807", "9223372036854775808", "256.0", "1e3", "-0", "0e999999999999", "315576000.0001", "1e400"])
            .prop_map(str::to_owned),
    ]
}

/// Any value; what no field expects.
fn anything() -> impl Strategy<Value = Plain> {
    let leaf = prop_oneof![
        number().prop_map(Plain::Number),
        // A text that is a number is a number in a numeric field.
        text()
            .prop_filter("no number", |text| text.trim().parse::<f64>().is_err())
            .prop_map(Plain::Text),
        select(vec!["null", "true", "false"]).prop_map(Plain::Literal),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Plain::List),
            prop::collection::vec((text(), inner), 0..3).prop_map(Plain::Map),
        ]
    })
}

fn numeric() -> impl Strategy<Value = Plain> {
    prop_oneof![6 => number().prop_map(Plain::Numeric), 1 => Just(Plain::Literal("null")), 1 => anything().prop_map(|value| match value {
        Plain::Number(digits) => Plain::Numeric(digits),
        other => other,
    })]
}

fn id() -> impl Strategy<Value = Plain> {
    prop_oneof![0..=i64::MAX, 0..100_000_i64]
        .prop_flat_map(|id| select(vec![format!("{id}"), format!("{id}.0"), format!("{id}e0")]))
        .prop_map(Plain::Numeric)
}

fn created_at() -> impl Strategy<Value = String> {
    let offset = select(vec!["Z", "z", "", "+00:00", "-03", "+0530", "-12:59"]);
    let time = (1901..9999_u32, 1..=12_u32, 1..=28_u32, 0..24_u32, 0..60_u32, 0..60_u32);
    let fraction = prop_oneof![Just(String::new()), "\\.[0-9]{1,12}"];
    (time, select(vec!['T', 't', ' ']), fraction, offset).prop_map(
        |((y, mo, d, h, mi, s), between, fraction, offset)| {
            format!("{y:04}-{mo:02}-{d:02}{between}{h:02}:{mi:02}:{s:02}{fraction}{offset}")
        },
    )
}

const NUMERIC: [&str; 5] = [
    "client_id",
    "execution_time_seconds",
    "row_count",
    "raw_row_count",
    "mb_estimate",
];
const OTHER: [&str; 8] = [
    "has_deltas",
    "pipeline_name",
    "model_name",
    "updatedAt",
    "initial_savepoint",
    "new_savepoint",
    "external_ip",
    "is_billable",
];

fn sample() -> impl Strategy<Value = Sample> {
    let stream = select(vec![Stream::PipelineLogs, Stream::ModelLogs]);
    let numeric_fields = subsequence(NUMERIC.to_vec(), 0..=NUMERIC.len());
    let other_fields = subsequence(OTHER.to_vec(), 0..=OTHER.len());
    let unknown = prop::collection::btree_map("[a-z~é]{1,6}", anything(), 0..3);
    let name = prop::option::of(text());
    let values = (
        prop::collection::vec(numeric(), NUMERIC.len()),
        prop::collection::vec(anything(), OTHER.len()),
    );
    (
        stream,
        id(),
        id(),
        created_at(),
        numeric_fields,
        other_fields,
        unknown,
        name,
        values,
    )
        .prop_map(
            |(stream, id, job_id, created_at, numeric_fields, other_fields, unknown, name, (numbers, others))| {
                let mut members = BTreeMap::new();
                let known = ["event", "message_event", "data", "success"];
                members.extend(unknown.into_iter().filter(|(key, _)| !known.contains(&key.as_str())));
                members.extend(numeric_fields.iter().map(|key| (*key).to_owned()).zip(numbers));
                members.extend(other_fields.iter().map(|key| (*key).to_owned()).zip(others));
                if let Some(name) = name {
                    members.insert(stream.job_name().name().to_owned(), Plain::Text(name));
                }
                members.insert("id".to_owned(), id);
                members.insert(stream.job_id().name().to_owned(), job_id);
                members.insert("createdAt".to_owned(), Plain::Text(created_at.clone()));
                Sample {
                    stream,
                    members: members.into_iter().collect(),
                    created_at,
                }
            },
        )
}

fn dress() -> impl Strategy<Value = Dress> {
    (
        prop::collection::vec(any::<Index>(), 20),
        prop::collection::vec(any::<u8>(), 1..40),
    )
        .prop_map(|(order, choices)| Dress { order, choices })
}

fn events(stream: Stream, text: &str) -> String {
    let record = Record::parse(text).expect("the writer writes JSON");
    let mut out = Vec::new();
    Mapper::default()
        .worker()
        .map(stream, &record, &mut out, |_, _| {})
        .expect("a valid record");
    String::from_utf8(out).expect("events are UTF-8")
}

fn canonical(stream: Stream, text: &str) -> String {
    let mut out = Vec::new();
    canonical::write(
        stream,
        &Record::parse(text).unwrap(),
        Form::Alone,
        &mut Vec::new(),
        &mut out,
    )
    .unwrap();
    String::from_utf8(out).unwrap()
}

/// Whether a JSON text says what the sample says.
fn says(text: &str, plain: &Plain) -> bool {
    match plain {
        Plain::Number(digits) => text == digits,
        Plain::Numeric(digits) => {
            text == digits
                || logferry_kondado::Decimal::parse(digits)
                    .and_then(|n| n.to_i64())
                    .map(|n| n.to_string())
                    .as_deref()
                    == Some(text)
        }
        Plain::Literal(literal) => text == *literal,
        Plain::Text(expected) => serde_json::from_str::<String>(text).is_ok_and(|text| text == *expected),
        Plain::List(items) => serde_json::from_str::<Vec<&RawValue>>(text).is_ok_and(|found| {
            found.len() == items.len() && found.iter().zip(items).all(|(text, item)| says(text.get(), item))
        }),
        Plain::Map(members) => serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text).is_ok_and(|found| {
            let last: BTreeMap<_, _> = members.iter().map(|(key, value)| (key, value)).collect();
            found.len() == last.len() && last.iter().all(|(key, value)| says(found[*key].get(), value))
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(512)))]

    /// Law 1: the record can be rebuilt from its events, every field of it.
    #[test]
    fn the_record_can_be_rebuilt(sample in sample(), dress in dress()) {
        let text = dress.write(&sample);
        let lines = events(sample.stream, &text);
        let rebuilt: Vec<_> = lines
            .lines()
            .filter_map(|line| {
                let event = Event::parse(line).expect("an event");
                inverse::record_of(&event).map(|(stream, record)| (stream, record.to_owned()))
            })
            .collect();
        let [(stream, record)] = &rebuilt[..] else {
            panic!("not one record: {rebuilt:?}");
        };
        prop_assert_eq!(*stream, sample.stream);
        prop_assert_eq!(record, &canonical(sample.stream, &text));
        prop_assert_eq!(events(*stream, record), lines);

        let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(record).expect("JSON");
        prop_assert_eq!(members.len(), sample.members.len());
        for (key, value) in &sample.members {
            prop_assert!(says(members[key].get(), value), "{} {} {:?}", key, members[key], value);
        }
    }

    /// Law 2: the same record gives the same bytes, whatever its dress.
    #[test]
    fn the_dress_does_not_matter(sample in sample(), one in dress(), other in dress()) {
        prop_assert_eq!(
            events(sample.stream, &one.write(&sample)),
            events(sample.stream, &other.write(&sample))
        );
    }

    /// Law 3: `created` rises strictly, and the last is `createdAt` to the millisecond.
    #[test]
    fn created_rises_to_the_end(sample in sample(), dress in dress()) {
        let lines = events(sample.stream, &dress.write(&sample));
        let created: Vec<i64> = lines.lines().map(|line| Event::parse(line).unwrap().created.as_millis()).collect();
        prop_assert!(created.is_sorted_by(|a, b| a < b), "{:?}", created);
        let end = Timestamp::parse(&sample.created_at).unwrap();
        prop_assert_eq!(created.last().copied(), Some(end.as_millis()));
    }

    /// Law 5, for the events that the mapping makes: read and written again they are the same bytes, without U+0000 and
    /// of severity INFO.
    #[test]
    fn events_are_canonical(sample in sample(), dress in dress()) {
        for line in events(sample.stream, &dress.write(&sample)).lines() {
            let event = Event::parse(line).expect("an event");
            prop_assert!(event.payload.kind().is_some());
            prop_assert_eq!(event.payload.severity(), Severity::Info);
            let mut written = Vec::new();
            event.write(&mut written);
            prop_assert_eq!(std::str::from_utf8(&written).unwrap(), line);
            prop_assert!(!line.replace("\\\\", "").contains("\\u0000"), "{}", line);
        }
    }

    /// What is selected changes neither whether a record is valid nor the lines that are selected.
    #[test]
    fn a_selection_only_leaves_out(
        sample in sample(),
        dress in dress(),
        names in subsequence(Selection::names().collect::<Vec<_>>(), 0..10),
        twice in prop::option::of(select(vec!["\"x\":\"\\ud800\",\"x\":1,", "\"x\":1,\"x\":\"\\ud800\",", "\"id\":\"\\ud800\","])),
    ) {
        let text = dress.write(&sample).replacen('{', &format!("{{{}", twice.unwrap_or_default()), 1);
        let record = Record::parse(&text).expect("the writer writes JSON");
        let map = |events| {
            let mut out = Vec::new();
            let mapper = Mapper::new(Settings { events, ..Settings::default() });
            mapper
                .worker()
                .map(sample.stream, &record, &mut out, |_, _| {})
                .map(|()| String::from_utf8(out).expect("events are UTF-8"))
                .map_err(|error| error.to_string())
        };
        let all = map(Selection::ALL).map(|lines| {
            let selected = |line: &&str| names.iter().any(|name| line.starts_with(&format!("{{\"event\":\"{name}\"")));
            lines.lines().filter(selected).map(|line| format!("{line}\n")).collect::<String>()
        });
        prop_assert_eq!(map(Selection::of(names.iter().copied()).expect("names")), all);
    }

    /// Law 2, for a worker: what it mapped before changes nothing.
    #[test]
    fn a_worker_has_no_memory(
        runs in prop::collection::vec((select(vec![7_u64, 8, 7 + 2048, 7 + 4096]), "([ab] - )?[ab]?|a{300}"), 1..12),
    ) {
        let mapper = Mapper::default();
        let mut worker = mapper.worker();
        for (pipeline_id, name) in runs {
            let text = format!(
                r#"{{"id":1,"pipeline_id":{pipeline_id},"pipeline_name":"{name}","createdAt":"2020-09-17T00:03:48Z"}}"#
            );
            let mut out = Vec::new();
            worker
                .map(Stream::PipelineLogs, &Record::parse(&text).expect("a record"), &mut out, |_, _| {})
                .expect("a valid record");
            prop_assert_eq!(String::from_utf8(out).expect("events are UTF-8"), events(Stream::PipelineLogs, &text));
        }
    }

    /// Law 4, for the mapper: no text makes it panic.
    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,64}|[{}\\[\\]\":,0-9a-zA-Z_ \\\\]{0,64}") {
        if let Ok(record) = Record::parse(&text) {
            for stream in [Stream::PipelineLogs, Stream::ModelLogs] {
                let _ = Mapper::default().worker().map(stream, &record, &mut Vec::new(), |_, _| {});
            }
        }
    }
}
