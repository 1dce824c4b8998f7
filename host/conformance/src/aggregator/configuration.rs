//! What it is told.

use fedwit_runtime::Fault;
use fedwit_tensor::DType;
use serde_json::{Map, Value, json};

use crate::Verdict;
use crate::scene::{Broken, Models, Scene, alike, broken};

pub(super) fn defaults(scene: &Scene<'_>) -> Result<Verdict, Broken> {
    let properties = scene.plugin.config_schema()["properties"].as_object().cloned().unwrap_or_default();
    let defaults = properties.into_iter().filter_map(|(key, property)| Some((key, property.get("default")?.clone())));
    let mut config: Map<String, Value> = defaults.collect();
    config.extend(scene.config.clone());
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

pub(super) fn unknown_keys(scene: &Scene<'_>) -> Result<Verdict, Broken> {
    let mut config = scene.config.clone();
    config.insert("no-plugin-has-this-key".to_owned(), json!(1));
    let models = Models::of(DType::F32)?;
    match scene.try_begin(&config, 1, &models.global, None) {
        Ok(_) => broken("it takes a key that its schema does not name, so that a typo passes for a default"),
        Err(error) if matches!(error.fault, Fault::InvalidConfig(_)) => Ok(Verdict::Passed),
        Err(error) => broken(format!("not an invalid configuration, but: {error}")),
    }
}
