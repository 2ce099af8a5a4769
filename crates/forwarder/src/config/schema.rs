//! The schema of a configuration, made from the types that are read.

#![allow(clippy::disallowed_types, reason = "A schema is a JSON value.")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use logferry_sinks::dead_letter;
use logferry_sinks::select::Selection;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::sink::{Common, SinkKind};
use super::{FileSource, Kondado, State, Stdin, Telemetry, TopLevel};

/// logferry's configuration file, which is TOML.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "It describes; the values are read by span.")]
struct Configuration {
    /// Where records come from: any number of sources, each with a name of letters, digits, `_` and `-`.
    #[schemars(default, extend("propertyNames" = {"pattern": NAME}))]
    sources: BTreeMap<String, Source>,
    /// How records become events.
    #[schemars(default)]
    mapper: logferry_mapper::Settings,
    /// Where events go: any number of sinks, each with a name of letters, digits, `_` and `-`.
    #[schemars(default, extend("propertyNames" = {"pattern": NAME}))]
    sinks: BTreeMap<String, Sink>,
    /// Where positions are kept. Needed unless only standard input is read.
    #[schemars(with = "State", default)]
    state: Option<State>,
    /// What can be neither mapped nor delivered.
    #[schemars(with = "DeadLetter", default)]
    dead_letter: Option<DeadLetter>,
    /// What the program tells about itself.
    #[schemars(with = "Telemetry", default)]
    telemetry: Option<Telemetry>,
}

const NAME: &str = "^[A-Za-z0-9_-]{1,64}$";

/// The schema of a configuration.
pub fn schema(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = Configuration::json_schema(generator);
    let top_level = TopLevel::json_schema(generator);
    if let Some(properties) = members_mut(&mut schema, "properties") {
        properties.extend(members(&top_level, "properties"));
    }
    References.transform(&mut schema);
    for definition in generator.definitions_mut().values_mut() {
        if let Ok(definition) = definition.try_into() {
            References.transform(definition);
        }
    }
    schema
}

fn members(schema: &Schema, key: &str) -> Map<String, Value> {
    schema.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn members_mut<'s>(schema: &'s mut Schema, key: &str) -> Option<&'s mut Map<String, Value>> {
    schema.get_mut(key).and_then(Value::as_object_mut)
}

/// One of the tables that a `type` decides between.
fn variant(kind: &str, parts: &[Schema]) -> Schema {
    let mut properties = Map::new();
    properties.insert("type".to_owned(), json!({"const": kind}));
    let mut required = vec![json!("type")];
    for part in parts {
        properties.extend(members(part, "properties"));
        required.extend(
            part.get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .cloned(),
        );
    }
    let mut schema = json_schema!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    });
    if let Some(description) = parts.first().and_then(|part| part.get("description")) {
        schema.insert("description".to_owned(), description.clone());
    }
    schema
}

struct Source;

impl JsonSchema for Source {
    fn schema_name() -> Cow<'static, str> {
        "Source".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let variants = [
            variant("kondado", &[Kondado::json_schema(generator)]),
            variant("stdin", &[Stdin::json_schema(generator)]),
            variant("file", &[FileSource::json_schema(generator)]),
        ];
        json_schema!({"oneOf": variants})
    }
}

struct Sink;

impl JsonSchema for Sink {
    fn schema_name() -> Cow<'static, str> {
        "Sink".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let common = [Selection::json_schema(generator), Common::json_schema(generator)];
        let variants = SinkKind::schemas(generator).into_iter().map(|(kind, own, is_service)| {
            let [select, mut common] = common.clone();
            if !is_service && let Some(request) = common.pointer_mut("/properties/request/properties") {
                // Only a service is asked.
                request.as_object_mut().map(|keys| keys.remove("timeout_secs"));
            }
            variant(kind, &[own, select, common])
        });
        let variants: Vec<Schema> = variants.collect();
        json_schema!({"oneOf": variants})
    }
}

struct DeadLetter;

impl JsonSchema for DeadLetter {
    fn schema_name() -> Cow<'static, str> {
        "DeadLetter".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = dead_letter::Config::json_schema(generator);
        schema.remove("required");
        if let Some(path) = schema.pointer_mut("/properties/path/description")
            && let Some(words) = path.as_str()
        {
            *path = json!(format!(
                "{words} Without it, `dead-letter.ndjson` in the folder of the state; needed where there is no such folder."
            ));
        }
        schema
    }
}

/// What is no text may be a reference; and TOML has no null.
struct References;

impl Transform for References {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|name| name != "null");
            if let [one] = &types[..] {
                let one = one.clone();
                schema.insert("type".to_owned(), one);
            }
        }
        if let Some(Value::Array(branches)) = schema.get_mut("anyOf") {
            branches.retain(|branch| branch["type"] != "null");
            if branches.iter().any(is_no_text) {
                branches.push(reference());
            } else if let [Value::Object(one)] = &branches[..] {
                let one = one.clone();
                schema.remove("anyOf");
                schema.ensure_object().extend(one);
            }
        } else if is_no_text(schema.as_value()) {
            let mut alone = schema.clone();
            let object = schema.ensure_object();
            object.clear();
            for word in ["description", "default"] {
                if let Some(value) = alone.remove(word) {
                    object.insert(word.to_owned(), value);
                }
            }
            object.insert("anyOf".to_owned(), json!([alone, reference()]));
        } else {
            transform_subschemas(self, schema);
        }
    }
}

/// Whether a reference, which is a text, would not pass.
fn is_no_text(schema: &Value) -> bool {
    let is_const = |branch: &Value| branch.get("const").is_some();
    let consts = schema.get("oneOf").and_then(Value::as_array);
    ["integer", "number", "boolean"]
        .iter()
        .any(|name| schema["type"] == *name)
        || schema.get("enum").is_some()
        || consts.is_some_and(|branches| branches.iter().all(is_const))
}

fn reference() -> Value {
    json!({"type": "string", "pattern": r"^\$\{[^}]*\}$"})
}
