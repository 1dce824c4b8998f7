//! Global models that are being improved upon.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use fedwit_domain::Digest;
use fedwit_domain::ports::FoldingError;
use fedwit_tensor::Parameters;
use fedwit_tensor::formats::{self, Expected, Limits};

use super::{Shared, host};

/// Models that are kept open: mapped files, which cost next to no memory.
const MAX_OPEN: usize = 64;

/// The models that were used last.
#[derive(Default)]
pub(super) struct GlobalModels {
    open: Mutex<VecDeque<(Digest, Parameters)>>,
}

impl GlobalModels {
    fn get(&self, digest: Digest) -> Option<Parameters> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // What was used last falls out last: a session may fold updates of many models beside its global one.
        let index = open.iter().position(|(known, _)| *known == digest)?;
        let found = open.remove(index)?;
        let model = found.1.clone();
        open.push_back(found);
        Some(model)
    }

    fn put(&self, digest: Digest, model: Parameters) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push_back((digest, model));
        if open.len() > MAX_OPEN {
            open.pop_front();
        }
    }
}

impl Shared {
    /// A model, mapped from its file.
    pub(super) async fn global_model(&self, digest: Digest) -> Result<Parameters, FoldingError> {
        if let Some(model) = self.models.get(digest) {
            return Ok(model);
        }
        let file = self.blobs.open(&digest).await.map_err(host)?;
        let read = move || formats::read(&file.path, &Expected::Seed(Limits::default()), None);
        let model = self.pool.run(read).await?.map_err(host)?.parameters;
        self.models.put(digest, model.clone());
        Ok(model)
    }
}
