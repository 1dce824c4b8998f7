//! Blobs that are finished, and that nothing refers to yet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use fedwit_domain::Digest;

use super::GRACE;

/// How often each blob was finished without having got a reference for it. Two clients may bring the same content: as
/// long as one of them is still to record it, the other's letting go of it deletes nothing.
#[derive(Default)]
pub(super) struct Fresh(Mutex<HashMap<Digest, Finished>>);

struct Finished {
    times: u32,
    last: Instant,
}

impl Fresh {
    /// A file is finished, or is about to be.
    pub(super) fn add(&self, blob: Digest) {
        let mut all = self.all();
        let finished = all.entry(blob).or_insert_with(|| Finished { times: 0, last: Instant::now() });
        finished.times = finished.times.saturating_add(1);
        finished.last = Instant::now();
    }

    /// Files have got their references, or are not going to.
    pub(super) fn claim(&self, blobs: &[Digest]) {
        let mut all = self.all();
        for blob in blobs {
            if let Some(finished) = all.get_mut(blob) {
                finished.times = finished.times.saturating_sub(1);
                if finished.times == 0 {
                    all.remove(blob);
                }
            }
        }
    }

    /// Does something quick with a file unless it is fresh. It does not become fresh meanwhile.
    pub(super) fn unless_fresh<T>(&self, blob: &Digest, act: impl FnOnce() -> T) -> Option<T> {
        let all = self.all();
        let fresh = all.get(blob).is_some_and(|finished| finished.last.elapsed() < GRACE);
        (!fresh).then(act)
    }

    /// Forgets files that nobody is going to refer to any more.
    pub(super) fn forget_expired(&self) {
        self.all().retain(|_, finished| finished.last.elapsed() < GRACE);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Digest, Finished>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_fresh_until_all_who_brought_it_have_a_reference() {
        let (fresh, blob) = (Fresh::default(), Digest::from_bytes([7; 32]));
        assert_eq!(fresh.unless_fresh(&blob, || ()), Some(()));
        fresh.add(blob);
        fresh.add(blob);
        fresh.claim(&[blob]);
        assert_eq!(fresh.unless_fresh(&blob, || ()), None);
        fresh.claim(&[blob]);
        assert_eq!(fresh.unless_fresh(&blob, || ()), Some(()));
        fresh.claim(&[blob]);
        fresh.add(blob);
        assert_eq!(fresh.unless_fresh(&blob, || ()), None, "what was never added is not claimed in advance");
    }
}
