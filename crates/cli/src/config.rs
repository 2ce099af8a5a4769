//! The configuration file: TOML, with references to the environment in its values.

use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use logferry_mapper::Settings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::suggest::with_suggestion;

/// The tables that a configuration may have.
const TABLES: [&str; 1] = ["mapper"];

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Something in the file is wrong.
    #[error("{}:{line}:{column}: {message}\n{quoted}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong.
        message: String,
        /// The line, with a mark below what is wrong.
        quoted: String,
    },
}

/// logferry's configuration file, which is TOML.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "It describes; the values are read by span.")]
struct Configuration {
    /// How records become events.
    #[schemars(default)]
    mapper: Settings,
}

/// The schema of a configuration.
pub fn schema(generator: &mut SchemaGenerator) -> Schema {
    Configuration::json_schema(generator)
}

/// Reads the `[mapper]` table of a configuration.
///
/// # Errors
///
/// [`Error`] when the file cannot be read, is no TOML, has a table that no configuration has, or `[mapper]` is wrong.
pub fn mapper_settings(path: &Path) -> Result<Settings, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::Read {
        path: path.to_owned(),
        error,
    })?;
    settings_from(&text, |name| std::env::var(name).ok()).map_err(|Wrong { span, message }| {
        let start = span.start.min(text.len());
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();
        let column = before[line_start..].chars().count() + 1;
        let width = text
            .get(span)
            .and_then(|part| part.lines().next())
            .map_or(1, |part| part.chars().count().max(1));
        Error::Content {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column,
            message: with_suggestion(&message),
            quoted: format!("  | {line}\n  | {}{}", " ".repeat(column - 1), "^".repeat(width)),
        }
    })
}

/// What is wrong, and where in the text.
struct Wrong {
    span: Range<usize>,
    message: String,
}

impl From<toml::de::Error> for Wrong {
    fn from(error: toml::de::Error) -> Wrong {
        Wrong {
            span: error.span().unwrap_or(0..0),
            message: error.message().to_owned(),
        }
    }
}

fn settings_from(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Settings, Wrong> {
    let mut root = DeTable::parse(text)?.into_inner();
    if let Some((key, _)) = root.iter().find(|(key, _)| !TABLES.contains(&key.get_ref().as_ref())) {
        let mut message = format!("unknown table `{}`, expected one of ", key.get_ref());
        for (index, table) in TABLES.iter().enumerate() {
            let _ = write!(message, "{}`{table}`", if index > 0 { ", " } else { "" });
        }
        return Err(Wrong {
            span: key.span(),
            message,
        });
    }
    let Some(mut mapper) = root.remove("mapper") else {
        return Ok(Settings::default());
    };
    interpolate(&mut mapper, &variable)?;
    Ok(Settings::deserialize(mapper.into_deserializer())?)
}

/// Replaces `${VAR}`, `${VAR:-default}`, `${VAR:?message}` and `$$` in all strings of a value. This comes after parsing,
/// so that what a variable holds cannot become anything but text.
fn interpolate(value: &mut Spanned<DeValue<'_>>, variable: &impl Fn(&str) -> Option<String>) -> Result<(), Wrong> {
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) if text.starts_with("SECRET[") => {
            let message = "nothing in [mapper] is a secret, and `SECRET[…]` is not read here".to_owned();
            return Err(Wrong { span, message });
        }
        DeValue::String(text) if text.contains('$') => {
            *text = replaced(text, variable)
                .map_err(|message| Wrong { span, message })?
                .into();
        }
        DeValue::Array(items) => {
            for item in items.iter_mut() {
                interpolate(item, variable)?;
            }
        }
        DeValue::Table(table) => {
            for (_, item) in table.iter_mut() {
                interpolate(item, variable)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn replaced(text: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let (reference, after) = after
                .split_once('}')
                .ok_or_else(|| format!("`${{{after}` has no closing `}}` (write `$$` for a dollar sign)"))?;
            out.push_str(&resolve(reference, variable)?);
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn resolve(reference: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (name, otherwise) = match reference.split_once(':') {
        Some((name, otherwise)) => (name, Some(otherwise)),
        None => (reference, None),
    };
    let value = variable(name);
    match otherwise {
        None => value.ok_or_else(|| format!("the environment variable {name} is not set")),
        // As in shells, the colon forms also replace an empty value.
        Some(otherwise) => match (value.filter(|value| !value.is_empty()), otherwise.split_at_checked(1)) {
            (Some(value), Some(("-" | "?", _))) => Ok(value),
            (None, Some(("-", default))) => Ok(default.to_owned()),
            (None, Some(("?", message))) => Err(format!("the environment variable {name} is not set: {message}")),
            _ => Err(format!(
                "`${{{reference}}}` is no reference, expected `${{{name}}}`, `${{{name}:-default}}` or `${{{name}:?message}}`"
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings, String> {
        let variable = |name: &str| match name {
            "SET" => Some("a\"\nb = 1".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        settings_from(text, variable).map_err(|wrong| format!("{}: {}", &text[wrong.span], wrong.message))
    }

    #[test]
    fn the_mapper_table() {
        let text = "[mapper]\nevents = ['sync_end']\n[mapper.pipelines.702]\nschema = 's'";
        let settings = settings(text).unwrap();
        assert!(settings.events.contains(logferry_model::Kind::SyncEnd));
        assert!(!settings.events.contains(logferry_model::Kind::SyncStart));
        assert_eq!(settings.connector_type, "kondado");
        assert_eq!(settings.pipelines[&702].schema.as_deref(), Some("s"));
    }

    #[test]
    fn variables_are_text_and_nothing_else() {
        let connector_type = |value: &str| {
            settings(&format!("mapper.connector_type = '{value}'")).map(|settings| settings.connector_type)
        };
        for (value, expected) in [
            ("x_${SET}", "x_a\"\nb = 1"),
            ("${NO:-a:-b}", "a:-b"),
            ("${EMPTY:-a}", "a"),
            ("x${EMPTY}", "x"),
            ("$$${NO:-}$ $x", "$$ $x"),
        ] {
            assert_eq!(connector_type(value).as_deref(), Ok(expected), "{value}");
        }
        for (value, expected) in [
            ("${NO}", "'${NO}': the environment variable NO is not set"),
            (
                "${NO:?ask Ana}",
                "'${NO:?ask Ana}': the environment variable NO is not set: ask Ana",
            ),
            (
                "${NO",
                "'${NO': `${NO` has no closing `}` (write `$$` for a dollar sign)",
            ),
        ] {
            assert_eq!(connector_type(value), Err(expected.to_owned()), "{value}");
        }
    }

    #[test]
    fn what_is_unknown_is_named() {
        assert!(
            settings("[maper]")
                .unwrap_err()
                .starts_with("maper: unknown table `maper`, expected one of")
        );
        assert!(
            settings("[mapper]\nevnts = []")
                .unwrap_err()
                .starts_with("evnts: unknown field `evnts`")
        );
        assert!(
            settings("[mapper]\nevents = ['sync_ended']")
                .unwrap_err()
                .contains("unknown event `sync_ended`")
        );
        assert!(settings("[mapper.pipelines.x]").is_err());
    }
}
