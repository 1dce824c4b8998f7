//! The fold of the open attempt.
//!
//! Updates are folded as they are accepted, in a task of their own, so that the session goes on taking updates
//! meanwhile. A fold that breaks on an update is begun again without it; one that breaks through no update's fault fails
//! the attempt. The model is made once the attempt is closed and everything that counts is in the fold.

use std::collections::BTreeSet;
use std::sync::Arc;

use fedwit_domain::ports::{Fold, FoldError, FoldOutcome, FoldStart, FoldedUpdate, Folding};
use fedwit_domain::{
    Attempt, AttemptFailure, AttemptNumber, ClientId, Command, Commit, CountedUpdate, Phase, RoundNumber, Session,
    StoredModel, UpdateId,
};
use tokio::sync::mpsc;

use crate::combiners::Combiners;

/// Reports that wait for the session.
const REPORTS: usize = 64;
/// Updates that are folded at once, at most: each keeps its file open meanwhile.
const BATCH: usize = 16;

/// Keeps the fold in step with the session.
pub(super) struct Folder {
    folding: Arc<dyn Folding>,
    reports: mpsc::Sender<Report>,
    fold: Option<Running>,
    /// Counts folds, so that reports of one that was given up are told apart.
    begun: u64,
}

struct Running {
    number: u64,
    round: RoundNumber,
    attempt: AttemptNumber,
    jobs: mpsc::UnboundedSender<Job>,
    sent: BTreeSet<UpdateId>,
    folded: BTreeSet<UpdateId>,
    finishing: bool,
}

enum Job {
    Add(Box<FoldedUpdate>),
    Finish,
}

/// What a fold tells its session.
pub(super) struct Report {
    fold: u64,
    what: What,
}

enum What {
    Added(UpdateId),
    Rejected(ClientId, UpdateId, String),
    BrokenOn(ClientId, UpdateId, String),
    Failed(String),
    Finished(Box<FoldOutcome>),
}

impl Folder {
    pub(super) fn new(folding: Arc<dyn Folding>) -> (Self, mpsc::Receiver<Report>) {
        let (sender, reports) = mpsc::channel(REPORTS);
        (Self { folding, reports: sender, fold: None, begun: 0 }, reports)
    }

    /// Gives up the fold. A computation that is under way goes on to its end, unheard.
    pub(super) fn abandon(&mut self) {
        self.fold = None;
    }

    /// Begins, feeds, finishes or gives up the fold, as the session has it.
    pub(super) fn look(&mut self, session: &Session, combiners: &Combiners) {
        let Some(attempt) = session.attempt().filter(|_| session.is_active()) else {
            self.abandon();
            return;
        };
        let right = |fold: &Running| (fold.round, fold.attempt) == (attempt.round, attempt.number);
        if !self.fold.as_ref().is_some_and(right) {
            self.begin(session, attempt);
        }
        let Some(fold) = &mut self.fold else { return };
        for CountedUpdate { client, accepted, base, staleness } in session.counted_updates() {
            if fold.sent.insert(accepted.update.clone()) {
                let update = FoldedUpdate {
                    client: client.clone(),
                    combiner: combiners.responsible(client).clone(),
                    update: accepted.update.clone(),
                    blob: accepted.blob,
                    base,
                    staleness,
                    examples: accepted.examples,
                    metrics: accepted.metrics.clone(),
                };
                fold.send(Job::Add(Box::new(update)));
            }
        }
        let all_in = session.counted_updates().all(|counted| fold.folded.contains(&counted.accepted.update));
        if matches!(session.phase, Phase::Aggregating(_)) && all_in && !fold.finishing {
            fold.finishing = true;
            fold.send(Job::Finish);
        }
    }

    fn begin(&mut self, session: &Session, attempt: &Attempt) {
        self.begun += 1;
        let start = FoldStart {
            session: session.id,
            round: attempt.round,
            attempt: attempt.number,
            plugin: attempt.plugin.clone(),
            config: session.config.aggregator_config.clone(),
            seed: session.config.seed ^ u64::from(attempt.round.0),
            base: session.model.blob,
            state: session.state.clone(),
            model: Commit::model_id(session.id, attempt.round),
        };
        let (jobs, work) = mpsc::unbounded_channel();
        let worker =
            Worker { fold: self.begun, folding: Arc::clone(&self.folding), reports: self.reports.clone(), work };
        tokio::spawn(worker.run(start));
        self.fold = Some(Running {
            number: self.begun,
            round: attempt.round,
            attempt: attempt.number,
            jobs,
            sent: BTreeSet::new(),
            folded: BTreeSet::new(),
            finishing: false,
        });
    }

    /// What follows for the session from a report.
    pub(super) fn take(&mut self, report: Report, session: &Session) -> Option<Command> {
        let fold = self.fold.as_mut().filter(|fold| fold.number == report.fold)?;
        let (round, attempt) = (fold.round, fold.attempt);
        match report.what {
            What::Added(update) => {
                fold.folded.insert(update);
                None
            }
            What::Rejected(client, update, problem) => {
                fold.folded.insert(update.clone());
                Some(Command::Exclude { round, attempt, client, update, problem })
            }
            What::BrokenOn(client, update, problem) => {
                self.fold = None;
                Some(Command::Exclude { round, attempt, client, update, problem })
            }
            What::Failed(problem) => {
                self.fold = None;
                Some(Command::FailAttempt { round, attempt, failure: AttemptFailure::Aggregator { problem } })
            }
            What::Finished(outcome) => {
                let FoldOutcome { model, state, metrics } = *outcome;
                let id = Commit::model_id(session.id, round);
                let model = StoredModel { id, blob: model.digest, size_bytes: model.size_bytes };
                Some(Command::Commit(Commit { round, attempt, model, state, metrics }))
            }
        }
    }
}

impl Running {
    fn send(&self, job: Job) {
        // If the worker is gone, its last report says why, and is on its way.
        let _ = self.jobs.send(job);
    }
}

struct Worker {
    fold: u64,
    folding: Arc<dyn Folding>,
    reports: mpsc::Sender<Report>,
    work: mpsc::UnboundedReceiver<Job>,
}

impl Worker {
    async fn run(mut self, start: FoldStart) {
        let fold = match self.folding.begin(start).await {
            Ok(fold) => fold,
            Err(error) => {
                self.report(What::Failed(error.to_string())).await;
                return;
            }
        };
        if let Some(last) = self.work_on(fold).await {
            self.report(last).await;
        }
    }

    /// Does what there is to do, all that waits at once. The last report, if the fold did not merely become needless.
    async fn work_on(&mut self, mut fold: Box<dyn Fold>) -> Option<What> {
        let mut jobs = Vec::with_capacity(BATCH);
        while self.work.recv_many(&mut jobs, BATCH).await > 0 {
            let (mut updates, mut finish) = (Vec::with_capacity(jobs.len()), false);
            for job in jobs.drain(..) {
                match job {
                    Job::Add(update) => updates.push(*update),
                    Job::Finish => finish = true,
                }
            }
            if let Some(last) = self.add_all(&mut *fold, updates).await {
                return Some(last);
            }
            if finish {
                return Some(match fold.finish().await {
                    Ok(outcome) => What::Finished(Box::new(outcome)),
                    Err(error) => What::Failed(error.to_string()),
                });
            }
        }
        None
    }

    /// Adds updates, and reports those that are in the fold. What ended it, if it is over: an update, rather than what
    /// followed from that.
    async fn add_all(&self, fold: &mut dyn Fold, updates: Vec<FoldedUpdate>) -> Option<What> {
        let names = updates.iter().map(|update| (update.client.clone(), update.update.clone()));
        let names: Vec<(ClientId, UpdateId)> = names.collect();
        let (mut broken, mut failed) = (None, None);
        for ((client, update), result) in names.into_iter().zip(fold.add_all(updates).await) {
            match result {
                Ok(()) => self.report(What::Added(update)).await,
                Err(FoldError::Rejected(problem)) => self.report(What::Rejected(client, update, problem)).await,
                Err(FoldError::Broken(problem)) => broken = broken.or(Some(What::BrokenOn(client, update, problem))),
                Err(error @ (FoldError::Failed(_) | FoldError::Ended)) => {
                    failed = failed.or_else(|| Some(What::Failed(error.to_string())));
                }
            }
        }
        broken.or(failed)
    }

    async fn report(&self, what: What) {
        // If the session has gone to rest, it looks again when it wakes.
        let _ = self.reports.send(Report { fold: self.fold, what }).await;
    }
}
