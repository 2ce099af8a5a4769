//! Ids of events that are the same for ever: UUIDv5, so they follow from what they name.

use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

/// The id of one of a record's events.
pub fn event_id(record_id: Uuid, event: &str) -> Uuid {
    v5(record_id, &[event.as_bytes()])
}

/// The id of one of a record's events when the record is delivered again because it changed.
pub fn changed_event_id(record_id: Uuid, event: &str, canonical_record: &str) -> Uuid {
    v5(record_id, &[event.as_bytes(), b"\n", canonical_record.as_bytes()])
}

/// The id of an event that comes from no record: of its canonical text.
pub fn text_event_id(canonical_text: &str) -> Uuid {
    v5(Uuid::NAMESPACE_URL, &[canonical_text.as_bytes()])
}

/// UUIDv5 of the parts put together.
///
/// The uuid crate's own SHA-1 does not use the processor's instructions for it.
pub fn v5(namespace: Uuid, parts: &[&[u8]]) -> Uuid {
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
        let record = uuid::uuid!("b4ca1b4a-eb72-59ff-a34d-4f4bddb3989e");
        assert_eq!(
            event_id(record, "sync_end").to_string(),
            "60a94876-43b4-5e70-8b3f-16fadec32b64"
        );
        assert_eq!(
            changed_event_id(record, "sync_end", "{}").to_string(),
            "5fbb1a50-5a3f-5643-85ca-cd96573e4421"
        );
        let long = "x".repeat(200);
        let parts = changed_event_id(record, "sync_end", &long);
        assert_eq!(parts, v5(record, &[format!("sync_end\n{long}").as_bytes()]));
        assert_eq!(text_event_id("{}").to_string(), "417e0a20-e3f9-59fc-8d1f-f51ab83a4318");
    }
}
