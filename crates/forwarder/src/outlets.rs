//! The sinks of a configuration, opened, each with its delivery.

use std::collections::BTreeMap;
use std::sync::Arc;

use logferry_sinks::exchange::OpenError;
use logferry_sinks::file::{FileMark, FileSink};
use logferry_sinks::stdout::StdoutSink;
use logferry_sinks::{DeadLetters, Delivery, Sink, retry};

use crate::checkpoint::FilePlace;
use crate::config::{Config, SinkKind};
use crate::feed::Millis;
use crate::run::Error;
use crate::source::Outlet;
use crate::state::{Shared, SinkReport};

/// The opened sinks.
pub struct Outlets {
    /// Their deliveries, in the order of the configuration.
    pub outlets: Vec<Outlet>,
    /// Those of them that are files.
    pub files: Vec<Option<Arc<FileSink>>>,
}

/// Opens the sinks. `written` says how far their files went, by sink.
///
/// # Errors
///
/// [`Error`] when one cannot be opened.
pub async fn open(
    config: &Config,
    shared: &Arc<Shared>,
    letters: &DeadLetters,
    written: &BTreeMap<usize, (Millis, FilePlace)>,
) -> Result<Outlets, Error> {
    let mut opened = Outlets {
        outlets: Vec::new(),
        files: Vec::new(),
    };
    for (index, (name, sink)) in config.sinks.iter().enumerate() {
        let mut file = None;
        let target: Arc<dyn Sink> = match &sink.kind {
            SinkKind::Stdout(_) => Arc::new(StdoutSink::new().map_err(Error::Stdout)?),
            SinkKind::File(config) => {
                let mark = written.get(&index).map(|(_, place)| FileMark {
                    inode: place.inode,
                    len: place.length,
                    head: place.head,
                });
                let sink = Arc::new(FileSink::open(config.clone(), mark).await?);
                file = Some(sink.clone());
                sink
            }
            service => self::service(name, service, &sink.request)?,
        };
        let report = SinkReport {
            shared: shared.clone(),
            sink: index,
        };
        let (batch, request) = (sink.batch.clone(), sink.request.clone());
        let report = Arc::new(report);
        let delivery = Delivery::start(name, target, batch, request, letters.clone(), sink.buffer_bytes, report);
        opened.outlets.push(Outlet {
            delivery,
            select: sink.select.clone(),
        });
        opened.files.push(file);
    }
    Ok(opened)
}

/// The sink of a service. Nothing is sent to it yet.
pub fn service(name: &str, kind: &SinkKind, request: &retry::Settings) -> Result<Arc<dyn Sink>, Error> {
    let opened = kind.service().map(|config| config.open(request));
    let failed = |error: OpenError| Error::Service {
        name: name.to_owned(),
        error,
    };
    match opened {
        Some(opened) => opened.map_err(failed),
        None => Err(failed(OpenError::no_service(kind.type_name()))),
    }
}
