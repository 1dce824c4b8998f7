//! Configurations, and the schemas of plugins that say what they may hold.
//!
//! A configuration is a JSON object of bounded size that its plugin's schema allows. A schema is a stranger's, like
//! everything that a plugin says: it may refer to nothing outside of itself, how much work it can make is counted when
//! the plugin is loaded, and its patterns are matched in linear time.

mod cost;

use std::fmt;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};
use thiserror::Error;

/// Bytes of a schema: those of the shipped plugins have two or three thousand.
const SCHEMA_BYTES: usize = 256 * 1024;

/// Bytes that one compiled pattern may take, and so may the states that it is matched with.
const PATTERN_BYTES: usize = 256 * 1024;

/// Characters of a problem as it is shown: what it repeats of a configuration may be long.
const PROBLEM_CHARS: usize = 300;

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
    /// It is no JSON, or the plugin's schema does not allow it.
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

/// A plugin's schema, ready to check configurations.
#[derive(Clone)]
pub(crate) struct ConfigSchema {
    json: Arc<Value>,
    validator: Arc<Validator>,
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
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(patterns)
            .offline()
            .build(&json)
            .map_err(|error| unusable(format!("`{}`: {}", error.instance_path(), said(&error))))?;
        Ok(Self { json: Arc::new(json), validator: Arc::new(validator) })
    }

    pub(crate) fn json(&self) -> &Value {
        &self.json
    }

    /// Refuses what the schema does not allow.
    pub(crate) fn check(&self, config: &Value) -> Result<(), ConfigError> {
        if !config.is_object() {
            return Err(ConfigError::NotAnObject);
        }
        self.validator.validate(config).map_err(|error| {
            let told = most_telling(&error);
            let unknown = unknown_key(told, config);
            let problem = if unknown.is_some() { "there is no such parameter".to_owned() } else { said(told) };
            ConfigError::Invalid { key: key(told, unknown), problem }
        })
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

/// That something fits none of several schemas tells nobody what to change. What went wrong deepest inside of one of them
/// does, for that one was meant.
fn most_telling<'a>(error: &'a ValidationError<'a>) -> &'a ValidationError<'a> {
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) = error.kind() else {
        return error;
    };
    let depth = |error: &ValidationError<'_>| error.instance_path().as_str().matches('/').count();
    let within = context.iter().flatten().map(|error| most_telling(error)).max_by_key(|error| depth(error));
    within.filter(|within| depth(within) > depth(error)).unwrap_or(error)
}

/// A key that should not be there.
fn unknown_key<'a>(error: &'a ValidationError<'_>, config: &'a Value) -> Option<&'a str> {
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected.first().map(String::as_str),
        // Where no key is allowed at all, the validator does not say which it found.
        ValidationErrorKind::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
            let object = config.pointer(error.instance_path().as_str()).and_then(Value::as_object);
            object.and_then(|object| object.keys().next()).map(String::as_str)
        }
        _ => None,
    }
}

/// The key that is wrong, also where it is one that is missing or should not be there.
fn key(error: &ValidationError<'_>, unknown: Option<&str>) -> String {
    let path = error.instance_path().as_str().trim_start_matches('/');
    let named = match error.kind() {
        ValidationErrorKind::Required { property } => property.as_str(),
        _ => unknown,
    };
    let key = match named {
        Some(name) if path.is_empty() => name.to_owned(),
        Some(name) => format!("{path}/{name}"),
        None => path.to_owned(),
    };
    shortened(&key)
}

fn said(error: &ValidationError<'_>) -> String {
    shortened(&error.to_string())
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(PROBLEM_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

impl fmt::Debug for ConfigSchema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.json, formatter)
    }
}

#[cfg(test)]
mod tests;
