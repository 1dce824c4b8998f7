//! Where plugins are found, and how they are loaded.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fedwit_runtime::{Limits, Plugin, Runtime, RuntimeError};

use crate::command_line::PluginArguments;

/// Loads the plugin of a name, or of a component's file.
pub(crate) fn load(plugin: &str, arguments: &PluginArguments) -> Result<Plugin> {
    load_with(plugin, arguments, Limits::default())
}

/// As [`load`], with other limits.
pub(crate) fn load_with(plugin: &str, arguments: &PluginArguments, limits: Limits) -> Result<Plugin> {
    let path = find(plugin, &folders(arguments))?;
    let component = read_component(&path)?;
    let (runtime, name) = (runtime(limits, arguments)?, path.display().to_string());
    runtime.load(&name, &component).with_context(|| format!("plugin {name}"))
}

/// Reads a component's file, unless it is larger than any component may be.
pub(crate) fn read_component(path: &Path) -> Result<Vec<u8>> {
    let (name, limit) = (path.display(), Limits::default().component_bytes);
    let size = std::fs::metadata(path).with_context(|| format!("plugin {name}"))?.len();
    // Before it is read into memory; the runtime has the same limit.
    if usize::try_from(size).map_or(true, |size| size > limit) {
        bail!("plugin {name}: {size} bytes are more than the {limit} that a component may have");
    }
    std::fs::read(path).with_context(|| format!("plugin {name}"))
}

/// What loads them, with the compiled ones kept where `arguments` say.
pub(crate) fn runtime(limits: Limits, arguments: &PluginArguments) -> Result<Runtime> {
    match Runtime::new(limits.clone(), cache_folder(arguments).as_deref()) {
        // A home without room for a cache only makes plugins slower to load; a folder that was asked for must work.
        Err(RuntimeError::Cache(_)) if arguments.cache.is_none() => Ok(Runtime::new(limits, None)?),
        runtime => Ok(runtime?),
    }
}

/// A plugin is a file if it looks like one, else a name.
fn find(plugin: &str, folders: &[PathBuf]) -> Result<PathBuf> {
    if plugin.contains(std::path::MAIN_SEPARATOR) || plugin.ends_with(".wasm") {
        return Ok(PathBuf::from(plugin));
    }
    let file = format!("{plugin}.wasm");
    if let Some(path) = folders.iter().map(|folder| folder.join(&file)).find(|path| path.is_file()) {
        return Ok(path);
    }
    let searched: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    bail!("no plugin `{plugin}` in {}; installed: {}", searched.join(", "), installed(folders));
}

fn installed(folders: &[PathBuf]) -> String {
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let mut names: Vec<String> = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"))
        .filter_map(|path| path.file_stem().map(|name| name.to_string_lossy().into_owned()))
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Where plugins are looked for by name: in the folder that was given, else in those where they lie by default.
pub(crate) fn folders(arguments: &PluginArguments) -> Vec<PathBuf> {
    arguments.folder.as_ref().map_or_else(default_folders, |folder| vec![folder.clone()])
}

/// Beside the binary where it is installed; in Cargo's target folder where it was built.
fn default_folders() -> Vec<PathBuf> {
    let binary = std::env::current_exe().ok();
    let folder = binary.as_deref().and_then(Path::parent);
    folder
        .into_iter()
        .flat_map(|folder| [Some(folder), folder.parent()])
        .flatten()
        .map(|folder| folder.join("plugins"))
        .collect()
}

/// Compiled plugins may always be thrown away, so they lie where the system keeps such things.
fn cache_folder(arguments: &PluginArguments) -> Option<PathBuf> {
    if let Some(folder) = &arguments.cache {
        // Wasmtime wants an absolute path; an empty one turns the cache off.
        return (!folder.as_os_str().is_empty()).then(|| std::path::absolute(folder).ok()).flatten();
    }
    let given = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let own = || std::env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(".cache"));
    given.or_else(own).map(|folder| folder.join("fedwit").join("plugins"))
}
