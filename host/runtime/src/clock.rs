//! How long a call has taken, and how much of that was the plugin's own doing.
//!
//! The plugin's own time is its thread's processor time: on a machine that is busy with other things, a plugin is not
//! blamed for waiting its turn. The whole call's is the time on the wall, which somebody waits for.

use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

use crate::{Limit, Limits};

/// Measures one call after the other; only time between entering and leaving the guest's code is the guest's. A call
/// stays on the thread that it began on.
pub(crate) struct CallClock {
    guest_limit: Duration,
    call_limit: Duration,
    call_started: Instant,
    guest_time: Duration,
    /// The thread's time when the guest code that is running now was entered; none while the host runs.
    guest_since: Option<Duration>,
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
        self.guest_since = Some(thread_time());
    }

    pub(crate) fn leave_guest(&mut self) {
        self.guest_time = self.guest_time();
        self.guest_since = None;
    }

    /// Which limit the call has reached, if any.
    pub(crate) fn check(&self) -> Result<(), Limit> {
        if self.call_time() > self.call_limit {
            return Err(Limit::CallTime { limit: self.call_limit });
        }
        if self.guest_time() > self.guest_limit {
            return Err(Limit::GuestTime { limit: self.guest_limit });
        }
        Ok(())
    }

    /// How long the call has taken so far.
    pub(crate) fn call_time(&self) -> Duration {
        self.call_started.elapsed()
    }

    /// How long a call that waits may go on waiting.
    pub(crate) fn call_time_left(&self) -> Duration {
        self.call_limit.saturating_sub(self.call_time())
    }

    fn guest_time(&self) -> Duration {
        self.guest_time + self.guest_since.map_or(Duration::ZERO, |since| thread_time().saturating_sub(since))
    }
}

fn thread_time() -> Duration {
    ThreadTime::now().as_duration()
}
