//! Why plugins are not installed, or not changed.

use fedwit_domain::Digest;
use fedwit_runtime::{LoadError, SecretError};
use thiserror::Error;

use super::{RegistryError, SignatureError};

/// Why a plugin was not installed, enabled or removed. Nothing is half done.
#[derive(Debug, Error)]
pub enum PluginChangeError {
    /// The file is no plugin that can be used.
    #[error("{file:.200}: {error}")]
    Load {
        /// The file, as its sender calls it.
        file: String,
        /// What is wrong with it.
        #[source]
        error: LoadError,
    },
    /// The signature is missing, or not good.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It does not come from its registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// It wants what it is not granted.
    #[error("plugin `{name}` wants {}, which it is not granted", missing.join(", "))]
    NotGranted {
        /// The plugin.
        name: String,
        /// What it is not granted.
        missing: Vec<String>,
    },
    /// It is granted a secret that is not there, or is none.
    #[error("plugin `{name}`: {error}")]
    Secret {
        /// The plugin.
        name: String,
        /// Which secret, and what is wrong with it.
        #[source]
        error: SecretError,
    },
    /// A session uses it, or the server itself.
    #[error("plugin `{name}` is used by {}", users.join(", "))]
    InUse {
        /// The plugin.
        name: String,
        /// Who does.
        users: Vec<String>,
    },
    /// It lies in the folder of plugins.
    #[error("plugin `{name}` is built in: it is there for as long as its file is in the folder of plugins")]
    BuiltIn {
        /// The plugin.
        name: String,
    },
    /// Several versions have the name, and none of them is enabled.
    #[error("several plugins are named `{name}`: say which by its digest")]
    Ambiguous {
        /// The name.
        name: String,
    },
    /// It was installed, and cannot be used any more.
    #[error("plugin `{name}` ({digest}) cannot be used: {problem}")]
    Broken {
        /// The plugin.
        name: String,
        /// The component.
        digest: Digest,
        /// What is wrong.
        problem: String,
    },
}

impl PluginChangeError {
    /// The error's code, which does not change; see `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Load { error, .. } => error.code(),
            Self::Signature(SignatureError::Missing) => "PLUGIN_UNSIGNED",
            Self::Signature(_) => "PLUGIN_SIGNATURE",
            Self::Registry(error) => error.code(),
            Self::NotGranted { .. } => "PLUGIN_NOT_GRANTED",
            Self::Secret { .. } => "PLUGIN_SECRET",
            Self::InUse { .. } => "PLUGIN_IN_USE",
            Self::BuiltIn { .. } => "PLUGIN_BUILT_IN",
            Self::Ambiguous { .. } => "PLUGIN_AMBIGUOUS",
            Self::Broken { .. } => "PLUGIN_BROKEN",
        }
    }
}
