//! What goes wrong for a user of the federation.

use fedwit_domain::ports::{BlobError, FoldingError, LogError, NoPlugin, SelectionError};
use fedwit_domain::{IdError, Refusal};
use fedwit_store::StoreError;
use thiserror::Error;

use crate::plugins::PluginChangeError;

/// Why something was not done. Nothing is half done.
#[derive(Debug, Error)]
pub enum FederationError {
    /// There is no such thing.
    #[error("there is no {kind} {id:.128?}")]
    NotFound {
        /// What it would be.
        kind: &'static str,
        /// Its name.
        id: String,
    },
    /// The name of something is none.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A session will not have it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fewer clients are there than a round needs.
    #[error("Number of available clients is lower than the required minimum of {required}")]
    TooFewClients {
        /// Those that are there.
        online: usize,
        /// Those that a round needs.
        required: u32,
    },
    /// There is no plugin of a name that is given.
    #[error(transparent)]
    NoPlugin(#[from] NoPlugin),
    /// No aggregator can be run as asked.
    #[error(transparent)]
    Aggregator(FoldingError),
    /// No client selector can be run as asked.
    #[error(transparent)]
    Selector(SelectionError),
    /// A plugin is not installed, or not changed.
    #[error(transparent)]
    Plugin(#[from] PluginChangeError),
    /// A file is no model.
    #[error("seed model: {problem}")]
    Seed {
        /// Names the tensor and what is wrong with it.
        problem: String,
    },
    /// A model cannot be sent in the format that was asked for.
    #[error("model {model} cannot be sent as {format}: {problem}")]
    Format {
        /// The model.
        model: String,
        /// The format.
        format: &'static str,
        /// What is in the way.
        problem: String,
    },
    /// Something that was sent is not what it has to be.
    #[error("{what}: {problem}")]
    Invalid {
        /// Which thing.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A file is larger than the server takes.
    #[error("the file has more than {limit_bytes} bytes")]
    TooLarge {
        /// What the server takes.
        limit_bytes: u64,
    },
    /// Not now: the server is starting, stopping, overloaded, or its disk is nearly full.
    #[error("{0}")]
    Unavailable(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The event log failed.
    #[error(transparent)]
    Log(LogError),
    /// The storage adapter failed, or gave another file than it was given.
    #[error("{0}")]
    Storage(String),
    /// The server failed.
    #[error("{0}")]
    Internal(String),
}

/// What kind of answer an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such thing.
    NotFound,
    /// What was sent is wrong.
    Invalid,
    /// It is right, but not in this state.
    Conflict,
    /// Try again later.
    Unavailable,
    /// The server is at fault.
    Internal,
}

impl FederationError {
    /// The error's code, which does not change; see `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } | Self::Refused(Refusal::NoSession) => "NOT_FOUND",
            Self::Id(_) => "ID_INVALID",
            Self::Refused(Refusal::Config(_)) => "SESSION_CONFIG_INVALID",
            Self::Refused(Refusal::Update(refusal)) => refusal.code(),
            Self::Refused(_) => "SESSION_STATUS",
            Self::TooFewClients { .. } => "CLIENTS_TOO_FEW",
            Self::NoPlugin(NoPlugin::Unknown { .. }) => "PLUGIN_UNKNOWN",
            Self::NoPlugin(NoPlugin::Disabled { .. }) => "PLUGIN_DISABLED",
            Self::Plugin(error) => error.code(),
            Self::Aggregator(FoldingError::Config { .. }) | Self::Selector(SelectionError::Config { .. }) => {
                "PLUGIN_CONFIG_INVALID"
            }
            Self::NoPlugin(NoPlugin::Gone { .. }) | Self::Aggregator(_) | Self::Selector(_) => "PLUGIN_FAILED",
            Self::Seed { .. } => "SEED_MODEL_INVALID",
            Self::Format { .. } => "MODEL_FORMAT",
            Self::Invalid { .. } => "INVALID",
            Self::TooLarge { .. } => "FILE_TOO_LARGE",
            Self::Unavailable(_) => "UNAVAILABLE",
            Self::Storage(_) => "STORAGE_FAILED",
            Self::Store(_) | Self::Log(_) | Self::Internal(_) => "INTERNAL",
        }
    }

    /// What kind of answer it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::Refused(Refusal::NoSession) => ErrorKind::NotFound,
            Self::Plugin(PluginChangeError::InUse { .. } | PluginChangeError::BuiltIn { .. })
            | Self::TooFewClients { .. } => ErrorKind::Conflict,
            Self::Refused(Refusal::Config(_))
            | Self::Id(_)
            | Self::Plugin(_)
            | Self::NoPlugin(NoPlugin::Unknown { .. } | NoPlugin::Disabled { .. })
            | Self::Aggregator(FoldingError::Config { .. })
            | Self::Selector(SelectionError::Config { .. })
            | Self::Seed { .. }
            | Self::Format { .. }
            | Self::Invalid { .. }
            | Self::TooLarge { .. } => ErrorKind::Invalid,
            Self::Refused(_) => ErrorKind::Conflict,
            Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::NoPlugin(NoPlugin::Gone { .. })
            | Self::Aggregator(_)
            | Self::Selector(_)
            | Self::Store(_)
            | Self::Log(_)
            | Self::Storage(_)
            | Self::Internal(_) => ErrorKind::Internal,
        }
    }
}

impl From<BlobError> for FederationError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Missing(digest) => Self::NotFound { kind: "blob", id: digest.to_string() },
            BlobError::Full { .. } => Self::Unavailable(error.to_string()),
            BlobError::Damaged(_) | BlobError::Adapter { .. } => Self::Storage(error.to_string()),
            BlobError::Io { .. } => Self::Internal(error.to_string()),
        }
    }
}

impl From<LogError> for FederationError {
    fn from(error: LogError) -> Self {
        match error {
            // Whoever asked may ask again: the session is read from its log first.
            LogError::Conflict { .. } => Self::Unavailable(error.to_string()),
            LogError::Store(_) => Self::Log(error),
        }
    }
}

impl From<FoldingError> for FederationError {
    fn from(error: FoldingError) -> Self {
        match error {
            FoldingError::Host(problem) => Self::Internal(problem),
            FoldingError::NoPlugin(missing) => Self::NoPlugin(missing),
            other => Self::Aggregator(other),
        }
    }
}

impl From<SelectionError> for FederationError {
    fn from(error: SelectionError) -> Self {
        match error {
            SelectionError::Host(problem) => Self::Internal(problem),
            SelectionError::NoPlugin(missing) => Self::NoPlugin(missing),
            other => Self::Selector(other),
        }
    }
}
