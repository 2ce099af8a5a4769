//! A quick look at a text: whether it is surely valid.
//!
//! Most events are, and then nothing has to be said of them; so the text is compared with a plan while it is read, and no value is
//! built of it. A plan is made of a schema, as long as the schema says nothing that a plan does not know. A text that does not fit
//! may still be valid: the validator has the last word.

use std::fmt;

use logferry_model::{Timestamp, timestamp};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// What may stand at a place of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Anything.
    Anything,
    /// Something of these types.
    OneOf(Box<Types>),
}

/// What may stand at a place of a text, by type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Types {
    null: bool,
    boolean: bool,
    number: Option<Number>,
    text: Option<Text>,
    array: Option<Plan>,
    object: Option<Object>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Number {
    whole: bool,
    at_least: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
enum Text {
    Any,
    Time,
    OneOf(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
struct Object {
    /// In the order of their names.
    members: Vec<(String, Plan)>,
    /// The places in `members` of those that must be there; no more than 64 can.
    required: u64,
    /// What other members may be; `None` if there may be none.
    others: Option<Plan>,
}

impl Plan {
    /// The plan of a schema; `None` if the schema says something that plans do not know.
    pub fn of(schema: &Value) -> Option<Plan> {
        Plan::below(schema, schema)
    }

    fn below(schema: &Value, document: &Value) -> Option<Plan> {
        let members = match schema {
            Value::Bool(true) => return Some(Plan::Anything),
            Value::Object(members) => members,
            _ => return None,
        };
        if let Some(reference) = members.get("$ref") {
            let target = document.pointer(reference.as_str()?.strip_prefix('#')?)?;
            let only_words = members
                .keys()
                .all(|key| ["$ref", "description"].contains(&key.as_str()));
            return if only_words {
                Plan::below(target, document)
            } else {
                None
            };
        }
        let known = [
            "$schema",
            "$id",
            "$defs",
            "title",
            "description",
            "examples",
            "default",
            "type",
            "pattern",
            "not",
            "const",
            "minimum",
            "items",
            "properties",
            "required",
            "additionalProperties",
            "anyOf",
        ];
        if !members.keys().all(|key| known.contains(&key.as_str())) {
            return None;
        }
        if let Some(any_of) = members.get("anyOf") {
            // Beside the choice may stand what each choice says anyway.
            let beside = ["pattern", "not", "const", "minimum", "items", "properties", "required"];
            if beside.iter().any(|key| members.contains_key(*key)) {
                return None;
            }
            let mut types = Types::default();
            for choice in any_of.as_array()? {
                match Plan::below(choice, document)? {
                    Plan::Anything => return Some(Plan::Anything),
                    Plan::OneOf(choice) => types.add(*choice)?,
                }
            }
            return Some(Plan::OneOf(Box::new(types)));
        }
        if let Some(value) = members.get("const") {
            let text = Text::OneOf(vec![value.as_str()?.to_owned()]);
            return Some(Plan::OneOf(Box::new(Types {
                text: Some(text),
                ..Types::default()
            })));
        }
        let kinds: Vec<&str> = match members.get("type") {
            None if members.keys().all(|key| key == "description") => return Some(Plan::Anything),
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().map(Value::as_str).collect::<Option<_>>()?,
            _ => return None,
        };
        let mut types = Types::default();
        for kind in kinds {
            match kind {
                "null" => types.null = true,
                "boolean" => types.boolean = true,
                "number" | "integer" => {
                    let at_least = match members.get("minimum") {
                        None => None,
                        Some(limit) => Some(limit.as_i64()?),
                    };
                    types.number = Some(Number {
                        whole: kind == "integer",
                        at_least,
                    });
                }
                "string" => {
                    types.text = Some(match (members.get("pattern"), members.get("not")) {
                        (None, None) => Text::Any,
                        // What a time must not be, it is not.
                        (Some(pattern), _) if pattern == timestamp::PATTERN => Text::Time,
                        _ => return None,
                    });
                }
                "array" => {
                    types.array = Some(match members.get("items") {
                        None => Plan::Anything,
                        Some(items) => Plan::below(items, document)?,
                    });
                }
                "object" => types.object = Some(Object::of(members, document)?),
                _ => return None,
            }
        }
        Some(Plan::OneOf(Box::new(types)))
    }

    /// Whether a well-formed text surely fits.
    pub fn surely_fits(&self, text: &str) -> bool {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        deserializer.disable_recursion_limit();
        self.deserialize(&mut deserializer).is_ok()
    }
}

impl Types {
    /// Adds a choice, unless another says something else of the same type.
    fn add(&mut self, choice: Types) -> Option<()> {
        fn only_one<T>(mine: &mut Option<T>, other: Option<T>) -> Option<()> {
            match (mine.is_some(), other) {
                (_, None) => Some(()),
                (true, Some(_)) => None,
                (false, other) => {
                    *mine = other;
                    Some(())
                }
            }
        }
        self.null |= choice.null;
        self.boolean |= choice.boolean;
        match (&mut self.text, choice.text) {
            (Some(Text::OneOf(mine)), Some(Text::OneOf(others))) => mine.extend(others),
            (mine, other) => only_one(mine, other)?,
        }
        only_one(&mut self.number, choice.number)?;
        only_one(&mut self.array, choice.array)?;
        only_one(&mut self.object, choice.object)
    }
}

impl Object {
    fn of(schema: &serde_json::Map<String, Value>, document: &Value) -> Option<Object> {
        let mut members = Vec::new();
        if let Some(properties) = schema.get("properties") {
            for (key, property) in properties.as_object()? {
                members.push((key.clone(), Plan::below(property, document)?));
            }
        }
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut required = 0;
        if let Some(names) = schema.get("required") {
            for name in names.as_array()? {
                let place = members.iter().position(|(key, _)| name == key.as_str())?;
                required |= 1_u64.checked_shl(u32::try_from(place).ok()?)?;
            }
        }
        let others = match schema.get("additionalProperties") {
            None => Some(Plan::Anything),
            Some(Value::Bool(false)) => None,
            Some(each) => Some(Plan::below(each, document)?),
        };
        Some(Object {
            members,
            required,
            others,
        })
    }
}

/// What is said when a text does not fit. Nobody reads it.
fn unfit<E: Error>() -> E {
    E::custom("does not fit")
}

impl<'de> DeserializeSeed<'de> for &Plan {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self {
            // Whether it can be read is still of interest: the validator must read it.
            Plan::Anything => deserializer.deserialize_any(IgnoredAny).map(|_| ()),
            Plan::OneOf(types) => deserializer.deserialize_any(&**types),
        }
    }
}

impl<'de> Visitor<'de> for &Types {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what fits")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.null { Ok(()) } else { Err(unfit()) }
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        if self.boolean { Ok(()) } else { Err(unfit()) }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        match self.number {
            Some(number) if number.at_least.is_none_or(|limit| value >= limit) => Ok(()),
            _ => Err(unfit()),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        // Whether it is whole, or large enough, is for the validator to say.
        match self.number {
            Some(Number {
                whole: false,
                at_least: None,
            }) => Ok(()),
            _ => Err(unfit()),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let fits = match &self.text {
            None => false,
            Some(Text::Any) => true,
            // A year that its offset moves out of range fits the pattern: the validator has the last word.
            Some(Text::Time) => Timestamp::parse(text).is_ok(),
            Some(Text::OneOf(known)) => known.iter().any(|known| known == text),
        };
        if fits { Ok(()) } else { Err(unfit()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let plan = self.array.as_ref().ok_or_else(unfit)?;
        while items.next_element_seed(plan)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let object = self.object.as_ref().ok_or_else(unfit)?;
        let mut given = 0;
        while let Some(place) = members.next_key_seed(Place(object))? {
            let plan = match place {
                Some(place) => {
                    given |= 1_u64.checked_shl(place as u32).unwrap_or(0);
                    object.members.get(place).map(|(_, plan)| plan)
                }
                None => object.others.as_ref(),
            };
            members.next_value_seed(plan.ok_or_else(unfit)?)?;
        }
        if given & object.required == object.required {
            Ok(())
        } else {
            Err(unfit())
        }
    }
}

/// Finds the place of a key among the members of an object.
struct Place<'p>(&'p Object);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Place<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let place = self.0.members.binary_search_by(|(name, _)| name.as_str().cmp(key));
        Ok(place.ok())
    }
}
