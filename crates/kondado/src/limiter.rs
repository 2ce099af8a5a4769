//! The quota of a key: everything that asks the API with it asks here first.
//!
//! The server counts a request at some moment between its sending and its answer, and which one depends on the network. So a
//! request counts here from before it is sent until its answer has come, and is stamped then: the server has seen it no
//! later, and nothing that waits for a stamp to age comes too early. That needs requests one at a time, which costs nothing
//! while an answer takes less than the quota's share of a minute.
//!
//! Requests before the start of the program are known as far as somebody has kept them ([`Limiter::keep`], [`Limiter::recall`]). Nothing is
//! known of others with the same key: the API's own word ([`Limiter::throttled`]) covers these.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// The window of the quota.
const WINDOW: Duration = Duration::from_secs(60);

/// Added to window and spacing, because the server's clock may run a little slower than ours, and counts in whole
/// milliseconds.
const MARGIN: Duration = Duration::from_millis(10);

/// As long as no wait is; it keeps sums within the clock.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// At most so many requests in any 60 seconds, and so far apart. Clones share the quota.
#[derive(Clone)]
pub struct Limiter {
    shared: Arc<Shared>,
}

struct Shared {
    requests_per_minute: usize,
    min_interval: Duration,
    /// One place: whose turn it is. It is given in the order of asking.
    turn: Arc<Semaphore>,
    state: Mutex<State>,
    keep: OnceLock<Keep>,
}

/// Told, before a request is sent, when those that count were answered.
type Keep = Box<dyn Fn(&VecDeque<Instant>) + Send + Sync>;

#[derive(Default)]
struct State {
    /// When the last requests were answered, the oldest first; no more than the quota counts.
    stamps: VecDeque<Instant>,
    /// Whether a request is under way.
    under_way: bool,
    /// The API wants no request before.
    not_before: Option<Instant>,
}

impl Limiter {
    /// At most `requests_per_minute`, one at least, in any 60 seconds, and `min_interval` between them.
    pub fn new(requests_per_minute: u32, min_interval: Duration) -> Limiter {
        let shared = Shared {
            requests_per_minute: requests_per_minute.max(1) as usize,
            min_interval: min_interval.min(FOR_EVER),
            turn: Arc::new(Semaphore::new(1)),
            state: Mutex::default(),
            keep: OnceLock::new(),
        };
        Limiter {
            shared: Arc::new(shared),
        }
    }

    /// Counts requests of before, by how long ago they were answered; the oldest first.
    pub fn recall(&self, ages: impl IntoIterator<Item = Duration>) {
        let now = Instant::now();
        let mut state = self.shared.state();
        for age in ages {
            // A clock may have begun later than that.
            state.stamps.push_back(now.checked_sub(age).unwrap_or(now));
        }
        state.forget(&self.shared, now);
    }

    /// Calls this, from now on, before each request is sent, with the times of the answers that count. The request may be the last thing that
    /// the program does. The first one to ask for it is told.
    pub fn keep(&self, keep: impl Fn(&VecDeque<Instant>) + Send + Sync + 'static) {
        let _ = self.shared.keep.set(Box::new(keep));
    }

    /// Waits for leave to send one request, in the order of asking. Hold the permit until the answer has been read, or the
    /// request has failed.
    pub async fn permit(&self) -> Permit {
        // The semaphore is never closed; if it were, waiting by the clock would still keep the quota.
        let turn = Arc::clone(&self.shared.turn).acquire_owned().await.ok();
        loop {
            // What is waited for may move away meanwhile.
            let free = {
                let mut state = self.shared.state();
                let free = state.free_at(&self.shared);
                if free <= Instant::now() {
                    state.under_way = true;
                    if let Some(keep) = self.shared.keep.get() {
                        keep(&state.stamps);
                    }
                    break;
                }
                free
            };
            sleep_until(free).await;
        }
        Permit {
            shared: Arc::clone(&self.shared),
            _turn: turn,
        }
    }

    /// Lets nobody pass before `wait` is over, whoever waits already included.
    pub fn throttled(&self, wait: Duration) {
        let until = Instant::now() + wait.min(FOR_EVER);
        let mut state = self.shared.state();
        state.not_before = state.not_before.max(Some(until));
    }

    /// How many requests count at the moment: those under way or answered within the last 60 seconds.
    pub fn used(&self) -> usize {
        let state = self.shared.state();
        let now = Instant::now();
        let recent = state.stamps.iter().rev().take_while(|stamp| now < **stamp + WINDOW);
        recent.count() + usize::from(state.under_way)
    }

    /// How many requests there may be in 60 seconds.
    pub fn quota(&self) -> usize {
        self.shared.requests_per_minute
    }

    /// When a request was answered last, as far as it still counts.
    pub fn last_answer(&self) -> Option<Instant> {
        self.shared.state().stamps.back().copied()
    }

    /// When the next request could be sent, as far as the answered ones go; now or in the past if at once.
    pub fn free_at(&self) -> Instant {
        self.shared.state().free_at(&self.shared)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn free_at(&self, shared: &Shared) -> Instant {
        let spaced = self.stamps.back().map(|last| match shared.min_interval {
            Duration::ZERO => *last,
            interval => *last + interval + MARGIN,
        });
        let quota = (self.stamps.len() >= shared.requests_per_minute)
            .then(|| self.stamps.get(self.stamps.len() - shared.requests_per_minute))
            .flatten()
            .map(|oldest| *oldest + WINDOW + MARGIN);
        spaced.max(quota).max(self.not_before).unwrap_or_else(Instant::now)
    }

    fn answered(&mut self, shared: &Shared) {
        let now = Instant::now();
        self.under_way = false;
        self.stamps.push_back(now);
        self.forget(shared, now);
    }

    fn forget(&mut self, shared: &Shared, now: Instant) {
        while self.stamps.len() > shared.requests_per_minute
            || self.stamps.len() > 1
                && self
                    .stamps
                    .front()
                    .is_some_and(|oldest| *oldest + WINDOW + MARGIN < now)
        {
            self.stamps.pop_front();
        }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("requests_per_minute", &self.shared.requests_per_minute)
            .field("min_interval", &self.shared.min_interval)
            .field("used", &self.used())
            .finish_non_exhaustive()
    }
}

/// Leave to send one request. Dropping it says that the request is over.
#[must_use = "dropping it says that the request is over"]
pub struct Permit {
    shared: Arc<Shared>,
    /// Given on after the stamp is set, because fields are dropped last.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.state().answered(&self.shared);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// A wait made up to 10 % longer, so that clients throttled together do not come back together.
pub fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(1.0 + fastrand::f64() / 10.0)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use tokio::runtime::Builder;
    use tokio::time::{Instant, sleep};

    use super::*;

    fn paused<T>(test: impl Future<Output = T>) -> T {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(test)
    }

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A request: how long after the one before it is asked for, how long its answer takes, and when within that (in
    /// thousandths) the server counts it.
    fn requests(latest: u64) -> impl Strategy<Value = Vec<(u64, u64, u64)>> {
        let gap = prop_oneof![Just(0), 0..200_u64, 0..30_000_u64];
        vec((gap, 0..=latest, 0..=1000_u64), 1..120)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn neither_window_nor_spacing_is_ever_broken(
            requests in requests(20_000), quota in 1..25_u32, interval in 0..3000_u64, throttles in vec((0..90_000_u64, 0..70_000_u64), 0..3),
        ) {
            let counted = paused(async {
                let limiter = Limiter::new(quota, millis(interval));
                let start = Instant::now();
                let counted = Arc::new(Mutex::new(Vec::new()));
                let mut tasks = Vec::new();
                for (at, wait) in throttles.clone() {
                    let limiter = limiter.clone();
                    tasks.push(tokio::spawn(async move {
                        sleep(millis(at)).await;
                        limiter.throttled(millis(wait));
                    }));
                }
                for (index, (gap, latency, share)) in requests.into_iter().enumerate() {
                    sleep(millis(gap)).await;
                    let (limiter, counted) = (limiter.clone(), Arc::clone(&counted));
                    tasks.push(tokio::spawn(async move {
                        let _permit = limiter.permit().await;
                        let sent = start.elapsed();
                        sleep(millis(latency)).await;
                        counted.lock().unwrap().push((sent, sent + millis(latency).mul_f64(share as f64 / 1000.0), index));
                    }));
                }
                for task in tasks {
                    task.await.unwrap();
                }
                Arc::into_inner(counted).unwrap().into_inner().unwrap()
            });
            for pair in counted.windows(2) {
                prop_assert!(pair[1].1 >= pair[0].1 + millis(interval), "{pair:?}");
                prop_assert_eq!(pair[1].2, pair[0].2 + 1, "first come, first served");
            }
            for window in counted.windows(quota as usize + 1) {
                prop_assert!(window[quota as usize].1 > window[0].1 + WINDOW, "{window:?}");
            }
            for (at, wait) in throttles {
                let banned = millis(at) + millis(1)..millis(at + wait);
                prop_assert!(!counted.iter().any(|(sent, ..)| banned.contains(sent)), "{banned:?}");
            }
        }

        #[test]
        fn under_backlog_the_quota_is_used(latencies in vec(0..100_u64, 101), quota in 2..25_usize) {
            let last = paused(async {
                let limiter = Limiter::new(quota as u32, millis(1000));
                let start = Instant::now();
                for latency in latencies {
                    let _permit = limiter.permit().await;
                    sleep(millis(latency)).await;
                }
                start.elapsed()
            });
            // The last of 101 begins the minute after the hundredth, and everyone may be late by margin and latency once
            // a minute.
            let minutes = 100_usize.div_ceil(quota) as u32;
            prop_assert!(last <= (WINDOW + millis(250)) * minutes, "{last:?} for {minutes} minutes");
        }
    }

    #[test]
    fn it_says_what_is_used_and_when_it_is_free() {
        paused(async {
            let limiter = Limiter::new(2, millis(1000));
            assert!(limiter.free_at() <= Instant::now());
            assert_eq!(limiter.used(), 0);
            let permit = limiter.permit().await;
            assert_eq!(limiter.used(), 1);
            drop(permit);
            let first = Instant::now();
            assert_eq!(limiter.free_at(), first + millis(1010));
            drop(limiter.permit().await);
            assert_eq!((limiter.used(), limiter.quota()), (2, 2));
            assert_eq!(limiter.free_at(), first + millis(60_010));
            sleep_until(first + millis(60_000)).await;
            assert_eq!(limiter.used(), 1);
            sleep_until(first + millis(61_010)).await;
            assert_eq!(limiter.used(), 0);
            limiter.throttled(millis(5000));
            limiter.throttled(Duration::MAX);
            limiter.throttled(millis(10));
            assert!(limiter.free_at() > Instant::now() + millis(1_000_000));
        });
    }

    #[test]
    fn requests_of_before_count() {
        paused(async {
            sleep(millis(120_000)).await;
            let limiter = Limiter::new(2, millis(1000));
            limiter.recall([90_000, 50_000, 200].map(millis));
            let begun = Instant::now();
            assert_eq!(limiter.used(), 2);
            let kept = Arc::new(Mutex::new(Vec::new()));
            let keeping = Arc::clone(&kept);
            limiter.keep(move |answered| {
                let ages = answered.iter().map(|stamp| stamp.elapsed());
                *keeping.lock().unwrap() = ages.collect();
            });
            drop(limiter.permit().await);
            assert_eq!(begun.elapsed(), millis(10_010));
            assert_eq!(*kept.lock().unwrap(), [60_010, 10_210].map(millis));
            drop(limiter.permit().await);
            assert_eq!(begun.elapsed(), millis(59_810));
        });
    }

    #[test]
    fn who_stops_waiting_holds_up_nobody() {
        paused(async {
            let limiter = Limiter::new(5, millis(1000));
            drop(limiter.permit().await);
            let waiting = tokio::spawn({
                let limiter = limiter.clone();
                async move { limiter.permit().await }
            });
            sleep(millis(500)).await;
            waiting.abort();
            let start = Instant::now();
            drop(limiter.permit().await);
            assert_eq!(start.elapsed(), millis(510));
            assert_eq!(limiter.used(), 2);
        });
    }

    #[test]
    fn jitter_only_adds() {
        for _ in 0..1000 {
            let wait = jittered(millis(60_000));
            assert!((millis(60_000)..=millis(66_000)).contains(&wait), "{wait:?}");
        }
    }
}
