//! The registry that tests push plugins to: the system's `docker-registry`, or that of Debian's package, which is unpacked
//! under `target` and not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;
use crate::workspace::Workspace;

const NAME: &str = "docker-registry";

const NEEDED: &str =
    "tests of registries need `docker-registry`: the system's, or one that `apt-get download` can fetch";

/// The program.
pub(crate) fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(path) = installed() {
        return Ok(path);
    }
    let folder = workspace.target().join("registry");
    let program = folder.join("usr/bin").join(NAME);
    if !program.is_file() {
        fetch(&folder).context(NEEDED)?;
    }
    Ok(program)
}

fn installed() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(NAME)).find(|path| path.is_file())
}

/// Unpacks the package beside its place, and moves it there as the last step.
fn fetch(folder: &Path) -> Result<()> {
    let draft = folder.with_extension("draft");
    for left in [&draft, folder] {
        if left.exists() {
            fs::remove_dir_all(left).with_context(|| format!("cannot remove {}", left.display()))?;
        }
    }
    fs::create_dir_all(&draft).with_context(|| format!("cannot make {}", draft.display()))?;
    let download = || {
        let mut apt = Command::new("apt-get");
        shell::run(apt.args(["-qq", "-o", "Acquire::Retries=3", "download", NAME]).current_dir(&draft))
    };
    // A fresh system knows no packages yet.
    if download().is_err() {
        shell::run(Command::new("apt-get").args(["-qq", "update"]))?;
        download()?;
    }
    let entries = fs::read_dir(&draft).with_context(|| format!("cannot read {}", draft.display()))?;
    let packages = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    let package = packages.iter().find(|path| path.extension().is_some_and(|ending| ending == "deb"));
    let package = package.context("`apt-get download` has left no package")?;
    shell::run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&draft))?;
    fs::rename(&draft, folder).with_context(|| format!("cannot make {}", folder.display()))
}
