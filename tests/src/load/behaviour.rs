//! What a client sends, and when.

use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Task;
use crate::npz::{self, Entry};
use crate::wire::{self, ModelUpdate};

/// What a client does with its tasks. Whatever waits in here makes the client wait.
#[async_trait]
pub trait Behaviour: Send + Sync {
    /// Trains: what to answer to a task, one after the other.
    ///
    /// # Errors
    /// Ends the client.
    async fn train(&self, task: &Task, model: &Bytes) -> Result<Vec<Answer>>;

    /// Whether it looks at models at all. One that does not downloads them all the same.
    fn reads_models(&self) -> bool {
        true
    }

    /// Called before each piece of a file is sent, with the bytes sent so far and the try that this is, from 1.
    async fn before_piece(&self, _task: &Task, _sent: usize, _attempt: u32) {}

    /// Called when the file is uploaded, and nothing was said of it yet.
    async fn uploaded(&self, _task: &Task) {}

    /// Called when the update was answered: how often to send the very same message again.
    async fn answered(&self, _task: &Task, _text: &str) -> u32 {
        0
    }

    /// Measures a model: its metrics.
    ///
    /// # Errors
    /// Ends the client.
    async fn validate(&self, _task: &Task, _model: &Bytes) -> Result<Value> {
        Ok(json!({ "loss": 0.5, "num_examples": 10 }))
    }
}

/// What a client answers to a task to train.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The file, and the id to upload it under; nothing is uploaded if there is none.
    pub file: Option<(String, Bytes)>,
    /// What is said of it.
    pub update: ModelUpdate,
}

impl Answer {
    /// What an honest client sends.
    #[must_use]
    pub fn honest(task: &Task, file: Bytes, examples: u64) -> Self {
        let id = Uuid::new_v4().to_string();
        let update = ModelUpdate {
            // FEDn's Python client leaves the correlation id empty: the round is in the settings that it echoes.
            receiver: task.request.sender.clone(),
            model_id: task.model().to_owned(),
            model_update_id: id.clone(),
            meta: meta(task, &json!({ "num_examples": examples })),
            ..ModelUpdate::default()
        };
        Self { file: Some((id, file)), update }
    }

    /// The same, with other metadata of the training.
    #[must_use]
    pub fn with_metadata(mut self, task: &Task, training: &Value) -> Self {
        self.update.meta = meta(task, training);
        self
    }
}

fn meta(task: &Task, training: &Value) -> String {
    json!({
        "training_metadata": training,
        "processing_time": 0.0,
        "upload_model": 0.0,
        "fetch_model": 0.0,
        "config": task.request.data,
    })
    .to_string()
}

/// Sends the same file in each round.
#[derive(Clone, Debug)]
pub struct Constant {
    /// The file.
    pub file: Bytes,
    /// The examples that it is said to rest on.
    pub examples: u64,
}

#[async_trait]
impl Behaviour for Constant {
    fn reads_models(&self) -> bool {
        false
    }

    async fn train(&self, task: &Task, _model: &Bytes) -> Result<Vec<Answer>> {
        Ok(vec![Answer::honest(task, self.file.clone(), self.examples)])
    }
}

/// Sends the model that it was given, each value moved by a step.
#[derive(Clone, Debug)]
pub struct Step {
    /// The step.
    pub step: f32,
    /// The examples that it is said to rest on.
    pub examples: u64,
}

impl Step {
    /// A model, each value moved by `step`.
    ///
    /// # Errors
    /// If it is no npz file.
    pub fn file(model: &Bytes, step: f32) -> Result<Bytes> {
        let moved = npz::read(model)?.into_iter().map(|array| {
            let values: Vec<f32> = array.values.iter().map(|value| value + step).collect();
            Entry::float32(&array.name, &array.shape, &values)
        });
        npz::archive(&moved.collect::<Vec<_>>())
    }
}

#[async_trait]
impl Behaviour for Step {
    async fn train(&self, task: &Task, model: &Bytes) -> Result<Vec<Answer>> {
        Ok(vec![Answer::honest(task, Self::file(model, self.step)?, self.examples)])
    }
}

/// Is there, and answers nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

#[async_trait]
impl Behaviour for Silent {
    async fn train(&self, _task: &Task, _model: &Bytes) -> Result<Vec<Answer>> {
        Ok(Vec::new())
    }
}

pub(super) fn sender(id: &str) -> wire::Client {
    wire::Client { role: wire::Role::Client.into(), name: id.to_owned(), client_id: id.to_owned() }
}
