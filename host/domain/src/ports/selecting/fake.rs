//! A client selector that does as it is told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::{ClientSelector, Selection, SelectionError};
use crate::ports::NoPlugin;
use crate::{Choice, ClientId, Digest, PluginVersion, Selected};

/// Chooses, under the name `first`, as many as are requested of the candidates with the smallest ids, and tells each how
/// often it was asked before; or gives a wrong answer, or none.
#[derive(Default)]
pub struct FakeClientSelector {
    fault: Mutex<Fault>,
    asked: Mutex<Vec<Selection>>,
    healed: Arc<Notify>,
}

#[derive(Clone, Debug, Default)]
enum Fault {
    #[default]
    None,
    Fails(String),
    Chooses(Vec<Selected>),
    Hangs,
}

impl FakeClientSelector {
    /// The plugin that it says it is.
    #[must_use]
    pub fn version() -> PluginVersion {
        PluginVersion { name: "first".to_owned(), version: "1".to_owned(), digest: Digest::from_bytes([9; 32]) }
    }

    /// Fails from now on, with these words.
    pub fn fail(&self, problem: &str) {
        *locked(&self.fault) = Fault::Fails(problem.to_owned());
    }

    /// Chooses these from now on, whoever they are.
    pub fn choose(&self, clients: impl IntoIterator<Item = ClientId>) {
        let selected = clients.into_iter().map(|client| Selected { client, settings: Map::new() });
        *locked(&self.fault) = Fault::Chooses(selected.collect());
    }

    /// Does not answer until it is healed.
    pub fn hang(&self) {
        *locked(&self.fault) = Fault::Hangs;
    }

    /// Does its work from now on, also for those that wait.
    pub fn heal(&self) {
        *locked(&self.fault) = Fault::None;
        self.healed.notify_waiters();
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Selection> {
        locked(&self.asked).clone()
    }
}

#[async_trait]
impl ClientSelector for FakeClientSelector {
    async fn check(&self, selector: &str, config: &Map<String, Value>) -> Result<(), SelectionError> {
        if selector != "first" {
            let (name, installed) = (selector.to_owned(), "first".to_owned());
            return Err(NoPlugin::Unknown { what: "client selector", name, installed }.into());
        }
        match config.keys().next() {
            None => Ok(()),
            Some(key) => {
                Err(SelectionError::Config { plugin: selector.to_owned(), problem: format!("unknown key `{key}`") })
            }
        }
    }

    async fn select(&self, selection: Selection) -> Result<Choice, SelectionError> {
        locked(&self.asked).push(selection.clone());
        let (round, attempt, selector) = (selection.round, selection.attempt, Self::version());
        loop {
            let healed = self.healed.notified();
            let fault = locked(&self.fault).clone();
            match fault {
                Fault::None => break,
                Fault::Fails(problem) => return Err(SelectionError::Plugin(problem)),
                Fault::Chooses(selected) => return Ok(Choice { round, attempt, selector, selected }),
                Fault::Hangs => healed.await,
            }
        }
        let mut candidates = selection.candidates;
        candidates.sort_unstable_by(|one, other| one.client.cmp(&other.client));
        candidates.truncate(selection.clients_requested as usize);
        let chosen = candidates.into_iter().map(|candidate| {
            let settings = Map::from_iter([("asked".to_owned(), json!(candidate.history.asked))]);
            Selected { client: candidate.client, settings }
        });
        Ok(Choice { round, attempt, selector, selected: chosen.collect() })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
