//! What a client is asked to do.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::wire::{StatusType, TaskRequest};

/// A task, and what can be read of it.
#[derive(Clone, Debug)]
pub struct Task {
    /// As it came.
    pub request: TaskRequest,
    /// What is to be done.
    pub kind: Kind,
    /// The settings that came with it; `null` if there are none.
    pub data: Value,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Train, starting from a model.
    Train,
    /// Measure a model.
    Validate,
    /// Something else, which this client cannot do.
    Other,
}

impl Task {
    /// Reads what came.
    ///
    /// # Errors
    /// If FEDn's client could not read it either.
    pub(super) fn read(request: TaskRequest) -> Result<Self> {
        let kind = match request.r#type() {
            StatusType::ModelUpdate => Kind::Train,
            StatusType::ModelValidation => Kind::Validate,
            _ => Kind::Other,
        };
        let data = match request.data.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).with_context(|| format!("the task's data `{text}`"))?,
        };
        let task = Self { request, kind, data };
        if kind == Kind::Train {
            task.data["round_id"].as_str().context("a task to train without a round_id that is a text")?;
        }
        Ok(task)
    }

    /// The round's id.
    #[must_use]
    pub fn round(&self) -> &str {
        self.data["round_id"].as_str().unwrap_or_default()
    }

    /// The session's id.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.request.session_id
    }

    /// The model's id.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.request.model_id
    }

    /// What names the task.
    #[must_use]
    pub fn correlation(&self) -> &str {
        &self.request.correlation_id
    }
}
