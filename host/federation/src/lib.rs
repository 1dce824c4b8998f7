//! Drives the domain: asks clients, folds what they send, commits models.
//!
//! [`Federation`] is what every API calls; no rule lives above it, and those of sessions live below it, in
//! `fedwit-domain`. Each session has an actor that is the only one to change it: it takes commands one after the other,
//! records what follows in the event log, and then looks at the session's state for what is to be done in the world.
//! What is done follows from the state alone, so that after a restart looking again is all there is to going on.
//!
//! Nothing here polls: an actor wakes for commands, for clients that come and go, and for the next deadline.

mod clients;
mod combiners;
mod error;
mod federation;
mod folding;
mod models;
mod packages;
mod plugins;
mod pool;
mod predictions;
mod presence;
mod selection;
mod session;
mod sessions;
#[cfg(test)]
mod simulation;
mod submission;
mod tasks;
mod uploads;

pub use clients::{ClientPackage, Presence, Registration, RegistrationOutcome};
pub use combiners::{Combiner, LoadBalancing};
pub use error::{ErrorKind, FederationError};
pub use federation::{Federation, Settings};
pub use folding::PluginFolding;
pub use models::{ModelFile, NewSeed};
pub use packages::NewPackageFile;
pub use plugins::{
    FakeRegistry, InstallFrom, InstalledPlugin, JobFailure, JobStage, KeyError, PluginChangeError, PluginInstall,
    PluginJob, PluginJobId, PluginName, PluginRegistries, PluginSource, Plugins, PluginsError, PublicKey, PulledPlugin,
    RegistryError, SecretKey, Signature, SignatureError, TrustedKeys, component_digest,
};
pub use sessions::{EventStream, NewSessionRequest};
pub use submission::{Submission, ValidationReport, lenient_json};
pub use tasks::{StreamEnd, Task, TaskKind, TaskStream};
pub use uploads::Upload;
