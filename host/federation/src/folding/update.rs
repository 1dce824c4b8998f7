//! Looking at what clients send.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fedwit_domain::ports::{BlobError, BlobFile, FoldingError, UncheckedUpdate};
use fedwit_domain::{Digest, UpdateRefusal};
use fedwit_tensor::Parameters;
use fedwit_tensor::formats::{self, Expected, ReadError, ReadFault, TranscodeError};
use uuid::Uuid;

use super::{Shared, host};

/// Updates that have been looked at and wait to be folded. What falls out is read again.
const MAX_WAITING: usize = 16;

/// Updates that have been looked at and wait to be folded.
#[derive(Default)]
pub(super) struct CheckedUpdates {
    waiting: Mutex<VecDeque<(Digest, Digest, Parameters)>>,
}

impl CheckedUpdates {
    fn put(&self, blob: Digest, base: Digest, update: Parameters) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back((blob, base, update));
        if waiting.len() > MAX_WAITING {
            waiting.pop_front();
        }
    }

    fn take(&self, blob: Digest, base: Digest) -> Option<Parameters> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let index = waiting.iter().position(|(known, of, _)| (*known, *of) == (blob, base))?;
        waiting.remove(index).map(|(_, _, update)| update)
    }
}

impl Shared {
    /// Whether a file is an update of the global model: its tensors, shapes and dtypes, and finite.
    pub(super) async fn check(
        &self,
        update: UncheckedUpdate,
    ) -> Result<Result<Option<f64>, UpdateRefusal>, FoldingError> {
        let UncheckedUpdate { blob, base, norm } = update;
        let global = self.global_model(base).await?;
        let (file, scratch) = self.places(blob).await?;
        let look = move || -> Result<Result<(Parameters, Option<f64>), UpdateRefusal>, TranscodeError> {
            let update = match read(&file, &scratch, &global) {
                Ok(update) => update,
                // Neither a disk that fails nor one that is full is the client's fault.
                Err(TranscodeError::Read(ReadError { fault, .. })) if !matches!(fault, ReadFault::Io(_)) => {
                    return Ok(Err(UpdateRefusal::Tensors { problem: fault.to_string() }));
                }
                Err(error) => return Err(error),
            };
            let norm = match check(&update, &global, norm) {
                Ok(norm) => norm,
                Err(problem) => return Ok(Err(UpdateRefusal::Tensors { problem })),
            };
            Ok(Ok((update, norm)))
        };
        Ok(match self.pool.run(look).await?.map_err(host)? {
            Ok((update, norm)) => {
                self.checked.put(blob, base, update);
                Ok(norm)
            }
            Err(refusal) => Err(refusal),
        })
    }

    /// An update that counts, to be folded.
    pub(super) async fn update(
        &self,
        blob: Digest,
        base: Digest,
        global: &Parameters,
    ) -> Result<Parameters, FoldingError> {
        if let Some(update) = self.checked.take(blob, base) {
            return Ok(update);
        }
        let (file, scratch) = self.places(blob).await?;
        let global = global.clone();
        self.pool.run(move || read(&file, &scratch, &global)).await?.map_err(host)
    }

    async fn places(&self, blob: Digest) -> Result<(BlobFile, PathBuf), FoldingError> {
        let file = self.blobs.open(&blob).await.map_err(|error: BlobError| host(error))?;
        Ok((file, self.blobs.scratch().join(format!("update-{}.safetensors", Uuid::new_v4()))))
    }
}

/// Reads an update so that it takes next to no memory: it stays in its file, or in one that is written at `scratch`,
/// and that is gone from the folder at once. Floats of another width are cast: FEDn's NumPy clients send float64 for a
/// float32 model.
fn read(file: &BlobFile, scratch: &Path, global: &Parameters) -> Result<Parameters, TranscodeError> {
    let expected = Expected::Update(global.layout());
    let read = formats::transcode(&file.path, scratch, &expected, None)?;
    if let Err(error) = std::fs::remove_file(scratch)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %scratch.display(), %error, "a derived file cannot be removed");
    }
    Ok(read.parameters)
}

fn check(update: &Parameters, global: &Parameters, norm: bool) -> Result<Option<f64>, String> {
    update.check_finite().map_err(|error| error.to_string())?;
    if !norm {
        return Ok(None);
    }
    let delta = update.delta_from(global).map_err(|error| error.to_string())?;
    Ok(Some(delta.squared_norm().sqrt()))
}
