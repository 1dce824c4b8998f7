//! The standard library that guests are compiled against.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;
use crate::workspace::Workspace;

/// What plugins outside of this workspace may be compiled for as well.
pub(crate) const WASI_TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];

/// Sees to it that guests can be compiled for `target`. The toolchain's folder is what counts and is asked first: not every
/// toolchain comes from rustup, and one that has the target needs no network.
pub(crate) fn ensure_target(workspace: &Workspace, target: &str) -> Result<()> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let mut question = Command::new(rustc);
    question.current_dir(workspace.root());
    let folder = shell::answer(question.args(["--print", "target-libdir", "--target", target]))?;
    if PathBuf::from(&folder).is_dir() {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.current_dir(workspace.root()).args(["target", "add", target]);
    shell::run(&mut rustup).with_context(|| {
        format!(
            "plugins need the standard library of {target}, which this toolchain lacks (there is no {folder}): \
             add it with rustup, or install your system's package of it"
        )
    })
}
