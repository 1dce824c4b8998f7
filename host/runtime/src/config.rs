//! Configurations, and the schemas of plugins that describe them.
//!
//! A configuration is a JSON object of bounded size; what it may hold is the plugin's to check, and its schema is for those
//! who write one. A schema is a stranger's, like everything that a plugin says: it may refer to nothing outside of itself,
//! and how much work it can make is counted when the plugin is loaded.

mod cost;

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use thiserror::Error;

/// Bytes of a schema: those of the shipped plugins have two or three thousand.
const SCHEMA_BYTES: usize = 256 * 1024;

/// Why a configuration is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// It is no JSON object.
    #[error("the configuration is no JSON object")]
    NotAnObject,
    /// More bytes than [`crate::Limits::config_bytes`].
    #[error("the configuration has {bytes} bytes, more than the {limit} that are allowed")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
    /// It is no JSON.
    #[error("{}", in_words(.key, .problem))]
    Invalid {
        /// The key, such as `learning_rate` or `layers/0/rate`; empty for the whole.
        key: String,
        /// What is wrong, and what is allowed.
        problem: String,
    },
}

fn in_words(key: &str, problem: &str) -> String {
    if key.is_empty() { problem.to_owned() } else { format!("`{key}`: {problem}") }
}

/// A plugin's schema, fit to be shown.
#[derive(Clone)]
pub(crate) struct ConfigSchema {
    json: Arc<Value>,
}

impl ConfigSchema {
    /// Reads a schema, and says why it cannot be used.
    pub(crate) fn checked(text: &str) -> Result<Self, String> {
        if text.len() > SCHEMA_BYTES {
            return Err(format!("the schema of the configuration has {} bytes, more than {SCHEMA_BYTES}", text.len()));
        }
        let json: Value = serde_json::from_str(text)
            .map_err(|error| format!("the schema of the configuration is not JSON: {error}"))?;
        if !json.is_object() {
            return Err("the schema of the configuration is not a JSON object".to_owned());
        }
        let unusable = |problem: String| format!("the schema of the configuration cannot be used: {problem}");
        cost::check(&json).map_err(unusable)?;
        Ok(Self { json: Arc::new(json) })
    }

    pub(crate) fn json(&self) -> &Value {
        &self.json
    }

    /// Refuses what can be no configuration of any plugin.
    pub(crate) fn check(&self, config: &Value) -> Result<(), ConfigError> {
        if config.is_object() { Ok(()) } else { Err(ConfigError::NotAnObject) }
    }

    /// Refuses the text of a configuration. No text at all is an empty object.
    pub(crate) fn check_text(&self, text: &str, limit: usize) -> Result<(), ConfigError> {
        if text.len() > limit {
            return Err(ConfigError::TooLarge { bytes: text.len(), limit });
        }
        if text.trim().is_empty() {
            return self.check(&Value::Object(Map::new()));
        }
        let invalid =
            |error: serde_json::Error| ConfigError::Invalid { key: String::new(), problem: error.to_string() };
        self.check(&serde_json::from_str(text).map_err(invalid)?)
    }
}

impl fmt::Debug for ConfigSchema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.json, formatter)
    }
}

#[cfg(test)]
mod tests;
