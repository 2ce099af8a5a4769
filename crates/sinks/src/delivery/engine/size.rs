//! How large batches are.

use crate::batch::Bounds;

/// The bounds that are set, and how much less the service takes: it says so by refusing what is too large.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    bounds: Bounds,
    /// Most bytes, by what was refused. It grows again with what is delivered, for a service may change its mind.
    learned: Option<usize>,
}

impl Size {
    pub(super) fn within(bounds: Bounds) -> Size {
        Size { bounds, learned: None }
    }

    /// What a batch is within now.
    pub(super) fn now(&self) -> Bounds {
        let set = self.bounds.max_bytes;
        Bounds {
            max_bytes: self.learned.map_or(set, |learned| learned.min(set)),
            ..self.bounds
        }
    }

    /// A batch of so many bytes was too large.
    pub(super) fn shrink(&mut self, bytes: usize) {
        let half = bytes.div_ceil(2);
        self.learned = Some(self.learned.map_or(half, |learned| learned.min(half)));
    }

    /// A batch was delivered.
    pub(super) fn grow(&mut self) {
        let grown = self
            .learned
            .map(|learned| learned.saturating_add(learned / 64).saturating_add(1));
        self.learned = grown.filter(|learned| *learned < self.bounds.max_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{self, Limits};

    #[test]
    fn it_halves_at_once_and_grows_slowly_up_to_what_is_set() {
        let set = batch::Settings::default().within(&Limits::NONE);
        let mut size = Size::within(set);
        size.grow();
        assert_eq!(size.now(), set);
        size.shrink(set.max_bytes);
        assert_eq!(size.now().max_bytes, set.max_bytes / 2);
        // Another one of the same time says nothing new.
        size.shrink(set.max_bytes);
        assert_eq!(size.now().max_bytes, set.max_bytes / 2);
        size.grow();
        let grown = size.now().max_bytes;
        assert!(grown > set.max_bytes / 2 && grown < set.max_bytes * 6 / 10, "{grown}");
        (0..100).for_each(|_| size.grow());
        assert_eq!(size.now(), set);
    }
}
