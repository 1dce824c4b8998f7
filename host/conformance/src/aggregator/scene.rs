//! Models, updates and rounds to run a plugin over.

use fedwit_runtime::{Aggregation, Outcome, PluginError, Round, State, Update, UpdateInfo};
use fedwit_tensor::{Builder, DType, Layout, Parameters, TensorError, TensorType};
use serde_json::{Map, Value};

use crate::rule::{Broken, Scene, text};

/// Clients of a round: enough for rules that leave some of them out.
pub(crate) const CLIENTS: u32 = 12;
/// How far two ways to the same sum may be apart, relative to a tensor's largest value.
pub(crate) const ROUNDING: f64 = 1e-6;

/// A global model, and what clients send.
pub(crate) struct Models {
    pub(crate) global: Parameters,
    pub(crate) sent: Vec<Parameters>,
}

impl Scene {
    /// Begins a round with the scene's configuration.
    pub(crate) fn begin(&self, number: u64, global: &Parameters, state: Option<State>) -> Result<Aggregation, Broken> {
        Ok(self.try_begin(&self.config, number, global, state)?)
    }

    /// Begins a round with another configuration.
    pub(crate) fn try_begin(
        &self,
        config: &Map<String, Value>,
        number: u64,
        global: &Parameters,
        state: Option<State>,
    ) -> Result<Aggregation, PluginError> {
        self.plugin.begin(Round { number, config: text(config), seed: 7, global_model: global.clone(), state })
    }

    /// A first round over updates, in their order.
    pub(crate) fn run(&self, global: &Parameters, updates: &[Update]) -> Result<Outcome, Broken> {
        Ok(self.fold(global, updates)?.finish()?)
    }

    /// A first round that has taken updates in.
    pub(crate) fn fold(&self, global: &Parameters, updates: &[Update]) -> Result<Aggregation, Broken> {
        let mut aggregation = self.begin(1, global, None)?;
        for update in updates {
            aggregation.add(update.clone())?;
        }
        Ok(aggregation)
    }
}

impl Models {
    /// Two tensors of a dtype, with values of several magnitudes, and models a few steps away. Whole numbers, or halves
    /// where the dtype has them, so that each dtype holds them exactly.
    pub(crate) fn of(dtype: DType) -> Result<Self, TensorError> {
        let global = tensors(&[64.0, -8.0, 2.0, 0.0, 16.0, -32.0], dtype)?;
        let step = if matches!(dtype, DType::I64) { 2.0 } else { 0.5 };
        let sent = (0..CLIENTS).map(|client| {
            // No two clients are equally far from a third, so that nothing is decided by their order.
            let spread = |index: u32| f64::from((client * client + 3 * client * index + 5 * index) % 23) - 9.0;
            let moved = [64.0, -8.0, 2.0, 0.0, 16.0, -32.0].into_iter().zip(0..);
            let moved: Vec<f64> = moved.map(|(value, index)| value + step * spread(index)).collect();
            tensors(&moved, dtype)
        });
        Ok(Self { sent: sent.collect::<Result<_, _>>()?, global })
    }

    /// The clients' updates of a round, of unequal weight.
    pub(crate) fn updates(&self, round: u64) -> Result<Vec<Update>, Broken> {
        let updates = self.sent.iter().zip(0_u64..);
        updates.map(|(sent, client)| self.update(round, client, 1 + client * 37 % 11, sent)).collect()
    }

    pub(crate) fn update(&self, round: u64, client: u64, examples: u64, sent: &Parameters) -> Result<Update, Broken> {
        let info = UpdateInfo {
            update: format!("update-{round}-{client}"),
            client: format!("client-{client}"),
            round,
            staleness: 0,
            num_examples: examples,
            metrics: Vec::new(),
        };
        Update::checked(info, sent, &self.global)
            .map_err(|refusal| Broken(format!("the check's own update: {refusal}")))
    }
}

/// A model of a matrix `a` and a vector `b`, from six values.
fn tensors(values: &[f64], dtype: DType) -> Result<Parameters, TensorError> {
    model(&[("a", vec![2, 2], &values[..4]), ("b", vec![2], &values[4..])], dtype)
}

/// A model of any tensors.
pub(crate) fn model(tensors: &[(&str, Vec<usize>, &[f64])], dtype: DType) -> Result<Parameters, TensorError> {
    let types = tensors.iter().map(|(name, shape, _)| TensorType {
        name: (*name).to_owned(),
        dtype: DType::F64,
        shape: shape.clone(),
    });
    let mut builder = Builder::zeros(&Layout::new(types.collect())?);
    for (name, _, values) in tensors {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        builder.write(name, 0, &bytes)?;
    }
    builder.build().cast(dtype)
}

/// Whether two models are the same, up to a part of each tensor's largest value.
pub(crate) fn near(found: &Parameters, expected: &Parameters, tolerance: f64) -> Result<(), String> {
    let read = |model: &Parameters| -> Result<Vec<(String, Vec<f64>)>, TensorError> {
        let wide = model.cast(DType::F64)?;
        let tensors = wide.layout().tensors().iter().map(|tensor| {
            let bytes = wide.read(&tensor.name, 0, tensor.elements() as u64)?;
            let values = bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
            Ok((tensor.name.clone(), values))
        });
        tensors.collect()
    };
    let (found, expected) =
        (read(found).map_err(|error| error.to_string())?, read(expected).map_err(|error| error.to_string())?);
    if found.iter().map(|(name, _)| name).ne(expected.iter().map(|(name, _)| name)) {
        return Err("it has other tensors".to_owned());
    }
    for ((name, found), (_, expected)) in found.iter().zip(&expected) {
        let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let apart = found.iter().zip(expected).find(|(found, expected)| {
            let difference = (**found - **expected).abs();
            difference.is_nan() || difference > tolerance * largest
        });
        if let Some((found, expected)) = apart {
            return Err(format!("tensor `{name}` has {found} where it should have {expected}"));
        }
    }
    Ok(())
}

/// Whether two rounds ended alike, their states included.
pub(crate) fn alike(found: &Outcome, expected: &Outcome, tolerance: f64) -> Result<(), String> {
    near(&found.model, &expected.model, tolerance).map_err(|how| format!("the model: {how}"))?;
    match (&found.state, &expected.state) {
        (None, None) => Ok(()),
        (Some(found), Some(expected)) => states(found, expected, tolerance),
        _ => Err("one of them keeps a state, and the other does not".to_owned()),
    }
}

fn states(found: &State, expected: &State, tolerance: f64) -> Result<(), String> {
    let names = |state: &State| state.parameters.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    if names(found) != names(expected) {
        return Err("their states have other parameters".to_owned());
    }
    for ((name, found), (_, expected)) in found.parameters.iter().zip(&expected.parameters) {
        near(found, expected, tolerance).map_err(|how| format!("`{name}` of the state: {how}"))?;
    }
    Ok(())
}
