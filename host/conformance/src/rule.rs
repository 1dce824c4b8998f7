//! Rules: what they find, and how they are looked at.

use std::fmt::Display;
use std::time::Instant;

use fedwit_runtime::{AddError, Fault, Plugin, PluginError, StorageError};
use fedwit_tensor::TensorError;
use serde_json::{Map, Value, json};

use crate::{Finding, Report, Verdict};

/// A rule: its name, what it asks for, and how it is looked at.
pub(crate) type Rule = (&'static str, &'static str, fn(&Scene) -> Result<Verdict, Broken>);

/// A plugin, and a configuration that it is run with.
pub(crate) struct Scene {
    pub(crate) plugin: Plugin,
    pub(crate) config: Map<String, Value>,
}

/// Why a rule does not hold.
pub(crate) struct Broken(pub(crate) String);

impl From<PluginError> for Broken {
    fn from(error: PluginError) -> Self {
        Self(error.to_string())
    }
}

impl From<AddError> for Broken {
    fn from(error: AddError) -> Self {
        Self(error.to_string())
    }
}

impl From<StorageError> for Broken {
    fn from(error: StorageError) -> Self {
        Self(error.to_string())
    }
}

impl From<TensorError> for Broken {
    fn from(error: TensorError) -> Self {
        Self(format!("the check's own tensors: {error}"))
    }
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self(format!("the check's own files: {error}"))
    }
}

/// A rule does not hold.
pub(crate) fn broken<T>(how: impl Display) -> Result<T, Broken> {
    Err(Broken(how.to_string()))
}

impl Scene {
    /// Looks at every rule, whatever came of those before.
    pub(crate) fn look_at(&self, rules: &[Rule]) -> Report {
        let (began, before) = (Instant::now(), self.plugin.metrics().instances);
        let findings = rules.iter().map(|(rule, asks, look)| {
            let began = Instant::now();
            let verdict = look(self).unwrap_or_else(|Broken(how)| Verdict::Failed(how));
            Finding { rule, asks, verdict, duration: began.elapsed() }
        });
        let findings = findings.collect();
        let used = self.plugin.metrics();
        Report {
            findings,
            instances: used.instances - before,
            peak_memory_bytes: used.peak_memory_bytes,
            peak_tensor_bytes: used.peak_tensor_bytes,
            peak_handles: used.peak_handles,
            duration: began.elapsed(),
        }
    }

    /// The configuration, with the defaults that the plugin's schema names where it says nothing else.
    pub(crate) fn with_defaults(&self) -> Map<String, Value> {
        let properties = self.plugin.config_schema()["properties"].as_object().cloned().unwrap_or_default();
        let default = |(key, property): (String, Value)| Some((key, property.get("default")?.clone()));
        let mut config: Map<String, Value> = properties.into_iter().filter_map(default).collect();
        config.extend(self.config.clone());
        config
    }

    /// Whether a key that no plugin has is refused by its name, by what takes a configuration.
    pub(crate) fn refuses_unknown_keys<T>(
        &self,
        take: impl FnOnce(&Map<String, Value>) -> Result<T, PluginError>,
    ) -> Result<Verdict, Broken> {
        const STRANGE: &str = "no-plugin-has-this-key";
        let mut config = self.config.clone();
        config.insert(STRANGE.to_owned(), json!(1));
        match take(&config) {
            Ok(_) => broken("it takes a key that its schema does not name, so that a typo passes for a default"),
            Err(error) => match &error.fault {
                Fault::InvalidConfig(why) if why.contains(STRANGE) => Ok(Verdict::Passed),
                Fault::InvalidConfig(why) => broken(format!("it does not name the key that it refuses: {why}")),
                _ => broken(format!("not an invalid configuration, but: {error}")),
            },
        }
    }
}

/// A configuration as plugins are told it.
pub(crate) fn text(config: &Map<String, Value>) -> String {
    Value::Object(config.clone()).to_string()
}
