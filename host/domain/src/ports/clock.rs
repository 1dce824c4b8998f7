//! What time it is.

use std::time::{Instant, SystemTime};

use async_trait::async_trait;

use crate::Timestamp;

/// A clock that only goes forward.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Returns at, or soon after, a time.
    async fn sleep_until(&self, time: Timestamp);
}

/// The time that the system had when the process began, and what has gone by since: setting the system's clock does
/// not end a round.
#[derive(Debug)]
pub struct SystemClock {
    began: Timestamp,
    since: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { began: Timestamp::of(SystemTime::now()), since: Instant::now() }
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.began.plus(self.since.elapsed())
    }

    async fn sleep_until(&self, time: Timestamp) {
        // A millisecond more, since timestamps are rounded down.
        let wait = time.since(self.now()) + std::time::Duration::from_millis(1);
        tokio::time::sleep(wait).await;
    }
}

pub(super) mod fake {
    use std::time::Duration;

    use async_trait::async_trait;
    use tokio::sync::watch;

    use super::Clock;
    use crate::Timestamp;

    /// A clock that stands still until it is moved.
    #[derive(Debug)]
    pub struct ManualClock(watch::Sender<Timestamp>);

    impl ManualClock {
        /// A clock that shows a time.
        #[must_use]
        pub fn at(time: Timestamp) -> Self {
            Self(watch::Sender::new(time))
        }

        /// Lets time go by.
        pub fn advance(&self, by: Duration) {
            self.0.send_modify(|now| *now = now.plus(by));
        }
    }

    #[async_trait]
    impl Clock for ManualClock {
        fn now(&self) -> Timestamp {
            *self.0.borrow()
        }

        async fn sleep_until(&self, time: Timestamp) {
            // The sender is in `self`, so it is there for as long as anybody waits.
            let _ = self.0.subscribe().wait_for(|now| *now >= time).await;
        }
    }
}
