//! The schemas: self-contained, JSON Schema 2020-12, and readable by validators that take their rules seriously (no `format`,
//! no unknown keywords, and patterns that mean the same in every dialect).

use logferry_model::payload::described;
use logferry_model::{EnvelopeTail, Kind, Time};
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

/// How the `$id` of every schema here begins.
pub const ID_PREFIX: &str = "urn:logferry:schema:";

/// The name of the schema that all events meet.
pub const ANY_EVENT: &str = "event";

/// A schema with the name of its file.
#[derive(Debug, Clone)]
pub struct Named {
    /// The name, `sync_end`.
    pub name: String,
    /// The schema.
    pub schema: Schema,
}

/// A file of the published set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name in the folder, `sync_end.json`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The settings of every generator here.
pub fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .with_transform(RecursiveTransform(|schema: &mut Schema| {
            // Formats such as `int64` are schemars' own: validators refuse or ignore them.
            schema.remove("format");
        }))
        .into_generator()
}

/// Makes a schema a document of its own.
pub fn document(name: &str, mut schema: Schema, mut generator: SchemaGenerator) -> Named {
    let mut document = Schema::default();
    let about = [
        ("$schema", "https://json-schema.org/draft/2020-12/schema".to_owned()),
        ("$id", format!("{ID_PREFIX}{name}")),
        ("title", name.to_owned()),
    ];
    for (key, text) in about {
        document.insert(key.to_owned(), text.into());
    }
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    for (key, value) in schema.as_object().into_iter().flatten() {
        document.insert(key.clone(), value.clone());
    }
    let definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        document.insert("$defs".to_owned(), Value::Object(definitions));
    }
    Named {
        name: name.to_owned(),
        schema: document,
    }
}

/// Whether a text is a document of this name that was made here, now or by an earlier release.
pub fn is_document(name: &str, text: &str) -> bool {
    let id = serde_json::from_str::<Value>(text).ok();
    id.is_some_and(|document| document["$id"] == format!("{ID_PREFIX}{name}"))
}

/// The schema of one event.
pub fn event(kind: Kind) -> Named {
    let mut generator = generator();
    let data = kind.data_schema(&mut generator);
    let mut schema = json_schema!({
        "description": kind.description(),
        "type": "object",
        "required": ["event", "created"],
        "properties": envelope(name_of(kind), data, &mut generator),
    });
    if let Ok(example) = serde_json::from_str::<Value>(kind.example()) {
        schema.insert("examples".to_owned(), Value::Array(vec![example]));
    }
    document(kind.name(), schema, generator)
}

/// The schema of all events: what an event's name asks of its data. An event of another name may have any data.
pub fn any_event() -> Named {
    let mut generator = generator();
    let by_name: Vec<Schema> = Kind::ALL
        .iter()
        .map(|kind| {
            let data = kind.data_schema(&mut generator);
            json_schema!({
                "if": {"properties": {"event": name_of(*kind)}, "required": ["event"]},
                "then": {"properties": {"data": or_absent(data)}},
            })
        })
        .collect();
    let mut schema = any_name(&mut generator);
    schema.insert("allOf".to_owned(), by_name.into());
    document(ANY_EVENT, schema, generator)
}

/// The schema of an event that is not in the catalogue: an envelope around any data. It is not published, because
/// [`any_event`] says as much.
pub fn unknown_event() -> Named {
    let mut generator = generator();
    let schema = any_name(&mut generator);
    document("unknown_event", schema, generator)
}

fn any_name(generator: &mut SchemaGenerator) -> Schema {
    let name = json_schema!({
        "description": "The event's name. Names are the same in upper and in lower case.",
        "type": "string",
    });
    json_schema!({
        "description": "A Fivetran log event, of any name.",
        "type": "object",
        "required": ["event", "created"],
        "properties": envelope(name, Schema::from(true), generator),
    })
}

/// The properties of the envelope.
fn envelope(name: Schema, data: Schema, generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert("event".to_owned(), name.into());
    properties.insert("data".to_owned(), or_absent(data).into());
    let created = described(Time::json_schema(generator), &["When the event was created, in UTC."]);
    properties.insert("created".to_owned(), created.into());
    if let Some(tail) = EnvelopeTail::json_schema(generator)
        .get("properties")
        .and_then(Value::as_object)
    {
        for (key, schema) in tail.clone() {
            properties.insert(key, or_absent(Schema::try_from(schema).unwrap_or_default()).into());
        }
    }
    for (key, description) in [
        (
            "destination_group_id",
            "Id of the destination's group; in webhooks only.",
        ),
        (
            "group_id",
            "Id of the destination's group, by its older name; in webhooks only.",
        ),
        (
            "transformation_id",
            "Id of the transformation; from rows of the LOG table only.",
        ),
    ] {
        let schema = described(json_schema!({"type": "string"}), &[description]);
        properties.insert(key.to_owned(), or_absent(schema).into());
    }
    properties
}

/// How the schema of a key at the top describes its null.
pub(crate) const ABSENT: &str = "As good as absent. logferry leaves it out.";

/// At the top of an event null says nothing.
fn or_absent(mut schema: Schema) -> Schema {
    let description = schema.remove("description");
    let mut schema = json_schema!({"anyOf": [schema, {"description": ABSENT, "type": "null"}]});
    if let Some(description) = description {
        schema.insert("description".to_owned(), description);
    }
    schema
}

/// An event's name in upper and lower case.
fn name_of(kind: Kind) -> Schema {
    let pattern: String = kind.name().chars().map(either_case).collect();
    json_schema!({
        "description": format!("`{}`, in upper or lower case.", kind.name()),
        "type": "string",
        "pattern": format!("^{pattern}$"),
        // Some dialects let `$` stand before a last line end.
        "maxLength": kind.name().len(),
    })
}

fn either_case(c: char) -> String {
    match c {
        'a'..='z' => format!("[{}{c}]", c.to_ascii_uppercase()),
        _ => c.to_string(),
    }
}

/// All files of the published set: the schemas of the events, of any event, `others`, and an index.
pub fn files(others: Vec<Named>) -> Vec<File> {
    let events = Kind::ALL.iter().map(|kind| event(*kind));
    let mut files: Vec<File> = events
        .chain([any_event()])
        .chain(others.iter().cloned())
        .map(|named| File {
            name: format!("{}.json", named.name),
            text: text(named.schema.as_value()),
        })
        .collect();
    files.push(File {
        name: "index.json".to_owned(),
        text: text(&index(&others)),
    });
    files
}

fn index(others: &[Named]) -> Value {
    let events: Map<String, Value> = Kind::ALL
        .iter()
        .map(|kind| {
            let about = serde_json::json!({
                "file": format!("{}.json", kind.name()),
                "group": kind.group().title(),
                "severity": kind.usual_severity().as_str(),
                "description": kind.description(),
            });
            (kind.name().to_owned(), about)
        })
        .collect();
    let others: Map<String, Value> = others
        .iter()
        .map(|named| (named.name.clone(), format!("{}.json", named.name).into()))
        .collect();
    serde_json::json!({
        "any_event": format!("{ANY_EVENT}.json"),
        "events": events,
        "others": others,
    })
}

/// JSON for people, with a line end.
fn text(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
