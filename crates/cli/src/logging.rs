//! What the program says while it runs: on stderr, as text or as JSON.
//!
//! The levels mean: *error*, a person is needed, or something became a dead letter; *warn*, something failed and is tried again, nothing is
//! lost; *info*, what happens in the normal course, throttling included; *debug* and *trace*, for whoever looks for a defect.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::say;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How the program logs.
#[derive(Debug, clap::Args)]
// A group is named after its type, and that of the command has this name too.
#[group(skip)]
pub struct Args {
    /// How log lines look
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: Format,

    /// The least level that is logged: error, warn, info, debug or trace; or as RUST_LOG has it, such as `warn,logferry_sinks=debug`
    #[arg(long, value_name = "LEVEL", env = "LOGFERRY_LOG", default_value = "info")]
    pub log_level: String,
}

/// Starts to log, and to say in the same form what is said beside the log. Libraries of others are heard from their warnings on.
///
/// # Errors
///
/// What is wrong with the level.
pub fn start(args: &Args) -> Result<(), String> {
    say::set_format(args.log_format);
    let level = &args.log_level;
    let filter = match level.parse::<LevelFilter>() {
        Ok(level) => format!(
            "warn,logferry={level},logferry_forwarder={level},logferry_sinks={level},logferry_kondado={level},logferry_emulator={level}"
        ),
        Err(_) => level.clone(),
    };
    let filter = EnvFilter::builder().parse(filter);
    let filter = filter
        .map_err(|error| format!("--log-level `{level}`: {error}, expected error, warn, info, debug or trace"))?;
    // At lower levels these show what they sign, session tokens included, whatever is asked for.
    let quiet = [
        "aws_config",
        "aws_runtime",
        "aws_sigv4",
        "aws_smithy_runtime",
        "aws_smithy_runtime_api",
    ];
    let filter = quiet
        .into_iter()
        .fold(filter, |filter, target| match format!("{target}=warn").parse() {
            Ok(directive) => filter.add_directive(directive),
            Err(_) => filter,
        });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    // It can only have been started once, by `main`.
    let _ = match args.log_format {
        Format::Text => builder
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}
