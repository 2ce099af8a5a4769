//! Which events a sink is to get.

use logferry_model::{Kind, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// Which events a sink is to get: the keys `events` and `min_severity`. What it leaves out counts as deselected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// Names of the events to send; all of them without it.
    #[serde(deserialize_with = "names", skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// The least severity to send: `INFO`, `WARNING` or `SEVERE`. Every event of a Kondado record is one of `INFO`; others are those of Fivetran's own.
    #[serde(deserialize_with = "severity", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<SeverityName>")]
    pub min_severity: Option<Severity>,
}

impl Selection {
    /// Whether an event goes to the sink.
    pub fn allows(&self, name: &str, severity: Severity) -> bool {
        self.min_severity.is_none_or(|least| severity >= least)
            && self
                .events
                .as_ref()
                .is_none_or(|names| names.iter().any(|selected| selected.eq_ignore_ascii_case(name)))
    }
}

/// No event has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown event `{0}`")]
pub struct UnknownEvent(pub String);

/// Checks the name of an event, in whatever case.
///
/// # Errors
///
/// [`UnknownEvent`] when no documented event has the name.
pub fn check_name(name: &str) -> Result<(), UnknownEvent> {
    match Kind::from_name(name) {
        Some(_) => Ok(()),
        None => Err(UnknownEvent(name.to_owned())),
    }
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
enum SeverityName {
    #[serde(rename = "INFO")]
    Info,
    #[serde(rename = "WARNING")]
    Warning,
    #[serde(rename = "SEVERE")]
    Severe,
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    for name in &names {
        check_name(name).map_err(serde::de::Error::custom)?;
    }
    Ok(Some(names))
}

fn severity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Severity>, D::Error> {
    SeverityName::deserialize(deserializer).map(|name| {
        Some(match name {
            SeverityName::Info => Severity::Info,
            SeverityName::Warning => Severity::Warning,
            SeverityName::Severe => Severity::Severe,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_by_name_and_severity() {
        let selection: Selection =
            serde_json::from_str(r#"{"events":["Sync_End","warning"],"min_severity":"WARNING"}"#).unwrap();
        assert!(selection.allows("sync_end", Severity::Severe));
        assert!(selection.allows("WARNING", Severity::Warning));
        assert!(!selection.allows("sync_end", Severity::Info));
        assert!(!selection.allows("sync_start", Severity::Severe));
        assert!(Selection::default().allows("an event nobody knows", Severity::Info));
    }

    #[test]
    fn what_cannot_be_selected_is_an_error() {
        for (text, message) in [
            (r#"{"events":["sink_end"]}"#, "unknown event `sink_end`"),
            (
                r#"{"min_severity":"WARN"}"#,
                "unknown variant `WARN`, expected one of `INFO`, `WARNING`, `SEVERE`",
            ),
            (r#"{"severity":"INFO"}"#, "unknown field `severity`"),
        ] {
            let error = serde_json::from_str::<Selection>(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
