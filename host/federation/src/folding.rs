//! Folding with plugins: the port of the domain over `fedwit-runtime` and `fedwit-tensor`.
//!
//! An update is looked at once, when it comes, and what was read is kept until it is folded a moment later; after a
//! restart, or when a fold is repeated, it is read again from the file that the client sent.

mod fold;
mod models;
mod shares;
mod update;

use std::sync::Arc;

use async_trait::async_trait;
use fedwit_domain::ports::{Blobs, Fold, FoldStart, Folding, FoldingError, UncheckedUpdate};
use fedwit_domain::{Digest, PluginVersion, UpdateRefusal};
use fedwit_runtime::{Fault, PluginError, Round, SavedState, World};
use fedwit_tensor::formats::Limits;
use serde_json::{Map, Value};

use self::fold::PluginFold;
use self::models::GlobalModels;
use self::shares::Shares;
use self::update::CheckedUpdates;
use crate::plugins::{Plugins, version};
use crate::pool::Pool;

/// Folds with the plugins that are installed.
pub struct PluginFolding {
    shared: Arc<Shared>,
}

struct Shared {
    blobs: Arc<dyn Blobs>,
    plugins: Plugins,
    pool: Pool,
    models: GlobalModels,
    checked: CheckedUpdates,
}

impl PluginFolding {
    pub(crate) fn new(blobs: Arc<dyn Blobs>, plugins: Plugins, pool: Pool) -> Self {
        let (models, checked) = (GlobalModels::default(), CheckedUpdates::default());
        Self { shared: Arc::new(Shared { blobs, plugins, pool, models, checked }) }
    }
}

#[async_trait]
impl Folding for PluginFolding {
    fn plugin(&self, name: &str) -> Result<PluginVersion, FoldingError> {
        Ok(version(&self.shared.plugins.get(World::Aggregator, name)?))
    }

    async fn try_begin(
        &self,
        aggregator: &str,
        config: &Map<String, Value>,
        model: Digest,
    ) -> Result<(), FoldingError> {
        let plugin = self.shared.plugins.get(World::Aggregator, aggregator)?;
        let global_model = self.shared.global_model(model).await?;
        let config = Value::Object(config.clone()).to_string();
        let round = Round { number: 1, config, seed: 0, global_model, state: None };
        let begun = self.shared.pool.run(move || plugin.begin(round).map(drop)).await?;
        begun.map_err(|error| folding_error(&error))
    }

    async fn check(&self, update: UncheckedUpdate) -> Result<Result<Option<f64>, UpdateRefusal>, FoldingError> {
        self.shared.check(update).await
    }

    async fn begin(&self, start: FoldStart) -> Result<Box<dyn Fold>, FoldingError> {
        let shared = Arc::clone(&self.shared);
        let plugin = shared.plugins.exactly(&start.plugin, &*shared.blobs, &shared.pool).await?;
        let global_model = shared.global_model(start.base).await?;
        let state = match &start.state {
            None => None,
            Some(kept) if kept.plugin != plugin.name() => {
                let problem =
                    format!("the session keeps the state of `{}`, which `{}` cannot use", kept.plugin, plugin.name());
                return Err(FoldingError::Plugin(problem));
            }
            Some(kept) => Some(shared.blobs.open(&kept.blob).await.map_err(host)?),
        };
        let config = Value::Object(start.config.clone()).to_string();
        let (number, seed) = (start.round.0.into(), start.seed);
        let begin = move || {
            let path = state.as_ref().map(|file| file.path.as_path());
            let state =
                path.map(|path| SavedState::read(path, &plugin, Limits::default())).transpose().map_err(host)?;
            let state = state.map(|saved| saved.state);
            let round = Round { number, config, seed, global_model, state };
            let shares = Shares::begin(plugin.clone(), round).map_err(|error| folding_error(&error))?;
            Ok::<_, FoldingError>((plugin, shares))
        };
        let (plugin, shares) = shared.pool.run(begin).await??;
        Ok(Box::new(PluginFold::new(shared, start, plugin, shares)))
    }
}

fn folding_error(error: &PluginError) -> FoldingError {
    match &error.fault {
        Fault::InvalidConfig(problem) => {
            FoldingError::Config { plugin: error.plugin.clone(), problem: problem.clone() }
        }
        _ => FoldingError::Plugin(error.to_string()),
    }
}

fn host(error: impl std::fmt::Display) -> FoldingError {
    FoldingError::Host(error.to_string())
}
