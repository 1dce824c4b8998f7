//! How a round is put together.

use fedwit_runtime::{Fault, Update};
use fedwit_tensor::DType;

use super::scene::{Models, ROUNDING, alike};
use crate::Verdict;
use crate::rule::{Broken, Scene, broken};

/// Why rules about shares say nothing.
const NOT_MERGEABLE: &str = "it is not mergeable";

pub(super) fn order(scene: &Scene) -> Result<Verdict, Broken> {
    let models = Models::of(DType::F32)?;
    let updates = models.updates(1)?;
    let expected = scene.run(&models.global, &updates)?;
    let backward: Vec<Update> = updates.iter().rev().cloned().collect();
    let mixed: Vec<Update> = (0..updates.len()).map(|index| updates[index * 5 % updates.len()].clone()).collect();
    for (how, updates) in [("backward", backward), ("mixed", mixed)] {
        if let Err(difference) = alike(&scene.run(&models.global, &updates)?, &expected, ROUNDING) {
            return broken(format!("updates that come {how} give another outcome: {difference}"));
        }
    }
    Ok(Verdict::Passed)
}

pub(super) fn merging(scene: &Scene) -> Result<Verdict, Broken> {
    if !scene.plugin.mergeable() {
        return Ok(Verdict::Skipped(NOT_MERGEABLE));
    }
    let models = Models::of(DType::F32)?;
    let updates = models.updates(1)?;
    let expected = scene.run(&models.global, &updates)?;
    for split in [[1, 2], [4, 8], [3, 11]] {
        let mut whole = scene.begin(1, &models.global, None)?;
        for share in [&updates[..split[0]], &updates[split[0]..split[1]], &updates[split[1]..]] {
            whole.merge(scene.fold(&models.global, share)?.partial()?)?;
        }
        if let Err(difference) = alike(&whole.finish()?, &expected, ROUNDING) {
            return broken(format!("shares of {split:?} updates and the rest give another outcome: {difference}"));
        }
    }
    // A share beside updates of one's own.
    let mut mixed = scene.fold(&models.global, &updates[..5])?;
    mixed.merge(scene.fold(&models.global, &updates[5..])?.partial()?)?;
    match alike(&mixed.finish()?, &expected, ROUNDING) {
        Ok(()) => Ok(Verdict::Passed),
        Err(difference) => broken(format!("a share beside added updates gives another outcome: {difference}")),
    }
}

pub(super) fn empty_share(scene: &Scene) -> Result<Verdict, Broken> {
    if !scene.plugin.mergeable() {
        return Ok(Verdict::Skipped(NOT_MERGEABLE));
    }
    let models = Models::of(DType::F32)?;
    let updates = models.updates(1)?;
    let expected = scene.run(&models.global, &updates)?;
    let empty = || -> Result<_, Broken> { Ok(scene.begin(1, &models.global, None)?.partial()?) };
    let mut first = scene.begin(1, &models.global, None)?;
    first.merge(empty()?)?;
    for update in &updates {
        first.add(update.clone())?;
    }
    first.merge(empty()?)?;
    match alike(&first.finish()?, &expected, ROUNDING) {
        Ok(()) => Ok(Verdict::Passed),
        Err(difference) => broken(format!("with empty shares the outcome is another: {difference}")),
    }
}

pub(super) fn no_updates(scene: &Scene) -> Result<Verdict, Broken> {
    let models = Models::of(DType::F32)?;
    match scene.begin(1, &models.global, None)?.finish() {
        Ok(_) => broken("it makes a model of nothing"),
        Err(error) if matches!(error.fault, Fault::Failed(_)) => Ok(Verdict::Passed),
        Err(error) => broken(format!("it does not say that it failed, but: {error}")),
    }
}

pub(super) fn repeatable(scene: &Scene) -> Result<Verdict, Broken> {
    let models = Models::of(DType::F32)?;
    let updates = models.updates(1)?;
    let (once, again) = (scene.run(&models.global, &updates)?, scene.run(&models.global, &updates)?);
    match alike(&again, &once, 0.0) {
        Ok(()) => Ok(Verdict::Passed),
        Err(difference) => broken(format!("the same round gives another outcome: {difference}")),
    }
}
