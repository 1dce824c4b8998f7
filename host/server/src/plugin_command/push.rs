//! `fedwit plugin push`: puts a component into a registry.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use super::sign::{beside, read_signature};
use crate::plugins::read_component;
use crate::registry::{CredentialArguments, Credentials, PluginReference, RegistryArguments, RegistryClient, push};

#[derive(Args)]
pub(crate) struct PushArguments {
    /// The component.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to: `oci://REGISTRY/REPOSITORY:TAG`.
    #[arg(value_name = "REFERENCE")]
    reference: PluginReference,
    /// The file of its signature [default: the component's name with `.sig`, if that is there].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    #[command(flatten)]
    credentials: CredentialArguments,
    #[command(flatten)]
    registry: RegistryArguments,
}

/// Pushes it, and says by which reference it is had exactly.
pub(super) async fn run(arguments: PushArguments) -> Result<()> {
    let PushArguments { file, reference, signature, credentials, registry } = arguments;
    let component = read_component(&file)?;
    let signature = match signature {
        Some(path) => Some(read_signature(&path)?),
        None => Some(beside(&file)).filter(|path| path.exists()).map(|path| read_signature(&path)).transpose()?,
    };
    let credentials = Credentials::given(&credentials, &reference).await?;
    let client = RegistryClient::of_a_person(&registry)?;
    let pushed = push(&client, &reference, credentials, component, signature).await;
    let pushed = pushed.with_context(|| format!("pushing {}", file.display()))?;
    writeln!(std::io::stdout(), "{pushed}").context("writing to standard output")
}
