//! Where things lie: what `cargo metadata` says of the workspace, in this project's own words.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, PackageId, TargetKind};

/// The workspace that the chore was called in.
pub(crate) struct Workspace {
    metadata: Metadata,
}

/// A crate that is built to a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guest {
    /// What cargo's messages call the crate.
    pub(crate) id: PackageId,
    /// The crate's name on cargo's command line, such as `fedwit-plugin-fedavg`.
    pub(crate) package: String,
    /// The component's name, such as `fedavg`.
    pub(crate) name: String,
    /// Which folder the component goes to.
    pub(crate) purpose: Purpose,
    /// What it is compiled for: `target` of its `[package.metadata.fedwit]`, or what every guest is compiled for.
    pub(crate) target: String,
}

/// What guests are compiled for that do not say: the standard library there asks nothing of a host.
const TARGET: &str = "wasm32-unknown-unknown";

/// What a guest is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Users choose it: it lies under `plugins/`.
    Plugin,
    /// Only tests run it: it lies under `tests/`, and must never be found where a server looks for plugins.
    Test,
    /// Authors learn from it: it lies under `examples/`, and is not built by cargo.
    Example,
}

impl Workspace {
    /// Asks cargo. Whatever folder of the workspace the chore is called in, the answer is the same.
    pub(crate) fn find() -> Result<Self> {
        let metadata =
            MetadataCommand::new().no_deps().exec().context("cannot read the workspace from `cargo metadata`")?;
        Ok(Self { metadata })
    }

    /// The workspace's top folder.
    pub(crate) fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// Where cargo puts what it builds: `target`, unless the environment or cargo's configuration says otherwise.
    pub(crate) fn target(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// The folder of the components that serve this purpose.
    pub(crate) fn components(&self, purpose: Purpose) -> PathBuf {
        self.target().join(match purpose {
            Purpose::Plugin => "plugins",
            Purpose::Test => "test-plugins",
            Purpose::Example => "examples",
        })
    }

    /// Every crate that is built to a component: those with a `cdylib` under `plugins/` and `tests/`.
    pub(crate) fn guests(&self) -> Vec<Guest> {
        let mut guests = Vec::new();
        for package in self.metadata.workspace_packages() {
            let path = package.manifest_path.strip_prefix(&self.metadata.workspace_root);
            let purpose = match path {
                Ok(path) if path.starts_with("plugins") => Purpose::Plugin,
                Ok(path) if path.starts_with("tests") => Purpose::Test,
                _ => continue,
            };
            if !package.targets.iter().any(|target| target.is_kind(TargetKind::CDyLib)) {
                continue;
            }
            let name = package.name.strip_prefix("fedwit-plugin-").unwrap_or(&package.name);
            guests.push(Guest {
                id: package.id.clone(),
                package: package.name.to_string(),
                name: name.to_owned(),
                purpose,
                target: package.metadata["fedwit"]["target"].as_str().unwrap_or(TARGET).to_owned(),
            });
        }
        guests
    }

    /// Every benchmark, as the names of its package and of itself.
    pub(crate) fn benchmarks(&self) -> Vec<(String, String)> {
        let mut benchmarks = Vec::new();
        for package in self.metadata.workspace_packages() {
            for target in package.targets.iter().filter(|target| target.is_bench()) {
                benchmarks.push((package.name.to_string(), target.name.clone()));
            }
        }
        benchmarks
    }

    /// The cargo that runs this chore, to be run in the workspace's top folder and to build where this one does.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.current_dir(self.root()).env("CARGO_TARGET_DIR", self.target());
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_and_the_guests_of_tests_are_told_apart() -> Result<()> {
        let guests = Workspace::find()?.guests();
        let fedavg = guests.iter().find(|guest| guest.name == "fedavg");
        assert_eq!(fedavg.map(|guest| guest.purpose), Some(Purpose::Plugin));
        let misbehaving = guests.iter().find(|guest| guest.name == "misbehaving");
        assert_eq!(misbehaving.map(|guest| guest.purpose), Some(Purpose::Test));
        Ok(())
    }

    #[test]
    fn a_guest_may_say_what_it_is_compiled_for() -> Result<()> {
        let guests = Workspace::find()?.guests();
        let target = |name: &str| guests.iter().find(|guest| guest.name == name).map(|guest| guest.target.as_str());
        assert_eq!(target("fedavg"), Some(TARGET));
        assert_eq!(target("curious"), Some("wasm32-wasip2"));
        Ok(())
    }

    #[test]
    fn a_library_beside_the_plugins_is_no_guest() -> Result<()> {
        let guests = Workspace::find()?.guests();
        assert!(!guests.iter().any(|guest| guest.name == "fedopt"), "{guests:?}");
        Ok(())
    }
}
