//! `logferry schema`: the JSON Schemas that logferry publishes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use logferry_kondado::Stream;
use logferry_mapper::schema as mapper;
use logferry_schema::{File, Named, generate};

use crate::exit::Exit;
use crate::suggest::with_suggestion;
use crate::{config, say};

/// Print a JSON Schema, or write or check the whole set
#[derive(Debug, clap::Args)]
#[command(after_help = "\
There is a schema for each event, `event` for all of them, `kondado_pipeline_log` and `kondado_model_log` for what Kondado's API \
answers, and `configuration`. Without a name their names are printed.

Examples:
  logferry schema sync_end
  logferry schema --write schemas
  logferry schema --check schemas")]
pub struct Args {
    /// Which schema, such as sync_end
    #[arg(value_name = "NAME", conflicts_with_all = ["write", "check"])]
    name: Option<String>,

    /// Write all schemas, and an index of them, into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "check")]
    write: Option<PathBuf>,

    /// Compare the schemas in this folder with what would be written
    #[arg(long, value_name = "DIR")]
    check: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let files = logferry_schema::files(others());
    match args {
        Args {
            write: Some(folder), ..
        } => match write(&folder, &files) {
            Ok(()) => Exit::Good,
            Err(error) => failed(&folder, &error),
        },
        Args {
            check: Some(folder), ..
        } => match differences(&folder, &files) {
            Ok(differences) => {
                for difference in &differences {
                    say(difference);
                }
                if differences.is_empty() {
                    return Exit::Good;
                }
                say(&format_args!(
                    "to renew them: logferry schema --write {}",
                    folder.display()
                ));
                Exit::Invalid
            }
            Err(error) => failed(&folder, &error),
        },
        Args { name: Some(name), .. } => {
            let wanted = format!("{}.json", name.to_ascii_lowercase());
            match files.iter().find(|file| file.name == wanted) {
                Some(file) => print(&file.text),
                None => {
                    let names: Vec<_> = names(&files).collect();
                    let message = format!("unknown schema `{name}`, expected one of `{}`", names.join("`, `"));
                    say(&with_suggestion(&message));
                    Exit::Usage
                }
            }
        }
        _ => print(&names(&files).map(|name| format!("{name}\n")).collect::<String>()),
    }
}

/// The schemas that are not of events.
fn others() -> Vec<Named> {
    let records = [Stream::PipelineLogs, Stream::ModelLogs].map(|stream| {
        let mut generator = generate::generator();
        let schema = mapper::record(stream, &mut generator);
        generate::document(mapper::name(stream), schema, generator)
    });
    let mut generator = generate::generator();
    let schema = config::schema(&mut generator);
    let configuration = generate::document("configuration", schema, generator);
    records.into_iter().chain([configuration]).collect()
}

fn names(files: &[File]) -> impl Iterator<Item = &str> {
    files.iter().filter_map(|file| file.name.strip_suffix(".json"))
}

fn print(text: &str) -> Exit {
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            say(&format_args!("stdout: {error}"));
            Exit::Io
        }
        _ => Exit::Good,
    }
}

fn failed(folder: &Path, error: &io::Error) -> Exit {
    say(&format_args!("{}: {error}", folder.display()));
    Exit::Io
}

fn write(folder: &Path, files: &[File]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for file in files {
        fs::write(folder.join(&file.name), &file.text)?;
    }
    // What was renamed must not stay under its former name.
    for name in found(folder)?.keys() {
        if !files.iter().any(|file| file.name == *name) {
            fs::remove_file(folder.join(name))?;
        }
    }
    Ok(())
}

/// The schemas in a folder.
fn found(folder: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && name.ends_with(".json")
        {
            found.insert(name, entry.path());
        }
    }
    Ok(found)
}

fn differences(folder: &Path, files: &[File]) -> io::Result<Vec<String>> {
    let mut found = found(folder)?;
    let mut differences = Vec::new();
    for file in files {
        let path = folder.join(&file.name);
        match found.remove(&file.name) {
            None => differences.push(format!("{}: missing", path.display())),
            Some(path) if fs::read(&path)? != file.text.as_bytes() => {
                differences.push(format!("{}: stale", path.display()));
            }
            Some(_) => {}
        }
    }
    differences.extend(found.values().map(|path| format!("{}: of no schema", path.display())));
    Ok(differences)
}
