//! How many requests go at a time.

use std::num::NonZeroUsize;

/// Additive increase, multiplicative decrease: one more after each round of requests that went well, half of them after a failure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Concurrency {
    allowed: f64,
    most: f64,
}

impl Concurrency {
    /// Begins with one.
    pub(super) fn up_to(most: NonZeroUsize) -> Concurrency {
        Concurrency {
            allowed: 1.0,
            most: most.get() as f64,
        }
    }

    /// How many may be under way.
    pub(super) fn now(&self) -> usize {
        self.allowed as usize
    }

    /// A request went well.
    pub(super) fn grow(&mut self) {
        self.allowed = (self.allowed + 1.0 / self.allowed).min(self.most);
    }

    /// The service is overloaded, or gone.
    pub(super) fn shrink(&mut self) {
        self.allowed = (self.allowed / 2.0).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_by_one_a_round_and_halves() {
        let mut concurrency = Concurrency::up_to(NonZeroUsize::new(8).unwrap());
        let round = |concurrency: &mut Concurrency| {
            (0..concurrency.now()).for_each(|_| concurrency.grow());
            concurrency.now()
        };
        let rounds: Vec<usize> = (0..12).map(|_| round(&mut concurrency)).collect();
        assert!(
            rounds.is_sorted() && rounds.windows(2).all(|pair| pair[1] - pair[0] <= 1),
            "{rounds:?}"
        );
        assert_eq!(rounds.last(), Some(&8));
        concurrency.shrink();
        assert_eq!(concurrency.now(), 4);
        (0..9).for_each(|_| concurrency.shrink());
        assert_eq!(concurrency.now(), 1);
        let mut one = Concurrency::up_to(NonZeroUsize::MIN);
        one.grow();
        assert_eq!(one.now(), 1);
    }
}
