//! Watches the clock. Quotas, keys and windows are judged by it, so while it stands where it cannot have come by itself
//! every request is denied, until it is set right or an administrator says that it is.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use provenance::Clock;

/// How far the clock may stray at once: a leap second, or a small step of a time service.
const STEP_MS_MAX: i64 = 5_000;
/// A time service that slews gains or loses at most this part of the time that passes: chrony's bound is a twelfth.
const SLEW_PART: i64 = 10;

/// The clock was set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jumped {
    /// The time it has to be, ms since 1970.
    pub(crate) expected_ms: i64,
    by_ms: i64,
}

impl fmt::Display for Jumped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.by_ms.unsigned_abs().div_ceil(1000);
        let side = if self.by_ms < 0 { "behind" } else { "ahead of" };
        write!(
            f,
            "the clock stands {seconds} s {side} what it has to be; set it right, or say that it is with \
             `proeftuin quota accept-clock`"
        )
    }
}

pub(crate) struct Watch {
    clock: Clock,
    last: Mutex<Last>,
}

struct Last {
    /// The last good reading, and the steady clock's beside it.
    now_ms: i64,
    steady_ms: i64,
    /// Whether this run has had a good reading. Before, nobody knows how long it stood still: any later time may be right.
    settled: bool,
}

impl Last {
    fn expected_ms(&self, steady_ms: i64) -> (i64, i64) {
        let passed_ms = steady_ms.saturating_sub(self.steady_ms).max(0);
        (self.now_ms.saturating_add(passed_ms), passed_ms)
    }
}

impl Watch {
    /// `latest_ms`: the latest moment that durable state knows of; time cannot be before it.
    pub(crate) fn new(clock: Clock, latest_ms: Option<i64>) -> Self {
        let now_ms = clock.now_ms();
        let now_ms = latest_ms.map_or(now_ms, |latest| latest.max(now_ms));
        let last = Last { now_ms, steady_ms: clock.steady_ms(), settled: false };
        Self { clock, last: Mutex::new(last) }
    }

    /// The time, if the clock can have come to it by itself. A bad reading is not remembered: the clock set right is
    /// right again.
    pub(crate) fn check(&self) -> Result<i64, Jumped> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (now_ms, steady_ms) = (self.clock.now_ms(), self.clock.steady_ms());
        let (expected_ms, passed_ms) = last.expected_ms(steady_ms);
        let by_ms = now_ms.saturating_sub(expected_ms);
        let most_ms = STEP_MS_MAX.saturating_add(passed_ms / SLEW_PART);
        if by_ms < most_ms.saturating_neg() || (last.settled && by_ms > most_ms) {
            return Err(Jumped { expected_ms, by_ms });
        }
        *last = Last { now_ms, steady_ms, settled: true };
        Ok(now_ms)
    }

    /// Takes the clock as it stands for right. Gives the time it had to be, and the time it is.
    pub(crate) fn accept(&self) -> (i64, i64) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (now_ms, steady_ms) = (self.clock.now_ms(), self.clock.steady_ms());
        let (expected_ms, _) = last.expected_ms(steady_ms);
        *last = Last { now_ms, steady_ms, settled: true };
        (expected_ms, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn small_steps_pass_and_jumps_do_not_until_they_are_undone_or_accepted() {
        let (wall, steady) = (Arc::new(AtomicI64::new(1_000_000)), Arc::new(AtomicI64::new(0)));
        let (now, even) = (Arc::clone(&wall), Arc::clone(&steady));
        let clock = Clock::from_fn(move || now.load(Ordering::SeqCst))
            .with_steady(move || even.load(Ordering::SeqCst));
        let watch = Watch::new(clock.clone(), None);
        let set = |to: i64, passed: i64| {
            wall.store(to, Ordering::SeqCst);
            steady.store(passed, Ordering::SeqCst);
        };
        set(1_004_000, 0);
        assert_eq!(watch.check().ok(), Some(1_004_000));
        set(1_109_000, 100_000);
        assert_eq!(watch.check().ok(), Some(1_109_000), "slewed by a twentieth");
        for (to, word) in
            [(1_200_000, "ahead"), (1_009_000, "behind"), (i64::MAX, "ahead"), (i64::MIN, "behind")]
        {
            set(to, 101_000);
            assert!(watch.check().unwrap_err().to_string().contains(word), "{to}");
            set(1_110_000, 101_000);
            assert_eq!(watch.check().ok(), Some(1_110_000), "set right");
        }
        set(2_000_000, 101_000);
        assert_eq!(watch.accept(), (1_110_000, 2_000_000));
        assert_eq!(watch.check().ok(), Some(2_000_000));
        // A restart does not hide that it was later before; however long it took, the clock set right is right.
        let restarted = Watch::new(clock.clone(), Some(2_000_000 + STEP_MS_MAX + 1));
        assert!(restarted.check().is_err());
        set(9_000_000, 102_000);
        assert_eq!(restarted.check().ok(), Some(9_000_000));
        set(2_000_000, 103_000);
        assert!(restarted.check().is_err());
        assert!(Watch::new(clock, Some(1_999_000)).check().is_ok());
    }
}
