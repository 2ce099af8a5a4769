//! What can be set about the mapping: the `[mapper]` table of the configuration.

use std::borrow::Cow;
use std::collections::BTreeMap;

use logferry_model::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::naming::without_nul;

/// The `[mapper]` table.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Which of the mapped events to send; all by default.
    pub events: Selection,
    /// `connector_type` of every pipeline that has none of its own.
    #[serde(deserialize_with = "text_without_nul")]
    #[schemars(length(min = 1))]
    pub connector_type: String,
    /// Settings of single pipelines, by pipeline id.
    #[serde(deserialize_with = "by_pipeline_id")]
    #[schemars(with = "BTreeMap<String, PipelineSettings>")]
    pub pipelines: BTreeMap<u64, PipelineSettings>,
}

/// A `[mapper.pipelines.<id>]` table: names to use instead of those that follow from the pipeline's name.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineSettings {
    /// Service id of the source, which Kondado's logs do not tell.
    #[serde(deserialize_with = "some_text_without_nul", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub connector_type: Option<String>,
    /// Name of the connection; must be unique in a destination.
    #[serde(deserialize_with = "some_text_without_nul", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub connection_name: Option<String>,
    /// Destination schema.
    #[serde(deserialize_with = "some_text_without_nul", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub schema: Option<String>,
    /// Destination table.
    #[serde(deserialize_with = "some_text_without_nul", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub table: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            events: Selection::ALL,
            connector_type: "kondado".to_owned(),
            pipelines: BTreeMap::new(),
        }
    }
}

/// An id has one spelling, so that no two tables can be for the same pipeline.
fn by_pipeline_id<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<u64, PipelineSettings>, D::Error> {
    let tables = BTreeMap::<String, PipelineSettings>::deserialize(deserializer)?;
    let ids = tables.into_iter().map(|(key, table)| match key.parse::<u64>() {
        Ok(id) if id.to_string() == key => Ok((id, table)),
        _ => Err(serde::de::Error::custom(format_args!(
            "`{key}` is no pipeline id, expected a number such as 702"
        ))),
    });
    ids.collect()
}

fn text_without_nul<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = without_nul(&String::deserialize(deserializer)?).into_owned();
    match text.is_empty() {
        true => Err(serde::de::Error::custom("expected a name, found an empty text")),
        false => Ok(text),
    }
}

fn some_text_without_nul<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    text_without_nul(deserializer).map(Some)
}

/// Which of the mapped events to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Selection(u128);

/// A name that is not among the mapped events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown event `{name}`, expected one of `{}`", Selection::names().collect::<Vec<_>>().join("`, `"))]
pub struct UnknownEvent {
    /// The name as it was given.
    pub name: String,
}

/// The events of both mappings, in the order they are written.
const MAPPED: [Kind; 10] = [
    Kind::SyncStart,
    Kind::WriteToTableStart,
    Kind::WriteToTableEnd,
    Kind::RecordsModified,
    Kind::ExtractSummary,
    Kind::UpdateState,
    Kind::Info,
    Kind::SyncEnd,
    Kind::TransformationStart,
    Kind::TransformationSucceeded,
];

impl Selection {
    /// Every event.
    pub const ALL: Selection = Selection(u128::MAX);

    /// The events of these names.
    ///
    /// # Errors
    ///
    /// [`UnknownEvent`] when a name is not among those of [`Selection::names`].
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Selection, UnknownEvent> {
        let mut selection = Selection(0);
        for name in names {
            let kind = MAPPED.into_iter().find(|kind| kind.name() == name);
            let kind = kind.ok_or_else(|| UnknownEvent { name: name.to_owned() })?;
            selection.0 |= bit(kind);
        }
        Ok(selection)
    }

    /// The names that can be selected.
    pub fn names() -> impl Iterator<Item = &'static str> {
        MAPPED.into_iter().map(Kind::name)
    }

    /// Whether an event is selected.
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & bit(kind) != 0
    }
}

/// The catalogue has fewer kinds than this has bits.
fn bit(kind: Kind) -> u128 {
    1 << kind as u32
}

impl JsonSchema for Selection {
    fn schema_name() -> Cow<'static, str> {
        "Selection".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = Selection::names().collect();
        json_schema!({"type": "array", "minItems": 1, "items": {"enum": names}})
    }
}

impl TryFrom<Vec<String>> for Selection {
    type Error = UnknownEvent;

    fn try_from(names: Vec<String>) -> Result<Self, Self::Error> {
        if names.is_empty() {
            return Err(UnknownEvent { name: String::new() });
        }
        Selection::of(names.iter().map(String::as_str))
    }
}
