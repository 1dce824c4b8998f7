//! The server's binary, as the tests have it.

use std::path::PathBuf;

use anyhow::Result;

use crate::shell;
use crate::workspace::Workspace;

/// Builds the binary, and says where it is.
///
/// Nothing is built here that the tests build in another way. Cargo chooses the features of dependencies for all that it
/// is asked to build, and those that only tests want count as soon as there is a test among it: so there is one, the
/// smallest.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--workspace", "--locked", "--bin", "fedwit", "--test", "floors"]);
    shell::run(&mut cargo)?;
    Ok(workspace.target().join("debug/fedwit"))
}
