//! The page that describes every event: `docs/events.md`.

use std::fmt::Write as _;

use logferry_model::payload::OTHER_VALUE;
use logferry_model::{Group, Kind, timestamp};
use serde_json::{Map, Value};

use crate::generate;

/// The page of all events.
pub fn events() -> String {
    let mut page = String::from(
        "# Events\n\n\
         Every Fivetran log event that logferry knows: what it says, the fields of its `data`, and an example. This page is made \
         from the types that read the events, as are the [JSON Schemas](../schemas).\n\n\
         Every field may be absent: events of older connectors lack some. Events, fields and values that are not listed are \
         kept as they come. A known value is one of a list that Fivetran may lengthen at any time. Names of events are matched in upper and in \
         lower case.\n",
    );
    for group in Group::ALL {
        let _ = writeln!(page, "\n- [{}](#{})", group.title(), anchor(group.title()));
        let kinds = Kind::ALL.iter().filter(|kind| kind.group() == *group);
        let links: Vec<String> = kinds.map(|kind| format!("[`{0}`](#{0})", kind.name())).collect();
        let _ = writeln!(page, "  {}", links.join(", "));
    }
    for group in Group::ALL {
        let _ = writeln!(page, "\n## {}", group.title());
        for kind in Kind::ALL.iter().filter(|kind| kind.group() == *group) {
            event(*kind, &mut page);
        }
    }
    page
}

/// How renderers of Markdown link to a heading.
fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}

fn event(kind: Kind, page: &mut String) {
    let _ = writeln!(page, "\n### {}\n\n{}\n", kind.name(), kind.description());
    let varies = match kind.severity_varies() {
        true => ", or WARNING or SEVERE by its `status`",
        false => "",
    };
    let (severity, section) = (kind.usual_severity(), kind.section());
    let _ = writeln!(page, "Severity: {severity}{varies}. Source: {section}.\n");

    let document = generate::event(kind).schema;
    let document = document.as_value();
    let mut rows = Vec::new();
    let (data, _) = without_null(&document["properties"]["data"], document);
    fields("", data, document, &mut rows);
    if rows.is_empty() {
        page.push_str("No data is documented.\n");
    } else {
        page.push_str("| field | type | meaning |\n|---|---|---|\n");
        for row in rows {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} |",
                row.field,
                row.kind,
                row.meaning.replace('|', "\\|")
            );
        }
    }
    let _ = writeln!(page, "\n```json\n{}\n```", kind.example().trim_end());
}

struct Row {
    field: String,
    kind: String,
    meaning: String,
}

/// A schema, or the one that it refers to.
fn resolve<'s>(schema: &'s Value, document: &'s Value) -> &'s Value {
    let reference = schema["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
    reference
        .and_then(|pointer| document.pointer(pointer))
        .unwrap_or(schema)
}

/// The schema without its null.
fn without_null<'s>(schema: &'s Value, document: &'s Value) -> (&'s Value, bool) {
    let is_null = |schema: &Value| schema["type"] == "null";
    match schema["anyOf"].as_array() {
        Some(any_of) if any_of.iter().any(is_null) => {
            let other = any_of.iter().find(|schema| !is_null(schema));
            (other.map_or(schema, |schema| resolve(schema, document)), true)
        }
        _ => (resolve(schema, document), false),
    }
}

/// A row for each property, and for the properties of what it holds.
fn fields(path: &str, schema: &Value, document: &Value, rows: &mut Vec<Row>) {
    let none = Map::new();
    for (key, property) in schema["properties"].as_object().unwrap_or(&none) {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        let (mut target, nullable) = without_null(property, document);
        let mut suffix = String::new();
        let mut kind = String::new();
        while target["type"] == "array" {
            kind.push_str("array of ");
            suffix.push_str("[]");
            target = resolve(&target["items"], document);
        }
        let values = target["additionalProperties"].is_object();
        kind.push_str(&kind_of(target));
        if nullable {
            kind.push_str(" or null");
        }
        let mut meaning = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        let of = if values {
            resolve(&target["additionalProperties"], document)
        } else {
            target
        };
        meaning.push_str(&known_values(of));
        rows.push(Row {
            field: format!("{path}{suffix}"),
            kind,
            meaning,
        });
        let below = if values {
            format!("{path}{suffix}.*")
        } else {
            format!("{path}{suffix}")
        };
        fields(&below, of, document, rows);
    }
}

/// A type in words.
fn kind_of(schema: &Value) -> String {
    let word = |kind: &str| match kind {
        "string" if schema["pattern"] == timestamp::PATTERN => "time",
        "string" => "text",
        "integer" => "whole number",
        "boolean" => "true or false",
        "number" => "number",
        "object" => "object",
        "array" => "array",
        _ => "null",
    };
    match &schema["type"] {
        Value::String(kind) => word(kind).to_owned(),
        Value::Array(kinds) => {
            let words: Vec<&str> = kinds.iter().filter_map(Value::as_str).map(word).collect();
            words.join(" or ")
        }
        _ => "any JSON".to_owned(),
    }
}

/// The known values of an open set, in a sentence.
fn known_values(schema: &Value) -> String {
    let Some(any_of) = schema["anyOf"].as_array() else {
        return String::new();
    };
    if !any_of.iter().any(|value| value["description"] == OTHER_VALUE) {
        return String::new();
    }
    let known = any_of.iter().filter_map(|value| {
        let meaning = value["description"].as_str().unwrap_or_default().trim_end_matches('.');
        Some(format!("`{}` ({})", value["const"].as_str()?, meaning))
    });
    format!(" Known values: {}.", known.collect::<Vec<_>>().join(", "))
}
