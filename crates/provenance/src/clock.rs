//! Time as a value, so that tests and replays decide it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

type Reading = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Gives milliseconds since 1970, and steady milliseconds that nobody sets, to tell when the former were set.
#[derive(Clone)]
pub struct Clock {
    now_ms: Reading,
    steady_ms: Reading,
}

impl Clock {
    /// The system's clock. Its steady one stands still while the machine sleeps; where that matters, give another.
    #[must_use]
    pub fn system() -> Self {
        let start = Instant::now();
        Self::system_with(move || i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// The system's clock, beside a steady one.
    #[must_use]
    pub fn system_with(steady_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        let now_ms = || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
        };
        Self { now_ms: Arc::new(now_ms), steady_ms: Arc::new(steady_ms) }
    }

    /// A clock that starts at `start_ms` and gains one millisecond each time it is read.
    #[must_use]
    pub fn counting(start_ms: i64) -> Self {
        let next = AtomicI64::new(start_ms);
        Self::from_fn(move || next.fetch_add(1, Ordering::Relaxed))
    }

    /// Any function, which is its own steady clock.
    #[must_use]
    pub fn from_fn(now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        let now_ms: Reading = Arc::new(now_ms);
        Self { now_ms: Arc::clone(&now_ms), steady_ms: now_ms }
    }

    /// The same, beside another steady clock.
    #[must_use]
    pub fn with_steady(self, steady_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self { steady_ms: Arc::new(steady_ms), ..self }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        (self.now_ms)()
    }

    /// Milliseconds since some moment, at the pace of time whatever the clock is set to.
    #[must_use]
    pub fn steady_ms(&self) -> i64 {
        (self.steady_ms)()
    }
}
