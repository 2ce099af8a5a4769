//! A key is in the partition where Java's clients look for it.

use super::*;

/// `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mix = |k: u32| {
        let k = k.wrapping_mul(M);
        (k ^ (k >> 24)).wrapping_mul(M)
    };
    let mut hash = 0x9747_b28c ^ u32::try_from(data.len()).unwrap();
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        hash = hash.wrapping_mul(M) ^ mix(u32::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        let last = rest.iter().rev().fold(0, |last, byte| last << 8 | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// `BuiltInPartitioner.partitionForKey`.
fn partition(key: &str, partitions: u32) -> i32 {
    i32::try_from((murmur2(key.as_bytes()) & 0x7fff_ffff) % partitions).unwrap()
}

#[test]
fn the_hash_is_that_of_java() {
    // From Kafka's own test of it.
    for (text, hash) in [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ] {
        assert_eq!(murmur2(text.as_bytes()).cast_signed(), hash, "{text}");
    }
}

#[tokio::test]
async fn a_key_goes_where_java_looks_for_it() {
    let brokers = Brokers::start();
    let sink = brokers.sink();
    let mut sent = events(50, 100);
    for (event, key) in sent.iter_mut().zip(["", "ä", "a/b c", "\u{1f6a2}"]) {
        event.key = key.into();
    }
    assert_eq!(sink.send(&sent).await, Verdict::Delivered);
    for message in brokers.read(TOPIC, sent.len()) {
        assert_eq!(message.partition, partition(&message.key, 4), "{:?}", message.key);
    }
}
