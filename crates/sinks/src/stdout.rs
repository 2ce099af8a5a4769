//! Standard output: an event a line.
//!
//! What is written to the pipe counts as delivered; what sits in the pipe when its reader ends is lost with the reader.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::event::Event;
use crate::file::lines;
use crate::sink::{Later, Sending, Sink, Trying, Verdict};

/// How long to wait for a reader where the output does not wait by itself.
const PAUSE: Duration = Duration::from_millis(5);

/// A sink of type `stdout`; it has no settings of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// Writes events to standard output, or to anything of that kind.
///
/// A write waits for its reader on a thread of its own, and cannot be called back: a program that is to end all the same must not wait for
/// the runtime's blocking threads.
pub struct StdoutSink<W = File>(Arc<Mutex<Output<W>>>);

struct Output<W> {
    writer: W,
    /// What is left of a line after a write that failed in the midst of it.
    unfinished: Vec<u8>,
}

impl StdoutSink {
    /// Writes to the standard output of the process. There should be one such sink.
    ///
    /// # Errors
    ///
    /// What the system says when there is no standard output.
    pub fn new() -> io::Result<StdoutSink> {
        let fd = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(StdoutSink::to(File::from(fd)))
    }
}

impl<W: Write + Send + 'static> StdoutSink<W> {
    /// Writes to something else.
    pub fn to(writer: W) -> StdoutSink<W> {
        StdoutSink(Arc::new(Mutex::new(Output {
            writer,
            unfinished: Vec::new(),
        })))
    }
}

impl<W: Write> Output<W> {
    fn write(&mut self, mut bytes: Vec<u8>) -> io::Result<()> {
        let was_torn = !self.unfinished.is_empty();
        bytes.splice(..0, std::mem::take(&mut self.unfinished));
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            let error = match self.writer.write(rest) {
                Ok(0) => ErrorKind::WriteZero.into(),
                Ok(some) => {
                    written += some;
                    continue;
                }
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
                _ => {
                    // The batch will come again; before it the line is ended, so that no torn one stands between.
                    let (before, rest) = bytes.split_at(written);
                    if before.last().map_or(was_torn, |&byte| byte != b'\n') {
                        let line = rest.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
                        self.unfinished = line.to_vec();
                    }
                    return Err(error);
                }
            }
        }
        self.writer.flush()
    }
}

impl<W: Write + Send + 'static> Sink for StdoutSink<W> {
    fn send<'a>(&'a self, batch: &'a [Event]) -> Sending<'a> {
        Box::pin(async move {
            let lines = lines(batch);
            let output = Arc::clone(&self.0);
            // If nobody waits for it any more, it is finished all the same, and the next one waits for it.
            let written =
                spawn_blocking(move || output.lock().unwrap_or_else(PoisonError::into_inner).write(lines)).await;
            match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(()) => Verdict::Delivered,
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Verdict::Closed,
                Err(error) => Verdict::Retry(Later {
                    reason: format!("standard output: {error}"),
                    after: None,
                }),
            }
        })
    }

    fn probe(&self) -> Trying<'_> {
        Box::pin(async { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::io::Read;

    use bytes::Bytes;
    use logferry_model::Severity;
    use uuid::Uuid;

    use super::*;
    use crate::event::EventId;

    fn batch() -> Vec<Event> {
        let event = |text: &'static str| Event {
            text: Bytes::from_static(text.as_bytes()),
            name: Cow::Borrowed("info"),
            key: "pipeline_1".into(),
            severity: Severity::Info,
            created_millis: 0,
            id: EventId::Known(Uuid::nil()),
        };
        vec![event("{\"n\":1}"), event("{\"n\":2}")]
    }

    #[tokio::test]
    async fn rule_8_what_is_in_the_pipe_is_delivered_and_a_closed_pipe_ends() {
        let (mut reader, writer) = io::pipe().unwrap();
        let sink = StdoutSink::to(writer);
        assert_eq!(sink.send(&batch()).await, Verdict::Delivered);
        let mut read = [0; 16];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"{\"n\":1}\n{\"n\":2}\n");
        drop(reader);
        assert_eq!(sink.send(&batch()).await, Verdict::Closed);
    }

    /// Takes so many bytes, then fails so often, then goes on.
    struct Failing(usize, u32, Vec<u8>);

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = match self.0 {
                0 if self.1 > 0 => {
                    self.1 -= 1;
                    return Err(ErrorKind::StorageFull.into());
                }
                0 => bytes.len(),
                left => left.min(bytes.len()),
            };
            self.0 = self.0.saturating_sub(taken);
            self.2.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_line_that_was_torn_is_ended_before_the_batch_comes_again() {
        for taken in 1..16 {
            let sink = StdoutSink::to(Failing(taken, 2, Vec::new()));
            for _ in 0..2 {
                assert!(matches!(sink.send(&batch()).await, Verdict::Retry(_)), "{taken}");
            }
            assert_eq!(sink.send(&batch()).await, Verdict::Delivered, "{taken}");
            let text = String::from_utf8(sink.0.lock().unwrap().writer.2.clone()).unwrap();
            assert!(
                text.lines().all(|line| line == "{\"n\":1}" || line == "{\"n\":2}"),
                "{text}"
            );
            assert!(text.ends_with("{\"n\":1}\n{\"n\":2}\n"), "{text}");
        }
    }
}
