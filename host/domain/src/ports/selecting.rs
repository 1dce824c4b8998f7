//! Client selection: whom an attempt asks to train.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::ports::NoPlugin;
use crate::{AttemptNumber, Choice, ClientId, Participation, RoundNumber};

/// Runs client selectors.
#[async_trait]
pub trait ClientSelector: Send + Sync {
    /// Whether there is a client selector of this name, and it takes a configuration.
    ///
    /// # Errors
    /// [`SelectionError`].
    async fn check(&self, selector: &str, config: &Map<String, Value>) -> Result<(), SelectionError>;

    /// Whom it wants asked. The session checks what it chose; whoever asks bounds the time that this takes.
    ///
    /// # Errors
    /// [`SelectionError`].
    async fn select(&self, selection: Selection) -> Result<Choice, SelectionError>;
}

/// What an attempt's clients are chosen for. The same whenever this attempt is repeated with the same clients.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The client selector, by name.
    pub selector: String,
    /// Its configuration.
    pub config: Map<String, Value>,
    /// The round.
    pub round: RoundNumber,
    /// The attempt at it.
    pub attempt: AttemptNumber,
    /// What everything random follows from: another for every attempt.
    pub seed: u64,
    /// How many clients the session wants asked; the number of candidates if it does not say.
    pub clients_requested: u32,
    /// How many must answer.
    pub clients_required: u32,
    /// Those that are there and may be asked, as many as are required or more.
    pub candidates: Vec<Candidate>,
}

/// A client that is there and may be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The client.
    pub client: ClientId,
    /// What it says of itself. The session does not know: whoever asks fills it in.
    pub attributes: BTreeMap<String, String>,
    /// What it has done in the session.
    pub history: Participation,
}

/// Why nobody was chosen.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SelectionError {
    /// There is no plugin to run.
    #[error(transparent)]
    NoPlugin(#[from] NoPlugin),
    /// The plugin does not take the configuration.
    #[error("client selector `{plugin}` does not take this configuration: {problem}")]
    Config {
        /// The plugin.
        plugin: String,
        /// What it says.
        problem: String,
    },
    /// The plugin failed, or broke.
    #[error("{0}")]
    Plugin(String),
    /// The host failed.
    #[error("{0}")]
    Host(String),
}

pub(super) mod fake;
