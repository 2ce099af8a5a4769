//! Where each sink goes on: from its stored position, from that of the sink it inherits from, or from where the configuration says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use logferry_kondado::Stream;
use logferry_kondado::client::{Client, ClientOptions};
use logferry_kondado::cursor::Snapshot;
use logferry_kondado::limiter::Limiter;
use logferry_sinks::Service;

use crate::backfill::{self, Count, Older};
use crate::checkpoint::{self, Checkpoint, FilePlace, Key, Place, Store};
use crate::clock::Clock;
use crate::config::{self, Config, SinkConfig, Source, Start};
use crate::feed::Millis;
use crate::input::judge::Judge;
use crate::lines::{Lines, Mark};
use crate::quota::{Kept, Limiters};
use crate::run::Error;
use crate::source;
use crate::source::kondado::{Api, Channel, Kondado, feed, settings};
use crate::source::text::Text;
use crate::state::{Positions, RecordCounts, Seen, Stored, Track, time_of_millis};

/// Pipeline logs are kept so long, in milliseconds.
const RETENTION: u64 = 90 * 24 * 60 * 60 * 1000;

/// So much of a file tells whether it is still the same.
const HEAD_BYTES: u64 = 64 * 1024;

/// What a run begins with.
pub struct Begun<A> {
    /// Every stream, with its positions.
    pub tracks: Vec<Track>,
    /// The APIs to read them from.
    pub kondado: Vec<Kondado<A>>,
    /// The files to read them from, and stdin.
    pub texts: Vec<Text>,
    /// How far the files of sinks went, by sink.
    pub written: BTreeMap<usize, (Millis, FilePlace)>,
}

/// Reads all positions, and finds those that are new.
///
/// # Errors
///
/// [`Error`] when a position is damaged or gone, or is new and the configuration does not say where it begins.
pub async fn begin<A: Api>(
    config: &Config,
    mut store: Option<&mut Store>,
    once: bool,
    clock: &Clock,
    limiters: &Limiters,
    connect: impl Fn(&str, &config::Kondado) -> Result<A, Error>,
) -> Result<Begun<A>, Error> {
    let mut begun = Begun {
        tracks: Vec::new(),
        kondado: Vec::new(),
        texts: Vec::new(),
        written: BTreeMap::new(),
    };
    let mut stock = Stock {
        store: store.as_deref(),
        new: Vec::new(),
        searched: BTreeMap::new(),
    };
    for (index, (name, source)) in config.sources.iter().enumerate() {
        if !config.sinks.values().any(|sink| sink.takes(name)) {
            tracing::warn!(source = %name, "no sink takes it, so it is not read");
            continue;
        }
        let place = SourcePlace {
            name,
            index,
            config,
            clock,
        };
        match source {
            Source::Kondado(kondado) => {
                let api = connect(name, kondado)?;
                let limiter = limiters.of(config, kondado, Kept::here(clock));
                let reading = open(api, name, index, kondado, limiter);
                let once = once.then(|| i64::try_from(clock.now()).unwrap_or(i64::MAX));
                let settings = settings(kondado, once);
                place
                    .streams(kondado, reading, settings, &mut begun, &mut stock)
                    .await?;
            }
            Source::File(file) => place.file(file, &mut begun, &mut stock)?,
            Source::Stdin(stdin) => place.stdin(stdin, &mut begun),
        }
    }
    let new = stock.new;
    if let Some(store) = &mut store {
        store.save_all(&new)?;
    }
    Ok(begun)
}

/// The stored positions, and those that are found.
struct Stock<'s> {
    /// None where only standard input is read.
    store: Option<&'s Store>,
    new: Vec<Checkpoint>,
    searched: Searched,
}

impl<'s> Stock<'s> {
    fn store(&self) -> Result<&'s Store, Error> {
        let missing = || Error::Config("`[state]` is missing: there is no folder for positions".to_owned());
        self.store.ok_or_else(missing)
    }
}

/// Where reading begins, by source, track and the words of `start`: sinks that begin alike share the search.
type Searched = BTreeMap<(usize, usize, String), u64>;

/// A source, and the sinks around it.
struct SourcePlace<'c> {
    name: &'c str,
    index: usize,
    config: &'c Config,
    clock: &'c Clock,
}

impl<'c> SourcePlace<'c> {
    fn sinks(&self) -> impl Iterator<Item = (usize, &'c str, &'c SinkConfig)> {
        let sinks = self.config.sinks.iter().enumerate();
        let sinks = sinks.map(|(index, (name, sink))| (index, name.as_str(), sink));
        sinks.filter(|(_, _, sink)| sink.takes(self.name))
    }

    async fn streams<A: Api>(
        &self,
        kondado: &config::Kondado,
        mut reading: Kondado<A>,
        settings: crate::feed::Settings,
        begun: &mut Begun<A>,
        stock: &mut Stock<'_>,
    ) -> Result<(), Error> {
        let store = stock.store()?;
        for index in 0..reading.channels.len() {
            let channel = &mut reading.channels[index];
            channel.track = begun.tracks.len();
            let channel = *channel;
            let mut positions = Vec::new();
            for (sink, sink_name, sink_config) in self.sinks() {
                let key = self.key(sink_name, channel.stream.name(), channel.client_id);
                let checkpoint = match load(store, &key, sink_config)? {
                    Some(checkpoint) => checkpoint,
                    None => {
                        let start = start(store, &key, sink_config, kondado.start.as_ref())?;
                        let place = (self.index, channel.track, start.to_string());
                        let low_water = match stock.searched.get(&place) {
                            Some(found) => *found,
                            None => {
                                let found = reading.find(channel.stream, channel.client_id, &start).await;
                                found.map_err(|failure| source::Error::of(self.name, &failure))?
                            }
                        };
                        stock.searched.insert(place, low_water);
                        self.say_older(&reading, &channel, sink_name, sink_config, &start, low_water)
                            .await?;
                        let place = Place::Rows(Snapshot {
                            low_water,
                            head: low_water,
                            ..Snapshot::default()
                        });
                        self.remember(stock, key, place)
                    }
                };
                written(begun, sink, &checkpoint);
                match checkpoint.place {
                    Place::Rows(snapshot) => positions.push(self.not_from_the_future(snapshot)),
                    Place::File(_) => return Err(changed_type(store, &checkpoint.key)),
                }
            }
            let seen = seen(self.name, &channel, &positions, self.clock);
            let feed = feed(settings, positions);
            let sinks = self.sinks().map(|(index, ..)| index).collect();
            let track = self.track(channel.stream.name(), sinks, feed);
            begun.tracks.push(Track {
                client_id: channel.client_id,
                seen,
                ..track
            });
        }
        begun.kondado.push(reading);
        Ok(())
    }

    /// Says what a new position will find that is too old for its sink.
    async fn say_older<A: Api>(
        &self,
        reading: &Kondado<A>,
        channel: &Channel,
        sink: &str,
        config: &SinkConfig,
        start: &Start,
        after: u64,
    ) -> Result<(), Error> {
        let Some(oldest) = config.kind.service().and_then(Service::oldest) else {
            return Ok(());
        };
        let millis = backfill::before(self.now(), oldest);
        if !backfill::may_be_before(start, millis) {
            return Ok(());
        }
        let records = reading
            .about_older(channel.stream, channel.client_id, after, millis)
            .await;
        let records = records.map_err(|failure| source::Error::of(self.name, &failure))?;
        if records > 0 {
            self.say(sink, Some(channel.stream.name()), oldest, Count::AboutRecords(records));
        }
        Ok(())
    }

    fn say_older_of_file(&self, file: &config::FileSource, sink: &str, config: &SinkConfig) {
        let Some(oldest) = config.kind.service().and_then(Service::oldest) else {
            return;
        };
        // What cannot be read is said when it is read.
        let events = backfill::in_file(self.config, file, sink, backfill::before(self.now(), oldest));
        if let Ok(events @ 1..) = events {
            self.say(sink, None, oldest, Count::Events(events));
        }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.clock.now()).unwrap_or(i64::MAX)
    }

    fn say(&self, sink: &str, stream: Option<&'static str>, oldest: Duration, count: Count) {
        let older = Older {
            source: self.name.to_owned(),
            stream,
            sink: sink.to_owned(),
            oldest,
            count,
        };
        tracing::warn!("{older}");
    }

    /// A file has a track for each sink, because each reads it by itself.
    fn file<A>(&self, file: &config::FileSource, begun: &mut Begun<A>, stock: &mut Stock<'_>) -> Result<(), Error> {
        let cannot = |error: std::io::Error| {
            Error::Source(source::Error::Failed {
                name: self.name.to_owned(),
                reason: format!("{}: {error}", file.path.display()),
            })
        };
        let store = stock.store()?;
        let now = identify(&file.path, u64::MAX).map_err(cannot)?;
        let letters_kept = Arc::default();
        for (sink, sink_name, sink_config) in self.sinks() {
            let key = self.key(sink_name, "file", None);
            let checkpoint = match load(store, &key, sink_config)? {
                Some(checkpoint) => checkpoint,
                None => match start(store, &key, sink_config, Some(&Start::Earliest))? {
                    Start::Earliest => {
                        self.say_older_of_file(file, sink_name, sink_config);
                        self.remember(stock, key, Place::File(FilePlace { records: 0, ..now }))
                    }
                    _ => {
                        return Err(Error::Config(format!(
                            "sink {sink_name}: a file is read from its beginning, so `start` can only be \"earliest\" for source {}",
                            self.name
                        )));
                    }
                },
            };
            written(begun, sink, &checkpoint);
            let Place::File(then) = checkpoint.place else {
                return Err(changed_type(store, &checkpoint.key));
            };
            let begins = identify(&file.path, then.length).map_err(cannot)?.head;
            if now.inode != then.inode || now.length < then.length || begins != then.head {
                return Err(Error::Source(source::Error::Failed {
                    name: self.name.to_owned(),
                    reason: format!(
                        "{}: it is not the file that was read before ({} records of it): it was replaced, cut or rewritten. \
                         Give a new file a source of its own, or begin anew with `logferry checkpoint reset`",
                        file.path.display(),
                        then.records
                    ),
                }));
            }
            let mark = Mark {
                records: then.records,
                ..Mark::default()
            };
            let track = self.track("file", vec![sink], Positions::Lines(Lines::new([mark])));
            let judge = Judge {
                kind: file.kind,
                max_bytes: file.max_record_bytes,
            };
            begun.texts.push(Text {
                path: Some(file.path.clone()),
                begins: then.records,
                letters_kept: Arc::clone(&letters_kept),
                ..self.text(begun.tracks.len(), judge)
            });
            begun.tracks.push(Track {
                file: Some(now),
                ..track
            });
        }
        Ok(())
    }

    fn stdin<A>(&self, stdin: &config::Stdin, begun: &mut Begun<A>) {
        let sinks: Vec<_> = self.sinks().map(|(index, ..)| index).collect();
        let lines = Lines::new(sinks.iter().map(|_| Mark::default()));
        let judge = Judge {
            kind: stdin.kind,
            max_bytes: stdin.max_record_bytes,
        };
        begun.texts.push(self.text(begun.tracks.len(), judge));
        begun.tracks.push(self.track("stdin", sinks, Positions::Lines(lines)));
    }

    fn remember(&self, stock: &mut Stock<'_>, key: Key, place: Place) -> Checkpoint {
        let checkpoint = Checkpoint {
            key,
            place,
            written: None,
            at: self.clock.now(),
        };
        stock.new.push(checkpoint.clone());
        checkpoint
    }

    /// After the system's clock was set back, rows seem to have been seen later than now: they settle from now on.
    fn not_from_the_future(&self, mut snapshot: Snapshot) -> Snapshot {
        let now = u32::try_from(self.clock.now().div_ceil(1000)).unwrap_or(u32::MAX);
        for kept in &mut snapshot.window {
            kept.first_seen = kept.first_seen.min(now);
        }
        snapshot
    }

    fn text(&self, track: usize, judge: Judge) -> Text {
        Text {
            name: self.name.to_owned(),
            index: self.index,
            track,
            path: None,
            judge,
            begins: 0,
            letters_kept: Arc::default(),
        }
    }

    fn track(&self, stream: &str, sinks: Vec<usize>, positions: Positions) -> Track {
        Track {
            source: self.index,
            source_name: self.name.into(),
            stream: stream.into(),
            client_id: None,
            stored: vec![Stored::default(); sinks.len()],
            sinks,
            positions,
            counts: RecordCounts::default(),
            seen: Seen::default(),
            file: None,
        }
    }

    fn key(&self, sink: &str, stream: &str, client_id: Option<u64>) -> Key {
        Key {
            sink: sink.to_owned(),
            source: self.name.to_owned(),
            stream: stream.to_owned(),
            client_id,
        }
    }
}

/// The positions of a sink may know its file from different times: the last one counts.
fn written<A>(begun: &mut Begun<A>, sink: usize, checkpoint: &Checkpoint) {
    if let Some(place) = checkpoint.written {
        let mark = begun.written.entry(sink).or_insert((checkpoint.at, place));
        if (checkpoint.at, place.length) > (mark.0, mark.1.length) {
            *mark = (checkpoint.at, place);
        }
    }
}

fn changed_type(store: &Store, key: &Key) -> Error {
    Error::Config(format!(
        "{}: the stored position of {key} is one of another type of source: give the source another name",
        store.path(key).display()
    ))
}

/// Which file it is: its inode, its length, and how its first `length` bytes begin.
fn identify(path: &Path, length: u64) -> std::io::Result<FilePlace> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut head = Vec::new();
    file.take(HEAD_BYTES.min(length)).read_to_end(&mut head)?;
    Ok(FilePlace {
        inode: metadata.ino(),
        length: metadata.len(),
        records: 0,
        head: crc32fast::hash(&head),
    })
}

/// A source as it is read.
pub(crate) fn open<A>(api: A, name: &str, index: usize, kondado: &config::Kondado, limiter: Limiter) -> Kondado<A> {
    let accounts: Vec<Option<u64>> = match kondado.client_ids.is_empty() {
        true => vec![None],
        false => kondado.client_ids.iter().copied().map(Some).collect(),
    };
    let channel = |stream| {
        accounts.iter().map(move |client_id| Channel {
            track: 0,
            stream,
            client_id: *client_id,
        })
    };
    Kondado {
        name: name.to_owned(),
        index,
        api,
        limiter,
        channels: kondado.streams.iter().flat_map(|stream| channel(*stream)).collect(),
    }
}

/// The API as a source sees it.
///
/// # Errors
///
/// [`Error::Config`] when no client can be made for it.
pub fn client(name: &str, kondado: &config::Kondado) -> Result<Client, Error> {
    let timeout = Duration::from_secs(kondado.timeout_secs);
    let client = Client::new(ClientOptions {
        endpoint: kondado.endpoint.clone(),
        key: kondado.key.expose().to_owned(),
        token: kondado.token.expose().to_owned(),
        timeout,
        connect_timeout: timeout.min(Duration::from_secs(10)),
    });
    client.map_err(|error| Error::Config(format!("source {name}: {error}")))
}

/// The stored position, or that of the sink that this one goes on for.
fn load(store: &Store, key: &Key, sink: &SinkConfig) -> Result<Option<Checkpoint>, checkpoint::Error> {
    if let Some(checkpoint) = store.load(key)? {
        return Ok(Some(checkpoint));
    }
    let Some(former) = &sink.inherit else {
        return Ok(None);
    };
    let former = store.load(&Key {
        sink: former.clone(),
        ..key.clone()
    })?;
    Ok(former.map(|former| Checkpoint {
        key: key.clone(),
        // The other sink's file is not this one's.
        written: None,
        ..former
    }))
}

fn start(store: &Store, key: &Key, sink: &SinkConfig, source: Option<&Start>) -> Result<Start, Error> {
    match sink.start.as_ref().or(source) {
        Some(start) => Ok(*start),
        None if store.is_new() => Ok(Start::Earliest),
        None => {
            let inherit = match &sink.inherit {
                Some(former) => format!(" (and sink {former}, which it inherits from, has none)"),
                None => format!(
                    ", or, if [sinks.{}] had another name before, `inherit = \"<the former name>\"` there",
                    key.sink
                ),
            };
            Err(Error::Config(format!(
                "{key}: there is no stored position, though there are others: it is new. Say where it begins: \
                 `start = \"earliest\"`, `\"latest\"`, an id or a time in [sinks.{}] or [sources.{}]{inherit}",
                key.sink, key.source
            )))
        }
    }
}

/// What is known of a stream at the beginning: whether its position is older than what the API keeps.
fn seen(name: &str, channel: &Channel, positions: &[Snapshot], clock: &Clock) -> Seen {
    let mut seen = Seen::default();
    let begun = positions.iter().filter(|snapshot| snapshot.low_water > 0);
    if let Some(created) = begun.filter_map(|snapshot| snapshot.low_water_created).min() {
        let created = u64::try_from(created).unwrap_or_default();
        let is_old = created + RETENTION < clock.now();
        seen.beyond_retention = is_old && channel.stream == Stream::PipelineLogs;
        if seen.beyond_retention {
            tracing::error!(
                source = name, stream = channel.stream.name(), position = %time_of_millis(created),
                "the position is older than the 90 days that Kondado keeps: records between are probably lost; going on with what there is"
            );
        }
    }
    seen
}
