//! From a component to a reference.

use anyhow::Result;
use bytes::Bytes;
use fedwit_federation::{RegistryError, component_digest};
use oci_wasm::WASM_MANIFEST_MEDIA_TYPE;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{StatusCode, Url};

use super::artifact::Artifact;
use super::session::{Access, Session};
use super::wire::{self, chain};
use super::{ANSWER, COMPONENT, Credentials, PluginReference, RegistryClient, failed};

const BYTES: &str = "application/octet-stream";

/// Pushes a component with its signature, and gives the reference of exactly that.
///
/// # Errors
/// If it is no component; [`RegistryError`].
pub(crate) async fn push(
    client: &RegistryClient,
    reference: &PluginReference,
    credentials: Option<Credentials>,
    component: Vec<u8>,
    signature: Option<String>,
) -> Result<PluginReference> {
    let Some(tag) = reference.tag().filter(|_| reference.digest().is_none()) else {
        let problem = "what is pushed goes to a tag, and gets its digest from what it is".to_owned();
        return Err(RegistryError::Reference { reference: reference.to_string(), problem }.into());
    };
    let artifact = Artifact::new(component, signature)?;
    let mut session = Session::open(client, reference, credentials, Access::Push).await?;
    session.push_blob(artifact.component.clone()).await?;
    session.push_blob(artifact.config.clone()).await?;
    session.push_manifest(tag, artifact.manifest.clone()).await?;
    Ok(reference.with_digest(artifact.digest()))
}

impl Session<'_> {
    /// Sees to it that the repository has these bytes.
    async fn push_blob(&mut self, bytes: Bytes) -> Result<(), RegistryError> {
        let reference = self.reference;
        let digest = format!("sha256:{}", component_digest(&bytes));
        let url = self.place("blobs", &digest);
        let there = self.ask(|client| client.head(url.clone()).timeout(ANSWER)).await?;
        if there.status().is_success() {
            return Ok(());
        }
        // It may send us elsewhere for what it has, and that is to have it.
        if there.status().is_redirection() {
            return Ok(());
        }
        if there.status() != StatusCode::NOT_FOUND {
            wire::good(there, reference).await?;
        }
        let url = self.place("blobs", "uploads/");
        let begun = self.ask(|client| client.post(url.clone()).header(CONTENT_LENGTH, 0).timeout(ANSWER)).await?;
        let begun = wire::good(begun, reference).await?;
        let location = begun.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.and_then(|location| url.join(location).ok());
        let mut location = location.ok_or_else(|| failed(reference, "it names no place to upload to"))?;
        location.query_pairs_mut().append_pair("digest", &digest);
        let answer = self.upload(&location, bytes).await?;
        wire::good(answer, reference).await.map(|_| ())
    }

    /// Puts the bytes where the registry wants them: to itself as who we are, to others as nobody.
    async fn upload(&mut self, location: &Url, bytes: Bytes) -> Result<reqwest::Response, RegistryError> {
        let put = |client: &reqwest::Client| {
            client.put(location.clone()).header(CONTENT_TYPE, BYTES).body(bytes.clone()).timeout(COMPONENT)
        };
        if self.is_own(location) {
            return self.ask(put).await;
        }
        let client = self.client.for_elsewhere(location).map_err(|problem| failed(self.reference, problem))?;
        put(client).send().await.map_err(|error| failed(self.reference, chain(&error)))
    }

    async fn push_manifest(&mut self, tag: &str, manifest: Bytes) -> Result<(), RegistryError> {
        let url = self.place("manifests", tag);
        let answer = self
            .ask(|client| {
                let request = client.put(url.clone()).header(CONTENT_TYPE, WASM_MANIFEST_MEDIA_TYPE);
                request.body(manifest.clone()).timeout(ANSWER)
            })
            .await?;
        wire::good(answer, self.reference).await.map(|_| ())
    }
}
