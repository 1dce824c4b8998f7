//! Pythons with packages of exact versions, each a virtual environment under `target`, so that nothing is installed
//! where other programs look. The one that tests talk to is `target/python`, with the packages of
//! `tests/requirements.txt`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;
use crate::workspace::Workspace;

/// The oldest Python that the pinned packages run on.
const OLDEST: (u32, u32) = (3, 11);

const NEEDED: &str = "this needs `python3`, version 3.11 or newer, with its `venv` module";

/// The interpreter that tests talk to.
pub(crate) fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    environment(&workspace.target().join("python"), &workspace.root().join("tests/requirements.txt"))
}

/// The interpreter of the virtual environment in `folder`. The environment is made if it is missing, and made anew if
/// it no longer is what it was made as.
pub(crate) fn environment(folder: &Path, requirements: &Path) -> Result<PathBuf> {
    let pins = fs::read_to_string(requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let version = version(Path::new("python3")).context(NEEDED)?;
    let environment = Environment { folder: folder.to_owned(), stamp: format!("{version}\n{pins}") };
    if !environment.is_ready(&version) {
        environment.make(&version, requirements)?;
    }
    Ok(environment.python())
}

struct Environment {
    folder: PathBuf,
    /// What it is made of: the interpreter's version and the pins.
    stamp: String,
}

impl Environment {
    fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// Written as the last step of making the environment, so that one left half-made is never taken for ready.
    fn stamp_file(&self) -> PathBuf {
        self.folder.join("made-of.txt")
    }

    /// The interpreter is asked and not only looked for: it is a link that breaks when the system's Python goes, and
    /// that finds no packages when another version takes its place.
    fn is_ready(&self, version: &str) -> bool {
        fs::read_to_string(self.stamp_file()).is_ok_and(|stamp| stamp == self.stamp)
            && self::version(&self.python()).is_ok_and(|own| own == version)
    }

    fn make(&self, version: &str, requirements: &Path) -> Result<()> {
        if !is_new_enough(version) {
            bail!("{NEEDED}; `python3` is {version}");
        }
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).with_context(|| format!("cannot remove {}", self.folder.display()))?;
        }
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(&self.folder)).context(NEEDED)?;
        let mut pip = Command::new(self.python());
        // Without dependencies, for everything that is installed is pinned; and no source packages, for a compiler
        // run of minutes is not what anyone expects of a test's preparations.
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--no-deps", "--only-binary", ":all:", "--requirement"]).arg(requirements);
        shell::run(&mut pip)?;
        let stamp = self.stamp_file();
        fs::write(&stamp, &self.stamp).with_context(|| format!("cannot write {}", stamp.display()))
    }
}

/// What `python` says its version is, as in `3.11.7`.
fn version(python: &Path) -> Result<String> {
    shell::answer(Command::new(python).args(["-c", "import platform; print(platform.python_version())"]))
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    matches!((numbers.next(), numbers.next()), (Some(major), Some(minor)) if (major, minor) >= OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_new_enough("3.11.7") && is_new_enough("3.100.0rc1") && is_new_enough("4.0.0"));
        assert!(!is_new_enough("3.9.18") && !is_new_enough("2.7.18") && !is_new_enough("three"));
    }

    #[test]
    fn an_environment_without_its_last_step_is_not_ready() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let environment = Environment { folder: folder.path().to_owned(), stamp: "3.11.7\nnumpy==2".to_owned() };
        fs::create_dir(folder.path().join("bin"))?;
        std::os::unix::fs::symlink("/bin/echo", environment.python())?;
        let answer = version(&environment.python())?;
        assert!(!environment.is_ready(&answer));

        fs::write(environment.stamp_file(), "3.11.7\nnumpy==1")?;
        assert!(!environment.is_ready(&answer), "made of other packages");

        fs::write(environment.stamp_file(), &environment.stamp)?;
        assert!(environment.is_ready(&answer));
        assert!(!environment.is_ready("3.12.0"), "made for another interpreter");
        Ok(())
    }
}
