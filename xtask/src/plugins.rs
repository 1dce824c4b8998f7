//! `cargo xtask plugins`: from guest crates to components.
//!
//! Guests are built for `wasm32-unknown-unknown`, whose standard library asks nothing of a host: what a component
//! imports is then what its author called, and no WASI creeps in, save where a guest names another target. The modules that cargo makes are wrapped into
//! components here and checked against the worlds in `wit/`, so that a guest that no server would take never leaves
//! this step.

mod module;
pub(crate) mod toolchain;
mod world;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wit_component::ComponentEncoder;

use self::world::PluginWorlds;
use crate::workspace::{Purpose, Workspace};

/// What a component's file begins with.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Builds every guest of the workspace, and leaves alone what has not changed.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let guests = workspace.guests();
    let modules = module::build(workspace, &guests)?;
    let worlds = PluginWorlds::read(&workspace.root().join("wit"))?;

    let mut current = Vec::new();
    for (guest, module) in guests.iter().zip(modules) {
        let folder = workspace.components(guest.purpose);
        let path = folder.join(format!("{}.wasm", guest.name));
        let component = componentise(&module)
            .and_then(|component| worlds.check(&component).map(|()| component))
            .with_context(|| format!("plugin `{}` ({})", guest.name, guest.package))?;
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        write_if_changed(&path, &component)?;
        println!("{}: {} bytes, {}", guest.name, component.len(), path.display());
        current.push(path);
    }
    for purpose in [Purpose::Plugin, Purpose::Test] {
        name_strangers(&workspace.components(purpose), &current)?;
    }
    Ok(())
}

/// The component that a core module with bindings in it stands for, or that it is already.
fn componentise(module: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    if bytes.starts_with(COMPONENT) {
        return Ok(bytes);
    }
    ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(ComponentEncoder::encode)
        .with_context(|| format!("{} cannot be made a component", module.display()))
}

/// Puts `bytes` at `path` in one step, so that a server or a test that looks meanwhile sees the old file or the new
/// one. A file that holds them already keeps its time stamp.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let draft = path.with_extension(format!("wasm.{}", std::process::id()));
    fs::write(&draft, bytes)
        .and_then(|()| fs::rename(&draft, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Names the components in `folder` that this workspace has no crate for. A server serves what lies there, but it
/// may be somebody's own plugin, so it is not for a chore to delete.
fn name_strangers(folder: &Path, current: &[PathBuf]) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot list {}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") && !current.contains(&path) {
            println!("note: {} is of no crate in this workspace", path.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn only_a_file_that_changes_is_written() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("fedavg.wasm");
        write_if_changed(&path, b"old")?;
        fs::File::options().write(true).open(&path)?.set_modified(SystemTime::UNIX_EPOCH)?;

        write_if_changed(&path, b"old")?;
        assert_eq!(fs::metadata(&path)?.modified()?, SystemTime::UNIX_EPOCH);

        write_if_changed(&path, b"new")?;
        assert_eq!(fs::read(&path)?, b"new");
        assert_eq!(fs::read_dir(folder.path())?.count(), 1, "nothing else is left");
        Ok(())
    }
}
