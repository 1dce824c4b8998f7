//! One fold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use fedwit_domain::ports::{Fold, FoldError, FoldOutcome, FoldStart, FoldedUpdate, FoldingError};
use fedwit_domain::{Metrics, StateBlob};
use fedwit_runtime::{AddError, Aggregation, Fault, Level, Metric, Outcome, Plugin, Update, UpdateInfo};
use fedwit_tensor::formats::{self, Format};
use uuid::Uuid;

use super::Shared;

/// A fold that is under way. The aggregation is elsewhere while a thread of the pool works on it.
pub(super) struct PluginFold {
    shared: Arc<Shared>,
    start: FoldStart,
    plugin: Plugin,
    aggregation: Option<Aggregation>,
}

impl PluginFold {
    pub(super) fn new(shared: Arc<Shared>, start: FoldStart, plugin: Plugin, aggregation: Aggregation) -> Self {
        Self { shared, start, plugin, aggregation: Some(aggregation) }
    }

    async fn run<T: Send + 'static>(
        &mut self,
        compute: impl FnOnce(&mut Aggregation) -> T + Send + 'static,
    ) -> Result<T, FoldError> {
        let ended = || FoldError::Broken("the fold is over".to_owned());
        let mut aggregation = self.aggregation.take().ok_or_else(ended)?;
        let computing = move || {
            let result = compute(&mut aggregation);
            (result, aggregation)
        };
        let (result, mut aggregation) = self.shared.pool.run(computing).await.map_err(fold_error)?;
        self.show_log(&mut aggregation);
        self.aggregation = Some(aggregation);
        Ok(result)
    }

    /// What a plugin says goes to the server's log, under the plugin's name.
    fn show_log(&self, aggregation: &mut Aggregation) {
        let FoldStart { session, round, .. } = &self.start;
        let plugin = self.plugin.name();
        for line in aggregation.log() {
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

    /// Keeps what came out. Takes the fold, whose accumulator is as large as two models.
    async fn keep(self, outcome: Outcome) -> Result<FoldOutcome, FoldError> {
        let Self { shared, start, plugin, aggregation } = self;
        drop(aggregation);
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
        let has_state = shared.pool.run(write).await.map_err(fold_error)?.map_err(FoldError::Host)?;
        let host = |error: fedwit_domain::ports::BlobError| FoldError::Host(error.to_string());
        let state = if has_state {
            let blob = shared.blobs.adopt(&state_path).await.map_err(host)?;
            let plugin = plugin.name().to_owned();
            Some(StateBlob { blob: blob.digest, size_bytes: blob.size_bytes, plugin })
        } else {
            None
        };
        let model = shared.blobs.adopt(&model_path).await.map_err(host)?;
        tracing::info!(
            session.id = %session, round = %round, blob.digest = %model.digest, size_bytes = model.size_bytes,
            "the model of round {round} is durable"
        );
        Ok(FoldOutcome { model, state, metrics: finite(metrics) })
    }
}

#[async_trait]
impl Fold for PluginFold {
    async fn add(&mut self, update: FoldedUpdate) -> Result<(), FoldError> {
        let FoldedUpdate { client, update: id, blob, base, staleness, examples, metrics } = update;
        let shared = Arc::clone(&self.shared);
        let started_from = shared.global_model(base).await.map_err(fold_error)?;
        let parameters = shared.update(blob, base, &started_from).await.map_err(fold_error)?;
        let metrics = metrics.into_iter().map(|(name, value)| Metric { name, value }).collect();
        let info = UpdateInfo {
            update: id.to_string(),
            client: client.to_string(),
            round: self.start.round.0.saturating_sub(staleness).into(),
            staleness,
            num_examples: examples,
            metrics,
        };
        let update = Update::checked(info, &parameters, &started_from);
        let update = update.map_err(|refusal| FoldError::Rejected(refusal.to_string()))?;
        let (session, round) = (self.start.session, self.start.round);
        tracing::info!(
            session.id = %session, round = %round, client.id = %client, update.id = %id, "the fold of `{id}` begins"
        );
        let began = Instant::now();
        let added = self.run(move |aggregation| aggregation.add(update)).await?;
        let duration_ms = crate::uploads::duration_ms(began);
        metrics::histogram!("fedwit_fold_seconds").record(began.elapsed().as_secs_f64());
        tracing::info!(
            session.id = %session, round = %round, client.id = %client, update.id = %id, duration_ms,
            "the fold of `{id}` ends"
        );
        added.map_err(|error| match error {
            AddError::Refused(refusal) => FoldError::Rejected(refusal.to_string()),
            AddError::Plugin(error) => match error.fault {
                Fault::Rejected(problem) => FoldError::Rejected(problem),
                _ => FoldError::Broken(error.to_string()),
            },
        })
    }

    async fn finish(mut self: Box<Self>) -> Result<FoldOutcome, FoldError> {
        let (session, round) = (self.start.session, self.start.round);
        tracing::info!(session.id = %session, round = %round, "the model of round {round} is being made");
        let finished = self.run(Aggregation::finish).await?;
        let outcome = finished.map_err(|error| FoldError::Broken(error.to_string()))?;
        self.keep(outcome).await
    }
}

/// What is no number is not recorded: no mean and no comparison could use it.
fn finite(metrics: Vec<Metric>) -> Metrics {
    metrics.into_iter().filter(|metric| metric.value.is_finite()).map(|Metric { name, value }| (name, value)).collect()
}

fn fold_error(error: FoldingError) -> FoldError {
    match error {
        FoldingError::Host(problem) => FoldError::Host(problem),
        other => FoldError::Broken(other.to_string()),
    }
}
