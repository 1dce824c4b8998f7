//! How long something takes that is done often.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Durations, and how often it failed.
#[derive(Debug, Default)]
pub struct Latencies {
    seen: Mutex<(Vec<Duration>, u64)>,
}

/// What durations come to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    /// How many there are.
    pub count: usize,
    /// How often it failed.
    pub failures: u64,
    /// Half took no longer.
    pub median: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// None took longer.
    pub longest: Duration,
}

impl Latencies {
    /// It worked, and took this long.
    pub fn worked(&self, duration: Duration) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).0.push(duration);
    }

    /// It failed.
    pub fn failed(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).1 += 1;
    }

    /// What was seen since this was last asked.
    #[must_use]
    pub fn take(&self) -> Spread {
        let (durations, failures) = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        Spread { failures, ..Spread::of(durations) }
    }
}

impl Spread {
    /// What these come to.
    #[must_use]
    pub fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        let Some(longest) = durations.last().copied() else { return Self::default() };
        let count = durations.len();
        // The nearest rank.
        let ranked = |percent: usize| durations[(count * percent).div_ceil(100).saturating_sub(1)];
        Self { count, failures: 0, median: ranked(50), p99: ranked(99), longest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_nearest() {
        let spread = Spread::of((1..=200).rev().map(Duration::from_millis).collect());
        let milliseconds = |duration: Duration| duration.as_millis();
        assert_eq!((spread.count, milliseconds(spread.median)), (200, 100));
        assert_eq!((milliseconds(spread.p99), milliseconds(spread.longest)), (198, 200));
        assert_eq!(Spread::of(Vec::new()).count, 0);
    }
}
