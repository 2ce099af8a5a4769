//! Where a position can be moved to: only the API knows its ids.

use logferry_kondado::Stream;
use logferry_kondado::client::Client;
use logferry_model::Timestamp;

use crate::checkpoint::Key;
use crate::config::{Config, Source, Start};
use crate::positions;
use crate::quota::{Kept, Limiters};
use crate::run::Error;
use crate::source;
use crate::source::kondado::Kondado;

/// Asks the APIs of a configuration. The state folder is to be held meanwhile.
#[derive(Debug)]
pub struct Seeker<'c> {
    config: &'c Config,
    limiters: Limiters,
}

impl<'c> Seeker<'c> {
    /// One for this configuration.
    pub fn new(config: &'c Config) -> Seeker<'c> {
        Seeker {
            config,
            limiters: Limiters::default(),
        }
    }

    /// The id behind which the records begin that ended at a time or later, in at most 40 requests.
    ///
    /// # Errors
    ///
    /// [`Error`] when the source has no ids, or the API cannot tell.
    pub async fn before(&self, key: &Key, time: Timestamp) -> Result<u64, Error> {
        self.find(key, &Start::Time(time)).await
    }

    /// The id of the newest record there is, in at most 40 requests.
    ///
    /// # Errors
    ///
    /// As [`Seeker::before`].
    pub async fn newest(&self, key: &Key) -> Result<u64, Error> {
        self.find(key, &Start::Latest).await
    }

    async fn find(&self, key: &Key, start: &Start) -> Result<u64, Error> {
        let (reading, stream) = self.reading(key)?;
        let found = reading.find(stream, key.client_id, start).await;
        found.map_err(|failure| Error::Source(source::Error::of(&key.source, &failure)))
    }

    fn reading(&self, key: &Key) -> Result<(Kondado<Client>, Stream), Error> {
        let source = self.config.sources.get(&key.source);
        let streams = [Stream::PipelineLogs, Stream::ModelLogs];
        let stream = streams.into_iter().find(|stream| stream.name() == key.stream);
        let (Some(Source::Kondado(kondado)), Some(stream)) = (source, stream) else {
            return Err(Error::Config(format!(
                "{key}: the configuration has no such stream of the API, so nobody can be asked for its ids"
            )));
        };
        let api = positions::client(&key.source, kondado)?;
        let limiter = self
            .limiters
            .of(self.config, kondado, Kept::here(&crate::clock::Clock::start()));
        Ok((positions::open(api, &key.source, 0, kondado, limiter), stream))
    }
}
