//! Randomness from the seed.

use logferry_kondado::Stream;

/// What a number is drawn for. Each has its own sequence, so that one more draw here changes nothing there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Id, time and fate of a row.
    Row,
    /// When the next live row arrives.
    Arrival,
    /// What a row says.
    Content,
    /// How a request is answered.
    Request,
}

/// The generator for the `n`th draw of a purpose.
pub(crate) fn generator(seed: u64, stream: Stream, purpose: Purpose, n: u64) -> fastrand::Rng {
    let tagged = [stream as u64, purpose as u64, n];
    let seed = tagged.iter().fold(scatter(seed), |state, tag| scatter(state ^ tag));
    fastrand::Rng::with_seed(seed)
}

/// The finalizer of SplitMix64: neighbours become strangers.
fn scatter(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
