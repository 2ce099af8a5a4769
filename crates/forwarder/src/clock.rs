//! The time of a run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::feed::Millis;

/// The wall's time when the run began, and from then on a clock that nobody sets: what is measured by it does not age by leaps.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
    began_millis: Millis,
}

impl Clock {
    /// Begins now, at the wall's time.
    pub fn start() -> Clock {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock::start_at(Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX / 2))
    }

    /// Begins now, at another time.
    pub fn start_at(began_millis: Millis) -> Clock {
        Clock {
            began: Instant::now(),
            began_millis,
        }
    }

    /// Milliseconds since 1970.
    pub fn now(&self) -> Millis {
        self.at(Instant::now())
    }

    /// What time it is then, in milliseconds since 1970.
    pub fn at(&self, instant: Instant) -> Millis {
        let millis = |passed: Duration| Millis::try_from(passed.as_millis()).unwrap_or(Millis::MAX / 2);
        match instant.checked_duration_since(self.began) {
            Some(passed) => self.began_millis + millis(passed),
            None => self.began_millis.saturating_sub(millis(self.began - instant)),
        }
    }

    /// When that time is.
    pub fn instant(&self, millis: Millis) -> Instant {
        self.began + Duration::from_millis(millis.saturating_sub(self.began_millis))
    }
}
