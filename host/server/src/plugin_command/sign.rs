//! `fedwit plugin sign`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use fedwit_federation::{SecretKey, Signature, component_digest};

use crate::plugins::read_component;

/// The longest file of a signature.
const LONGEST: u64 = 4 << 10;

#[derive(Args)]
pub(crate) struct SignArguments {
    /// The component.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The secret key, a PEM file (PKCS #8): `fedwit plugin keygen` makes one, and so does
    /// `openssl genpkey -algorithm ed25519`.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where to write the signature [default: the component's name with `.sig`].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Signs it.
pub(super) fn run(arguments: &SignArguments) -> Result<ExitCode> {
    let pem = std::fs::read_to_string(&arguments.key).with_context(|| format!("key {}", arguments.key.display()))?;
    let key = SecretKey::from_pem(&pem).with_context(|| format!("key {}", arguments.key.display()))?;
    let digest = component_digest(&read_component(&arguments.file)?);
    let out = arguments.out.clone().unwrap_or_else(|| beside(&arguments.file));
    std::fs::write(&out, format!("{}\n", key.sign(&digest))).with_context(|| format!("writing {}", out.display()))?;
    let line = format!("{} signed by {}: {}", digest, key.public(), out.display());
    writeln!(std::io::stdout(), "{line}").context("writing to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// Where a component's signature lies.
pub(super) fn beside(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// What a signature's file says.
pub(super) fn read_signature(path: &Path) -> Result<String> {
    let named = || format!("signature {}", path.display());
    let size = std::fs::metadata(path).with_context(named)?.len();
    anyhow::ensure!(size <= LONGEST, "{}: {size} bytes are no signature", named());
    let text = std::fs::read_to_string(path).with_context(named)?;
    let signature: Signature = text.parse().with_context(named)?;
    Ok(signature.to_string())
}
