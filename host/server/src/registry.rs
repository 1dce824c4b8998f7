//! Registries of OCI artifacts, as plugins are pushed to them and pulled from them.
//!
//! What is made is what `oci-wasm` makes and other WebAssembly tools read: a manifest with one layer, the component, and
//! a config that says what the component imports and exports. A signature travels as an annotation of the layer.
//!
//! The names, manifests and configs are the crates'; what goes over the wire is not. Their client goes wherever a
//! redirect, a layer's list of places or a question for credentials sends it, and reads whatever comes: nothing for a
//! server inside somebody's network. Here each step is looked at first, each body and each wait has a bound, and
//! credentials go to the registry and to the token service that it names, and nowhere else.

mod allowed;
mod artifact;
mod client;
mod credentials;
mod network;
mod pull;
mod push;
mod reference;
mod session;
mod tokens;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use fedwit_federation::RegistryError;

pub(crate) use self::allowed::{AllowedRegistries, AllowedRegistry};
pub(crate) use self::artifact::check as check_component;
pub(crate) use self::client::RegistryClient;
pub(crate) use self::credentials::{CredentialArguments, Credentials};
pub(crate) use self::network::Host;
pub(crate) use self::pull::{Pulled, pull};
pub(crate) use self::push::push;
pub(crate) use self::reference::PluginReference;

/// How long it may take until somebody listens, and has shown a certificate.
const CONNECT: Duration = Duration::from_secs(10);
/// How long nothing at all may come.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a question that is not for a component may take altogether.
const ANSWER: Duration = Duration::from_secs(60);
/// How long a component may take: the largest one over a slow line.
const COMPONENT: Duration = Duration::from_secs(600);

/// How registries are reached.
#[derive(Args, Clone, Debug)]
pub(crate) struct RegistryArguments {
    /// Certificates (PEM) of authorities that registries are trusted by, beside the system's [default: none].
    #[arg(long, env = "FEDWIT_REGISTRY_CA", value_name = "FILE")]
    pub(crate) registry_ca: Option<PathBuf>,
    /// A registry that may be spoken with without encryption, `HOST` or `HOST:PORT`; give it once for each, or several with
    /// commas between them [default: those on this machine].
    #[arg(long, env = "FEDWIT_INSECURE_REGISTRY", value_name = "HOST", value_delimiter = ',')]
    pub(crate) insecure_registry: Vec<Host>,
}

/// What goes wrong with something at a registry.
fn failed(reference: &PluginReference, problem: impl Into<String>) -> RegistryError {
    RegistryError::Failed { reference: reference.to_string(), problem: problem.into() }
}

fn no_plugin(reference: &PluginReference, problem: impl Into<String>) -> RegistryError {
    RegistryError::Artifact { reference: reference.to_string(), problem: problem.into() }
}
