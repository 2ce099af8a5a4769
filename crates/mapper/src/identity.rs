//! Ids that are the same for ever: all are UUIDv5, so they follow from what they name.

use logferry_kondado::Stream;
use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

/// The id of a record: of its URL, `https://k2.kondado.com.br/pipeline_logs/<id>` or `…/model_logs/<id>`. For a pipeline log it
/// is the `sync_id` of its events.
pub fn record_id(stream: Stream, id: u64) -> Uuid {
    let mut digits = itoa::Buffer::new();
    let url = ["https://k2.kondado.com.br/", stream.name(), "/", digits.format(id)];
    v5(Uuid::NAMESPACE_URL, &url.map(str::as_bytes))
}

/// The id of one of a record's events.
pub fn event_id(record_id: Uuid, event: &str) -> Uuid {
    v5(record_id, &[event.as_bytes()])
}

/// The id of one of a record's events when the record is delivered again because it changed.
pub fn changed_event_id(record_id: Uuid, event: &str, canonical_record: &str) -> Uuid {
    v5(record_id, &[event.as_bytes(), b"\n", canonical_record.as_bytes()])
}

/// The id of an event that comes from no Kondado record: of its canonical text.
pub fn text_event_id(canonical_text: &str) -> Uuid {
    v5(Uuid::NAMESPACE_URL, &[canonical_text.as_bytes()])
}

/// Tells contents of a record apart, in 32 bits; never 0.
pub fn fingerprint(canonical_record: &[u8]) -> u32 {
    let digest: [u8; 20] = Sha1::digest(canonical_record).into();
    let [a, b, c, d, ..] = digest;
    u32::from_be_bytes([a, b, c, d]).max(1)
}

/// UUIDv5 of the parts put together. (The uuid crate's own SHA-1 does not use the processor's instructions for it.)
fn v5(namespace: Uuid, parts: &[&[u8]]) -> Uuid {
    // Short texts are put together first: the hash has more work with a part than with its bytes.
    let mut short = [0; 96];
    let mut len = 0;
    let mut hash = Sha1::new();
    for part in [&namespace.as_bytes()[..]].iter().chain(parts) {
        match short.get_mut(len..len + part.len()) {
            Some(room) => {
                room.copy_from_slice(part);
                len += part.len();
            }
            None => {
                hash.update(&short[..std::mem::take(&mut len)]);
                hash.update(part);
            }
        }
    }
    hash.update(&short[..len]);
    let digest: [u8; 20] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_sha1_bytes(bytes).into_uuid()
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
            event_id(sync_id, "sync_end").to_string(),
            "60a94876-43b4-5e70-8b3f-16fadec32b64"
        );
        assert_eq!(
            changed_event_id(sync_id, "sync_end", "{}").to_string(),
            "5fbb1a50-5a3f-5643-85ca-cd96573e4421"
        );
        assert_eq!(
            record_id(Stream::ModelLogs, 5_219_430).to_string(),
            "ec9c1456-095a-5080-b658-49af8626608a"
        );
        let long = "x".repeat(200);
        let parts = changed_event_id(sync_id, "sync_end", &long);
        assert_eq!(parts, v5(sync_id, &[format!("sync_end\n{long}").as_bytes()]));
        assert_eq!(text_event_id("{}").to_string(), "417e0a20-e3f9-59fc-8d1f-f51ab83a4318");
    }
}
