//! Reads the tables of a configuration into settings, and goes on where something is wrong.
//!
//! serde stops at the first error. So what it complains of is noted and taken out of the table, and it is asked again, until it is
//! content or has nothing left.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::{JsonSchema, SchemaGenerator};
use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Wrong;
use super::reference::References;
use super::tree::{each_value, item_named, remove};
use super::words::{found, in_words, in_words_of, unknown};

/// A table of the document.
#[derive(Clone)]
pub struct Table<'a> {
    /// Where it is named, which is where something that it lacks is reported.
    pub at: Range<usize>,
    /// What is in it.
    pub entries: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    /// Where the value of a key is, or the table itself when it has no such key.
    pub fn place(&self, key: &str) -> Range<usize> {
        self.entries.get(key).map_or(self.at.clone(), Spanned::span)
    }

    /// A table in this one.
    pub fn child(&self, key: &str) -> Option<Table<'a>> {
        let (name, value) = self.entries.get_key_value(key)?;
        let entries = value.get_ref().as_table()?;
        Some(Table {
            at: name.span(),
            entries,
        })
    }

    /// The items of an array, with their places.
    pub fn items(&self, key: &str) -> Vec<Range<usize>> {
        let array = self.entries.get(key).and_then(|value| value.get_ref().as_array());
        array
            .into_iter()
            .flat_map(|items| items.iter().map(Spanned::span))
            .collect()
    }
}

/// Reads a document and collects what is wrong with it.
pub struct Reader<'a> {
    document: &'a DeTable<'a>,
    references: &'a References,
    wrongs: Vec<Wrong>,
}

impl<'a> Reader<'a> {
    /// Reads a document in which the references have been replaced.
    pub fn new(document: &'a DeTable<'a>, references: &'a References, wrongs: Vec<Wrong>) -> Reader<'a> {
        Reader {
            document,
            references,
            wrongs,
        }
    }

    /// What is wrong.
    pub fn into_wrongs(self) -> Vec<Wrong> {
        self.wrongs
    }

    /// The whole document.
    pub fn root(&self) -> Table<'a> {
        Table {
            at: 0..0,
            entries: self.document,
        }
    }

    /// Notes that something is wrong.
    pub fn wrong(&mut self, at: Range<usize>, message: impl Into<String>) {
        self.wrongs.push(Wrong::new(at, message));
    }

    /// Whether a value is what stands in the file, so that it may be shown.
    pub fn is_literal(&self, at: &Range<usize>) -> bool {
        self.references.within(at).next().is_none()
    }

    /// Whether all of a value is known.
    pub fn is_known(&self, at: &Range<usize>) -> bool {
        self.references.within(at).all(|reference| reference.value.is_some())
    }

    /// A text as it may be shown: a reference as it stands in the file.
    pub fn shown<'s>(&self, at: &Range<usize>, text: &'s str) -> &'s str
    where
        'a: 's,
    {
        self.references.at(at.start).map_or(text, |reference| &reference.raw)
    }

    /// A table in a table, if it is one.
    pub fn child(&mut self, table: &Table<'a>, key: &str) -> Option<Table<'a>> {
        let value = table.entries.get(key)?;
        let child = table.child(key);
        if child.is_none() {
            self.wrong(
                value.span(),
                format!("expected a table, found {}", found(value.get_ref())),
            );
        }
        child
    }

    /// Reports the keys of a table that it cannot have.
    pub fn unknown_keys(&mut self, table: &Table<'a>, known: &[impl AsRef<str>], what: &str) {
        let is_unknown = |key: &str| !known.iter().any(|known| known.as_ref() == key);
        for (key, value) in table.entries.iter().filter(|(key, _)| is_unknown(key.get_ref())) {
            let what = if value.get_ref().is_table() { what } else { "field" };
            self.wrong(key.span(), unknown(what, key.get_ref(), known));
        }
    }

    /// Reads the tables in a table of names.
    pub fn named<T>(
        &mut self,
        root: &Table<'a>,
        key: &str,
        read: impl Fn(&mut Reader<'a>, &Table<'a>) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let mut all = BTreeMap::new();
        let Some(tables) = self.child(root, key) else {
            return all;
        };
        for name in tables.entries.keys() {
            if !is_name(name.get_ref()) {
                self.wrong(name.span(), "expected a name of 1 to 64 letters, digits, `_` and `-`");
            }
            let table = self.child(&tables, name.get_ref());
            if let Some(value) = table.and_then(|table| read(self, &table)) {
                all.insert(name.get_ref().to_string(), value);
            }
        }
        all
    }

    /// The `type` of a table, which decides what keys it has.
    pub fn kind(&mut self, table: &Table<'a>, known: &[&'static str]) -> Option<&'static str> {
        let Some(value) = table.entries.get("type") else {
            let names = known.join("`, `");
            self.wrong(
                table.at.clone(),
                format!("`type` is missing, expected one of `{names}`"),
            );
            return None;
        };
        let at = value.span();
        let Some(name) = value.get_ref().as_str() else {
            let message = format!("expected a text in quotes, found {}", found(value.get_ref()));
            self.wrong(at, message);
            return None;
        };
        let kind = known.iter().find(|known| **known == name);
        if kind.is_none() && self.is_known(&at) {
            let message = unknown("type", self.shown(&at, name), known);
            self.wrong(at, message);
        }
        kind.copied()
    }

    /// Reads a table that has these settings and nothing else.
    pub fn read<T: DeserializeOwned + JsonSchema>(&mut self, table: &Table<'a>) -> Option<T> {
        self.unknown_keys(table, &Fields::of::<T>().names, "field");
        self.read_fields(table)
    }

    /// Reads a table of a table; the defaults if there is none.
    pub fn read_or_default<T: DeserializeOwned + JsonSchema + Default>(
        &mut self,
        table: &Table<'a>,
        key: &str,
    ) -> Option<T> {
        if !table.entries.contains_key(key) {
            return Some(T::default());
        }
        let child = self.child(table, key)?;
        self.read(&child)
    }

    /// Reads a table that has these settings and nothing else, with a text for a key that may be absent.
    pub fn read_with<T: DeserializeOwned + JsonSchema>(
        &mut self,
        table: &Table<'a>,
        key: &'a str,
        text: &str,
    ) -> Option<T> {
        let fields = Fields::of::<T>();
        self.unknown_keys(table, &fields.names, "field");
        let mut entries = table.entries.clone();
        if !entries.contains_key(key) {
            let value = DeValue::String(text.to_owned().into());
            entries.insert(Spanned::new(0..0, key.into()), Spanned::new(0..0, value));
        }
        self.deserialize(&fields, table.at.clone(), entries)
    }

    /// Reads those keys of a table that are settings of this type.
    pub fn read_fields<T: DeserializeOwned + JsonSchema>(&mut self, table: &Table<'a>) -> Option<T> {
        self.deserialize(&Fields::of::<T>(), table.at.clone(), table.entries.clone())
    }

    fn deserialize<T: DeserializeOwned>(
        &mut self,
        fields: &Fields,
        at: Range<usize>,
        entries: DeTable<'a>,
    ) -> Option<T> {
        for key in fields.required.iter().filter(|key| !entries.contains_key(key.as_str())) {
            self.wrong(at.clone(), format!("`{key}` is missing"));
        }
        let is_field = |key: &str| fields.names.iter().any(|name| name == key);
        let entries = entries.into_iter().filter(|(key, _)| is_field(key.get_ref()));
        let mut entries: DeTable<'a> = entries.collect();
        loop {
            let error = match attempt(&at, &entries) {
                Ok(settings) => return Some(settings),
                Err(error) => error,
            };
            let mut place = error.place();
            if error.message.starts_with(WRONG_TEXT) && self.convert(&mut entries, &place) {
                continue;
            }
            // Either that has been reported above, or what was there and wrong.
            if place == at && error.message.starts_with("missing field") {
                return None;
            }
            if self.is_known(&place) {
                let message = self.message::<T>(&at, &entries, &error);
                if let Some(item) = item_named(&message, &entries, &place) {
                    place = item;
                }
                self.wrong(place.clone(), message);
            }
            if !remove(&mut entries, &place) {
                return None;
            }
        }
    }

    /// What is wrong in words that show the references in place of what they stand for.
    fn message<T: DeserializeOwned>(&self, at: &Range<usize>, entries: &DeTable<'a>, error: &Wrong) -> String {
        let place = error.place();
        if self.is_literal(&place) {
            return in_words(&error.message);
        }
        if let Some((_, expected)) = error.message.split_once(", expected ")
            && error.message.starts_with("invalid ")
        {
            return format!(
                "expected {}, which the value of the reference is not",
                in_words_of(expected)
            );
        }
        let mut entries = entries.clone();
        self.unfill(&mut entries, &place);
        match attempt::<T>(at, &entries) {
            Err(error) if error.place() == place => in_words(&error.message),
            _ => "the value of the reference cannot be used here".to_owned(),
        }
    }

    /// Puts the references back.
    fn unfill(&self, entries: &mut DeTable<'a>, place: &Range<usize>) {
        each_value(entries, &mut |value| {
            let span = value.span();
            if let Some(reference) = self.references.at(span.start)
                && place.contains(&span.start)
            {
                *value.get_mut() = DeValue::String(reference.raw.as_str().into());
            }
        });
    }

    /// Takes a text that is one reference for a number or a boolean; whether there is such a text at the place.
    fn convert(&self, entries: &mut DeTable<'a>, place: &Range<usize>) -> bool {
        let mut converted = false;
        each_value(entries, &mut |value| {
            if value.span() != *place || !value.get_ref().is_str() {
                return;
            }
            let reference = self.references.at(place.start).filter(|reference| reference.is_whole);
            let Some(text) = reference.and_then(|reference| reference.value.as_deref()) else {
                return;
            };
            if let Ok(parsed) = DeValue::parse(text.trim()) {
                let parsed = parsed.into_inner();
                if matches!(parsed, DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)) {
                    *value.get_mut() = parsed;
                    converted = true;
                }
            }
        });
        converted
    }
}

/// How serde says that it does not want a text.
const WRONG_TEXT: &str = "invalid type: string";

fn attempt<T: DeserializeOwned>(at: &Range<usize>, entries: &DeTable<'_>) -> Result<T, Wrong> {
    let value = Spanned::new(at.clone(), DeValue::Table(entries.clone()));
    T::deserialize(value.into_deserializer()).map_err(Wrong::from)
}

/// The keys of a type, as its schema has them.
struct Fields {
    names: Vec<String>,
    required: Vec<String>,
}

/// The keys of a type.
pub fn keys_of<T: JsonSchema>() -> Vec<String> {
    Fields::of::<T>().names
}

impl Fields {
    fn of<T: JsonSchema>() -> Fields {
        let schema = T::json_schema(&mut SchemaGenerator::default());
        let names = schema.get("properties").and_then(|properties| properties.as_object());
        let required = schema.get("required").and_then(|required| required.as_array());
        Fields {
            names: names.into_iter().flat_map(|names| names.keys().cloned()).collect(),
            required: required
                .into_iter()
                .flatten()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
        }
    }
}

/// Whether a source or a sink can have this name.
fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(is_allowed)
}
