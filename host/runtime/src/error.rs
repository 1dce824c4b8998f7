//! What can go wrong with a plugin.

use std::time::Duration;

use fedwit_tensor::TensorError;
use thiserror::Error;

use crate::permissions::Permission;
use crate::world::World;

/// Why a file is not a plugin that can be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// More bytes than [`crate::Limits::component_bytes`].
    #[error("the component has {bytes} bytes, more than the {limit} that are allowed")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
    /// Not WebAssembly, or a module that was never made a component.
    #[error("this is not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// It wants something that no plugin gets.
    #[error("the component imports `{0}`, which plugins do not get")]
    Import(String),
    /// It was made for no world of `fedwit:plugin`, or for another version of it.
    #[error("the component exports none of {0}, by which a plugin is known")]
    Export(String),
    /// It was made for several worlds at once.
    #[error("the component is of two worlds, {0} and {1}; it can be of one")]
    TwoWorlds(World, World),
    /// It uses the right names with other types.
    #[error("the component does not fit fedwit's interfaces: {0}")]
    Mismatch(String),
    /// What it says of itself cannot be used.
    #[error("the plugin's description is wrong: {0}")]
    Description(String),
    /// It wants more than the operator grants.
    #[error("plugin `{plugin}` wants `{permission}`, which was not granted")]
    NotGranted {
        /// The plugin's name.
        plugin: String,
        /// The first of what it lacks.
        permission: Permission,
    },
    /// It could not even say what it is.
    #[error(transparent)]
    Call(#[from] PluginError),
}

impl LoadError {
    /// A stable name of this error, the same in every interface.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "PLUGIN_TOO_LARGE",
            Self::NotAComponent(_) => "PLUGIN_NOT_A_COMPONENT",
            Self::Import(_) => "PLUGIN_IMPORT",
            Self::Export(_) | Self::TwoWorlds(..) => "PLUGIN_EXPORT",
            Self::Mismatch(_) => "PLUGIN_MISMATCH",
            Self::Description(_) => "PLUGIN_DESCRIPTION",
            Self::NotGranted { .. } => "PLUGIN_NOT_GRANTED",
            Self::Call(error) => error.fault.code(),
        }
    }
}

/// A call of a plugin that did not do what it was asked to.
#[derive(Debug, Error)]
#[error("plugin `{plugin}` {version}, `{function}`: {fault}")]
pub struct PluginError {
    /// The plugin's name, or that of its file before it has said what it is.
    pub plugin: String,
    /// The plugin's version, or the beginning of its digest before it has said what it is.
    pub version: String,
    /// The function of the plugin that was called.
    pub function: &'static str,
    /// What went wrong.
    pub fault: Fault,
}

/// What went wrong in a call.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The plugin cannot work with its configuration.
    #[error("invalid configuration: {0}")]
    InvalidConfig(String),
    /// The plugin did not take this update or share; it carries no weight and the aggregation goes on.
    #[error("rejected: {0}")]
    Rejected(String),
    /// The plugin gave up.
    #[error("failed: {0}")]
    Failed(String),
    /// The plugin broke.
    #[error("trapped: {0}")]
    Trap(String),
    /// The plugin called a function of the system that no plugin gets.
    #[error("called `{0}`, which plugins do not get")]
    Denied(String),
    /// The plugin wants something that was not granted, so it does not run.
    #[error("wants `{0}`, which was not granted")]
    NotGranted(Permission),
    /// The plugin is for something else.
    #[error("is a {is}, and no {wanted}")]
    OtherWorld {
        /// What it is.
        is: World,
        /// What it was called as.
        wanted: World,
    },
    /// Its exported functions have other types.
    #[error("does not fit fedwit's interfaces: {0}")]
    Mismatch(String),
    /// The plugin used more than it may.
    #[error("{0}")]
    Limit(Limit),
    /// The plugin returned a model that cannot be the next global model.
    #[error("the model it returned cannot be used: {0}")]
    Model(Box<TensorError>),
    /// The plugin returned state, a partial aggregate, metrics, a choice or keys that cannot be used.
    #[error("what it returned cannot be used: {0}")]
    Answer(String),
    /// A share that another plugin, or another version of this one, folded.
    #[error("the share was folded by another plugin (digest {0})")]
    ForeignShare(String),
    /// An earlier call of this aggregation was its last.
    #[error("the aggregation has ended")]
    Ended,
}

impl Fault {
    /// A stable name of this fault, the same in every interface.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidConfig(_) => "PLUGIN_INVALID_CONFIG",
            Self::Rejected(_) => "PLUGIN_REJECTED",
            Self::Failed(_) => "PLUGIN_FAILED",
            Self::Trap(_) => "PLUGIN_TRAP",
            Self::Denied(_) => "PLUGIN_DENIED",
            Self::NotGranted(_) => "PLUGIN_NOT_GRANTED",
            Self::OtherWorld { .. } => "PLUGIN_WORLD",
            Self::Mismatch(_) => "PLUGIN_MISMATCH",
            Self::Limit(_) => "PLUGIN_LIMIT",
            Self::Model(_) => "PLUGIN_MODEL",
            Self::Answer(_) => "PLUGIN_ANSWER",
            Self::ForeignShare(_) => "PLUGIN_FOREIGN_SHARE",
            Self::Ended => "PLUGIN_ENDED",
        }
    }
}

impl Fault {
    /// Whether the plugin broke, and did not just say no.
    pub(crate) fn is_breakage(&self) -> bool {
        !matches!(
            self,
            Self::InvalidConfig(_)
                | Self::Rejected(_)
                | Self::Failed(_)
                | Self::NotGranted(_)
                | Self::OtherWorld { .. }
                | Self::ForeignShare(_)
                | Self::Ended
        )
    }
}

/// Which of the [`crate::Limits`] a plugin reached.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`crate::Limits::memory_bytes`].
    #[error("wanted {wanted} bytes of memory, more than the {limit} it may have")]
    Memory {
        /// What it would have had.
        wanted: usize,
        /// What it may have.
        limit: usize,
    },
    /// [`crate::Limits::table_elements`].
    #[error("wanted {wanted} table elements, more than the {limit} it may have")]
    Table {
        /// What it would have had.
        wanted: usize,
        /// What it may have.
        limit: usize,
    },
    /// [`crate::Limits::stack_bytes`]: more calls inside one another than the stack holds.
    #[error("used up the {limit} bytes of its stack")]
    Stack {
        /// What it has.
        limit: usize,
    },
    /// [`crate::Limits::parts`].
    #[error("has more than {limit} core instances, memories or tables")]
    Parts {
        /// What it may have, of each.
        limit: usize,
    },
    /// [`crate::Limits::instances`].
    #[error("has {limit} instances at work, and may not have more")]
    Instances {
        /// What it may have.
        limit: usize,
    },
    /// [`crate::Limits::blob_bytes`].
    #[error("wrote {wanted} bytes of blobs, more than the {limit} that it may keep on disk")]
    BlobBytes {
        /// What it would have had.
        wanted: u64,
        /// What it may have.
        limit: u64,
    },
    /// [`crate::Limits::handles`].
    #[error("holds {limit} handles, and may not have more")]
    Handles {
        /// What it may have.
        limit: usize,
    },
    /// [`crate::Limits::tensor_bytes`].
    #[error("wanted to keep {wanted} bytes of tensors, more than the {limit} it may have")]
    TensorBytes {
        /// What it would have had.
        wanted: usize,
        /// What it may have.
        limit: usize,
    },
    /// [`crate::Limits::bytes_per_host_call`].
    #[error("handed over more than the {limit} bytes that one call may carry")]
    HostCallBytes {
        /// What a call may carry.
        limit: usize,
    },
    /// [`crate::Limits::guest_time`].
    #[error("computed for more than the {} ms that one call may take of it", .limit.as_millis())]
    GuestTime {
        /// What a call may take.
        limit: Duration,
    },
    /// [`crate::Limits::call_time`].
    #[error("was not done after the {} ms that one call may take", .limit.as_millis())]
    CallTime {
        /// What a call may take.
        limit: Duration,
    },
}
