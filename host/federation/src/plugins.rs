//! The aggregators that are installed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fedwit_domain::ports::FoldingError;
use fedwit_domain::{Digest, PluginVersion};
use fedwit_runtime::{LoadError, Plugin, Runtime};
use thiserror::Error;

/// Plugins by name.
#[derive(Clone, Default)]
pub struct Plugins {
    by_name: BTreeMap<String, Installed>,
}

#[derive(Clone)]
struct Installed {
    plugin: Plugin,
    file: PathBuf,
    size_bytes: u64,
}

/// A plugin, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct InstalledPlugin {
    /// What a session names to choose it.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// What it is addressed by.
    pub digest: Digest,
    /// One sentence.
    pub summary: String,
    /// Whether a round can be spread over several instances.
    pub mergeable: bool,
    /// The JSON Schema of its configuration.
    pub config_schema: serde_json::Value,
    /// Where it lies.
    pub file: PathBuf,
    /// The file's length in bytes.
    pub size_bytes: u64,
}

/// Why a folder of plugins cannot be used.
#[derive(Debug, Error)]
pub enum PluginsError {
    /// A folder or file cannot be read.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: std::io::Error,
    },
    /// A file is no plugin.
    #[error("plugin {path}: {error}")]
    Load {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: LoadError,
    },
    /// Two files have plugins of one name.
    #[error("{first} and {second} are both plugins named `{name}`")]
    Twice {
        /// The name.
        name: String,
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
}

impl Plugins {
    /// Loads every component of a folder. The names of files do not matter: plugins say their own.
    ///
    /// # Errors
    /// [`PluginsError`] names the file; nothing of the folder is used then.
    pub fn load(runtime: &Runtime, folder: &Path) -> Result<Self, PluginsError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| PluginsError::Io { path, error }
        };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(io(folder))? {
            let path = entry.map_err(io(folder))?.path();
            if path.extension().is_some_and(|ending| ending == "wasm") {
                paths.push(path);
            }
        }
        paths.sort_unstable();
        let mut plugins = Self::default();
        for path in paths {
            let component = std::fs::read(&path).map_err(io(&path))?;
            let plugin = runtime
                .load(&path.display().to_string(), &component)
                .map_err(|error| PluginsError::Load { path: path.clone(), error })?;
            plugins.install(plugin, path, component.len() as u64)?;
        }
        Ok(plugins)
    }

    fn install(&mut self, plugin: Plugin, file: PathBuf, size_bytes: u64) -> Result<(), PluginsError> {
        let name = plugin.name().to_owned();
        if let Some(other) = self.by_name.get(&name) {
            return Err(PluginsError::Twice { name, first: other.file.clone(), second: file });
        }
        self.by_name.insert(name, Installed { plugin, file, size_bytes });
        Ok(())
    }

    /// The plugin of a name.
    pub(crate) fn get(&self, name: &str) -> Result<&Plugin, FoldingError> {
        self.by_name.get(name).map(|installed| &installed.plugin).ok_or_else(|| {
            let names: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
            let installed = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            FoldingError::NoPlugin { name: name.to_owned(), installed }
        })
    }

    /// All of them, for people.
    #[must_use]
    pub fn list(&self) -> Vec<InstalledPlugin> {
        let show = |Installed { plugin, file, size_bytes }: &Installed| InstalledPlugin {
            name: plugin.name().to_owned(),
            version: plugin.version().to_owned(),
            digest: digest(plugin),
            summary: plugin.summary().to_owned(),
            mergeable: plugin.mergeable(),
            config_schema: plugin.config_schema().clone(),
            file: file.clone(),
            size_bytes: *size_bytes,
        };
        self.by_name.values().map(show).collect()
    }
}

/// How a plugin is recorded.
pub(crate) fn version(plugin: &Plugin) -> PluginVersion {
    PluginVersion { name: plugin.name().to_owned(), version: plugin.version().to_owned(), digest: digest(plugin) }
}

fn digest(plugin: &Plugin) -> Digest {
    Digest::from_bytes(*plugin.digest().as_bytes())
}
