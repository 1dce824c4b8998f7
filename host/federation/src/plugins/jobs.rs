//! Installing takes a while: how far it is.
//!
//! Jobs are in memory. One that a restart interrupts is gone, and has installed nothing.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fedwit_domain::{Digest, Timestamp};
use tokio::sync::watch;
use uuid::Uuid;

use crate::FederationError;

/// Jobs under way; each holds a component, and one is compiled at a time.
const MOST_UNDER_WAY: usize = 16;
/// Jobs that have ended and can still be asked for.
const MOST_ENDED: usize = 100;
/// How long a job that has ended can be asked for.
const KEPT: Duration = Duration::from_secs(3600);

/// The name of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginJobId(Uuid);

/// How far an installation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobStage {
    /// It is being fetched from its registry, or waits for its turn.
    Pulling,
    /// All of it is there.
    Received,
    /// Its signature is as it has to be.
    Verified,
    /// It is being compiled, or waits for its turn.
    Compiling,
    /// It has said what it is, and is being compared with what it may be granted.
    Checking,
    /// It is installed.
    Installed,
    /// It is not installed, and nothing is left of it.
    Failed,
}

/// An installation, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginJob {
    /// What it is called.
    pub id: PluginJobId,
    /// What is installed: a file's name, or a reference.
    pub source: String,
    /// How far it is.
    pub stage: JobStage,
    /// The component, once it is there.
    pub digest: Option<Digest>,
    /// How many bytes have come from the registry.
    pub received_bytes: Option<u64>,
    /// How many bytes the registry has.
    pub size_bytes: Option<u64>,
    /// Why it failed.
    pub failure: Option<JobFailure>,
    /// When it was begun.
    pub began_at: Timestamp,
    /// When it came to its stage.
    pub at: Timestamp,
}

/// Why nothing was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFailure {
    /// The error's code.
    pub code: &'static str,
    /// The error.
    pub message: String,
}

/// The jobs of a server, the newest last.
#[derive(Default)]
pub(super) struct Jobs {
    jobs: Mutex<VecDeque<watch::Sender<PluginJob>>>,
}

/// A job under way, for the one who does it. Dropped before its end, it has failed.
pub(super) struct Progress {
    job: watch::Sender<PluginJob>,
}

impl PluginJob {
    /// Whether nothing follows any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.stage, JobStage::Installed | JobStage::Failed)
    }
}

impl Jobs {
    /// Begins a job.
    ///
    /// # Errors
    /// [`FederationError::Unavailable`] if there are too many.
    pub(super) fn begin(&self, source: String, stage: JobStage, now: Timestamp) -> Result<Progress, FederationError> {
        let mut jobs = self.locked();
        forget(&mut jobs, now);
        if jobs.iter().filter(|job| !job.borrow().has_ended()).count() >= MOST_UNDER_WAY {
            return Err(FederationError::Unavailable("too many plugins are being installed at once".to_owned()));
        }
        let id = PluginJobId(Uuid::new_v4());
        let job = watch::Sender::new(PluginJob {
            id,
            source,
            stage,
            digest: None,
            received_bytes: None,
            size_bytes: None,
            failure: None,
            began_at: now,
            at: now,
        });
        jobs.push_back(job.clone());
        Ok(Progress { job })
    }

    /// A job, now and as it goes on.
    pub(super) fn watch(&self, id: PluginJobId, now: Timestamp) -> Option<watch::Receiver<PluginJob>> {
        let mut jobs = self.locked();
        forget(&mut jobs, now);
        jobs.iter().find(|job| job.borrow().id == id).map(watch::Sender::subscribe)
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<watch::Sender<PluginJob>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops those that ended long ago, and those that are too many.
fn forget(jobs: &mut VecDeque<watch::Sender<PluginJob>>, now: Timestamp) {
    let mut ended = jobs.iter().filter(|job| job.borrow().has_ended()).count();
    jobs.retain(|job| {
        let job = job.borrow();
        let forgotten = job.has_ended() && (ended > MOST_ENDED || job.at.plus(KEPT) < now);
        ended -= usize::from(forgotten);
        !forgotten
    });
}

impl Progress {
    pub(super) fn id(&self) -> PluginJobId {
        self.job.borrow().id
    }

    pub(super) fn source(&self) -> String {
        self.job.borrow().source.clone()
    }

    pub(super) fn reach(&self, stage: JobStage, now: Timestamp) {
        self.job.send_modify(|job| (job.stage, job.at) = (stage, now));
    }

    /// What a reference stands for.
    pub(super) fn resolved(&self, source: String, size_bytes: u64) {
        self.job.send_modify(|job| {
            job.source = source;
            (job.received_bytes, job.size_bytes) = (Some(0), Some(size_bytes));
        });
    }

    pub(super) fn received(&self, bytes: u64) {
        self.job.send_modify(|job| job.received_bytes = Some(bytes));
    }

    pub(super) fn found(&self, digest: Digest) {
        self.job.send_modify(|job| job.digest = Some(digest));
    }

    pub(super) fn fail(&self, failure: JobFailure, now: Timestamp) {
        self.job.send_modify(|job| {
            job.failure = Some(failure);
            (job.stage, job.at) = (JobStage::Failed, now);
        });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.job.send_if_modified(|job| {
            let lost = !job.has_ended();
            if lost {
                let message = "the installation was given up: the server is going down".to_owned();
                job.failure = Some(JobFailure { code: "UNAVAILABLE", message });
                job.stage = JobStage::Failed;
            }
            lost
        });
    }
}

impl fmt::Display for PluginJobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl FromStr for PluginJobId {
    type Err = FederationError;

    fn from_str(text: &str) -> Result<Self, FederationError> {
        let problem = |_| FederationError::Invalid { what: "job", problem: format!("{text:.80?} is no id of one") };
        text.parse().map(Self).map_err(problem)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn begin(jobs: &Jobs, now: u64) -> Result<Progress, FederationError> {
        jobs.begin("x.wasm".to_owned(), JobStage::Received, Timestamp(now))
    }

    #[test]
    fn jobs_under_way_are_bounded_and_never_forgotten() {
        let jobs = Jobs::default();
        let under_way: Vec<Progress> = (0..MOST_UNDER_WAY).map(|_| begin(&jobs, 0).unwrap()).collect();
        let late = 10 * u64::try_from(KEPT.as_millis()).unwrap();
        assert!(matches!(begin(&jobs, late), Err(FederationError::Unavailable(_))));
        assert!(jobs.watch(under_way[0].id(), Timestamp(late)).is_some());
        under_way[0].reach(JobStage::Installed, Timestamp(late));
        assert!(begin(&jobs, late).is_ok());
    }

    #[test]
    fn jobs_that_ended_are_kept_for_a_while() {
        let jobs = Jobs::default();
        let ended: Vec<PluginJobId> = (0..=MOST_ENDED)
            .map(|_| {
                let job = begin(&jobs, 0).unwrap();
                job.reach(JobStage::Installed, Timestamp(0));
                job.id()
            })
            .collect();
        assert!(jobs.watch(ended[0], Timestamp(1)).is_none(), "the oldest makes room");
        assert!(jobs.watch(ended[1], Timestamp(1)).is_some());
        let late = Timestamp(1).plus(KEPT);
        assert!(ended.iter().all(|id| jobs.watch(*id, late).is_none()));
    }

    #[test]
    fn a_job_that_is_dropped_has_failed() {
        let jobs = Jobs::default();
        let job = begin(&jobs, 0).unwrap();
        let watching = jobs.watch(job.id(), Timestamp(0)).unwrap();
        drop(job);
        let job = watching.borrow();
        assert_eq!((job.stage, job.failure.as_ref().unwrap().code), (JobStage::Failed, "UNAVAILABLE"));
    }
}
