//! The plugins of a folder: built in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fedwit_runtime::{LoadError, Plugin, Runtime, Secrets};
use thiserror::Error;

use super::{Plugins, TrustedKeys, world};

/// A plugin of the folder.
pub(super) struct BuiltIn {
    pub(super) plugin: Plugin,
    pub(super) file: PathBuf,
    pub(super) size_bytes: u64,
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
    pub fn load(
        runtime: &Runtime,
        folder: &Path,
        trusted: TrustedKeys,
        secrets: Secrets,
    ) -> Result<Self, PluginsError> {
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
        let mut plugins: Vec<BuiltIn> = Vec::new();
        let mut files: BTreeMap<(String, String), PathBuf> = BTreeMap::new();
        for file in paths {
            let component = std::fs::read(&file).map_err(io(&file))?;
            let plugin = runtime
                .load(&file.display().to_string(), &component)
                .map_err(|error| PluginsError::Load { path: file.clone(), error })?;
            let name = plugin.name().to_owned();
            if let Some(first) = files.insert((world(&plugin).to_owned(), name.clone()), file.clone()) {
                return Err(PluginsError::Twice { name, first, second: file });
            }
            plugins.push(BuiltIn { plugin, file, size_bytes: component.len() as u64 });
        }
        Ok(Self::of(runtime.clone(), plugins, trusted, secrets))
    }
}
