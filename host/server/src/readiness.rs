//! Whether requests are served, and if not, why not.

use std::sync::{Arc, Mutex, PoisonError};

/// Asked each time: what the application says of itself changes while it runs.
pub(crate) type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Shared between what changes it and what is asked for it.
#[derive(Clone)]
pub(crate) struct Readiness(Arc<Mutex<Phase>>);

enum Phase {
    Starting,
    Running(Check),
    Draining,
}

impl Readiness {
    pub(crate) fn starting() -> Self {
        Self(Arc::new(Mutex::new(Phase::Starting)))
    }

    pub(crate) fn running(&self, check: Check) {
        self.enter(Phase::Running(check));
    }

    pub(crate) fn draining(&self) {
        self.enter(Phase::Draining);
    }

    /// The reason why requests are not served, if so.
    pub(crate) fn check(&self) -> Result<(), String> {
        // The application's own check runs without the lock.
        let check = match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Phase::Starting => return Err("starting".to_owned()),
            Phase::Draining => return Err("draining: the server was told to stop".to_owned()),
            Phase::Running(check) => Arc::clone(check),
        };
        check()
    }

    fn enter(&self, phase: Phase) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }
}
