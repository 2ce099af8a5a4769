//! Fivetran's events in canonical form: the laws, and the forms of `fixtures/fivetran/`.

#![allow(missing_docs, clippy::expect_used, clippy::unwrap_used)]

use std::fs;

use logferry_mapper::fivetran;
use logferry_model::json::{self, Strings};
use logferry_model::{Event, Kind};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::value::RawValue;

fn canonical(text: &str) -> Result<String, fivetran::Error> {
    let mut out = Vec::new();
    fivetran::write(text, &mut out)?;
    Ok(String::from_utf8(out).expect("UTF-8"))
}

/// The text without blanks between its tokens.
fn compact(text: &str) -> String {
    let mut out = Vec::new();
    json::compact(text, Strings::AsTheyCame, &mut out).expect("JSON");
    String::from_utf8(out).expect("UTF-8")
}

/// A JSON value with blanks, escapes and numbers of every form.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,10})?([eE][+-]?[0-9]{1,3})?",
        "\"[a-zA-Z0-9 é🚀]{0,8}\"",
        select(vec!["null", "true", " false ", r#""\u00e9\/\n""#, r#""\ud800""#]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[ {}]", items.join(" ,"))),
            object(inner),
        ]
    })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let key = select(vec![
        "operationType",
        "operation_type",
        "totalQueries",
        "total_queries",
        "table",
        r"t\u0061ble",
        "x",
    ]);
    prop::collection::vec((key, value), 0..5).prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(key, value)| format!("\"{key}\" : {value}"))
            .collect();
        format!("{{{}}}", members.join(", "))
    })
}

/// An event in one of the forms that are read, or something near to one.
fn event() -> impl Strategy<Value = String> {
    let name = select(vec![
        "records_modified",
        "extract_summary",
        "SYNC_END",
        "EDIT_CONNECTION",
        "moon_phase",
    ]);
    let time = select(vec![
        "2023-07-07T09:56:43Z",
        "2023-07-07 09:56:43.12",
        "2023-07-07T09:56:43.1234567+02:00",
        "soon",
    ]);
    let data = prop_oneof![
        4 => object(value()),
        1 => value(),
        // Encoded as text, once or twice.
        2 => (object(value()), 1..3).prop_map(|(data, times)| {
            (0..times).fold(data, |text, _| serde_json::to_string(&text).expect("text"))
        }),
    ];
    let others = prop::collection::vec(
        (
            select(vec![
                "connector_type",
                "connector_id",
                "connection_id",
                "connector_name",
                "sync_id",
                "exception_id",
                "id",
                "_fivetran_synced",
                "destination_group_id",
                "transformation_id",
                "x",
            ]),
            value(),
        ),
        0..6,
    );
    (name, time, data, others, any::<bool>(), any::<prop::sample::Index>()).prop_map(
        |(name, time, data, others, is_row, order)| {
            let [event, content, created] = match is_row {
                true => ["message_event", "message_data", "time_stamp"],
                false => ["event", "data", "created"],
            };
            let mut members = vec![
                format!("\"{event}\":\"{name}\""),
                format!("\"{content}\": {data}"),
                format!("\"{created}\":\"{time}\""),
            ];
            if is_row {
                members.push("\"event\":\"INFO\"".to_owned());
            }
            members.extend(others.iter().map(|(key, value)| format!("\"{key}\":{value}")));
            let middle = order.index(members.len());
            members.rotate_left(middle);
            format!("{{{}}}", members.join(","))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(2048)))]

    #[test]
    fn canonical_form_is_canonical(text in event()) {
        if let Ok(once) = canonical(&text) {
            prop_assert_eq!(canonical(&once), Ok(once.clone()));
            prop_assert_eq!(once.lines().count(), 1);
        }
    }

    /// What an event says is the same before and after, but for the spelling of its name and keys.
    #[test]
    fn an_event_says_the_same_in_canonical_form(text in event().prop_filter("an envelope", |text| !text.contains("message_event"))) {
        if let (Ok(once), Ok(before)) = (canonical(&text), Event::parse(&text)) {
            let after = Event::parse(&once).expect("an event");
            prop_assert_eq!(after.created, before.created);
            prop_assert_eq!(after.payload.kind(), before.payload.kind());
            prop_assert_eq!(after.payload.severity(), before.payload.severity());
            let id = |event: &Event<'_>| {
                let id = event.tail.connection_id.as_ref().or(event.tail.connector_id.as_ref());
                id.map(|id| id.to_string())
            };
            if before.tail.rest.get("connector_id").is_none() && before.tail.rest.get("connection_id").is_none() {
                prop_assert_eq!(id(&after), id(&before));
            }
        }
    }

    /// Every member comes out token for token, but for the keys that the canonical form is about.
    #[test]
    fn nothing_is_lost(text in event()) {
        let Ok(once) = canonical(&text) else { return Ok(()) };
        let is_row = text.contains("message_event");
        let before = json::raw_members(&text).unwrap();
        let after = json::raw_members(&once).unwrap();
        let last = |members: &[(&RawValue, &RawValue)], name: &str| {
            let mut members = members.iter().rev();
            let found = members.find(|(key, _)| json::read_str(key).is_some_and(|key| key == name));
            found.map(|(_, value)| compact(value.get()))
        };
        for (key, _) in &before {
            let Some(key) = json::read_str(key) else { continue };
            let value = last(&before, &key).unwrap();
            let is_about_form = match &*key {
                "event" | "created" | "message_event" | "time_stamp" | "message_data" => true,
                // Its keys may be spelled otherwise.
                "data" => once.contains("records_modified") || once.contains("extract_summary"),
                "id" | "_fivetran_synced" => is_row,
                "connector_id" | "connection_id" | "connector_name" => value == "null",
                _ => false,
            };
            if !is_about_form && value != "null" {
                prop_assert_eq!(last(&after, &key), Some(value), "{}", key);
            }
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,64}|\\{\"(event|message_event)\":[\\[\\]{}\":,0-9a-z\\\\ ]{0,40}") {
        let _ = canonical(&text);
    }
}

#[test]
fn every_fixture_is_canonical_but_for_blanks_and_spellings() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/fivetran/events");
    for entry in fs::read_dir(folder).expect("the fixtures") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("a text");
        let once = canonical(&text).expect("an event");
        let expected = compact(text.trim()) + "\n";
        let expected = expected
            .replace("operation_type", "operationType")
            .replace("totalQueries", "total_queries");
        assert_eq!(once, expected, "{}", path.display());
    }
}

#[test]
fn audit_trail_names_are_in_lower_case_and_others_as_they_came() {
    for kind in Kind::ALL {
        let upper = kind.name().to_uppercase();
        let once = canonical(&format!(
            r#"{{"event":"{upper}","created":"2025-07-07T16:34:20.536Z"}}"#
        ))
        .expect("an event");
        let is_audit = kind.group() == logferry_model::Group::Audit;
        let name = if is_audit { kind.name() } else { &upper };
        assert!(once.starts_with(&format!(r#"{{"event":"{name}""#)), "{once}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, error) in [
        (r#"{"event":"x"}"#, "`created` is missing"),
        (
            r#"{"event":null,"created":"2023-07-07T09:56:43Z"}"#,
            "`event` is missing",
        ),
        (r#"{"message_event":"x","time_stamp":null}"#, "`time_stamp` is missing"),
        (
            r#"{"event":7,"created":"2023-07-07T09:56:43Z"}"#,
            "`event`: expected the name of an event, found 7",
        ),
        (
            r#"{"event":"x","created":7}"#,
            "`created`: expected a time such as 2020-09-17T00:03:48.108Z, found 7",
        ),
        (
            r#"{"message_event":"x","message_data":"{","time_stamp":"2023-07-07T09:56:43Z"}"#,
            "`message_data`: expected a text that holds JSON, found \"{\"",
        ),
        (
            r#"{"message_event":"x","data":{},"time_stamp":"2023-07-07T09:56:43Z"}"#,
            "`data` beside `message_data`: a row of the LOG table has only the latter",
        ),
    ] {
        assert_eq!(canonical(text).unwrap_err().to_string(), error, "{text}");
    }
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    let row = format!(r#"{{"message_event":"x","message_data":"{deep}","time_stamp":"2023-07-07T09:56:43Z"}}"#);
    assert!(canonical(&row).unwrap_err().to_string().contains("128 levels"));
}
