//! `cargo xtask examples`: the aggregators in `examples/`, each built the way that its author builds it.
//!
//! What lies there is what an author wrote; the rest of a project is what `fedwit plugin new` writes. Both are put together
//! in `target/examples/work`, and the component in `target/examples`. A project whose files are those of the last time is
//! left alone: a component with an interpreter in it takes half a minute.

mod language;
mod project;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::language::Language;
use self::project::Project;
use crate::workspace::{Purpose, Workspace};
use crate::{node, server};

/// Builds every example, and leaves alone what has not changed.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let fedwit = server::build(workspace)?;
    let folder = workspace.components(Purpose::Example);
    let work = folder.join("work");
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    let tools = Tools { path: path(workspace, &fedwit)?, zig_cache: folder.join("zig-cache"), fedwit };
    for source in sources(&workspace.root().join("examples"))? {
        let name = source.file_name().and_then(|name| name.to_str()).context("the name of an example is UTF-8")?;
        let language = Language::of(name).with_context(|| format!("example `{name}`"))?;
        let project = Project { name, language, source: &source, folder: work.join(name) };
        let component = project.build(&tools).with_context(|| format!("example `{name}`"))?;
        let place = folder.join(format!("{name}.wasm"));
        super::plugins::write_if_changed(&place, &component)?;
        println!("{name}: {} bytes, {}", component.len(), place.display());
    }
    Ok(())
}

/// What projects are built with.
struct Tools {
    fedwit: PathBuf,
    /// Where programs are looked for: an author has `fedwit`, `node` and `npm` at hand.
    path: OsString,
    /// Where Zig keeps the libraries that it compiles for a target.
    zig_cache: PathBuf,
}

/// The folder of the binary first, so that no other `fedwit` is taken for it.
pub(crate) fn path(workspace: &Workspace, fedwit: &Path) -> Result<OsString> {
    let mut folders: Vec<_> = fedwit.parent().map(Path::to_owned).into_iter().collect();
    folders.extend(node::folder(workspace)?);
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    env::join_paths(folders).context("a folder of programs has a `:` in its name")
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("cannot list {}", folder.display());
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}
