//! `fedwit plugin keygen`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use fedwit_federation::SecretKey;

#[derive(Args)]
pub(crate) struct KeygenArguments {
    /// Where to write the secret key, in PEM; the public one goes beside it, with `.pub`. Neither may be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Makes a pair, of randomness from the system.
pub(super) fn run(arguments: &KeygenArguments) -> Result<ExitCode> {
    let mut random = [0; 32];
    rand::TryRngCore::try_fill_bytes(&mut rand::rngs::OsRng, &mut random).context("randomness from the system")?;
    let key = SecretKey::from_random(&random);
    let mut public = arguments.file.clone().into_os_string();
    public.push(".pub");
    write_new(&arguments.file, &key.to_pem()?, true)?;
    write_new(Path::new(&public), &key.public_pem()?, false)?;
    writeln!(std::io::stdout(), "{}", key.public()).context("writing to standard output")?;
    Ok(ExitCode::SUCCESS)
}

fn write_new(path: &Path, text: &str, secret: bool) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(path).with_context(|| format!("writing {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("writing {}", path.display()))
}
