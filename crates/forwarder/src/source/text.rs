//! Text that is read once, from its beginning to its end: a file, or stdin.
//!
//! A file is read for each sink by itself, so that a slow one delays nobody. stdin cannot be read again: reading waits for the slowest sink.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use logferry_kondado::Stream;
use logferry_mapper::Mapper;
use logferry_sinks::{Event, Letter, Ticket};
use tokio::runtime::Handle;

use super::{Error, Place, Surroundings};
use crate::input::judge::{Invalid, Item, Judge, Kind, Visit};
use crate::input::reader::{Batch, Reader, Source};
use crate::lines::{Mark, Stretch};
use crate::mapping::{self, RowMapper, fivetran_event};
use crate::ordered::{Turns, default_threads};
use crate::state::{Positions, State};

/// One reading of a text.
pub struct Text {
    /// The source's name.
    pub name: String,
    /// Its place in the state.
    pub index: usize,
    /// Its track's place in the state.
    pub track: usize,
    /// Where the text is; stdin without it.
    pub path: Option<PathBuf>,
    /// What counts as a record.
    pub judge: Judge,
    /// The records before it are done.
    pub begins: u64,
    /// Of which records the dead letters are kept, by whichever of the readings of a file came first.
    pub letters_kept: Arc<Mutex<Stretch>>,
}

/// A record as far as it got.
struct Found {
    line: u64,
    bytes: u64,
    what: Result<Vec<Event>, Letter>,
}

/// What the threads read from, one at a time.
struct Input {
    reader: Reader,
    batches: u64,
    /// Bytes that were read.
    offset: u64,
}

/// What became of a batch.
struct Mapped {
    found: Vec<Found>,
    /// Bytes of the text up to its end.
    offset: u64,
    last_byte: Option<u8>,
    /// Why reading ended with it.
    error: Option<io::Error>,
}

/// Hands over what was mapped, in the order of the text.
struct Reading {
    text: Arc<Text>,
    around: Surroundings,
    runtime: Handle,
    records: u64,
    /// Of a file: what is no record, and may be the beginning of one, if it is the last.
    torn: Option<Found>,
    /// Bytes of the text that were handed over.
    offset: u64,
    last_byte: u8,
    /// How it ended before the end of the text, if it did.
    ended: Option<io::Result<()>>,
}

impl Text {
    /// Reads to the end, or until it is asked to end.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] when it cannot be read.
    pub async fn run(self, around: Surroundings) -> Result<(), Error> {
        let runtime = Handle::current();
        let name = self.name.clone();
        let stop = around.stop.clone();
        let reading = tokio::task::spawn_blocking(move || self.read(around, runtime));
        let failed = |reason: String| Error::Failed { name, reason };
        let read = tokio::select! {
            read = reading => read,
            // It may wait for more of stdin, which nobody can call off. What it reads from now on is not offered to anyone.
            () = stop.cancelled() => return Ok(()),
        };
        match read {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Threads map what is read, and hand it over in the order of the text.
    fn read(self, around: Surroundings, runtime: Handle) -> io::Result<()> {
        let source = self.path.clone().map_or(Source::Stdin, Source::File);
        let input = Mutex::new(Input {
            reader: Reader::new([source], self.judge.max_bytes),
            batches: 0,
            offset: 0,
        });
        let (text, input, mapper) = (Arc::new(self), Arc::new(input), Arc::clone(&around.mapper));
        let threads = default_threads();
        let reading = Reading {
            text: Arc::clone(&text),
            around,
            runtime,
            records: 0,
            torn: None,
            offset: 0,
            last_byte: b'\n',
            ended: None,
        };
        let turns = Turns::new(reading, threads);
        let work = {
            let turns = Arc::clone(&turns);
            move || text.map(&input, &mapper, &turns)
        };
        turns.start(threads, work)?;
        turns.wait(Reading::finish)
    }

    fn map(&self, input: &Mutex<Input>, mapper: &Mapper, turns: &Turns<Reading, Mapped>) {
        let mut batch = Batch::default();
        let mut mappers = [Stream::PipelineLogs, Stream::ModelLogs].map(|stream| RowMapper::new(mapper, stream));
        loop {
            let (number, offset) = {
                let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
                if !input.reader.next(&mut batch) {
                    return;
                }
                input.offset += batch.buffer.len() as u64;
                input.batches += 1;
                (input.batches - 1, input.offset)
            };
            let mut finder = Finder {
                source: self,
                mappers: &mut mappers,
                found: Vec::new(),
            };
            self.judge.batch(&batch, &mut finder);
            let mapped = Mapped {
                found: finder.found,
                offset,
                last_byte: batch.buffer.last().copied(),
                error: batch.error.take(),
            };
            if turns.finish(number, mapped, Reading::take).is_err() {
                return;
            }
        }
    }
}

impl Reading {
    /// Hands over a batch; false when the source is to end.
    fn take(&mut self, mapped: &mut Mapped) -> bool {
        let mut found = std::mem::take(&mut mapped.found);
        if let Some(torn) = self.torn.take() {
            found.insert(0, torn);
        }
        let is_file = self.text.path.is_some();
        self.torn = found.pop_if(|last| is_file && last.what.is_err());
        self.offset = mapped.offset;
        self.last_byte = mapped.last_byte.unwrap_or(self.last_byte);
        self.around.shared.lock().sources[self.text.index].in_hand = !found.is_empty();
        if !self.wait_for_room() {
            self.ended = Some(Ok(()));
            return false;
        }
        self.hand_over(found);
        self.ended = mapped.error.take().map(Err);
        self.ended.is_none()
    }

    fn finish(&mut self, panicked: bool) -> io::Result<()> {
        if panicked {
            return Err(io::Error::other("a defect: a thread panicked"));
        }
        if let Some(ended) = self.ended.take() {
            return ended;
        }
        match self.torn.take() {
            Some(torn) if self.last_byte == b'\n' => self.hand_over(vec![torn]),
            Some(torn) => tracing::warn!(
                source = %self.text.name, line = torn.line,
                "the last line is not complete, and was left: it is read by the next run, when it is"
            ),
            None => {}
        }
        let mut state = self.around.shared.lock();
        state.sources[self.text.index].ended = true;
        state.tracks[self.text.track].seen.caught_up = true;
        Ok(())
    }

    /// Whether every sink has room; false when the source is to end.
    fn wait_for_room(&self) -> bool {
        let (around, runtime) = (&self.around, &self.runtime);
        let sinks = around.shared.lock().tracks[self.text.track].sinks.clone();
        for sink in sinks {
            let delivery = &around.outlets[sink].delivery;
            if !delivery.has_room() {
                let waited = async {
                    tokio::select! {
                        () = delivery.room() => true,
                        () = around.stop.cancelled() => false,
                    }
                };
                if !runtime.block_on(waited) {
                    return false;
                }
            }
        }
        // A record that is tried again and again holds up its lane alone; the others go on, but not without end.
        while !self.positions_have_room() {
            let waited = async {
                tokio::select! {
                    () = around.shared.taken[self.text.index].notified() => true,
                    () = around.stop.cancelled() => false,
                }
            };
            if !runtime.block_on(waited) {
                return false;
            }
        }
        !around.stop.is_cancelled()
    }

    fn positions_have_room(&self) -> bool {
        match &self.around.shared.lock().tracks[self.text.track].positions {
            Positions::Lines(lines) => lines.has_room(),
            Positions::Rows(_) => true,
        }
    }

    fn hand_over(&mut self, found: Vec<Found>) {
        let (around, text) = (&self.around, &self.text);
        let (mut refused, mut lacking) = (Vec::new(), Vec::new());
        {
            let mut state = around.shared.lock();
            let State {
                tracks, sinks, sources, ..
            } = &mut *state;
            sources[text.index].answered = true;
            sources[text.index].in_hand = false;
            let track = &mut tracks[text.track];
            for Found { line, bytes, what } in found {
                self.records += 1;
                let mark = Mark {
                    offset: self.offset,
                    records: self.records,
                    line,
                };
                let Positions::Lines(lines) = &mut track.positions else {
                    return;
                };
                lacking.clear();
                for (reader, sink) in track.sinks.iter().enumerate() {
                    let Some(record) = lines.offer(reader, mark) else {
                        continue;
                    };
                    let ticket = Ticket {
                        position: u32::try_from(text.track).unwrap_or(u32::MAX),
                        epoch: 0,
                        record,
                    };
                    lacking.push(Place {
                        sink: *sink,
                        reader,
                        ticket,
                    });
                }
                track.counts.received_bytes += bytes;
                match what {
                    _ if lacking.is_empty() => {
                        track.counts.received += 1;
                        track.counts.deduplicated += 1;
                    }
                    Ok(events) => {
                        track.counts.received += 1;
                        track.counts.mapped += 1;
                        // With one sink, as most have it, nothing is copied.
                        let last = lacking.pop();
                        for place in &lacking {
                            around.hand_over(track, &mut sinks[place.sink].counts, *place, events.clone());
                        }
                        if let Some(place) = last {
                            around.hand_over(track, &mut sinks[place.sink].counts, place, events);
                        }
                    }
                    Err(letter) => refused.push((mark, letter, lacking.clone())),
                }
            }
        }
        around.shared.moved.notify_one();
        if !refused.is_empty() {
            // Whoever reads the same file waits until they are kept.
            let mut kept = text.letters_kept.lock().unwrap_or_else(PoisonError::into_inner);
            let new = refused.iter().filter(|(mark, ..)| !kept.has(mark.records));
            let letters: Vec<_> = new.map(|(_, letter, _)| letter.clone()).collect();
            for letter in &letters {
                let (source, line) = (&text.name, letter.line);
                tracing::error!(%source, line, "a record became a dead letter: {}", letter.reason);
            }
            if !letters.is_empty() {
                self.runtime.block_on(around.letters.keep(&letters));
            }
            let before = *kept;
            kept.join(text.begins, self.records);
            drop(kept);
            let mut state = around.shared.lock();
            let track = &mut state.tracks[text.track];
            for (mark, _, places) in refused {
                track.counts.received += 1;
                match before.has(mark.records) {
                    true => track.counts.deduplicated += 1,
                    false => track.counts.dead_lettered += 1,
                }
                for place in places {
                    track.acknowledge(place.reader, place.ticket.epoch, place.ticket.record);
                }
            }
            drop(state);
            around.shared.moved.notify_one();
        }
    }
}

/// Maps what is found in a batch.
struct Finder<'f, 'm> {
    source: &'f Text,
    mappers: &'f mut [RowMapper<'m>; 2],
    found: Vec<Found>,
}

impl Finder<'_, '_> {
    fn map(&mut self, item: &Item<'_>) -> Result<Vec<Event>, mapping::Error> {
        let [pipelines, models] = &mut *self.mappers;
        let mapper = match item.kind {
            Kind::Pipeline => pipelines,
            Kind::Model => models,
            Kind::Fivetran => return fivetran_event(item.text, item.record).map(|event| vec![event]),
        };
        let row = mapper.read(item.text)?;
        mapper.events(&row, false)
    }

    fn letter(&self, reason: String, text: &[u8], truncated: bool, line: u64) -> Letter {
        let mut letter = Letter::of_record(reason, Bytes::copy_from_slice(text));
        if truncated {
            letter = letter.truncated();
        }
        letter.source = Some(self.source.name.clone());
        letter.line = Some(line);
        letter
    }
}

impl Visit for Finder<'_, '_> {
    fn record(&mut self, item: Item<'_>) {
        let line = item.mark.line;
        let what = self.map(&item);
        let what = what.map_err(|error| self.letter(error.to_string(), item.text.as_bytes(), false, line));
        self.found.push(Found {
            line,
            bytes: item.text.len() as u64,
            what,
        });
    }

    fn invalid(&mut self, invalid: Invalid<'_>) {
        let line = invalid.begin.line;
        if invalid.text.is_empty() {
            // Something is wrong between records, and no record is lost by it.
            tracing::warn!(source = %self.source.name, line, "{}", invalid.reason);
            return;
        }
        let letter = self.letter(invalid.reason.to_string(), invalid.text, invalid.truncated, line);
        self.found.push(Found {
            line,
            bytes: invalid.text.len() as u64,
            what: Err(letter),
        });
    }
}
