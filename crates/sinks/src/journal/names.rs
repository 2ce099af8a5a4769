//! The names of closed files: `stem.20261120T170000Z.ext`, then `stem.20261120T170000Z-1.ext`, and so on.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::files::Files;
use crate::clock;

/// The path of a journal, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    path: PathBuf,
    folder: PathBuf,
    stem: String,
    extension: String,
}

/// A closed file, by its name. They sort by the time of closing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Closed {
    stamp: String,
    number: u32,
}

/// In which form a closed file is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Gzip,
    /// A compressed file that is not finished.
    Temporary,
}

impl Names {
    pub(crate) fn new(path: PathBuf) -> io::Result<Names> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, format!("{} names no file", path.display()));
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(invalid)?;
        let (stem, extension) = match name.rfind('.') {
            Some(dot) if dot > 0 => name.split_at(dot),
            _ => (name, ""),
        };
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Names {
            folder,
            stem: stem.to_owned(),
            extension: extension.to_owned(),
            path,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn closed(&self, closed: &Closed, form: Form) -> PathBuf {
        self.folder.join(self.name(closed, form))
    }

    fn name(&self, Closed { stamp, number }: &Closed, form: Form) -> String {
        let number = if *number == 0 {
            String::new()
        } else {
            format!("-{number}")
        };
        let end = match form {
            Form::Plain => "",
            Form::Gzip => ".gz",
            Form::Temporary => ".gz.tmp",
        };
        format!("{}.{stamp}{number}{}{end}", self.stem, self.extension)
    }

    /// What a file of this name is, if it is one of ours.
    pub(super) fn parse(&self, name: &str) -> Option<(Closed, Form)> {
        let rest = name.strip_prefix(&self.stem)?.strip_prefix('.')?;
        let (stamp, rest) = rest.split_at_checked("20261120T170000Z".len())?;
        let is_stamp = stamp.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
        let (rest, form) = if let Some(rest) = rest.strip_suffix(".gz.tmp") {
            (rest, Form::Temporary)
        } else if let Some(rest) = rest.strip_suffix(".gz") {
            (rest, Form::Gzip)
        } else {
            (rest, Form::Plain)
        };
        let number = match rest.strip_suffix(&self.extension)? {
            "" => 0,
            number => number.strip_prefix('-')?.parse().ok()?,
        };
        let closed = Closed {
            stamp: stamp.to_owned(),
            number,
        };
        // One spelling a file: nothing else is ever touched.
        (is_stamp && self.name(&closed, form) == name).then_some((closed, form))
    }

    /// A name for a file that is closed now, greater than all there are of the same second.
    pub(super) fn free<F: Files>(&self, files: &F, now: SystemTime) -> io::Result<PathBuf> {
        let stamp = clock::stamp(now);
        let names = files.list(&self.folder)?;
        let taken = names.iter().filter_map(|name| self.parse(name));
        let last = taken
            .filter(|(closed, _)| closed.stamp == stamp)
            .map(|(closed, _)| closed.number)
            .max();
        let mut closed = Closed {
            stamp,
            number: last.map_or(0, |last| last.saturating_add(1)),
        };
        // A list may miss a file that is being replaced by its compressed form. That comes first, so it is looked for last.
        loop {
            let plain = self.closed(&closed, Form::Plain);
            if files.stat_path(&plain)?.is_none() && files.stat_path(&self.closed(&closed, Form::Gzip))?.is_none() {
                return Ok(plain);
            }
            closed.number = closed.number.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (path, ours) in [
            ("/log/events.ndjson", "events.20261120T170000Z-3.ndjson"),
            ("events", "events.20261120T170000Z-3"),
            ("a/.b.c.log", ".b.c.20261120T170000Z-3.log"),
        ] {
            let names = Names::new(PathBuf::from(path)).unwrap();
            for (form, end) in [(Form::Plain, ""), (Form::Gzip, ".gz"), (Form::Temporary, ".gz.tmp")] {
                let (closed, found) = names.parse(&format!("{ours}{end}")).unwrap();
                assert_eq!((closed.number, found), (3, form), "{path}");
            }
        }
    }

    #[test]
    fn files_of_others_are_not_ours() {
        let names = Names::new(PathBuf::from("/log/events.ndjson")).unwrap();
        for name in [
            "events.ndjson",
            "events.20261120T170000Z.log",
            "events.20261120T170000Z-0.ndjson",
            "events.20261120T170000Z-01.ndjson",
            "events.20261120T170000Z-+1.ndjson",
            "events.20261120T17000.Z.ndjson",
            "events.20261120.ndjson",
            "events-2.20261120T170000Z.ndjson",
            "events.é20261120T17000Z.ndjson",
        ] {
            assert_eq!(names.parse(name), None, "{name}");
        }
    }
}
