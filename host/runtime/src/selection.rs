//! Who is asked in a round: a question to a client selector.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::aggregation::Metric;
use crate::bindings::{client_selector, types};
use crate::instance::Instance;
use crate::log::{shown, tell};
use crate::plugin::Plugin;
use crate::{PluginError, World};

/// Bytes of the settings of one client.
const SETTINGS_BYTES: usize = 64 * 1024;

/// What a round's clients are chosen for.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The configuration of the plugin: a JSON object.
    pub config: String,
    /// Counts from 1.
    pub round: u64,
    /// Counts the attempts at this round from 1.
    pub attempt: u32,
    /// The same whenever this attempt is repeated.
    pub seed: u64,
    /// How many clients the session wants asked; the number of candidates where it does not say.
    pub clients_requested: u32,
    /// How many must answer.
    pub clients_required: u32,
}

/// A client that is there and may be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its id; no two candidates share it.
    pub client: String,
    /// What it says of itself, by name.
    pub attributes: Vec<(String, String)>,
    /// What it has done in this session.
    pub history: Participation,
}

/// What a client has done in a session so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Participation {
    /// How many times it was asked.
    pub asked: u32,
    /// How many of its updates counted.
    pub accepted: u32,
    /// How many of its updates did not.
    pub refused: u32,
    /// How many times it was given up.
    pub given_up: u32,
    /// The round that it was last asked in.
    pub last_asked_round: Option<u64>,
    /// The round of its last update that counted.
    pub last_accepted_round: Option<u64>,
    /// From being asked to its update, the mean over those that counted, in milliseconds.
    pub mean_duration_ms: Option<f64>,
    /// The same for the last that counted.
    pub last_duration_ms: Option<f64>,
    /// How many examples its last update that counted rested on.
    pub num_examples: Option<u64>,
    /// What it measured with that update.
    pub metrics: Vec<Metric>,
}

/// A client that is to be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    /// The id of one of the candidates.
    pub client: String,
    /// Settings for this client alone, which take the place of the session's of the same names.
    pub settings: Map<String, Value>,
}

impl Plugin {
    /// Asks a client selector who is to be asked, on an instance of its own. The answer has candidates alone, each once.
    ///
    /// # Errors
    /// [`crate::Fault::Answer`] if the answer names a stranger, a client twice, or settings that are no JSON object of at most
    /// 64 KiB; or whatever else the plugin does wrong. It may choose nobody, or fewer than are required.
    pub fn select(&self, selection: Selection, candidates: Vec<Candidate>) -> Result<Vec<Selected>, PluginError> {
        const FUNCTION: &str = "select";
        self.inner.ready(FUNCTION, &selection.config)?;
        let mut instance = Instance::<client_selector::Guest>::new(&self.inner, FUNCTION, selection.seed)?;
        let clients: HashSet<String> = candidates.iter().map(|candidate| candidate.client.clone()).collect();
        let context = client_selector::Selection::from(selection);
        let candidates: Vec<client_selector::Candidate> = candidates.into_iter().map(Into::into).collect();
        let selected = instance.call(FUNCTION, |guest, store| guest.call_select(store, &context, &candidates));
        tell(self.name(), FUNCTION, instance.log());
        checked(selected?, clients).map_err(|why| instance.answer(FUNCTION, &why))
    }

    /// Has a client selector or a load balancer look at a configuration, after its schema did. For an aggregator or a
    /// storage adapter the schema is all that there is before they begin.
    ///
    /// # Errors
    /// [`crate::Fault::InvalidConfig`] names the key and what is allowed; or whatever else the plugin does wrong.
    pub fn check(&self, config: &str) -> Result<(), PluginError> {
        const FUNCTION: &str = "check";
        self.inner.ready(FUNCTION, config)?;
        match self.world() {
            World::ClientSelector => {
                let mut instance = Instance::<client_selector::Guest>::new(&self.inner, FUNCTION, 0)?;
                let checked = instance.call(FUNCTION, |guest, store| guest.call_check(store, config));
                tell(self.name(), FUNCTION, instance.log());
                checked
            }
            World::LoadBalancer => self.check_balancer(FUNCTION, config),
            World::Aggregator | World::StorageAdapter => Ok(()),
        }
    }
}

fn checked(selected: Vec<client_selector::Selected>, mut left: HashSet<String>) -> Result<Vec<Selected>, String> {
    let mut checked = Vec::with_capacity(selected.len().min(left.len()));
    for client_selector::Selected { client, settings } in selected {
        if !left.remove(&client) {
            return Err(format!("it chose {client:.80?}, which is no candidate, or chose it twice"));
        }
        let settings = checked_settings(&settings).map_err(|why| format!("the settings of {client:.80?} {why}"))?;
        checked.push(Selected { client, settings });
    }
    Ok(checked)
}

fn checked_settings(text: &str) -> Result<Map<String, Value>, String> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    if text.len() > SETTINGS_BYTES {
        return Err(format!("have {} bytes, more than {SETTINGS_BYTES}", text.len()));
    }
    serde_json::from_str(text).map_err(|error| shown(&format!("are no JSON object: {error}"), 500))
}

impl From<Selection> for client_selector::Selection {
    fn from(selection: Selection) -> Self {
        let Selection { config, round, attempt, seed, clients_requested, clients_required } = selection;
        Self { config, round, attempt, seed, clients_requested, clients_required }
    }
}

impl From<Candidate> for client_selector::Candidate {
    fn from(Candidate { client, attributes, history }: Candidate) -> Self {
        Self { client, attributes: attributes.into_iter().map(attribute).collect(), history: history.into() }
    }
}

impl From<Participation> for client_selector::Participation {
    fn from(history: Participation) -> Self {
        let Participation {
            asked,
            accepted,
            refused,
            given_up,
            last_asked_round,
            last_accepted_round,
            mean_duration_ms,
            last_duration_ms,
            num_examples,
            metrics,
        } = history;
        let metrics = metrics.into_iter().map(|Metric { name, value }| types::Metric { name, value }).collect();
        Self {
            asked,
            accepted,
            refused,
            given_up,
            last_asked_round,
            last_accepted_round,
            mean_duration_ms,
            last_duration_ms,
            num_examples,
            metrics,
        }
    }
}

pub(crate) fn attribute((name, value): (String, String)) -> types::Attribute {
    types::Attribute { name, value }
}
