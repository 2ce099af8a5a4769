//! Chance that is the same at every run.

/// Marsaglia's xorshift.
pub struct Random(u64);

impl Random {
    pub fn new() -> Random {
        Random(0x9e37_79b9_7f4a_7c15)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }

    /// Small numbers as often as large ones.
    pub fn up_to_bits(&mut self, bits: u64) -> u64 {
        let limit = 1 << self.below(bits);
        self.below(limit)
    }
}
