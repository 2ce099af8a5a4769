//! The limit on requests.

use std::collections::VecDeque;
use std::time::Duration;

use crate::options::Limits;

/// Lets requests pass or not. The window slides, which is the strictest reading of the documentation.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Option<Limits>,
    /// When the latest requests passed; at most as many as the limit allows.
    passed: VecDeque<Duration>,
}

impl Limiter {
    pub(crate) fn new(limits: Option<Limits>) -> Limiter {
        Limiter {
            limits,
            passed: VecDeque::new(),
        }
    }

    /// Whether a request may pass at this time. If not, the seconds after which it may surely try again.
    pub(crate) fn pass(&mut self, now: Duration) -> Result<(), u64> {
        let Some(limits) = self.limits else {
            return Ok(());
        };
        while self.passed.front().is_some_and(|passed| *passed + limits.window <= now) {
            self.passed.pop_front();
        }
        let is_close = self
            .passed
            .back()
            .is_some_and(|passed| *passed + limits.min_interval > now);
        if is_close || self.passed.len() >= limits.requests {
            return Err(wait_secs(limits));
        }
        self.passed.push_back(now);
        Ok(())
    }

    /// The seconds that a refusal names.
    pub(crate) fn wait_secs(&self) -> u64 {
        wait_secs(self.limits.unwrap_or_default())
    }
}

/// Kondado names the whole window, whatever is left of it.
fn wait_secs(limits: Limits) -> u64 {
    let seconds = limits.window.as_secs();
    let has_rest = limits.window.subsec_nanos() > 0;
    (seconds + u64::from(has_rest)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_in_any_minute_and_a_second_apart() {
        let mut limiter = Limiter::new(Some(Limits::default()));
        let mut pass = |millis| limiter.pass(Duration::from_millis(millis)).is_ok();
        assert!(pass(0));
        assert!(!pass(999), "too close");
        assert!((1..20).all(|n| pass(n * 1_500)));
        assert!(!pass(30_000), "the 21st");
        assert!(!pass(59_999), "the 21st");
        assert!(pass(60_000), "the first has left the window");
        assert!(!pass(61_400), "the second has not");
        assert!(pass(61_500));
    }

    #[test]
    fn a_faster_clock_and_no_limit() {
        let mut limiter = Limiter::new(Some(Limits::default().scaled(60.0)));
        assert_eq!(limiter.wait_secs(), 1);
        let passed = (0..1_000).filter(|n| limiter.pass(Duration::from_millis(n * 10)).is_ok());
        assert_eq!(passed.count(), 200);
        let mut unlimited = Limiter::new(None);
        assert!((0..1_000).all(|_| unlimited.pass(Duration::ZERO).is_ok()));
        assert_eq!(unlimited.wait_secs(), 60);
    }
}
