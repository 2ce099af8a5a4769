//! What becomes of closed files: they are compressed, and the oldest are removed. Whatever an earlier run left unfinished is finished.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use flate2::{Compression, Crc, GzBuilder};

use super::at;
use super::files::{Files, Reading};
use super::mark::comment;
use super::names::{Closed, Form, Names};

/// Compresses the closed files if asked to, and keeps as many as `keep` says. It can stop at any step, and be called again.
pub(crate) fn tend<F: Files>(files: &F, names: &Names, compress: bool, keep: Option<u32>) -> io::Result<()> {
    let mut closed: BTreeMap<Closed, (bool, bool)> = BTreeMap::new();
    for name in files.list(names.folder())? {
        match names.parse(&name) {
            Some((file, Form::Plain)) => closed.entry(file).or_default().0 = true,
            Some((file, Form::Gzip)) => closed.entry(file).or_default().1 = true,
            Some((file, Form::Temporary)) => files.remove(&names.closed(&file, Form::Temporary))?,
            None => {}
        }
    }
    let surplus = keep.map_or(0, |keep| closed.len().saturating_sub(keep as usize));
    for (at, (file, (is_plain, is_compressed))) in closed.iter().enumerate() {
        let (plain, compressed) = (names.closed(file, Form::Plain), names.closed(file, Form::Gzip));
        if at < surplus {
            // The compressed one first: alone it would be taken for the only copy, and the plain one for none.
            if *is_compressed {
                files.remove(&compressed)?;
            }
            if *is_plain {
                files.remove(&plain)?;
            }
            continue;
        }
        if !is_plain {
            continue;
        }
        let is_there = *is_compressed && is_copy(files, &plain, &compressed)?;
        if *is_compressed && !is_there {
            files.remove(&compressed)?;
        }
        if !is_there && compress {
            let temporary = names.closed(file, Form::Temporary);
            let made = self::compress(files, &plain, &temporary).and_then(|()| files.rename(&temporary, &compressed));
            if let Err(error) = made {
                // A disk that is full gets its room back.
                let _ = files.remove(&temporary);
                return Err(self::at("cannot compress", &plain, error));
            }
        }
        if is_there || compress {
            files.sync_folder(names.folder())?;
            files.remove(&plain)?;
        }
    }
    Ok(())
}

/// Writes the compressed file. It is on the disk when this returns.
fn compress<F: Files>(files: &F, from: &Path, to: &Path) -> io::Result<()> {
    let source = files.open_to_read(from)?;
    let inode = files.stat(&source)?.inode;
    let target = files.create(to)?;
    let builder = GzBuilder::new().comment(comment(inode));
    let target_writer = io::BufWriter::new(Appending { files, file: &target });
    let mut encoder = builder.write(target_writer, Compression::default());
    io::copy(&mut Reading::new(files, &source), &mut encoder)?;
    encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    files.sync(&target)
}

/// Whether the compressed file is whole and holds the same as the plain one.
fn is_copy<F: Files>(files: &F, plain: &Path, compressed: &Path) -> io::Result<bool> {
    let plain = files.open_to_read(plain)?;
    let compressed = files.open_to_read(compressed)?;
    let plain = checksum(&mut Reading::new(files, &plain))?;
    let mut unpacked = MultiGzDecoder::new(io::BufReader::new(Reading::new(files, &compressed)));
    // An error is most likely one of the format; the plain file is there in any case.
    Ok(checksum(&mut unpacked).is_ok_and(|unpacked| unpacked == plain))
}

fn checksum(reader: &mut dyn Read) -> io::Result<(u64, u32)> {
    let (mut crc, mut len, mut block) = (Crc::new(), 0, vec![0; 64 * 1024]);
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Ok((len, crc.sum())),
            Ok(read) => {
                crc.update(&block[..read]);
                len += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

struct Appending<'a, F: Files> {
    files: &'a F,
    file: &'a F::File,
}

impl<F: Files> Write for Appending<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.files.write(self.file, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
