//! `fedwit plugin pull`: fetches a component from a registry.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use fedwit_federation::{RegistryError, component_digest};
use fedwit_runtime::Limits;
use futures_util::StreamExt;

use super::sign::beside;
use crate::registry::{
    CredentialArguments, Credentials, PluginReference, Pulled, RegistryArguments, RegistryClient, check_component, pull,
};

#[derive(Args)]
pub(crate) struct PullArguments {
    /// What: `oci://REGISTRY/REPOSITORY:TAG`, with `@sha256:...` to have exactly that one.
    #[arg(value_name = "REFERENCE")]
    reference: PluginReference,
    /// Where to write it; its signature, if it has one, goes beside it, with `.sig`. Neither may be there yet [default: the
    /// repository's last name with `.wasm`].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    credentials: CredentialArguments,
    #[command(flatten)]
    registry: RegistryArguments,
}

/// Pulls it, and says what it is. Nothing is written unless all of it has come, and is a component.
pub(super) async fn run(arguments: PullArguments) -> Result<()> {
    let PullArguments { reference, output, credentials, registry } = arguments;
    let output = output.unwrap_or_else(|| {
        let name = reference.repository().rsplit('/').next().unwrap_or_default();
        PathBuf::from(format!("{name}.wasm"))
    });
    let signature_file = beside(&output);
    for path in [&output, &signature_file] {
        if path.exists() {
            bail!("{} is there already", path.display());
        }
    }
    let credentials = Credentials::given(&credentials, &reference).await?;
    let client = RegistryClient::of_a_person(&registry)?;
    let pulled = pull(&client, &reference, credentials).await?;
    let (exact, layer) = (pulled.reference.clone(), pulled.layer.clone());
    let component = receive(pulled).await?;
    check_component(&component)
        .map_err(|error| RegistryError::Artifact { reference: exact.to_string(), problem: format!("{error:#}") })?;
    // The signature first: a component that lies there alone is one that has none.
    if let Some(signature) = &layer.signature {
        write_new(&signature_file, format!("{signature}\n").as_bytes())?;
    }
    write_new(&output, &component)?;
    let signed = if layer.signature.is_some() { "with a signature" } else { "not signed" };
    let line = format!("{}: {exact} ({}, {} bytes, {signed})", output.display(), layer.digest, layer.size_bytes);
    writeln!(std::io::stdout(), "{line}").context("writing to standard output")
}

/// All of a component, which hashes to what the manifest says.
async fn receive(mut pulled: Pulled) -> Result<Vec<u8>> {
    let (size, limit) = (pulled.layer.size_bytes, Limits::default().component_bytes);
    if usize::try_from(size).map_or(true, |size| size > limit) {
        let problem = format!("{size} bytes are more than the {limit} that a component may have");
        return Err(RegistryError::Artifact { reference: pulled.reference.to_string(), problem }.into());
    }
    // No more than the manifest says comes.
    let mut component = Vec::new();
    while let Some(piece) = pulled.pieces.next().await {
        component.extend_from_slice(&piece?);
    }
    let (expected, found) = (pulled.layer.digest, component_digest(&component));
    if found != expected {
        let reference = pulled.reference.to_string();
        return Err(RegistryError::Digest { reference, what: "component", expected, found }.into());
    }
    Ok(component)
}

/// Writes a file that is there as a whole or not at all, and takes no other's place.
fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // Unlike a rename, a link does not replace what came there meanwhile.
        std::fs::hard_link(&draft, path)
    })();
    // Gone if it could not be made; else it has its name by now.
    let _ = std::fs::remove_file(&draft);
    written.with_context(|| format!("writing {}", path.display()))
}
