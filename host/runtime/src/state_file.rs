//! The file that keeps an aggregator's state between rounds.
//!
//! A safetensors file: tensor `NAME` of the parameters `SET` is `SET/NAME`, and whatever else the plugin keeps is the
//! uint8 tensor `bytes`. Its metadata name the plugin, and the round that it comes from.

use std::collections::BTreeMap;
use std::path::Path;

use fedwit_tensor::formats::{self, Expected, Format, Limits, ReadError, Staged, WriteError};
use fedwit_tensor::{Builder, DType, Layout, Parameters, TensorError, TensorType};
use thiserror::Error;

use crate::{Plugin, State};

const KIND: &str = "fedwit.kind";
const KIND_STATE: &str = "aggregator-state";
const PLUGIN: &str = "fedwit.plugin";
const VERSION: &str = "fedwit.plugin_version";
const ROUND: &str = "fedwit.round";
/// No set of parameters: their tensors' names have a `/`.
const BYTES: &str = "bytes";

/// What a plugin returned from a round, as it was kept.
#[derive(Clone, Debug)]
pub struct SavedState {
    /// What it returned.
    pub state: State,
    /// The round.
    pub round: u64,
}

/// Why a state cannot be read or written.
#[derive(Debug, Error)]
pub enum StateFileError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Its tensors cannot be put together.
    #[error(transparent)]
    Tensors(#[from] TensorError),
    /// It is a model, and no state.
    #[error("this is a model, but not an aggregator's state")]
    NotAState,
    /// Its metadata say too little.
    #[error("its metadata lack `{0}`, or it is not what it has to be")]
    Metadata(&'static str),
    /// It is another plugin's.
    #[error("this is the state of `{owner}`, not of `{plugin}`")]
    Foreign {
        /// Whose it is.
        owner: String,
        /// Who wants it.
        plugin: String,
    },
    /// It has something that it should not have.
    #[error("tensor `{0}` belongs to no set of parameters")]
    Stray(String),
}

impl SavedState {
    /// Reads the state of a plugin.
    ///
    /// # Errors
    /// [`StateFileError`].
    pub fn read(path: &Path, plugin: &Plugin, limits: Limits) -> Result<Self, StateFileError> {
        let file = formats::read(path, &Expected::Seed(limits), None)?;
        let entry = |key: &str| file.metadata.get(key).map(String::as_str);
        if entry(KIND) != Some(KIND_STATE) {
            return Err(StateFileError::NotAState);
        }
        let owner = entry(PLUGIN).ok_or(StateFileError::Metadata(PLUGIN))?;
        if owner != plugin.name() {
            return Err(StateFileError::Foreign { owner: owner.to_owned(), plugin: plugin.name().to_owned() });
        }
        let round = entry(ROUND).and_then(|round| round.parse().ok()).ok_or(StateFileError::Metadata(ROUND))?;
        Ok(Self { state: sets(&file.parameters)?, round })
    }
}

fn sets(all: &Parameters) -> Result<State, StateFileError> {
    let mut sets: Vec<(String, Vec<String>)> = Vec::new();
    let mut state = State::default();
    for tensor in all.layout().tensors() {
        match tensor.name.split_once('/') {
            Some((set, _)) => match sets.iter_mut().find(|(name, _)| name == set) {
                Some((_, names)) => names.push(tensor.name.clone()),
                None => sets.push((set.to_owned(), vec![tensor.name.clone()])),
            },
            None if tensor.name == BYTES && tensor.dtype == DType::U8 => {
                state.bytes = all.read(BYTES, 0, tensor.elements() as u64)?;
            }
            None => return Err(StateFileError::Stray(tensor.name.clone())),
        }
    }
    for (set, names) in sets {
        let part = all.only(&names)?.renamed(|_, name| name[set.len() + 1..].to_owned())?;
        state.parameters.push((set, part));
    }
    Ok(state)
}

impl State {
    /// Writes what a plugin returned from a round: whole and synced, but not in its place yet.
    ///
    /// # Errors
    /// [`StateFileError`].
    pub fn stage(&self, path: &Path, plugin: &Plugin, round: u64) -> Result<Staged, StateFileError> {
        let mut parts = Vec::with_capacity(self.parameters.len() + 1);
        for (set, parameters) in &self.parameters {
            parts.push(parameters.renamed(|_, name| format!("{set}/{name}"))?);
        }
        if !self.bytes.is_empty() {
            let tensor = TensorType { name: BYTES.to_owned(), dtype: DType::U8, shape: vec![self.bytes.len()] };
            let mut builder = Builder::zeros(&Layout::new(vec![tensor])?);
            builder.write(BYTES, 0, &self.bytes)?;
            parts.push(builder.build());
        }
        let round = round.to_string();
        let metadata = [(KIND, KIND_STATE), (PLUGIN, plugin.name()), (VERSION, plugin.version()), (ROUND, &round)];
        let metadata: BTreeMap<String, String> =
            metadata.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Ok(formats::stage(path, &Parameters::joined(&parts)?, Format::Safetensors, &metadata)?)
    }
}
