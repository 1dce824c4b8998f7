//! What it is told.

use fedwit_tensor::DType;

use super::scene::{Models, alike};
use crate::Verdict;
use crate::rule::{Broken, Scene, broken};

pub(super) fn defaults(scene: &Scene) -> Result<Verdict, Broken> {
    let config = scene.with_defaults();
    let models = Models::of(DType::F32)?;
    let updates = models.updates(1)?;
    let mut told = scene.try_begin(&config, 1, &models.global, None)?;
    for update in &updates {
        told.add(update.clone())?;
    }
    let (told, untold) = (told.finish()?, scene.run(&models.global, &updates)?);
    match alike(&told, &untold, 0.0) {
        Ok(()) => Ok(Verdict::Passed),
        Err(how) => broken(format!("with its schema's defaults it does something else than without them: {how}")),
    }
}

pub(super) fn unknown_keys(scene: &Scene) -> Result<Verdict, Broken> {
    let models = Models::of(DType::F32)?;
    scene.refuses_unknown_keys(|config| scene.try_begin(config, 1, &models.global, None))
}
