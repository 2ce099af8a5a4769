//! Which file was written, and how much of it is acknowledged; and whether that is still there.
//!
//! The inode alone does not tell: a file that is compressed or removed leaves it to the next one. So a mark holds how the file begins, too.

use std::io::{self, Read};

use flate2::Crc;
use flate2::bufread::GzDecoder;

use super::files::{Files, Reading};
use super::names::{Form, Names};

/// So much of a file tells whether it is still the same; the first event is in it, with ids of its own.
const HEAD_BYTES: u64 = 4096;

/// Before the inode of the file that was compressed, in the comment of a compressed file.
const INODE: &str = "inode ";

/// A file, and how much of it is acknowledged; kept in the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileMark {
    /// Which file it is.
    pub inode: u64,
    /// How many bytes of it are acknowledged.
    pub len: u64,
    /// CRC-32 of how it begins; 0 where that is not known.
    pub head: u32,
}

/// How a file begins, while it grows.
pub(super) struct Head {
    crc: Crc,
    room: u64,
}

impl Head {
    /// Of what a file holds.
    pub(super) fn of(text: impl Read) -> io::Result<Head> {
        let mut head = Head {
            crc: Crc::new(),
            room: HEAD_BYTES,
        };
        let mut bytes = Vec::new();
        text.take(HEAD_BYTES).read_to_end(&mut bytes)?;
        head.grow(&bytes);
        Ok(head)
    }

    /// More stands behind what was there.
    pub(super) fn grow(&mut self, bytes: &[u8]) {
        let room = usize::try_from(self.room).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        self.crc.update(bytes);
        self.room -= bytes.len() as u64;
    }

    /// Its CRC-32.
    pub(super) fn sum(&self) -> u32 {
        self.crc.sum()
    }
}

/// What a compressed file says of the one that it was made from.
pub(super) fn comment(inode: u64) -> String {
    format!("{INODE}{inode}")
}

/// What is gone of the file that the checkpoint knows, if anything.
pub(crate) fn missing<F: Files>(files: &F, names: &Names, mark: FileMark) -> io::Result<Option<&'static str>> {
    if mark.len == 0 {
        return Ok(None);
    }
    let mut is_shorter = false;
    let closed = files.list(names.folder())?;
    let closed = closed.iter().filter_map(|name| names.parse(name));
    let plain = closed.clone().filter(|(_, form)| *form == Form::Plain);
    let plain = plain.map(|(file, _)| names.closed(&file, Form::Plain));
    for path in std::iter::once(names.path().to_owned()).chain(plain) {
        match files.stat_path(&path)? {
            Some(stat) if stat.inode == mark.inode && stat.len < mark.len => is_shorter = true,
            Some(stat) if stat.inode == mark.inode => {
                let file = files.open_to_read(&path)?;
                if begins_alike(Reading::new(files, &file), mark)? {
                    return Ok(None);
                }
            }
            _ => {}
        }
    }
    for (file, _) in closed.filter(|(_, form)| *form == Form::Gzip) {
        let file = files.open_to_read(&names.closed(&file, Form::Gzip))?;
        let decoder = GzDecoder::new(io::BufReader::new(Reading::new(files, &file)));
        let inode = decoder.header().and_then(|header| header.comment());
        // One that cannot be unpacked is not taken for it.
        if inode == Some(comment(mark.inode).as_bytes()) && begins_alike(decoder, mark).unwrap_or(false) {
            return Ok(None);
        }
    }
    Ok(Some(match is_shorter {
        true => "the file is SHORTER than what was acknowledged of it: acknowledged events are gone",
        false => {
            "ANOTHER FILE is here than the one that the checkpoint knows, and no closed file is that one: acknowledged events are gone"
        }
    }))
}

/// Whether a text begins as the file did when the mark was made.
fn begins_alike(text: impl Read, mark: FileMark) -> io::Result<bool> {
    Ok(mark.head == 0 || Head::of(text.take(mark.len))?.sum() == mark.head)
}
