//! One fold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use fedwit_domain::ports::{Fold, FoldError, FoldOutcome, FoldStart, FoldedUpdate};
use fedwit_domain::{ClientId, CombinerName, Metrics, RoundNumber, StateBlob, UpdateId};
use fedwit_runtime::{Level, LogLine, Metric, Outcome, Plugin, Update, UpdateInfo};
use fedwit_tensor::formats::{self, Format};
use futures_util::future::join_all;
use uuid::Uuid;

use super::Shared;
use super::shares::Shares;

/// A fold that is under way.
pub(super) struct PluginFold {
    shared: Arc<Shared>,
    start: FoldStart,
    plugin: Plugin,
    shares: Shares,
    /// Nothing can be added any more.
    over: bool,
}

impl PluginFold {
    pub(super) fn new(shared: Arc<Shared>, start: FoldStart, plugin: Plugin, shares: Shares) -> Self {
        Self { shared, start, plugin, shares, over: false }
    }

    /// Says of updates that their folds begin, or end.
    fn tell(&self, updates: &[(ClientId, UpdateId)], what: &str, duration_ms: Option<u64>) {
        let (session, round) = (self.start.session, self.start.round);
        for (client, id) in updates {
            tracing::info!(
                session.id = %session, round = %round, client.id = %client, update.id = %id, duration_ms,
                "the fold of `{id}` {what}"
            );
        }
    }

    /// What a plugin says goes to the server's log, under the plugin's name.
    fn show_log(&self, log: Vec<LogLine>) {
        let FoldStart { session, round, .. } = &self.start;
        let plugin = self.plugin.name();
        for line in log {
            let message = line.message;
            match line.level {
                Level::Trace => tracing::trace!(session.id = %session, round = %round, plugin, "{message}"),
                Level::Debug => tracing::debug!(session.id = %session, round = %round, plugin, "{message}"),
                Level::Info => tracing::info!(session.id = %session, round = %round, plugin, "{message}"),
                Level::Warn => tracing::warn!(session.id = %session, round = %round, plugin, "{message}"),
                Level::Error => tracing::error!(session.id = %session, round = %round, plugin, "{message}"),
            }
        }
    }

    /// Keeps what came out.
    async fn keep(self, outcome: Outcome) -> Result<FoldOutcome, FoldError> {
        let Self { shared, start, plugin, .. } = self;
        let FoldStart { session, round, attempt, model, .. } = &start;
        let scratch = |what: &str| shared.blobs.scratch().join(format!("{what}-{}.safetensors", Uuid::new_v4()));
        let (model_path, state_path) = (scratch("model"), scratch("state"));
        let metadata = BTreeMap::from([
            ("fedwit.model".to_owned(), model.to_string()),
            ("fedwit.session".to_owned(), session.to_string()),
            ("fedwit.round".to_owned(), round.to_string()),
            ("fedwit.attempt".to_owned(), attempt.to_string()),
        ]);
        let Outcome { model, state, metrics } = outcome;
        let (by, number) = (plugin.clone(), u64::from(round.0));
        let (model_out, state_out) = (model_path.clone(), state_path.clone());
        let write = move || -> Result<bool, String> {
            formats::write(&model_out, &model, Format::Safetensors, &metadata).map_err(|error| error.to_string())?;
            let Some(state) = state else { return Ok(false) };
            let staged = state.stage(&state_out, &by, number).map_err(|error| error.to_string())?;
            staged.commit().map_err(|error| error.to_string())?;
            Ok(true)
        };
        let has_state = shared.pool.run(write).await.map_err(failed)?.map_err(FoldError::Failed)?;
        let state = if has_state {
            let blob = shared.blobs.adopt(&state_path).await.map_err(failed)?;
            let plugin = plugin.name().to_owned();
            Some(StateBlob { blob: blob.digest, size_bytes: blob.size_bytes, plugin })
        } else {
            None
        };
        let model = shared.blobs.adopt(&model_path).await.map_err(failed)?;
        tracing::info!(
            session.id = %session, round = %round, blob.digest = %model.digest, size_bytes = model.size_bytes,
            "the model of round {round} is durable"
        );
        Ok(FoldOutcome { model, state, metrics: finite(metrics) })
    }
}

#[async_trait]
impl Fold for PluginFold {
    async fn add_all(&mut self, updates: Vec<FoldedUpdate>) -> Vec<Result<(), FoldError>> {
        // What is never said to be anything else was not reached.
        let mut results: Vec<Result<(), FoldError>> = updates.iter().map(|_| Err(FoldError::Ended)).collect();
        if self.over {
            return results;
        }
        let names = updates.iter().map(|update| (update.client.clone(), update.update.clone())).collect::<Vec<_>>();
        let (shared, round) = (Arc::clone(&self.shared), self.start.round);
        let read = join_all(updates.into_iter().map(|update| read(&shared, round, update))).await;
        let mut ready = Vec::with_capacity(read.len());
        for (place, read) in read.into_iter().enumerate() {
            match read {
                Ok((combiner, update)) => ready.push((place, combiner, update)),
                Err(error) => results[place] = Err(error),
            }
        }
        self.tell(&names, "begins", None);
        let began = Instant::now();
        for (place, added) in self.shares.add_all(ready, &shared.pool).await {
            results[place] = added;
        }
        metrics::histogram!("fedwit_fold_seconds").record(began.elapsed().as_secs_f64());
        metrics::histogram!("fedwit_fold_updates").record(results.len() as f64);
        self.tell(&names, "ends", Some(crate::uploads::duration_ms(began)));
        let log = self.shares.log();
        self.show_log(log);
        self.over = results.iter().any(|result| !matches!(result, Ok(()) | Err(FoldError::Rejected(_))));
        results
    }

    async fn finish(mut self: Box<Self>) -> Result<FoldOutcome, FoldError> {
        if self.over {
            return Err(FoldError::Ended);
        }
        let (session, round) = (self.start.session, self.start.round);
        tracing::info!(session.id = %session, round = %round, "the model of round {round} is being made");
        let pool = self.shared.pool.clone();
        let merged = self.shares.merged(&pool).await;
        let log = self.shares.log();
        self.show_log(log);
        let mut whole = merged?;
        // Gone before anything is written: it is as large as two models.
        let finishing = pool.run(move || (whole.finish(), whole.log()));
        let (finished, log) = finishing.await.map_err(failed)?;
        self.show_log(log);
        let outcome = finished.map_err(failed)?;
        self.keep(outcome).await
    }
}

/// An update as the plugin gets it, and who folds it.
async fn read(shared: &Shared, round: RoundNumber, update: FoldedUpdate) -> Result<(CombinerName, Update), FoldError> {
    let FoldedUpdate { client, combiner, update, blob, base, staleness, examples, metrics } = update;
    let started_from = shared.global_model(base).await.map_err(failed)?;
    let parameters = shared.update(blob, base, &started_from).await.map_err(failed)?;
    let info = UpdateInfo {
        update: update.to_string(),
        client: client.to_string(),
        round: round.0.saturating_sub(staleness).into(),
        staleness,
        num_examples: examples,
        metrics: metrics.into_iter().map(|(name, value)| Metric { name, value }).collect(),
    };
    let update = Update::checked(info, &parameters, &started_from);
    Ok((combiner, update.map_err(|refusal| FoldError::Rejected(refusal.to_string()))?))
}

/// What is no number is not recorded: no mean and no comparison could use it.
fn finite(metrics: Vec<Metric>) -> Metrics {
    metrics.into_iter().filter(|metric| metric.value.is_finite()).map(|Metric { name, value }| (name, value)).collect()
}

pub(super) fn failed(error: impl std::fmt::Display) -> FoldError {
    FoldError::Failed(error.to_string())
}
