//! Ids of records, and what tells their contents apart. Ids of events are the model's.

use logferry_kondado::Stream;
use logferry_model::identity::v5;
use sha1::{Digest, Sha1};
use uuid::Uuid;

pub use logferry_model::identity::{changed_event_id, event_id, text_event_id};

/// The id of a record: of its URL, `https://k2.kondado.com.br/pipeline_logs/<id>` or `…/model_logs/<id>`. For a pipeline log it
/// is the `sync_id` of its events.
pub fn record_id(stream: Stream, id: u64) -> Uuid {
    let mut digits = itoa::Buffer::new();
    let url = ["https://k2.kondado.com.br/", stream.name(), "/", digits.format(id)];
    v5(Uuid::NAMESPACE_URL, &url.map(str::as_bytes))
}

/// Tells contents of a record apart, in 32 bits; never 0.
pub fn fingerprint(canonical_record: &[u8]) -> u32 {
    let digest: [u8; 20] = Sha1::digest(canonical_record).into();
    let [a, b, c, d, ..] = digest;
    u32::from_be_bytes([a, b, c, d]).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's `uuid.uuid5`.
    #[test]
    fn as_other_implementations_make_them() {
        let sync_id = record_id(Stream::PipelineLogs, 5_181_910);
        assert_eq!(sync_id.to_string(), "b4ca1b4a-eb72-59ff-a34d-4f4bddb3989e");
        assert_eq!(
            record_id(Stream::ModelLogs, 5_219_430).to_string(),
            "ec9c1456-095a-5080-b658-49af8626608a"
        );
    }
}
