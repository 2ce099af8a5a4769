//! Text that is read once, from its beginning to its end: a file, or stdin.
//!
//! A file is read for each sink by itself, so that a slow one delays nobody. stdin cannot be read again: reading waits for the slowest sink.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use logferry_kondado::Stream;
use logferry_sinks::{Event, Letter, Ticket};
use tokio::runtime::Handle;

use super::{Error, Place, Surroundings};
use crate::input::judge::{Invalid, Item, Judge, Kind, Visit};
use crate::input::reader::{Batch, Reader, Source};
use crate::lines::Mark;
use crate::mapping::{self, RowMapper, fivetran_event};
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
}

/// A record as far as it got.
struct Found {
    line: u64,
    bytes: u64,
    what: Result<Vec<Event>, Letter>,
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
        let reading = tokio::task::spawn_blocking(move || self.read(&around, &runtime));
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

    fn read(&self, around: &Surroundings, runtime: &Handle) -> io::Result<()> {
        let source = self.path.clone().map_or(Source::Stdin, Source::File);
        let mut reader = Reader::new([source], self.judge.max_bytes);
        let mut batch = Batch::default();
        let mut mappers =
            [Stream::PipelineLogs, Stream::ModelLogs].map(|stream| RowMapper::new(&around.mapper, stream));
        let mut records = 0;
        let mut offset = 0;
        // Of a file: what is no record, and may be the beginning of one, if it is the last.
        let mut torn: Option<Found> = None;
        let mut last_byte = b'\n';
        while reader.next(&mut batch) {
            offset += batch.buffer.len() as u64;
            last_byte = batch.buffer.last().copied().unwrap_or(last_byte);
            let mut found = Finder {
                source: self,
                mappers: &mut mappers,
                found: torn.take().into_iter().collect(),
            };
            self.judge.batch(&batch, &mut found);
            let mut found = found.found;
            torn = found.pop_if(|last| self.path.is_some() && last.what.is_err());
            around.shared.lock().sources[self.index].in_hand = !found.is_empty();
            if !self.wait_for_room(around, runtime) {
                return Ok(());
            }
            self.hand_over(around, runtime, found, &mut records, offset);
            if let Some(error) = batch.error.take() {
                return Err(error);
            }
        }
        match torn {
            Some(torn) if last_byte == b'\n' => self.hand_over(around, runtime, vec![torn], &mut records, offset),
            Some(torn) => tracing::warn!(
                source = %self.name, line = torn.line,
                "the last line is not complete, and was left: it is read by the next run, when it is"
            ),
            None => {}
        }
        let mut state = around.shared.lock();
        state.sources[self.index].ended = true;
        state.tracks[self.track].seen.caught_up = true;
        Ok(())
    }

    /// Whether every sink has room; false when the source is to end.
    fn wait_for_room(&self, around: &Surroundings, runtime: &Handle) -> bool {
        let sinks = around.shared.lock().tracks[self.track].sinks.clone();
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
        while !self.positions_have_room(around) {
            let waited = async {
                tokio::select! {
                    () = around.shared.taken[self.index].notified() => true,
                    () = around.stop.cancelled() => false,
                }
            };
            if !runtime.block_on(waited) {
                return false;
            }
        }
        !around.stop.is_cancelled()
    }

    fn positions_have_room(&self, around: &Surroundings) -> bool {
        match &around.shared.lock().tracks[self.track].positions {
            Positions::Lines(lines) => lines.has_room(),
            Positions::Rows(_) => true,
        }
    }

    fn hand_over(&self, around: &Surroundings, runtime: &Handle, found: Vec<Found>, records: &mut u64, offset: u64) {
        let mut refused = Vec::new();
        {
            let mut state = around.shared.lock();
            let State {
                tracks, sinks, sources, ..
            } = &mut *state;
            sources[self.index].answered = true;
            sources[self.index].in_hand = false;
            let track = &mut tracks[self.track];
            for Found { line, bytes, what } in found {
                *records += 1;
                let mark = Mark {
                    offset,
                    records: *records,
                    line,
                };
                let Positions::Lines(lines) = &mut track.positions else {
                    return;
                };
                let lacking = track.sinks.iter().enumerate().filter_map(|(reader, sink)| {
                    let record = lines.offer(reader, mark)?;
                    let ticket = Ticket {
                        position: u32::try_from(self.track).unwrap_or(u32::MAX),
                        epoch: 0,
                        record,
                    };
                    Some(Place {
                        sink: *sink,
                        reader,
                        ticket,
                    })
                });
                let lacking: Vec<_> = lacking.collect();
                track.counts.received_bytes += bytes;
                match what {
                    _ if lacking.is_empty() => {
                        track.counts.received += 1;
                        track.counts.deduplicated += 1;
                    }
                    Ok(events) => {
                        track.counts.received += 1;
                        track.counts.mapped += 1;
                        for place in lacking {
                            around.hand_over(track, &mut sinks[place.sink].counts, place, &events);
                        }
                    }
                    Err(letter) => refused.push((letter, lacking)),
                }
            }
        }
        around.shared.moved.notify_one();
        if !refused.is_empty() {
            let letters: Vec<_> = refused.iter().map(|(letter, _)| letter.clone()).collect();
            runtime.block_on(around.letters.keep(&letters));
            let mut state = around.shared.lock();
            let track = &mut state.tracks[self.track];
            for (_, places) in refused {
                track.counts.received += 1;
                track.counts.dead_lettered += 1;
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
        tracing::error!(source = %self.source.name, line, "a record became a dead letter: {reason}");
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
