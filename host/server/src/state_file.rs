//! The file that keeps an aggregator's state between rounds.
//!
//! A safetensors file: tensor `NAME` of the parameters `SET` is `SET/NAME`, and whatever else the plugin keeps is the
//! uint8 tensor `bytes`. Its metadata name the plugin, and the round that it comes from.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use fedwit_runtime::{Plugin, State};
use fedwit_tensor::formats::{self, Expected, Format, Limits, Staged};
use fedwit_tensor::{Builder, DType, Layout, Parameters, TensorType};

const KIND: &str = "fedwit.kind";
const KIND_STATE: &str = "aggregator-state";
const PLUGIN: &str = "fedwit.plugin";
const VERSION: &str = "fedwit.plugin_version";
const ROUND: &str = "fedwit.round";
/// No set of parameters: their tensors' names have a `/`.
const BYTES: &str = "bytes";

/// What a plugin returned from a round.
pub(crate) struct SavedState {
    pub(crate) state: State,
    pub(crate) round: u64,
}

/// Reads the state of `plugin`; none if there is no such file.
pub(crate) fn read(path: &Path, plugin: &Plugin, limits: Limits) -> Result<Option<SavedState>> {
    if !path.try_exists().with_context(|| format!("state {}", path.display()))? {
        return Ok(None);
    }
    let file = formats::read(path, &Expected::Seed(limits), None)?;
    parse(&file.parameters, &file.metadata, plugin).with_context(|| format!("state {}", path.display())).map(Some)
}

fn parse(all: &Parameters, metadata: &BTreeMap<String, String>, plugin: &Plugin) -> Result<SavedState> {
    let entry = |key: &str| metadata.get(key).map(String::as_str);
    ensure!(entry(KIND) == Some(KIND_STATE), "this is a model, but not an aggregator's state");
    let owner = entry(PLUGIN).with_context(|| format!("its metadata lack `{PLUGIN}`"))?;
    ensure!(owner == plugin.name(), "this is the state of `{owner}`, not of `{}`", plugin.name());
    let round = entry(ROUND).and_then(|round| round.parse().ok());
    let round = round.with_context(|| format!("its metadata lack `{ROUND}`, or it is no number"))?;

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
            None => bail!("tensor `{}` belongs to no set of parameters", tensor.name),
        }
    }
    for (set, names) in sets {
        let part = all.only(&names)?.renamed(|_, name| name[set.len() + 1..].to_owned())?;
        state.parameters.push((set, part));
    }
    Ok(SavedState { state, round })
}

/// Writes what `plugin` returned from `round`, beside its place.
pub(crate) fn stage(path: &Path, state: &State, plugin: &Plugin, round: u64) -> Result<Staged> {
    let mut parts = Vec::with_capacity(state.parameters.len() + 1);
    for (set, parameters) in &state.parameters {
        parts.push(parameters.renamed(|_, name| format!("{set}/{name}"))?);
    }
    if !state.bytes.is_empty() {
        let tensor = TensorType { name: BYTES.to_owned(), dtype: DType::U8, shape: vec![state.bytes.len()] };
        let mut builder = Builder::zeros(&Layout::new(vec![tensor])?);
        builder.write(BYTES, 0, &state.bytes)?;
        parts.push(builder.build());
    }
    let round = round.to_string();
    let metadata = [(KIND, KIND_STATE), (PLUGIN, plugin.name()), (VERSION, plugin.version()), (ROUND, &round)];
    let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    Ok(formats::stage(path, &Parameters::joined(&parts)?, Format::Safetensors, &metadata)?)
}
