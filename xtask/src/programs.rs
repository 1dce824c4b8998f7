//! Programs that authors of plugins have at hand, for the tests that do as they do.

use std::ffi::OsString;

use anyhow::{Context, Result};

use crate::plugins::toolchain::{self, WASI_TARGETS};
use crate::workspace::Workspace;
use crate::{node, shell};

/// The last release of `cargo component`.
const CARGO_COMPONENT: &str = "0.21.1";

/// Sees to it that everything is there, and says in which folders the programs are that the system lacks.
pub(crate) fn ensure(workspace: &Workspace) -> Result<OsString> {
    for target in WASI_TARGETS {
        toolchain::ensure_target(workspace, target)?;
    }
    // Of another version it would be another folder.
    let tools = workspace.target().join("tools").join(format!("cargo-component-{CARGO_COMPONENT}"));
    if !tools.join("bin/cargo-component").is_file() {
        let mut cargo = workspace.cargo();
        // Without optimisation: it is compiled in a third of the time, and has little to do.
        cargo.args(["install", "cargo-component", "--locked", "--debug", "--version", CARGO_COMPONENT, "--root"]);
        cargo.arg(&tools).env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_TARGET_DIR", tools.join("target"));
        shell::run(&mut cargo)?;
        let built = tools.join("target");
        std::fs::remove_dir_all(&built).with_context(|| format!("cannot remove {}", built.display()))?;
    }
    let folders = node::folder(workspace)?.into_iter().chain([tools.join("bin")]);
    std::env::join_paths(folders).context("the target folder has a `:` in its name")
}
