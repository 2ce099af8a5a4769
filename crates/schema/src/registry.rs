//! The schemas, compiled for checking.

use std::sync::OnceLock;

use jsonschema::{PatternOptions, Validator};
use logferry_model::Kind;
use logferry_model::payload::OTHER_VALUE;
use schemars::Schema;
use serde_json::{Map, Value};

use crate::generate::{self, Named};

/// Every schema in two forms: as it is published, and strict.
pub struct Registry {
    /// In the order of the catalogue.
    events: Vec<Entry>,
    unknown_event: Entry,
    others: Vec<Entry>,
}

/// What a text is to be checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An event of the catalogue.
    Event(Kind),
    /// An event of another name.
    UnknownEvent,
    /// One of the other schemas, by its place.
    Other(usize),
}

struct Entry {
    schema: Box<dyn Fn() -> Schema + Send + Sync>,
    compiled: OnceLock<Option<Pair>>,
}

/// A schema in both forms.
pub(crate) struct Pair {
    /// As it is published: what is unknown passes.
    pub open: Validator,
    /// What is unknown does not pass.
    pub strict: Validator,
}

impl Registry {
    /// The schemas of the events, and others.
    pub fn new(others: Vec<Named>) -> Registry {
        Registry {
            events: Kind::ALL
                .iter()
                .map(|kind| Entry::new(|| generate::event(*kind).schema))
                .collect(),
            unknown_event: Entry::new(|| generate::unknown_event().schema),
            others: others
                .into_iter()
                .map(|named| Entry::new(move || named.schema.clone()))
                .collect(),
        }
    }

    /// The schema of a subject. `None` only if it could not be compiled, which a test rules out.
    pub(crate) fn get(&self, subject: Subject) -> Option<&Pair> {
        let entry = match subject {
            Subject::Event(kind) => self.events.get(kind as usize)?,
            Subject::UnknownEvent => &self.unknown_event,
            Subject::Other(index) => self.others.get(index)?,
        };
        entry.compiled.get_or_init(|| Pair::compile(&(entry.schema)())).as_ref()
    }
}

impl Entry {
    fn new(schema: impl Fn() -> Schema + Send + Sync + 'static) -> Entry {
        Entry {
            schema: Box::new(schema),
            compiled: OnceLock::new(),
        }
    }
}

impl Pair {
    fn compile(schema: &Schema) -> Option<Pair> {
        let open = schema.as_value().clone();
        let mut strict = open.clone();
        close(&mut strict);
        let compile = |schema| {
            let options = jsonschema::draft202012::options().with_pattern_options(PatternOptions::regex());
            options.build(schema).ok()
        };
        Some(Pair {
            open: compile(&open)?,
            strict: compile(&strict)?,
        })
    }
}

/// Makes a schema strict: objects have no further members, unless the schema says that they have, open sets no further values,
/// and what is absent is not null.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("type").is_some_and(|kind| kind == "object") && !members.contains_key("additionalProperties")
            {
                members.insert("additionalProperties".to_owned(), false.into());
                // Without properties validators say that there must be no members, but not which there are.
                members.entry("properties").or_insert_with(|| Value::Object(Map::new()));
            }
            if let Some(Value::Array(any_of)) = members.get_mut("anyOf") {
                any_of.retain(|value| value["description"] != OTHER_VALUE && value["description"] != generate::ABSENT);
            }
            for (key, value) in members {
                // An example is no schema.
                if key != "examples" {
                    close(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_compiles() {
        let registry = Registry::new(Vec::new());
        for kind in Kind::ALL {
            assert!(registry.get(Subject::Event(*kind)).is_some(), "{kind:?}");
        }
        assert!(registry.get(Subject::UnknownEvent).is_some());
    }

    /// Strict is the same as open for what is documented: for every fixture.
    #[test]
    fn every_example_is_valid_even_strictly() {
        let registry = Registry::new(Vec::new());
        for kind in Kind::ALL {
            let value: Value = serde_json::from_str(kind.example()).unwrap();
            let pair = registry.get(Subject::Event(*kind)).unwrap();
            assert!(pair.open.is_valid(&value), "{kind:?}");
            let errors: Vec<_> = pair.strict.iter_errors(&value).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{kind:?}");
        }
    }
}
