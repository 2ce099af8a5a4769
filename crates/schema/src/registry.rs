//! The schemas, compiled for checking.

use std::sync::OnceLock;

use jsonschema::{PatternOptions, Validator};
use logferry_model::Kind;
use logferry_model::payload::OTHER_VALUE;
use schemars::Schema;
use serde_json::{Map, Value};

use crate::generate::{self, Named};
use crate::plan::Plan;

/// Every schema in two forms: as it is published, and strict.
pub struct Registry {
    /// In the order of the catalogue.
    events: Vec<Entry>,
    unknown_event: Entry,
    others: Vec<(String, Entry)>,
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
    plan: OnceLock<Option<Plan>>,
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
                .map(|named| (named.name, Entry::new(move || named.schema.clone())))
                .collect(),
        }
    }

    /// Whether a text is surely valid, strictly. It must be known that it is of the subject: an event's name is not looked at.
    pub(crate) fn is_surely_valid(&self, subject: Subject, text: &str) -> bool {
        let Some(entry) = self.entry(subject) else {
            return false;
        };
        let plan = entry.plan.get_or_init(|| {
            let mut schema = (entry.schema)().as_value().clone();
            close(&mut schema);
            if let (Subject::Event(_), Some(name)) = (subject, schema.pointer_mut("/properties/event")) {
                *name = serde_json::json!({"type": "string"});
            }
            Plan::of(&schema)
        });
        plan.as_ref().is_some_and(|plan| plan.surely_fits(text))
    }

    /// The schema of a subject. `None` only if it could not be compiled, which a test rules out.
    pub(crate) fn get(&self, subject: Subject) -> Option<&Pair> {
        let entry = self.entry(subject)?;
        entry.compiled.get_or_init(|| Pair::compile(&(entry.schema)())).as_ref()
    }

    /// One of the other schemas, by its name.
    pub(crate) fn other(&self, name: &str) -> Subject {
        let place = self.others.iter().position(|(other, _)| other == name);
        // There is none behind the last.
        Subject::Other(place.unwrap_or(self.others.len()))
    }

    fn entry(&self, subject: Subject) -> Option<&Entry> {
        match subject {
            Subject::Event(kind) => self.events.get(kind as usize),
            Subject::UnknownEvent => Some(&self.unknown_event),
            Subject::Other(index) => self.others.get(index).map(|(_, entry)| entry),
        }
    }
}

impl Entry {
    fn new(schema: impl Fn() -> Schema + Send + Sync + 'static) -> Entry {
        Entry {
            schema: Box::new(schema),
            plan: OnceLock::new(),
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
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

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
            assert!(
                registry.is_surely_valid(Subject::Event(*kind), kind.example()),
                "{kind:?}"
            );
            let errors: Vec<_> = pair.strict.iter_errors(&value).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{kind:?}");
        }
    }

    /// All places of a value, by pointer.
    fn places(value: &Value, pointer: &str, found: &mut Vec<String>) {
        found.push(pointer.to_owned());
        let below: Vec<(String, &Value)> = match value {
            Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), value)).collect(),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(i, item)| (i.to_string(), item))
                .collect(),
            _ => Vec::new(),
        };
        for (key, value) in below {
            places(value, &format!("{pointer}/{key}"), found);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(4096)))]

        /// The quick look is right: what it takes for valid is.
        #[test]
        fn what_surely_fits_is_valid(
            kind in select(Kind::ALL.to_vec()),
            changes in prop::collection::vec(
                (
                    any::<Index>(),
                    select(vec![
                        "null", "true", "0", "-1", "7", "7.0", "1e2", "18446744073709551615", "1.5", "\"\"", "\"SUCCESS\"",
                        "\"2023-02-28T23:59:59.123Z\"", "\"2023-02-29T00:00:00Z\"", "\"2023-07-07T09:56:43Z\\n\"",
                        "\"9999-12-31T23:59:59-01:00\"", "[]", "{}", "[7]", "{\"x\":7}", "{\"table\":\"t\"}",
                    ]),
                    any::<bool>(),
                ),
                0..3,
            ),
        ) {
            let registry = registry();
            let mut event: Value = serde_json::from_str(kind.example()).unwrap();
            for (place, value, is_new) in changes {
                let mut found = Vec::new();
                places(&event, "", &mut found);
                let changed = event.pointer_mut(&found[place.index(found.len())]).unwrap();
                let value: Value = serde_json::from_str(value).unwrap();
                match changed {
                    Value::Object(members) if is_new => drop(members.insert("unheard_of".to_owned(), value)),
                    changed => *changed = value,
                }
            }
            let text = event.to_string();
            let subject = Subject::Event(kind);
            let is_valid = registry.get(subject).unwrap().strict.is_valid(&event);
            // The caller knows the event's name.
            let has_name = event["event"] == kind.name();
            if has_name && registry.is_surely_valid(subject, &text) {
                prop_assert!(is_valid, "{text}");
            } else if has_name && is_valid {
                // Only for these the validator is asked for nothing.
                prop_assert!(text.contains("7.0") || text.contains("100.0") || text.contains("9999-12-31"), "{text}");
            }
        }
    }

    fn registry() -> &'static Registry {
        static REGISTRY: OnceLock<Registry> = OnceLock::new();
        REGISTRY.get_or_init(|| Registry::new(Vec::new()))
    }
}
