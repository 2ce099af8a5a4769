//! The inverse of the mapping: the record from its events.

use logferry_kondado::Stream;
use logferry_model::{Data, Event, Payload};

/// `type` of the `info` event that carries a record of the stream.
pub(crate) fn info_type(stream: Stream) -> &'static str {
    match stream {
        Stream::PipelineLogs => "kondado_pipeline_log",
        Stream::ModelLogs => "kondado_model_log",
    }
}

/// The canonical record that an event carries, and its stream; `None` for every event but the `info` of a mapped record.
pub fn record_of<'e>(event: &'e Event<'_>) -> Option<(Stream, &'e str)> {
    let Payload::Info(Data::Typed(info)) = &event.payload else {
        return None;
    };
    let kind = info.kind.as_deref()?;
    let stream = [Stream::PipelineLogs, Stream::ModelLogs]
        .into_iter()
        .find(|stream| info_type(*stream) == kind)?;
    Some((stream, info.message.as_deref()?))
}
