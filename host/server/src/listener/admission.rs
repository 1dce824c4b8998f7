//! How many connections there may be.
//!
//! One too many is accepted and closed at once, not left waiting: its client learns of it now, where a client in the
//! system's queue would learn of it when its patience ends, and so would the probe that asks whether the server lives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

/// Between two log lines that say the same.
const SILENCE: Duration = Duration::from_secs(60);

/// The places that are left.
#[derive(Clone)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    most: usize,
    complaints: Arc<std::sync::Mutex<Seldom>>,
}

/// A connection's place, free again once dropped.
pub(super) type Place = OwnedSemaphorePermit;

impl Admission {
    pub(super) fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(most)), most, complaints: Arc::default() }
    }

    /// A place for a connection, if there is one.
    pub(super) fn admit(&self) -> Option<Place> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        if place.is_none() {
            counter!("fedwit_connections_refused_total").increment(1);
            if self.complaints.lock().is_ok_and(|mut complaints| complaints.may_speak()) {
                warn!(connection.limit = self.most, "closing new connections: there are as many as there may be");
            }
        }
        place
    }
}

/// Keeps what happens often from being said often.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    last: Option<Instant>,
}

impl Seldom {
    pub(super) fn may_speak(&mut self) -> bool {
        self.may_speak_at(Instant::now())
    }

    fn may_speak_at(&mut self, now: Instant) -> bool {
        let may = self.last.is_none_or(|last| now.duration_since(last) >= SILENCE);
        if may {
            self.last = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_once_it_is_given_back() {
        let admission = Admission::new(1);
        let place = admission.admit();
        assert!(place.is_some() && admission.admit().is_none());
        drop(place);
        assert!(admission.admit().is_some());
    }

    #[test]
    fn the_same_is_said_once_a_minute() {
        let (mut seldom, start) = (Seldom::default(), Instant::now());
        let spoken = [0, 1, 59, 60, 61, 200].map(|second| seldom.may_speak_at(start + Duration::from_secs(second)));
        assert_eq!(spoken, [true, false, false, true, false, true]);
    }
}
