//! Finding plugins, whatever they are for.

use thiserror::Error;

use crate::Digest;

/// Why there is no plugin to run.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NoPlugin {
    /// No plugin has this name.
    #[error("there is no {what} `{name}`; installed are {installed}")]
    Unknown {
        /// What it would be, such as an aggregator.
        what: &'static str,
        /// The name.
        name: String,
        /// Those that there are.
        installed: String,
    },
    /// A plugin of this name is installed, and not enabled.
    #[error("{what} `{name}` is disabled")]
    Disabled {
        /// What it is.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// What an attempt began with is not there any more.
    #[error("{what} `{name}` {version} ({digest}), which the attempt began with, is not installed any more")]
    Gone {
        /// What it was.
        what: &'static str,
        /// The name.
        name: String,
        /// The version.
        version: String,
        /// The component.
        digest: Digest,
    },
}
