//! `logferry schema`: the JSON Schemas that logferry publishes.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use logferry_forwarder::config;
use logferry_forwarder::suggest::nearest;
use logferry_kondado::Stream;
use logferry_mapper::schema as mapper;
use logferry_schema::{File, Named, generate};

use crate::work::write_stdout;

use crate::exit::Exit;
use crate::say;

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
                    let suggestion = nearest(&name, names(&files)).map(|name| format!("; did you mean `{name}`?"));
                    say(&format_args!(
                        "unknown schema `{name}`{}\nto see their names: logferry schema",
                        suggestion.unwrap_or_default()
                    ));
                    Exit::Usage
                }
            }
        }
        _ => print(&names(&files).map(|name| format!("{name}\n")).collect::<String>()),
    }
}

/// The schemas that are not of events.
fn others() -> Vec<Named> {
    let mut generator = generate::generator();
    let schema = config::schema(&mut generator);
    let configuration = generate::document("configuration", schema, generator);
    records().into_iter().chain([configuration]).collect()
}

/// The schemas of Kondado's records.
pub fn records() -> [Named; 2] {
    [Stream::PipelineLogs, Stream::ModelLogs].map(|stream| {
        let mut generator = generate::generator();
        let schema = mapper::record(stream, &mut generator);
        generate::document(mapper::name(stream), schema, generator)
    })
}

fn names(files: &[File]) -> impl Iterator<Item = &str> {
    files.iter().filter_map(|file| file.name.strip_suffix(".json"))
}

fn print(text: &str) -> Exit {
    write_stdout(text.as_bytes()).err().unwrap_or(Exit::Good)
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
    for (name, path) in found(folder)? {
        if !files.iter().any(|file| file.name == name) {
            fs::remove_file(&path)?;
            say(&format_args!("{}: removed", path.display()));
        }
    }
    Ok(())
}

/// The schemas of ours in a folder, by the names of their files. Other files are no business of ours.
fn found(folder: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && let Some(stem) = name.strip_suffix(".json")
            && fs::read_to_string(entry.path()).is_ok_and(|text| generate::is_document(stem, &text))
        {
            found.insert(name, entry.path());
        }
    }
    Ok(found)
}

fn differences(folder: &Path, files: &[File]) -> io::Result<Vec<String>> {
    let mut differences = Vec::new();
    for file in files {
        let path = folder.join(&file.name);
        match fs::read(&path) {
            Ok(text) if text == file.text.as_bytes() => {}
            Ok(_) => differences.push(format!("{}: stale", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                differences.push(format!("{}: missing", path.display()));
            }
            Err(error) => return Err(error),
        }
    }
    let is_known = |name: &String| files.iter().any(|file| file.name == *name);
    let unknown = found(folder)?.into_iter().filter(|(name, _)| !is_known(name));
    differences.extend(unknown.map(|(_, path)| format!("{}: a schema of nothing that logferry knows", path.display())));
    Ok(differences)
}
