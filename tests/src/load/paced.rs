//! Clients that take their time.

use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;

use super::{Answer, Behaviour, Task};

/// Sends the same file each time, after as long as its training is said to take.
#[derive(Clone, Debug)]
pub struct Paced {
    /// How long a training takes.
    pub training: Duration,
    /// The file.
    pub file: Bytes,
    /// The examples that it is said to rest on.
    pub examples: u64,
}

#[async_trait]
impl Behaviour for Paced {
    fn reads_models(&self) -> bool {
        false
    }

    async fn train(&self, task: &Task, _model: &Bytes) -> Result<Vec<Answer>> {
        tokio::time::sleep(self.training).await;
        Ok(vec![Answer::honest(task, self.file.clone(), self.examples)])
    }
}
