//! What it must not take.

use fedwit_runtime::{AddError, Fault, PartialAggregate, PluginError, State};
use fedwit_tensor::{DType, Parameters, TensorError};

use super::scene::{Models, ROUNDING, alike, model};
use crate::Verdict;
use crate::rule::{Broken, Scene, broken};

/// A model with other tensors than those of the scenes.
fn strange() -> Result<Parameters, TensorError> {
    model(&[("a", vec![3], &[1.0, 2.0, 3.0]), ("c", vec![1], &[4.0])], DType::F64)
}

/// Whether a fault is an answer, and not a breakdown.
fn is_answer(error: &PluginError) -> bool {
    matches!(error.fault, Fault::Rejected(_) | Fault::Failed(_) | Fault::InvalidConfig(_))
}

/// A state whose tensors are others than those that it should have.
fn with_strange_tensors(state: State) -> Result<State, TensorError> {
    let strange = strange()?;
    let parameters = state.parameters.into_iter().map(|(name, _)| (name, strange.clone())).collect();
    Ok(State { parameters, ..state })
}

pub(super) fn shares(scene: &Scene) -> Result<Verdict, Broken> {
    let models = Models::of(DType::F32)?;
    let Some(share) = strange_share(scene, &models)? else {
        return Ok(Verdict::Skipped("its shares have no tensors, or it is not mergeable"));
    };
    match scene.begin(1, &models.global, None)?.merge(share) {
        Ok(()) => broken("it takes a share of other tensors"),
        Err(AddError::Plugin(error)) if !is_answer(&error) => broken(format!("it does not refuse it, but: {error}")),
        Err(_) => Ok(Verdict::Passed),
    }
}

/// A share of a round over other tensors.
fn strange_share(scene: &Scene, models: &Models) -> Result<Option<PartialAggregate>, Broken> {
    if !scene.plugin.mergeable() {
        return Ok(None);
    }
    let mut share = scene.fold(&models.global, &models.updates(1)?[..2])?.partial()?;
    share.state = with_strange_tensors(share.state)?;
    Ok((!share.state.parameters.is_empty()).then_some(share))
}

pub(super) fn states(scene: &Scene) -> Result<Verdict, Broken> {
    let models = Models::of(DType::F32)?;
    let state = scene.run(&models.global, &models.updates(1)?)?.state.unwrap_or_default();
    if state.parameters.is_empty() {
        return Ok(Verdict::Skipped("it keeps no tensors"));
    }
    let strange = with_strange_tensors(state)?;
    let mut aggregation = match scene.try_begin(&scene.config, 2, &models.global, Some(strange)) {
        Ok(aggregation) => aggregation,
        Err(error) if is_answer(&error) => return Ok(Verdict::Passed),
        Err(error) => return broken(format!("it does not refuse it, but: {error}")),
    };
    // It may find out as late as it needs the state.
    for update in models.updates(2)? {
        aggregation.add(update)?;
    }
    match aggregation.finish() {
        Ok(_) => broken("it takes a state of other tensors"),
        Err(error) if is_answer(&error) => Ok(Verdict::Passed),
        Err(error) => broken(format!("it does not refuse it, but: {error}")),
    }
}

pub(super) fn traces(scene: &Scene) -> Result<Verdict, Broken> {
    let models = Models::of(DType::F32)?;
    let updates = models.updates(1)?;
    let expected = scene.run(&models.global, &updates)?;
    let mut aggregation = scene.fold(&models.global, &updates[..6])?;
    // The host refuses what came before and what is of another round; the plugin rejects a share that does not fit.
    for refused in [updates[0].clone(), models.updates(9)?.swap_remove(0)] {
        if aggregation.add(refused).is_ok() {
            return broken("an update that must not count does");
        }
    }
    if let Some(share) = strange_share(scene, &models)? {
        // Its own updates are others, so that it is the tensors that do not fit.
        let share = PartialAggregate { updates: ["x".to_owned(), "y".to_owned()].into(), ..share };
        match aggregation.merge(share) {
            Err(AddError::Plugin(error)) if !matches!(error.fault, Fault::Rejected(_)) => {
                return Ok(Verdict::Skipped("it gives up on what it refuses, so that nothing can follow"));
            }
            Err(_) => {}
            Ok(()) => return broken("it takes a share of other tensors"),
        }
    }
    for update in &updates[6..] {
        aggregation.add(update.clone())?;
    }
    match alike(&aggregation.finish()?, &expected, ROUNDING) {
        Ok(()) => Ok(Verdict::Passed),
        Err(difference) => broken(format!("after a refusal the outcome is another: {difference}")),
    }
}
