//! The verdicts of the jsonschema crate, for `tests/validators/compare`:
//!
//! ```text
//! verdicts SCHEMAS CHECKS VERDICTS
//! ```
//!
//! CHECKS has a line `schema<tab>text` for each check. VERDICTS gets a line `schema<tab>name<tab>what is wrong with it` for each
//! schema, then a line `verdict<tab>first error` for each check.

#![allow(clippy::disallowed_types, reason = "A validator takes a JSON value.")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use jsonschema::{Validator, draft202012};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [schemas, checks, verdicts] = arguments.as_slice() else {
        return Err("expected SCHEMAS CHECKS VERDICTS".into());
    };

    let mut lines = Vec::new();
    let mut validators = BTreeMap::new();
    for name in names(Path::new(schemas))? {
        let text = fs::read_to_string(Path::new(schemas).join(format!("{name}.json")))?;
        let fault = match compile(&text) {
            Ok(validator) => {
                validators.insert(name.clone(), validator);
                String::new()
            }
            Err(error) => one_line(&error.to_string()),
        };
        lines.push(format!("schema\t{name}\t{fault}\n"));
    }

    for line in fs::read_to_string(checks)?.split_terminator('\n') {
        let (name, text) = line.split_once('\t').ok_or("a check without a tab")?;
        let (verdict, error) = match validators.get(name) {
            Some(validator) => verdict(validator, text),
            None => ("no schema", String::new()),
        };
        lines.push(format!("{verdict}\t{}\n", one_line(&error)));
    }
    fs::write(verdicts, lines.concat())?;
    Ok(())
}

/// The names of the schemas in a folder.
fn names(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.file_name();
        if let Some(name) = file.to_str().and_then(|file| file.strip_suffix(".json"))
            && name != "index"
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn compile(text: &str) -> Result<Validator, Box<dyn Error>> {
    let schema: Value = serde_json::from_str(text)?;
    draft202012::meta::validate(&schema).map_err(|error| error.to_string())?;
    Ok(draft202012::new(&schema).map_err(|error| error.to_string())?)
}

fn verdict(validator: &Validator, text: &str) -> (&'static str, String) {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return ("unreadable", error.to_string()),
    };
    // `is_valid` and `iter_errors` walk a schema in ways of their own: both must say the same.
    let error = validator.iter_errors(&value).next();
    match (validator.is_valid(&value), error) {
        (true, None) => ("valid", String::new()),
        (false, Some(error)) => ("invalid", format!("{}: {error}", error.instance_path())),
        (true, Some(error)) => ("two-faced", format!("is_valid, but {}: {error}", error.instance_path())),
        (false, None) => ("two-faced", "not is_valid, but no error".to_owned()),
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\t', '\r', '\n'], " ")
}
