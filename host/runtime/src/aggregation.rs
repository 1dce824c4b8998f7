//! A round of a session, run by a plugin.

use std::collections::HashSet;
use std::sync::Arc;

use fedwit_tensor::{Layout, Parameters, TensorError};
use thiserror::Error;

use crate::bindings::{aggregator, types};
use crate::instance::Instance;
use crate::log::tell;
use crate::plugin::Inner;
use crate::{Digest, Fault, LogLine, PluginError, Refusal, Update};

/// What a round begins with.
#[derive(Clone, Debug)]
pub struct Round {
    /// Counts from 1.
    pub number: u64,
    /// The configuration of the plugin: a JSON object.
    pub config: String,
    /// The same whenever this round is repeated.
    pub seed: u64,
    /// The model that the round improves upon.
    pub global_model: Parameters,
    /// What the plugin returned from the session's last round.
    pub state: Option<State>,
}

/// What an aggregator keeps from one round to the next.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Tensors by name, such as an optimiser's `momentum`.
    pub parameters: Vec<(String, Parameters)>,
    /// Anything else, in a form of the plugin's own.
    pub bytes: Vec<u8>,
}

/// A share of a round's updates, folded.
#[derive(Clone, Debug)]
pub struct PartialAggregate {
    /// The plugin that folded it, and the only one that can merge it.
    pub plugin: Digest,
    /// What it amounts to.
    pub state: State,
    /// The weight of the share.
    pub weight: f64,
    /// The updates that it holds, by their names.
    pub updates: HashSet<String>,
}

/// A measured value.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Unique within one outcome or one update.
    pub name: String,
    /// The value; possibly not finite.
    pub value: f64,
}

/// What a round ends with.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The new global model, of exactly the old one's layout.
    pub model: Parameters,
    /// What to hand to the plugin in the next round.
    pub state: Option<State>,
    /// What the plugin measured.
    pub metrics: Vec<Metric>,
}

/// Why an update was not added.
#[derive(Debug, Error)]
pub enum AddError {
    /// The host did not let it through; the plugin never saw it, and the aggregation goes on.
    #[error(transparent)]
    Refused(Refusal),
    /// The plugin rejected it, and goes on, or broke, and does not.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

/// A round, or a share of one, on an instance of its own.
///
/// Every error but a [`Refusal`] and [`Fault::Rejected`] ends it: later calls give [`Fault::Ended`].
pub struct Aggregation {
    instance: Instance<aggregator::Guest>,
    digest: Digest,
    round: u64,
    layout: Layout,
    updates: HashSet<String>,
}

impl Aggregation {
    pub(crate) fn begin(plugin: &Arc<Inner>, round: Round) -> Result<Self, PluginError> {
        const FUNCTION: &str = "begin";
        plugin.ready(FUNCTION, &round.config)?;
        let mut instance = Instance::new(plugin, FUNCTION, round.seed)?;
        let layout = round.global_model.layout().clone();
        let global_model = instance.lend(FUNCTION, round.global_model)?;
        let state = round.state.map(|state| instance.lend_state(FUNCTION, state)).transpose()?;
        let context = aggregator::Context {
            config: round.config,
            round: round.number,
            seed: round.seed,
            global_model,
            state: state.map(|(parameters, bytes)| aggregator::State { parameters, bytes }),
        };
        if let Err(error) = instance.call(FUNCTION, |guest, store| guest.call_begin(store, &context)) {
            // There will be no aggregation to ask for its log.
            tell(plugin.name(), FUNCTION, instance.log());
            return Err(error);
        }
        Ok(Self { instance, digest: plugin.digest, round: round.number, layout, updates: HashSet::new() })
    }

    /// Adds an update, once. The client has started from this round's global model, or from one that is older by as many
    /// models as the update's staleness says.
    ///
    /// # Errors
    /// [`AddError`]. On a refusal and on [`Fault::Rejected`] nothing has changed.
    pub fn add(&mut self, update: Update) -> Result<(), AddError> {
        let added = self.add_and_wait(update);
        self.instance.state().flush_accumulators();
        added
    }

    /// Adds updates that wait at the same time, one after the other, as [`Aggregation::add`] does each. What the plugin
    /// adds to its accumulators is folded several at a time, which comes to the same and reads and writes the mean less
    /// often; all of it is folded when this returns.
    ///
    /// # Errors
    /// [`AddError`] for each update. After one that ends the aggregation the others give [`Fault::Ended`].
    pub fn add_all(&mut self, updates: Vec<Update>) -> Vec<Result<(), AddError>> {
        let added = updates.into_iter().map(|update| self.add_and_wait(update)).collect();
        self.instance.state().flush_accumulators();
        added
    }

    /// Adds an update, whose values may still wait in an accumulator then.
    fn add_and_wait(&mut self, update: Update) -> Result<(), AddError> {
        const FUNCTION: &str = "add";
        let (name, staleness) = (update.info.update.clone(), update.info.staleness);
        let round = update.info.round.saturating_add(staleness.into());
        if round != self.round {
            return Err(AddError::Refused(Refusal::OtherRound { expected: self.round, found: round }));
        }
        if self.updates.contains(&name) {
            return Err(AddError::Refused(Refusal::Repeated { update: name }));
        }
        self.layout.check(update.parameters.layout()).map_err(|error| AddError::Refused(Refusal::Tensors(error)))?;
        let handle = self.instance.with_handles(FUNCTION, |state| state.lend_update(update, staleness))?;
        self.instance.call(FUNCTION, |guest, store| guest.call_add(store, handle))?;
        self.updates.insert(name);
        Ok(())
    }

    /// Hands up what was added and merged so far, for another instance to merge. The last call of this one.
    ///
    /// # Errors
    /// Whatever the plugin does wrong.
    pub fn partial(&mut self) -> Result<PartialAggregate, PluginError> {
        const FUNCTION: &str = "partial";
        let part = self.instance.call(FUNCTION, |guest, store| guest.call_partial(store))?;
        let state = self.instance.take_state(FUNCTION, part.parameters, part.bytes)?;
        let (_, state) = self.instance.settle(FUNCTION, None, Some(state))?;
        let state = state.unwrap_or_default();
        let updates = self.updates.len() as u64;
        if part.updates != updates {
            let why = format!("it says that it holds {} updates, but {updates} were added", part.updates);
            return Err(self.instance.error(FUNCTION, Fault::Answer(why)));
        }
        // An empty share weighs nothing; any other must weigh something that a mean can divide by.
        let weighs = part.weight.is_finite() && part.weight > 0.0;
        if weighs != (updates > 0) || (updates == 0 && part.weight != 0.0) {
            let why = format!("{updates} updates have the weight {}", part.weight);
            return Err(self.instance.error(FUNCTION, Fault::Answer(why)));
        }
        Ok(PartialAggregate {
            plugin: self.digest,
            state,
            weight: part.weight,
            updates: std::mem::take(&mut self.updates),
        })
    }

    /// Takes in a share of this round that another instance of this plugin folded.
    ///
    /// # Errors
    /// [`AddError`]. On a refusal and on [`Fault::Rejected`] nothing has changed.
    pub fn merge(&mut self, part: PartialAggregate) -> Result<(), AddError> {
        const FUNCTION: &str = "merge";
        if part.plugin != self.digest {
            return Err(self.instance.error(FUNCTION, Fault::ForeignShare(part.plugin.to_string())).into());
        }
        if let Some(update) = part.updates.intersection(&self.updates).next() {
            return Err(AddError::Refused(Refusal::Repeated { update: update.clone() }));
        }
        let (parameters, bytes) = self.instance.lend_state(FUNCTION, part.state)?;
        let updates = part.updates.len() as u64;
        let share = aggregator::PartialAggregate { parameters, bytes, weight: part.weight, updates };
        let merged = self.instance.call(FUNCTION, |guest, store| guest.call_merge(store, &share));
        self.instance.state().flush_accumulators();
        merged?;
        self.updates.extend(part.updates);
        Ok(())
    }

    /// Makes the new global model.
    ///
    /// # Errors
    /// [`Fault::Model`] if what the plugin made is not of the global model's tensors and shapes, cannot be cast back to
    /// its dtypes, or is not finite; or whatever else the plugin does wrong.
    pub fn finish(&mut self) -> Result<Outcome, PluginError> {
        const FUNCTION: &str = "finish";
        let outcome = self.instance.call(FUNCTION, |guest, store| guest.call_finish(store))?;
        self.instance.end();
        let aggregator::Outcome { model, state, metrics } = outcome;
        let model = self.instance.with_handles(FUNCTION, |state| state.take_parameters(model))?;
        let state = state.map(|state| self.instance.take_state(FUNCTION, state.parameters, state.bytes)).transpose()?;
        let wrong = |error| Fault::Model(Box::new(error));
        let model = model.fitted_to(&self.layout).map_err(|error| self.instance.error(FUNCTION, wrong(error)))?;
        let (model, state) = self.instance.settle(FUNCTION, Some(model), state)?;
        let model = model.ok_or(TensorError::NoModels).flatten();
        let model = model.map_err(|error| self.instance.error(FUNCTION, wrong(error)))?;
        let metrics = checked_metrics(metrics).map_err(|why| self.instance.error(FUNCTION, Fault::Answer(why)))?;
        Ok(Outcome { model, state, metrics })
    }

    /// How many updates were added and merged.
    #[must_use]
    pub fn updates(&self) -> usize {
        self.updates.len()
    }

    /// What the plugin wrote to its log since the last time this was asked.
    #[must_use]
    pub fn log(&mut self) -> Vec<LogLine> {
        self.instance.log()
    }
}

fn checked_metrics(metrics: Vec<types::Metric>) -> Result<Vec<Metric>, String> {
    const MOST: usize = 256;
    if metrics.len() > MOST {
        return Err(format!("it has {} metrics, more than {MOST}", metrics.len()));
    }
    let mut names = HashSet::new();
    let check = |types::Metric { name, value }| {
        check_name(&name)?;
        if names.insert(name.clone()) { Ok(Metric { name, value }) } else { Err(format!("it has `{name}` twice")) }
    };
    metrics.into_iter().map(check).collect()
}

/// Names of metrics and of parameters become parts of other names, and are shown.
fn check_name(name: &str) -> Result<(), String> {
    if (1..=64).contains(&name.len()) && !name.contains(|character: char| character.is_control() || character == '/') {
        Ok(())
    } else {
        Err(format!("{name:.80?} is no name: 1 to 64 bytes without `/` and control characters are"))
    }
}

/// The model, or what is wrong with it, and the state, as far as there is either.
type Settled = (Option<Result<Parameters, TensorError>>, Option<State>);

/// Named parameters as they are handed to a plugin, and bytes.
type Lent = (Vec<aggregator::NamedParameters>, Vec<u8>);

impl Instance<aggregator::Guest> {
    fn lend_state(&mut self, function: &'static str, state: State) -> Result<Lent, PluginError> {
        let lend =
            |(name, parameters)| Ok(aggregator::NamedParameters { name, value: self.lend(function, parameters)? });
        Ok((state.parameters.into_iter().map(lend).collect::<Result<_, PluginError>>()?, state.bytes))
    }

    /// Takes back what a plugin wants kept.
    fn take_state(
        &mut self,
        function: &'static str,
        parameters: Vec<aggregator::NamedParameters>,
        bytes: Vec<u8>,
    ) -> Result<State, PluginError> {
        let limit = self.limits().state_bytes;
        if bytes.len() > limit {
            let why = format!("it has {} bytes that are not tensors, more than {limit}", bytes.len());
            return Err(self.error(function, Fault::Answer(why)));
        }
        let mut names = HashSet::new();
        let mut taken = Vec::with_capacity(parameters.len());
        for aggregator::NamedParameters { name, value } in parameters {
            let value = self.with_handles(function, |state| state.take_parameters(value))?;
            check_name(&name).map_err(|why| self.error(function, Fault::Answer(why)))?;
            if !names.insert(name.clone()) {
                return Err(self.error(function, Fault::Answer(format!("it has `{name}` twice"))));
            }
            taken.push((name, value));
        }
        Ok(State { parameters: taken, bytes })
    }

    /// Computes the model, if there is one, and what a plugin wants kept in one pass: what they have in common is
    /// computed once. All in exactly the dtypes that they say, so that going on with them in this process is the same
    /// as going on from a file, and finite.
    fn settle(
        &mut self,
        function: &'static str,
        model: Option<Parameters>,
        state: Option<State>,
    ) -> Result<Settled, PluginError> {
        let kept = state.iter().flat_map(|state| &state.parameters).map(|(_, value)| value);
        let all: Vec<&Parameters> = model.iter().chain(kept).collect();
        let bytes = all.iter().map(|parameters| parameters.settling_bytes()).fold(0, usize::saturating_add);
        self.with_handles(function, |host| host.afford(bytes).map_err(wasmtime::Error::new))?;
        let settled = Parameters::settle_all(&all).into_iter();
        let mut settled = settled.map(|settled| settled.and_then(|value| value.check_finite().map(|()| value)));
        let model = model.and_then(|_| settled.next());
        let Some(State { parameters, bytes }) = state else { return Ok((model, None)) };
        let mut kept = Vec::with_capacity(parameters.len());
        for ((name, _), value) in parameters.into_iter().zip(settled) {
            let value = value.map_err(|error| self.error(function, Fault::Answer(format!("`{name}`: {error}"))))?;
            kept.push((name, value));
        }
        Ok((model, Some(State { parameters: kept, bytes })))
    }
}
