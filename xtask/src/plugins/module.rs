//! Guest crates to WebAssembly modules, or components where the target makes them: what cargo does.

use std::collections::{BTreeSet, HashMap};
use std::env;
use std::ffi::OsString;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, anyhow, bail};
use cargo_metadata::{Message, PackageId, TargetKind};

use super::toolchain;
use crate::shell;
use crate::workspace::{Guest, Workspace};

/// Builds all guests, in one call of cargo for each target, and says where their modules are, in the order of `guests`.
pub(crate) fn build(workspace: &Workspace, guests: &[Guest]) -> Result<Vec<PathBuf>> {
    let targets: BTreeSet<&str> = guests.iter().map(|guest| guest.target.as_str()).collect();
    let mut modules = HashMap::new();
    for target in targets {
        toolchain::ensure_target(workspace, target)?;
        build_for(target, workspace, guests, &mut modules)?;
    }
    guests
        .iter()
        .map(|guest| {
            modules
                .remove(&guest.id)
                .ok_or_else(|| anyhow!("cargo built no WebAssembly module of package `{}`", guest.package))
        })
        .collect()
}

fn build_for(
    target: &str,
    workspace: &Workspace,
    guests: &[Guest],
    modules: &mut HashMap<PackageId, PathBuf>,
) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", flags());
    // Dependencies look at what the compiler lets them do, and do otherwise with this: another component, another digest.
    cargo.env_remove("RUSTC_BOOTSTRAP");
    cargo.args(["build", "--locked", "--profile", "plugin", "--target", target]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    for guest in guests.iter().filter(|guest| guest.target == target) {
        cargo.args(["--package", &guest.package]);
    }

    shell::announce(&cargo);
    let mut child = cargo.stdout(Stdio::piped()).spawn().with_context(|| shell::cannot_run(&cargo))?;
    let messages = child.stdout.take().ok_or_else(|| anyhow!("`{}` has no output to read", shell::shown(&cargo)))?;
    for message in Message::parse_stream(BufReader::new(messages)) {
        let message = message.with_context(|| format!("cannot read what `{}` prints", shell::shown(&cargo)))?;
        if let Message::CompilerArtifact(artifact) = message
            && artifact.target.is_kind(TargetKind::CDyLib)
            && let Some(file) = artifact.filenames.iter().find(|file| file.extension() == Some("wasm"))
        {
            modules.insert(artifact.package_id, file.clone().into_std_path_buf());
        }
    }
    let status = child.wait().with_context(|| shell::cannot_run(&cargo))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shell::shown(&cargo));
    }
    Ok(())
}

/// What the compiler is told beside the profile, in place of what the environment or cargo's configuration would have
/// it told: flags that are meant for the host (`-C target-cpu=native`, a sanitizer, another linker) break a guest.
///
/// Panic messages hold the paths of dependencies' sources. Those are named from cargo's folder on, whoever's it is, so
/// that the same sources make the same component, and the same digest, on every machine.
fn flags() -> OsString {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|folder| folder.join(".cargo")));
    home.map_or_else(OsString::new, |folder| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(folder);
        flag.push("=cargo");
        flag
    })
}
