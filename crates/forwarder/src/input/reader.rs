//! Files and standard input as batches of frames.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use rustix::buffer::spare_capacity;

use super::frame::{Content, Frame};
use super::framer::Framer;
use super::mark::Mark;

/// How much is read at once. A slow source gives less, and is not waited for.
const BLOCK: usize = 64 * 1024;

/// A buffer that a large record has grown is given back when it is this large.
const LARGE_BUFFER: usize = 4 * BLOCK;

/// Where input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Source {
    /// `-` is standard input.
    pub fn from_arg(arg: PathBuf) -> Source {
        if arg.as_os_str() == "-" {
            Source::Stdin
        } else {
            Source::File(arg)
        }
    }

    /// The name in reports.
    pub fn name(&self) -> String {
        match self {
            Source::Stdin => "<stdin>".to_owned(),
            Source::File(path) => path.display().to_string(),
        }
    }

    /// Opens it, and gives what had to be read to tell what it is.
    fn open(&self) -> io::Result<(Stream, Vec<u8>)> {
        let mut file = match self {
            Source::Stdin => File::from(io::stdin().as_fd().try_clone_to_owned()?),
            Source::File(path) => File::open(path)?,
        };
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        crate::descriptor::enlarge(&file);
        let mut begin = Vec::with_capacity(2);
        Read::by_ref(&mut file).take(2).read_to_end(&mut begin)?;
        if begin == [0x1f, 0x8b] {
            let compressed = BufReader::with_capacity(BLOCK, io::Cursor::new(begin).chain(file));
            Ok((Stream::Gzip(Box::new(MultiGzDecoder::new(compressed))), Vec::new()))
        } else {
            Ok((Stream::Plain(file), begin))
        }
    }
}

/// What a source gives.
enum Stream {
    Plain(File),
    Gzip(Box<dyn Read + Send>),
}

impl Stream {
    /// Appends what one read gives; how many bytes, 0 at the end.
    fn read_into(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let len = buffer.len();
        if buffer.capacity() < len + BLOCK {
            // A large record grows the buffer in steps: doubling would take twice its size.
            buffer.reserve_exact(BLOCK.max(len / 4));
        }
        match self {
            // Into the room that the buffer has: to fill it with zeros first would cost as much as some of the mapping.
            Stream::Plain(file) => {
                let read = rustix::io::retry_on_intr(|| rustix::io::read(&*file, spare_capacity(buffer)))?;
                Ok(read)
            }
            Stream::Gzip(gzip) => {
                buffer.resize(len + BLOCK, 0);
                let read = read_gzip(gzip, &mut buffer[len..]);
                buffer.truncate(len + *read.as_ref().unwrap_or(&0));
                read
            }
        }
    }
}

/// What is wrong with a gzip stream is said to be wrong with the gzip.
fn read_gzip(gzip: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        let error = match gzip.read(into) {
            Ok(read) => return Ok(read),
            Err(error) => error,
        };
        return Err(match error.kind() {
            io::ErrorKind::Interrupted => continue,
            io::ErrorKind::UnexpectedEof => io::Error::new(io::ErrorKind::InvalidData, "the gzip stream is cut off"),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the gzip stream is damaged: {error}"),
            ),
            _ => error,
        });
    }
}

/// Some frames of one source, or an error of it.
#[derive(Debug, Default)]
pub struct Batch {
    /// The name of the source.
    pub source: Arc<str>,
    /// The text that the frames point into.
    pub buffer: Vec<u8>,
    /// The frames, in order.
    pub frames: Vec<Frame>,
    /// Why reading the source ended early. It comes behind the frames.
    pub error: Option<io::Error>,
}

impl Batch {
    /// A batch that holds one text and nothing else.
    pub fn of_value(text: &[u8]) -> Batch {
        let content = Content::Line {
            start: 0,
            end: text.len(),
            forgot_brackets: false,
        };
        Batch {
            buffer: text.to_vec(),
            frames: vec![Frame {
                mark: Mark::START,
                content,
            }],
            ..Batch::default()
        }
    }
}

/// All sources, one after the other.
pub struct Reader {
    sources: VecDeque<Source>,
    current: Option<Current>,
    max_bytes: usize,
}

struct Current {
    name: Arc<str>,
    from: Stream,
    framer: Framer,
    /// What the framer has not consumed.
    left: Vec<u8>,
    /// Whether the framer may have more to say before it gets more bytes.
    unsaid: bool,
    end: bool,
    error: Option<io::Error>,
}

impl Reader {
    /// Reads these sources, with records of at most so many bytes.
    pub fn new(sources: impl IntoIterator<Item = Source>, max_bytes: usize) -> Reader {
        Reader {
            sources: sources.into_iter().collect(),
            current: None,
            max_bytes,
        }
    }

    /// Fills `batch` with what comes next; false at the end of the last source.
    pub fn next(&mut self, batch: &mut Batch) -> bool {
        batch.frames.clear();
        batch.error = None;
        loop {
            if let Some(current) = &mut self.current {
                if current.next(batch) {
                    return true;
                }
                self.current = None;
            }
            let Some(source) = self.sources.pop_front() else {
                return false;
            };
            let name: Arc<str> = source.name().into();
            match source.open() {
                Ok((from, begin)) => {
                    self.current = Some(Current {
                        name,
                        from,
                        framer: Framer::new(self.max_bytes),
                        left: begin,
                        unsaid: false,
                        end: false,
                        error: None,
                    });
                }
                Err(error) => {
                    batch.source = name;
                    batch.error = Some(error);
                    return true;
                }
            }
        }
    }
}

impl Current {
    fn next(&mut self, batch: &mut Batch) -> bool {
        batch.source = self.name.clone();
        // What is left moves into the batch; the batch's old buffer takes up what will be left.
        std::mem::swap(&mut batch.buffer, &mut self.left);
        let buffer = &mut batch.buffer;
        loop {
            if !self.unsaid && !self.end {
                self.read_into(buffer);
            }
            let consumed = self.framer.advance(buffer, self.end, &mut batch.frames);
            self.unsaid = !batch.frames.is_empty();
            if !batch.frames.is_empty() {
                if self.left.capacity() > LARGE_BUFFER {
                    self.left = Vec::new();
                }
                self.left.clear();
                self.left.extend_from_slice(&buffer[consumed..]);
                buffer.truncate(consumed);
                return true;
            }
            buffer.drain(..consumed);
            if self.end {
                batch.error = self.error.take();
                return batch.error.is_some();
            }
        }
    }

    fn read_into(&mut self, buffer: &mut Vec<u8>) {
        let read = self.from.read_into(buffer).unwrap_or_else(|error| {
            self.error = Some(error);
            0
        });
        self.end = read == 0;
    }
}
