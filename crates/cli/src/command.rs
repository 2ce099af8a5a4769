//! The commands, one file each.

pub mod check;
pub mod checkpoint;
pub mod demo;
pub mod emulate;
pub mod normalize;
pub mod replay;
pub mod run;
pub mod schema;
pub mod validate;

use std::num::NonZeroUsize;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use logferry_forwarder::input::judge::Kind;

/// Reads an argument that is a number from 1.
fn positive(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| "expected a whole number from 1, such as 4194304".to_owned())
}

/// Reads an argument that is a kind of record.
fn kind() -> impl TypedValueParser<Value = Kind> {
    let values = Kind::ALL.map(|kind| PossibleValue::new(kind.name()).help(kind.description()));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<Kind>())
}
