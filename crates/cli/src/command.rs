//! The commands, one file each.

pub mod normalize;
pub mod schema;
pub mod validate;

use std::num::NonZeroUsize;

/// Reads an argument that is a number from 1.
fn positive(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| "expected a whole number from 1, such as 4194304".to_owned())
}
