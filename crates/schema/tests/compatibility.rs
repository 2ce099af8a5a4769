//! A schema never rejects what that of an older release accepted.
//!
//! `schemas/released/set.json` holds the schemas of the last release without their words. At a release:
//! `RELEASE=1 cargo test -p logferry-schema --test compatibility`.

#![allow(missing_docs, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_types, reason = "A schema is a JSON value.")]

use std::fs;

use jsonschema::canonical::{self, Containment};
use serde_json::{Map, Value, json};

const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas");
const RELEASED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/released/set.json");

/// Whether everything that `old` accepts, `new` accepts too.
fn covers(new: &Value, old: &Value) -> Containment {
    let canonical = |schema: &Value| canonical::options().offline().canonicalize(schema).expect("a schema");
    canonical(new).covers(&canonical(old)).expect("an answer")
}

/// The schemas of today by name, without the one of all events, which is made of the others.
fn current() -> Map<String, Value> {
    let mut schemas = Map::new();
    let mut paths: Vec<_> = fs::read_dir(SCHEMAS)
        .expect("the schemas")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    paths.sort();
    for path in paths {
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name")
            .to_owned();
        if !["index", "event"].contains(&name.as_str()) {
            let text = fs::read_to_string(&path).expect("a text");
            schemas.insert(name, without_words(serde_json::from_str(&text).expect("JSON")));
        }
    }
    schemas
}

/// The schema without what only people read.
fn without_words(schema: Value) -> Value {
    match schema {
        Value::Object(members) => {
            // Below `properties` stand names, which may be words too.
            let members = members.into_iter().filter(|(key, value)| {
                let is_word = ["title", "description", "examples", "default"].contains(&key.as_str());
                !is_word || value.is_object()
            });
            members.map(|(key, value)| (key, without_words(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_words).collect(),
        other => other,
    }
}

#[test]
fn nothing_is_rejected_that_the_last_release_accepted() {
    let current = current();
    if std::env::var_os("RELEASE").is_some() {
        let text = serde_json::to_string(&current)
            .expect("JSON")
            .replace(r#"},""#, "},\n\"");
        fs::write(RELEASED, text + "\n").expect("the released set");
    }
    let released = fs::read_to_string(RELEASED).expect("the released set");
    let released: Map<String, Value> = serde_json::from_str(&released).expect("JSON");
    for (name, old) in released {
        let new = current
            .get(&name)
            .unwrap_or_else(|| panic!("{name}: the schema is gone"));
        assert_eq!(
            covers(new, &old),
            Containment::Yes,
            "{name}: the schema may reject what that of the last release accepted"
        );
    }
}

#[test]
fn what_is_narrower_is_found() {
    let schema = &current()["records_modified"];
    let changed = |pointer: &str, value: Value| {
        let mut schema = schema.clone();
        *schema.pointer_mut(pointer).expect("a place") = value;
        schema
    };
    let count = "/$defs/RecordsModified/properties/count";
    for narrower in [
        changed("/required", json!(["event", "created", "sync_id"])),
        changed(count, json!({"type": "integer", "minimum": 0})),
        changed(count, json!({"type": "string"})),
        changed("/$defs/OperationType/anyOf", json!([{"const": "UPDATED"}])),
        changed(
            "/properties/sync_id",
            json!({"type": "string", "pattern": "^[0-9a-f-]{36}$"}),
        ),
        changed("/$defs/RecordsModified/properties/table", json!(false)),
    ] {
        assert_ne!(covers(&narrower, schema), Containment::Yes, "{narrower}");
    }
    for wider in [
        changed("/required", json!(["event"])),
        changed(count, json!({"type": ["integer", "null"]})),
        changed("/properties/sync_id", json!(true)),
    ] {
        assert_eq!(covers(&wider, schema), Containment::Yes, "{wider}");
    }
}
