//! Law 5: reading and writing events loses nothing.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use logferry_model::{Event, Kind};
use proptest::prelude::*;
use proptest::sample::select;

/// JSON text without blanks, numbers in every form.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,10})?([eE][+-]?[0-9]{1,3})?",
        "\"[a-zA-Z0-9 é🚀]{0,8}\"",
        select(vec![
            "null",
            "true",
            "false",
            "\"SUCCESSFUL\"",
            "\"CANCELED\"",
            "\"PAUSED\"",
            "\"\\u00e9\\/\\n\""
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::btree_map(key(), inner, 0..4).prop_map(|members| {
                let members: Vec<_> = members
                    .into_iter()
                    .map(|(key, value)| format!("\"{key}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// Keys that some payload documents, in every spelling, and others.
fn key() -> impl Strategy<Value = String> {
    const DEEPER: &[&str] = &[
        "name",
        "queries",
        "stepResults",
        "step",
        "modelResults",
        "schema",
        "tables",
        "error",
    ];
    let top = Kind::ALL.iter().flat_map(|kind| kind.keys().concat());
    let documented: Vec<&str> = top.chain(DEEPER.iter().copied()).collect();
    prop_oneof![select(documented).prop_map(str::to_owned), "[a-z]{1,5}"]
}

fn event() -> impl Strategy<Value = String> {
    let names: Vec<String> = Kind::ALL
        .iter()
        .flat_map(|kind| [kind.name().to_owned(), kind.name().to_uppercase()])
        .chain(["moon_phase", "Moon_Phase"].map(str::to_owned))
        .collect();
    let data = prop::option::of(prop_oneof![
        4 => prop::collection::btree_map(key(), json(), 0..6).prop_map(|members| {
            let members: Vec<_> = members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        }),
        1 => json(),
    ]);
    let envelope = prop::collection::btree_map(
        select(vec![
            "connector_type",
            "connector_id",
            "connection_id",
            "sync_id",
            "exception_id",
            "destination_group_id",
        ]),
        json().prop_filter("null says nothing at the top", |value| value != "null"),
        0..4,
    );
    (select(names), data, "\\.[0-9]{3,9}", envelope).prop_map(|(name, data, fraction, envelope)| {
        let mut members = vec![format!("\"event\":\"{name}\"")];
        members.extend(
            data.filter(|data| data != "null")
                .map(|data| format!("\"data\":{data}")),
        );
        members.push(format!("\"created\":\"2023-07-07T09:56:43{fraction}Z\""));
        members.extend(envelope.iter().map(|(key, value)| format!("\"{key}\":{value}")));
        format!("{{{}}}", members.join(","))
    })
}

fn written(event: &Event<'_>) -> String {
    let mut out = Vec::new();
    event.write(&mut out);
    String::from_utf8(out).unwrap()
}

/// The JSON value with its keys sorted and its strings unescaped, and every number's digits as they are.
fn sorted(text: &str) -> String {
    use std::collections::BTreeMap;

    use serde_json::value::RawValue;

    if let Ok(members) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text) {
        let members: Vec<_> = members
            .iter()
            .map(|(key, value)| format!("{key:?}:{}", sorted(value.get())))
            .collect();
        format!("{{{}}}", members.join(","))
    } else if let Ok(items) = serde_json::from_str::<Vec<Box<RawValue>>>(text) {
        let items: Vec<_> = items.iter().map(|item| sorted(item.get())).collect();
        format!("[{}]", items.join(","))
    } else if let Ok(string) = serde_json::from_str::<String>(text) {
        format!("{string:?}")
    } else {
        text.to_owned()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(1024)))]

    #[test]
    fn reading_and_writing_keeps_the_value_and_every_digit(text in event()) {
        let event = Event::parse(&text).expect("an event");
        prop_assert_eq!(sorted(&written(&event)), sorted(&text));
    }

    #[test]
    fn parse_after_write_is_the_identity(text in event()) {
        let event = Event::parse(&text).expect("an event");
        let text = written(&event);
        prop_assert_eq!(Event::parse(&text).expect("an event"), event);
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,64}|\\{\"event\":[\\[\\]{}\":,0-9a-z\\\\ ]{0,40}") {
        if let Ok(event) = Event::parse(&text) {
            prop_assert!(Event::parse(&written(&event)).is_ok());
        }
    }
}
