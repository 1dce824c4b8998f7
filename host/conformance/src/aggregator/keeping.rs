//! What it keeps, and what it gives back.

use fedwit_runtime::{Outcome, SavedState, State};
use fedwit_tensor::formats::Limits;
use fedwit_tensor::{DType, Parameters};

use super::scene::{Models, alike, near};
use crate::Verdict;
use crate::rule::{Broken, Scene, broken};

/// Rounds that follow one another.
const ROUNDS: u64 = 3;

pub(super) fn reload(scene: &Scene) -> Result<Verdict, Broken> {
    let models = Models::of(DType::F32)?;
    let folder = tempfile::tempdir().map_err(|error| Broken(format!("a folder for the state: {error}")))?;
    let through_file = |round: u64, state: State| -> Result<State, Broken> {
        let path = folder.path().join(format!("state-{round}.safetensors"));
        let file = |error: &dyn std::fmt::Display| Broken(format!("its state is not what a file can keep: {error}"));
        let staged = state.stage(&path, &scene.plugin, round).map_err(|error| file(&error))?;
        staged.commit().map_err(|error| file(&error))?;
        Ok(SavedState::read(&path, &scene.plugin, Limits::default()).map_err(|error| file(&error))?.state)
    };
    let (mut kept, mut reloaded): (Option<State>, Option<State>) = (None, None);
    for round in 1..=ROUNDS {
        let one = follow(scene, &models, round, kept)?;
        let other = follow(scene, &models, round, reloaded)?;
        if let Err(difference) = alike(&other, &one, 0.0) {
            return broken(format!("in round {round}, from a file, the outcome is another: {difference}"));
        }
        kept = one.state;
        reloaded = other.state.map(|state| through_file(round, state)).transpose()?;
    }
    Ok(Verdict::Passed)
}

/// A round that goes on from the state of the last.
fn follow(scene: &Scene, models: &Models, round: u64, state: Option<State>) -> Result<Outcome, Broken> {
    let mut aggregation = scene.begin(round, &models.global, state)?;
    for update in models.updates(round)? {
        aggregation.add(update)?;
    }
    Ok(aggregation.finish()?)
}

pub(super) fn dtypes(scene: &Scene) -> Result<Verdict, Broken> {
    let exact = run(scene, DType::F64)?;
    for (dtype, tolerance) in [(DType::F64, 0.0), (DType::F32, 1e-5), (DType::F16, 2e-3)] {
        compare(&run(scene, dtype)?, &exact, dtype, tolerance)?;
    }
    // Whole numbers are apart by more than floats, and a model of them is rounded to the nearest.
    let whole = run(scene, DType::I64)?;
    if whole.layout().tensors().iter().any(|tensor| tensor.dtype != DType::I64) {
        return broken("a model of int64 becomes one of another dtype");
    }
    Ok(Verdict::Passed)
}

fn run(scene: &Scene, dtype: DType) -> Result<Parameters, Broken> {
    let models = Models::of(dtype)?;
    let outcome = scene.run(&models.global, &models.updates(1)?);
    let outcome = outcome.map_err(|Broken(how)| Broken(format!("a model of {}: {how}", dtype.name())))?;
    Ok(outcome.model)
}

fn compare(found: &Parameters, exact: &Parameters, dtype: DType, tolerance: f64) -> Result<(), Broken> {
    if found.layout().tensors().iter().any(|tensor| tensor.dtype != dtype) {
        return broken(format!("a model of {} becomes one of another dtype", dtype.name()));
    }
    near(found, exact, tolerance).map_err(|how| Broken(format!("in {}, against float64: {how}", dtype.name())))
}

pub(super) fn metrics(scene: &Scene) -> Result<Verdict, Broken> {
    let models = Models::of(DType::F32)?;
    let outcome = scene.run(&models.global, &models.updates(1)?)?;
    match outcome.metrics.iter().find(|metric| !metric.value.is_finite()) {
        Some(metric) => broken(format!("`{}` is {}", metric.name, metric.value)),
        None => Ok(Verdict::Passed),
    }
}
