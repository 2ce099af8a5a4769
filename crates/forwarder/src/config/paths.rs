//! Which files a configuration names, by whatever path.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use super::read::{Reader, Table};
use super::{Parts, SinkKind, Source};

/// Links that lead to each other end somewhere.
const MOST_LINKS: u32 = 40;

/// Nothing may be written twice, nor be read while it is written.
pub fn check(reader: &mut Reader<'_>, parts: &Parts, sources: &[(&str, Table<'_>)], sinks: &[(&str, Table<'_>)]) {
    let mut taken: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut take = |reader: &mut Reader<'_>, path: &Path, at: Range<usize>, who: String| {
        if path.as_os_str().is_empty() || !reader.is_known(&at) {
            return;
        }
        match taken.get(&known_as(path)) {
            Some(other) => reader.wrong(at, format!("{other} has this file too")),
            None => {
                taken.insert(known_as(path), who);
            }
        }
    };
    for (name, table) in sources {
        if let Some(Source::File(file)) = parts.sources.get(*name)
            && !taken_by_source(parts, name, &file.path)
        {
            take(reader, &file.path, table.place("path"), format!("the source `{name}`"));
        }
    }
    for (name, table) in sinks {
        if let Some(SinkKind::File(file)) = parts.sinks.get(*name).map(|sink| &sink.kind) {
            take(reader, &file.path, table.place("path"), format!("the sink `{name}`"));
        }
    }
    let root = reader.root();
    if let Some(config) = &parts.dead_letter {
        let table = root.child("dead_letter").or_else(|| root.child("state"));
        let at = table.map_or(0..0, |table| table.place("path"));
        take(reader, &config.path, at, "the dead letters".to_owned());
    }
}

/// Two sources may read the same file.
fn taken_by_source(parts: &Parts, name: &str, path: &Path) -> bool {
    parts
        .sources
        .iter()
        .take_while(|(other, _)| other.as_str() != name)
        .any(|(_, other)| matches!(other, Source::File(file) if known_as(&file.path) == known_as(path)))
}

/// The one path of a file, whatever it is called: without `.`, `..` and links. It need not be there yet.
fn known_as(path: &Path) -> PathBuf {
    resolved(path, MOST_LINKS)
}

fn resolved(path: &Path, links: u32) -> PathBuf {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }
    // The folder that one works in may be gone.
    let Some(parent) = path.parent().filter(|_| path != Path::new(".")) else {
        return path.to_owned();
    };
    // A link may lead to what will be made.
    if let (Ok(target), Some(links)) = (fs::read_link(path), links.checked_sub(1)) {
        return resolved(&parent.join(target), links);
    }
    let mut folder = resolved(parent, links);
    match path.components().next_back() {
        Some(Component::Normal(name)) => folder.push(name),
        Some(Component::ParentDir) => drop(folder.pop()),
        _ => {}
    }
    folder
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_has_one_path() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::write(at("a/there"), "").unwrap();
        symlink(at("a"), at("link")).unwrap();
        symlink("a/new", at("to_new")).unwrap();
        symlink("round", at("round")).unwrap();
        for (one, other) in [
            ("a/there", "link/there"),
            ("a/there", "a/b/../there"),
            ("a/new", "./link/b/../new"),
            ("a/new", "to_new"),
            ("not/yet/new", "not/yet/../yet/new"),
        ] {
            assert_eq!(known_as(&at(one)), known_as(&at(other)), "{one} {other}");
        }
        assert_ne!(known_as(&at("a/new")), known_as(&at("new")));
        assert!(known_as(&at("round")).is_absolute());
        assert_eq!(known_as(Path::new("new")), known_as(Path::new("src/../new")));
    }
}
