//! How a payload is read and written: the [`Value`] trait, the macros that declare payloads and open sets, and what
//! keeps the undocumented.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::value::RawValue;

use crate::json::{self, Json};
use crate::timestamp;

/// Something that can be written as JSON.
pub trait ToJson {
    /// Appends the value as compact JSON.
    fn write(&self, out: &mut Vec<u8>);
}

/// A JSON value of a known type.
pub trait Value<'a>: ToJson + Sized {
    /// Reads the value; `None` when it is of another type, which then keeps it as it came.
    fn read(raw: &'a RawValue) -> Option<Self>;
}

pub(crate) const DATA_KEY: &str = "\"data\":";

/// The `data` of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Data<'a, P> {
    /// The envelope has no `data`.
    Absent,
    /// An object, read into the event's payload type.
    Typed(P),
    /// No object: kept as it came.
    Other(Json<'a>),
}

impl<'a, P: Value<'a>> Data<'a, P> {
    /// Reads the envelope's `data`, where it has one.
    pub(crate) fn read(raw: Option<&'a RawValue>) -> Self {
        match raw {
            None => Data::Absent,
            Some(raw) => match P::read(raw) {
                Some(payload) => Data::Typed(payload),
                None => Data::Other(raw.into()),
            },
        }
    }

    /// Writes the member `data`, or nothing when the event has none.
    pub(crate) fn write_member(&self, envelope: &mut ObjectWriter<'_>) {
        match self {
            Data::Absent => {}
            Data::Typed(payload) => payload.write(envelope.literal_key(DATA_KEY)),
            Data::Other(json) => json.write(envelope.literal_key(DATA_KEY)),
        }
    }
}

/// What an object's type does not hold of it: unknown keys, and documented keys whose value is null or of an unexpected
/// type, in the order they came, token for token; and how documented keys were spelled where they have two spellings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rest<'a> {
    members: Vec<(Cow<'a, str>, Json<'a>)>,
    /// Documented keys that came in another spelling, with that spelling.
    spellings: Vec<(&'static str, &'static str)>,
}

impl<'a> Rest<'a> {
    /// The last value that was given for `key`.
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        let mut members = self.members.iter().rev();
        members.find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The members, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.members.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// How a documented key was spelled.
    pub fn spelling<'k>(&self, key: &'k str) -> &'k str {
        let mut spellings = self.spellings.iter();
        spellings
            .find(|(of, _)| *of == key)
            .map_or(key, |(_, spelling)| spelling)
    }

    pub(crate) fn remove_nulls(&mut self) {
        self.members.retain(|(_, value)| value.as_str() != "null");
    }

    pub(crate) fn write_members(&self, object: &mut ObjectWriter<'_>) {
        for (key, value) in &self.members {
            value.write(object.key(key));
        }
    }
}

/// The members of an object while its documented keys are taken out one by one.
pub(crate) struct ObjectReader<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    taken: Vec<&'static str>,
    spellings: Vec<(&'static str, &'static str)>,
}

impl<'a> ObjectReader<'a> {
    /// `None` when `raw` is no object.
    pub(crate) fn new(raw: &'a RawValue) -> Option<Self> {
        Some(ObjectReader {
            members: json::members(raw.get())?,
            taken: Vec::new(),
            spellings: Vec::new(),
        })
    }

    /// Takes the value of a key if it is of type `T`; the last one, where the key was given twice. `spellings` are those of the
    /// key, the usual one first.
    pub(crate) fn take<T: Value<'a>>(&mut self, spellings: &'static [&'static str]) -> Option<T> {
        let (spelling, raw) = spellings
            .iter()
            .find_map(|spelling| Some((*spelling, self.raw(spelling)?)))?;
        let value = T::read(raw)?;
        self.taken.push(spelling);
        if let Some(usual) = spellings.first()
            && *usual != spelling
        {
            self.spellings.push((usual, spelling));
        }
        Some(value)
    }

    /// Takes the raw value of `key`.
    pub(crate) fn take_raw(&mut self, key: &'static str) -> Option<&'a RawValue> {
        let raw = self.raw(key)?;
        self.taken.push(key);
        Some(raw)
    }

    fn raw(&self, key: &str) -> Option<&'a RawValue> {
        let mut members = self.members.iter().rev();
        members.find(|(name, _)| name == key).map(|(_, raw)| *raw)
    }

    /// What was not taken.
    pub(crate) fn rest(self) -> Rest<'a> {
        let taken = self.taken;
        let left = self.members.into_iter();
        let left = left.filter(|(key, _)| !taken.contains(&key.as_ref()));
        Rest {
            members: left.map(|(key, raw)| (key, raw.into())).collect(),
            spellings: self.spellings,
        }
    }
}

/// Writes the members of an object with the commas between them.
pub(crate) struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> ObjectWriter<'a> {
    pub(crate) fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        ObjectWriter { out, first: true }
    }

    /// Goes on with an object that has members already.
    pub(crate) fn resume(out: &'a mut Vec<u8>) -> Self {
        ObjectWriter { out, first: false }
    }

    /// Appends the key; the value goes into what this returns.
    pub(crate) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        self.comma();
        json::write_str(key, self.out);
        self.out.push(b':');
        self.out
    }

    /// Appends a documented key, in the spelling that it came in.
    pub(crate) fn documented_key(&mut self, key: &'static str, text: &'static str, rest: &Rest<'_>) -> &mut Vec<u8> {
        if rest.spellings.is_empty() {
            self.literal_key(text)
        } else {
            self.key(rest.spelling(key))
        }
    }

    /// Appends a key that is given as JSON text with its colon, `"table":`.
    pub(crate) fn literal_key(&mut self, key: &str) -> &mut Vec<u8> {
        self.comma();
        self.out.extend_from_slice(key.as_bytes());
        self.out
    }

    fn comma(&mut self) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
    }

    pub(crate) fn close(self) {
        self.out.push(b'}');
    }
}

impl<'a> Value<'a> for Cow<'a, str> {
    fn read(raw: &'a RawValue) -> Option<Self> {
        json::read_str(raw)
    }
}

impl ToJson for Cow<'_, str> {
    fn write(&self, out: &mut Vec<u8>) {
        json::write_str(self, out);
    }
}

impl<'a> Value<'a> for bool {
    fn read(raw: &'a RawValue) -> Option<Self> {
        raw.get().parse().ok()
    }
}

impl ToJson for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

/// An integer that is written with plain digits. One that came otherwise (`9.0`, `1e3`, beyond 64 bits) stays in
/// [`Rest`] with its digits: readers that cast it to an integer break on it.
impl<'a> Value<'a> for i64 {
    fn read(raw: &'a RawValue) -> Option<Self> {
        let value: i64 = raw.get().parse().ok()?;
        (raw.get() != "-0").then_some(value)
    }
}

impl ToJson for i64 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
    }
}

/// A number with the digits it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number<'a>(Cow<'a, str>);

impl Number<'_> {
    /// The number's digits, as JSON writes them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> Value<'a> for Number<'a> {
    fn read(raw: &'a RawValue) -> Option<Self> {
        let is_number = raw.get().starts_with(|c: char| c == '-' || c.is_ascii_digit());
        is_number.then(|| Number(Cow::Borrowed(raw.get())))
    }
}

impl ToJson for Number<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
}

impl JsonSchema for Number<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number"})
    }
}

/// A text that is documented to be a time. It is kept as it came, even if it is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time<'a>(pub Cow<'a, str>);

impl<'a> Value<'a> for Time<'a> {
    fn read(raw: &'a RawValue) -> Option<Self> {
        json::read_str(raw).map(Time)
    }
}

impl ToJson for Time<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        json::write_str(&self.0, out);
    }
}

impl JsonSchema for Time<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Some dialects let `$` stand before a last line end.
        json_schema!({"type": "string", "pattern": timestamp::PATTERN, "not": {"type": "string", "pattern": "\\n"}})
    }
}

/// An object with keys of any name and values of one type, in the order they came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Map<'a, T>(pub Vec<(Cow<'a, str>, T)>);

impl<'a, T: Value<'a>> Value<'a> for Map<'a, T> {
    fn read(raw: &'a RawValue) -> Option<Self> {
        let members = json::members(raw.get())?
            .into_iter()
            .map(|(key, raw)| Some((key, T::read(raw)?)));
        members.collect::<Option<_>>().map(Map)
    }
}

impl<T: ToJson> ToJson for Map<'_, T> {
    fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::open(out);
        for (key, value) in &self.0 {
            value.write(object.key(key));
        }
        object.close();
    }
}

impl<T: JsonSchema> JsonSchema for Map<'_, T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("MapOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<T>()})
    }
}

impl JsonSchema for Json<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Json".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::from(true)
    }
}

/// The text of doc comments, as descriptions have it: a paragraph a line.
pub(crate) fn description(docs: &[&str]) -> String {
    let paragraphs = docs.split(|line| line.trim().is_empty());
    let paragraphs = paragraphs.map(|lines| lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "));
    paragraphs
        .filter(|paragraph| !paragraph.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// A schema with this description before all it says; `docs` are the lines of a doc comment.
pub fn described(schema: Schema, docs: &[&str]) -> Schema {
    let description = description(docs);
    if description.is_empty() {
        return schema;
    }
    let mut described = json_schema!({"description": description});
    for (key, value) in schema.as_object().into_iter().flatten() {
        described.insert(key.clone(), value.clone());
    }
    described
}

/// Any value, token for token.
impl<'a> Value<'a> for Json<'a> {
    fn read(raw: &'a RawValue) -> Option<Self> {
        Some(raw.into())
    }
}

impl ToJson for Json<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_str().as_bytes());
    }
}

/// A value that is documented to be null at times.
impl<'a, T: Value<'a>> Value<'a> for Option<T> {
    fn read(raw: &'a RawValue) -> Option<Self> {
        match raw.get() {
            "null" => Some(None),
            _ => T::read(raw).map(Some),
        }
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            None => out.extend_from_slice(b"null"),
            Some(value) => value.write(out),
        }
    }
}

impl<'a, T: Value<'a>> Value<'a> for Vec<T> {
    fn read(raw: &'a RawValue) -> Option<Self> {
        let items: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
        items.into_iter().map(T::read).collect()
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (index, item) in self.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            item.write(out);
        }
        out.push(b']');
    }
}

/// Declares a JSON object: its documented members, each optional, and the [`Rest`].
///
/// Members are written in the order declared, then the rest. A key may have a second spelling, `"new" | "old"`. Two dots at the end
/// say that the documentation is known to be incomplete: then further members are no surprise to strict checks either.
macro_rules! object {
    (
        $(#[doc = $doc:literal])*
        pub struct $Name:ident<$a:lifetime> {
            $( $(#[doc = $member_doc:literal])* $key:literal $(| $spelling:literal)* => $member:ident: $Type:ty, )*
        }
    ) => {
        object! { @ false $(#[doc = $doc])* pub struct $Name<$a> {
            $( $(#[doc = $member_doc])* $key $(| $spelling)* => $member: $Type, )*
        } }
    };
    (
        $(#[doc = $doc:literal])*
        pub struct $Name:ident<$a:lifetime> {
            $( $(#[doc = $member_doc:literal])* $key:literal $(| $spelling:literal)* => $member:ident: $Type:ty, )*
            ..
        }
    ) => {
        object! { @ true $(#[doc = $doc])* pub struct $Name<$a> {
            $( $(#[doc = $member_doc])* $key $(| $spelling)* => $member: $Type, )*
        } }
    };
    (
        @ $has_more:literal
        $(#[doc = $doc:literal])*
        pub struct $Name:ident<$a:lifetime> {
            $( $(#[doc = $member_doc:literal])* $key:literal $(| $spelling:literal)* => $member:ident: $Type:ty, )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $Name<$a> {
            $( $(#[doc = $member_doc])* pub $member: Option<$Type>, )*
            /// Members beyond the documented ones, and documented ones of another type.
            pub rest: $crate::payload::Rest<$a>,
        }

        impl<$a> $Name<$a> {
            /// The documented keys, each with its spellings, the usual one first.
            pub const KEYS: &'static [&'static [&'static str]] = &[$( &[$key $(, $spelling)*] ),*];

            #[allow(unused_mut)]
            pub(crate) fn from_members(mut members: $crate::payload::ObjectReader<$a>) -> Self {
                $Name {
                    $( $member: members.take(&[$key $(, $spelling)*]), )*
                    rest: members.rest(),
                }
            }

            pub(crate) fn write_members(&self, object: &mut $crate::payload::ObjectWriter<'_>) {
                $(
                    if let Some(value) = &self.$member {
                        let out = object.documented_key($key, concat!("\"", $key, "\":"), &self.rest);
                        $crate::payload::ToJson::write(value, out);
                    }
                )*
                self.rest.write_members(object);
            }
        }

        impl<$a> $crate::payload::Value<$a> for $Name<$a> {
            fn read(raw: &$a serde_json::value::RawValue) -> Option<Self> {
                $crate::payload::ObjectReader::new(raw).map(Self::from_members)
            }
        }

        impl $crate::payload::ToJson for $Name<'_> {
            fn write(&self, out: &mut Vec<u8>) {
                let mut object = $crate::payload::ObjectWriter::open(out);
                self.write_members(&mut object);
                object.close();
            }
        }

        impl<$a> schemars::JsonSchema for $Name<$a> {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($Name).into()
            }

            #[allow(unused_variables, unused_mut)]
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut properties = Vec::new();
                $(
                    let docs = &[$( $member_doc ),*];
                    for spelling in [$key $(, $spelling)*] {
                        let schema = $crate::payload::described(generator.subschema_for::<$Type>(), docs);
                        properties.push((spelling, schema));
                    }
                )*
                $crate::payload::object_schema(&[$( $doc ),*], properties, $has_more)
            }
        }
    };
}

/// The schema of an object. Without `has_more` nothing is said of further members: they pass, and a strict check may refuse them.
pub(crate) fn object_schema(docs: &[&str], properties: Vec<(&str, Schema)>, has_more: bool) -> Schema {
    let mut schema = described(json_schema!({"type": "object"}), docs);
    if !properties.is_empty() {
        let properties = properties
            .into_iter()
            .map(|(key, schema)| (key.to_owned(), schema.into()));
        schema.insert(
            "properties".to_owned(),
            properties.collect::<serde_json::Map<_, _>>().into(),
        );
    }
    if has_more {
        schema.insert("additionalProperties".to_owned(), true.into());
    }
    schema
}

/// Declares a string with documented values; any other value is kept as `Other`.
macro_rules! open_set {
    (
        $(#[doc = $doc:literal])*
        pub enum $Name:ident {
            $( $(#[doc = $value_doc:literal])* $Variant:ident = $text:literal, )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $Name<'a> {
            $( $(#[doc = $value_doc])* $Variant, )*
            /// A value that is not documented.
            Other(std::borrow::Cow<'a, str>),
        }

        impl $Name<'_> {
            /// The documented values.
            pub const KNOWN: &'static [&'static str] = &[$( $text ),*];

            /// The value's text.
            pub fn as_str(&self) -> &str {
                match self {
                    $( $Name::$Variant => $text, )*
                    $Name::Other(value) => value,
                }
            }
        }

        impl<'a> From<std::borrow::Cow<'a, str>> for $Name<'a> {
            fn from(value: std::borrow::Cow<'a, str>) -> Self {
                match value.as_ref() {
                    $( $text => $Name::$Variant, )*
                    _ => $Name::Other(value),
                }
            }
        }

        impl<'a> $crate::payload::Value<'a> for $Name<'a> {
            fn read(raw: &'a serde_json::value::RawValue) -> Option<Self> {
                $crate::json::read_str(raw).map(Self::from)
            }
        }

        impl $crate::payload::ToJson for $Name<'_> {
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $( $Name::$Variant => out.extend_from_slice(concat!("\"", $text, "\"").as_bytes()), )*
                    $Name::Other(value) => $crate::json::write_str(value, out),
                }
            }
        }

        impl schemars::JsonSchema for $Name<'_> {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($Name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let values = [$( ($text, $crate::payload::description(&[$( $value_doc ),*])) ),*];
                $crate::payload::open_set_schema(&[$( $doc ),*], &values)
            }
        }
    };
}

/// The schema of a string with documented values: each of them, or any other.
pub(crate) fn open_set_schema(docs: &[&str], values: &[(&str, String)]) -> Schema {
    let known = values
        .iter()
        .map(|(value, description)| described(json_schema!({"const": value}), &[description]));
    let other = described(json_schema!({"type": "string"}), &[OTHER_VALUE]);
    let any_of: Vec<Schema> = known.chain([other]).collect();
    described(json_schema!({"type": "string", "anyOf": any_of}), docs)
}

/// How the schema of an open set describes the values that are not documented.
pub const OTHER_VALUE: &str = "A value that is not documented.";
