//! How a payload is read and written: the [`Value`] trait, the macros that declare payloads and open sets, and what
//! keeps the undocumented.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::{self, Json, Members};

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

/// The members of an object that its type does not hold: unknown keys, and documented keys whose value is null or of
/// an unexpected type. In the order they came, token for token.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rest<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Rest<'a> {
    /// The last value that was given for `key`.
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.0
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// The members, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }

    pub(crate) fn remove_nulls(&mut self) {
        self.0.retain(|(_, value)| value.as_str() != "null");
    }

    pub(crate) fn write_members(&self, object: &mut ObjectWriter<'_>) {
        for (key, value) in &self.0 {
            value.write(object.key(key));
        }
    }
}

/// The members of an object while its documented keys are taken out one by one.
pub(crate) struct ObjectReader<'a> {
    members: Members<'a>,
    taken: Vec<&'static str>,
}

impl<'a> ObjectReader<'a> {
    /// `None` when `raw` is no object.
    pub(crate) fn new(raw: &'a RawValue) -> Option<Self> {
        Some(ObjectReader {
            members: serde_json::from_str(raw.get()).ok()?,
            taken: Vec::new(),
        })
    }

    /// Takes the value of `key` if it is of type `T`; the last one, where a key was given twice.
    pub(crate) fn take<T: Value<'a>>(&mut self, key: &'static str) -> Option<T> {
        let value = T::read(self.raw(key)?)?;
        self.taken.push(key);
        Some(value)
    }

    /// Takes the raw value of `key`.
    pub(crate) fn take_raw(&mut self, key: &'static str) -> Option<&'a RawValue> {
        let raw = self.raw(key)?;
        self.taken.push(key);
        Some(raw)
    }

    fn raw(&self, key: &str) -> Option<&'a RawValue> {
        self.members
            .0
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, raw)| *raw)
    }

    /// What was not taken.
    pub(crate) fn rest(self) -> Rest<'a> {
        let taken = self.taken;
        let left = self
            .members
            .0
            .into_iter()
            .filter(|(key, _)| !taken.contains(&key.as_ref()));
        Rest(left.map(|(key, raw)| (key, raw.into())).collect())
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
/// Members are written in the order declared, then the rest.
macro_rules! object {
    (
        $(#[$meta:meta])*
        pub struct $Name:ident<$a:lifetime> {
            $( $(#[$member_meta:meta])* $key:literal => $member:ident: $Type:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $Name<$a> {
            $( $(#[$member_meta])* pub $member: Option<$Type>, )*
            /// Members beyond the documented ones, and documented ones of another type.
            pub rest: $crate::payload::Rest<$a>,
        }

        impl<$a> $Name<$a> {
            #[allow(unused_mut)]
            pub(crate) fn from_members(mut members: $crate::payload::ObjectReader<$a>) -> Self {
                $Name {
                    $( $member: members.take($key), )*
                    rest: members.rest(),
                }
            }

            pub(crate) fn write_members(&self, object: &mut $crate::payload::ObjectWriter<'_>) {
                $(
                    if let Some(value) = &self.$member {
                        $crate::payload::ToJson::write(value, object.literal_key(concat!("\"", $key, "\":")));
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
    };
}

/// Declares a string with documented values; any other value is kept as `Other`.
macro_rules! open_set {
    (
        $(#[$meta:meta])*
        pub enum $Name:ident {
            $( $(#[$value_meta:meta])* $Variant:ident = $text:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $Name<'a> {
            $( $(#[$value_meta])* $Variant, )*
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
    };
}
