//! Fetching a component from a registry: to the disk as it comes, as an upload goes.

use std::time::Duration;

use fedwit_domain::ports::StoredBlob;
use futures_util::StreamExt;

use super::install::Job;
use super::{PluginChangeError, RegistryError};
use crate::FederationError;

/// Components that are fetched at once.
pub(super) const PULLS: usize = 4;
/// How long it may take until a component is there, its turn included: the largest one over a slow line.
const PATIENCE: Duration = Duration::from_secs(900);
/// How many bytes come before that is told.
const TOLD_EVERY: u64 = 1 << 20;

impl Job {
    /// Fetches what a reference stands for. The signature that was pushed with it comes with it.
    pub(super) async fn pull(&self, reference: &str) -> Result<(StoredBlob, Option<String>), FederationError> {
        let pulled = tokio::time::timeout(PATIENCE, self.pull_in_turn(reference)).await;
        pulled.unwrap_or_else(|_| {
            let problem = format!("it is not there after {} s", PATIENCE.as_secs());
            Err(PluginChangeError::from(failed(reference, problem)).into())
        })
    }

    async fn pull_in_turn(&self, reference: &str) -> Result<(StoredBlob, Option<String>), FederationError> {
        let plugins = &self.federation.inner.plugins;
        let _turn = plugins.shared.pulling.acquire().await;
        let mut pulled = plugins.registries.pull(reference).await.map_err(PluginChangeError::from)?;
        self.progress.resolved(pulled.source, pulled.size_bytes);
        self.fits(pulled.size_bytes)?;
        let mut file = self.federation.begin_file().await?;
        let mut told = 0;
        while let Some(piece) = pulled.pieces.next().await {
            let piece = piece.map_err(PluginChangeError::from)?;
            if file.written() + piece.len() as u64 > pulled.size_bytes {
                let problem = format!("more came than the {} bytes that it has", pulled.size_bytes);
                return Err(PluginChangeError::from(failed(reference, problem)).into());
            }
            file.write(piece).await?;
            if file.written() - told >= TOLD_EVERY {
                told = file.written();
                self.progress.received(told);
            }
        }
        self.progress.received(file.written());
        if file.written() != pulled.size_bytes {
            let problem = format!("{} bytes came of the {} that it has", file.written(), pulled.size_bytes);
            return Err(PluginChangeError::from(failed(reference, problem)).into());
        }
        let blob = file.into_blob().await?;
        if blob.digest != pulled.digest {
            // Nothing refers to it, unless it had been installed before.
            self.federation.store().collect(&blob.digest).await?;
            let error = RegistryError::Digest {
                reference: reference.to_owned(),
                what: "component",
                expected: pulled.digest,
                found: blob.digest,
            };
            return Err(PluginChangeError::from(error).into());
        }
        Ok((blob, pulled.signature))
    }
}

fn failed(reference: &str, problem: String) -> RegistryError {
    RegistryError::Failed { reference: reference.to_owned(), problem }
}
