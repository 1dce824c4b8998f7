//! From a reference to a component.

use bytes::Bytes;
use fedwit_federation::{RegistryError, component_digest};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use reqwest::header::{ACCEPT, CONTENT_LENGTH, LOCATION};
use reqwest::{Response, Url};

use super::artifact::{self, Layer};
use super::client::shown;
use super::session::{Access, Session};
use super::wire::{self, chain};
use super::{ANSWER, COMPONENT, Credentials, PluginReference, RegistryClient, failed};

/// The largest manifest: one layer takes some hundred bytes.
const MANIFEST: usize = 256 << 10;
/// How often a registry may send us on until a component comes.
const HOPS: usize = 3;
/// A manifest's kind; others are asked for too, so as to say what is there instead.
const KINDS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json;q=0.5, \
                     application/vnd.docker.distribution.manifest.v2+json;q=0.5";
/// The manifest's digest, as the registry has it.
const DIGEST: &str = "docker-content-digest";

/// A component that is being fetched.
pub(crate) struct Pulled {
    /// The reference, with the digest of its manifest.
    pub(crate) reference: PluginReference,
    pub(crate) layer: Layer,
    /// Its bytes: as many as the layer has. What they hash to is not looked at.
    pub(crate) pieces: BoxStream<'static, Result<Bytes, RegistryError>>,
}

/// Finds what a reference stands for, and begins to fetch it.
///
/// # Errors
/// [`RegistryError`].
pub(crate) async fn pull(
    client: &RegistryClient,
    reference: &PluginReference,
    credentials: Option<Credentials>,
) -> Result<Pulled, RegistryError> {
    let mut session = Session::open(client, reference, credentials, Access::Pull).await?;
    let manifest = session.manifest().await?;
    let layer = artifact::layer(&manifest, reference)?;
    let blob = session.blob(&layer).await?;
    let pulled = reference.with_digest(component_digest(&manifest));
    let pieces = pieces(blob, layer.size_bytes, reference.clone());
    Ok(Pulled { reference: pulled, layer, pieces })
}

impl Session<'_> {
    /// The manifest, which hashes to what was asked for and to what the registry says.
    async fn manifest(&mut self) -> Result<Vec<u8>, RegistryError> {
        let reference = self.reference;
        let exact = reference.digest().map(|digest| format!("sha256:{digest}"));
        let name = exact.as_deref().or(reference.tag()).unwrap_or_default();
        let url = self.place("manifests", name);
        let answer = self.ask(|client| client.get(url.clone()).header(ACCEPT, KINDS).timeout(ANSWER)).await?;
        let answer = wire::good(answer, reference).await?;
        let said = answer.headers().get(DIGEST).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let manifest = wire::body(answer, MANIFEST, "manifest", reference).await?;
        let found = component_digest(&manifest);
        let said = said.as_deref().and_then(|said| said.strip_prefix("sha256:")).and_then(|said| said.parse().ok());
        for expected in reference.digest().copied().into_iter().chain(said) {
            if found != expected {
                let reference = reference.to_string();
                return Err(RegistryError::Digest { reference, what: "manifest", expected, found });
            }
        }
        Ok(manifest)
    }

    /// The layer's bytes, from wherever the registry has them. Lists of other places in the manifest are not looked at.
    async fn blob(&mut self, layer: &Layer) -> Result<Response, RegistryError> {
        let reference = self.reference;
        let mut url = self.place("blobs", &format!("sha256:{}", layer.digest));
        let mut answer = self.ask(|client| client.get(url.clone()).timeout(COMPONENT)).await?;
        for _ in 0..HOPS {
            if !answer.status().is_redirection() {
                break;
            }
            url = next(&url, &answer).ok_or_else(|| failed(reference, "it sends us nowhere"))?;
            answer = if self.is_own(&url) {
                self.ask(|client| client.get(url.clone()).timeout(COMPONENT)).await?
            } else {
                // As nobody: what the registry knows us by is for the registry.
                let client = self.client.for_elsewhere(&url).map_err(|problem| failed(reference, problem))?;
                let answer = client.get(url.clone()).timeout(COMPONENT).send().await;
                answer.map_err(|error| failed(reference, format!("{}: {}", shown(&url), chain(&error))))?
            };
        }
        let answer = match wire::good(answer, reference).await {
            Err(RegistryError::NotFound { .. }) => Err(failed(reference, "it has the manifest and not the component")),
            answer => answer,
        }?;
        let length = answer.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        match length.filter(|length| *length != layer.size_bytes) {
            None => Ok(answer),
            Some(length) => {
                let size = layer.size_bytes;
                Err(failed(reference, format!("the component has {length} bytes, and its manifest says {size}")))
            }
        }
    }
}

fn next(from: &Url, answer: &Response) -> Option<Url> {
    let location = answer.headers().get(LOCATION)?.to_str().ok()?;
    from.join(location).ok()
}

/// What comes, up to what the manifest says.
fn pieces(
    answer: Response,
    size_bytes: u64,
    reference: PluginReference,
) -> BoxStream<'static, Result<Bytes, RegistryError>> {
    let state = (Some(answer), 0, reference);
    let pieces = stream::unfold(state, move |(answer, mut received, reference)| async move {
        let mut answer = answer?;
        match answer.chunk().await {
            Ok(Some(piece)) => {
                received += piece.len() as u64;
                if received > size_bytes {
                    let problem = format!("more comes than the {size_bytes} bytes of its manifest");
                    let error = failed(&reference, problem);
                    return Some((Err(error), (None, received, reference)));
                }
                Some((Ok(piece), (Some(answer), received, reference)))
            }
            Ok(None) if received < size_bytes => {
                let problem = format!("it ends after {received} of {size_bytes} bytes");
                let error = failed(&reference, problem);
                Some((Err(error), (None, received, reference)))
            }
            Ok(None) => None,
            Err(error) => {
                let error = failed(&reference, format!("after {received} of {size_bytes} bytes {}", chain(&error)));
                Some((Err(error), (None, received, reference)))
            }
        }
    });
    pieces.boxed()
}
