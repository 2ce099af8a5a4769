//! The commands, one file each.

pub mod normalize;
pub mod schema;
