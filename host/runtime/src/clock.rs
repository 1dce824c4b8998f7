//! How long a call has taken, and how much of that was the plugin's own doing.

use std::time::{Duration, Instant};

use crate::{Limit, Limits};

/// Measures one call after the other; only time between entering and leaving the guest's code is the guest's.
pub(crate) struct CallClock {
    guest_limit: Duration,
    call_limit: Duration,
    call_started: Instant,
    guest_time: Duration,
    /// When the guest code that is running now was entered; none while the host runs.
    guest_since: Option<Instant>,
}

impl CallClock {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            guest_limit: limits.guest_time,
            call_limit: limits.call_time,
            call_started: Instant::now(),
            guest_time: Duration::ZERO,
            guest_since: None,
        }
    }

    pub(crate) fn start_call(&mut self) {
        self.call_started = Instant::now();
        self.guest_time = Duration::ZERO;
        self.guest_since = None;
    }

    pub(crate) fn enter_guest(&mut self) {
        self.guest_since = Some(Instant::now());
    }

    pub(crate) fn leave_guest(&mut self) {
        self.guest_time = self.guest_time();
        self.guest_since = None;
    }

    /// Which limit the call has reached, if any.
    pub(crate) fn check(&self) -> Result<(), Limit> {
        if self.call_started.elapsed() > self.call_limit {
            return Err(Limit::CallTime { limit: self.call_limit });
        }
        if self.guest_time() > self.guest_limit {
            return Err(Limit::GuestTime { limit: self.guest_limit });
        }
        Ok(())
    }

    fn guest_time(&self) -> Duration {
        self.guest_time + self.guest_since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
