//! Selecting clients with plugins: the port of the domain over `fedwit-runtime`.

use async_trait::async_trait;
use fedwit_domain::ports::{Candidate, ClientSelector, FoldingError, Selection, SelectionError};
use fedwit_domain::{Choice, ClientId, Participation, Selected};
use fedwit_runtime::{Fault, Metric, PluginError, World};
use serde_json::{Map, Value};

use crate::plugins::{Plugins, version};
use crate::pool::Pool;

/// Selects with the plugins that are installed.
pub(crate) struct PluginSelection {
    plugins: Plugins,
    pool: Pool,
}

impl PluginSelection {
    pub(crate) fn new(plugins: Plugins, pool: Pool) -> Self {
        Self { plugins, pool }
    }
}

#[async_trait]
impl ClientSelector for PluginSelection {
    async fn check(&self, selector: &str, config: &Map<String, Value>) -> Result<(), SelectionError> {
        let plugin = self.plugins.get(World::ClientSelector, selector)?;
        let config = Value::Object(config.clone()).to_string();
        let checked = self.pool.run(move || plugin.check(&config)).await.map_err(|error| host(&error))?;
        checked.map_err(|error| selection_error(&error))
    }

    async fn select(&self, selection: Selection) -> Result<Choice, SelectionError> {
        let (round, attempt) = (selection.round, selection.attempt);
        let plugin = self.plugins.get(World::ClientSelector, &selection.selector)?;
        let selector = version(&plugin);
        let (question, candidates) = question(selection);
        let selected =
            self.pool.run(move || plugin.select(question, candidates)).await.map_err(|error| host(&error))?;
        let selected = selected.map_err(|error| selection_error(&error))?;
        let selected = selected.into_iter().map(|fedwit_runtime::Selected { client, settings }| {
            // It is one of the candidates.
            let client: ClientId = client.parse().map_err(|error| SelectionError::Host(format!("{error}")))?;
            Ok(Selected { client, settings })
        });
        Ok(Choice { round, attempt, selector, selected: selected.collect::<Result<_, SelectionError>>()? })
    }
}

fn question(selection: Selection) -> (fedwit_runtime::Selection, Vec<fedwit_runtime::Candidate>) {
    let Selection { selector: _, config, round, attempt, seed, clients_requested, clients_required, candidates } =
        selection;
    let context = fedwit_runtime::Selection {
        config: Value::Object(config).to_string(),
        round: round.0.into(),
        attempt: attempt.0,
        seed,
        clients_requested,
        clients_required,
    };
    (context, candidates.into_iter().map(candidate).collect())
}

fn candidate(Candidate { client, attributes, history }: Candidate) -> fedwit_runtime::Candidate {
    fedwit_runtime::Candidate {
        client: client.to_string(),
        attributes: attributes.into_iter().collect(),
        history: participation(history),
    }
}

fn participation(history: Participation) -> fedwit_runtime::Participation {
    fedwit_runtime::Participation {
        asked: history.asked,
        accepted: history.accepted,
        refused: history.refused,
        given_up: history.given_up,
        last_asked_round: history.last_asked_round.map(|round| round.0.into()),
        last_accepted_round: history.last_accepted_round.map(|round| round.0.into()),
        mean_duration_ms: history.mean_duration_ms(),
        last_duration_ms: history.last_duration_ms.map(|duration| duration as f64),
        num_examples: history.num_examples,
        metrics: history.metrics.into_iter().map(|(name, value)| Metric { name, value }).collect(),
    }
}

fn selection_error(error: &PluginError) -> SelectionError {
    match &error.fault {
        Fault::InvalidConfig(problem) => {
            SelectionError::Config { plugin: error.plugin.clone(), problem: problem.clone() }
        }
        _ => SelectionError::Plugin(error.to_string()),
    }
}

fn host(error: &FoldingError) -> SelectionError {
    SelectionError::Host(error.to_string())
}
