//! Registries that plugins are pulled from: a port.
//!
//! What is spoken with them, and which of them may be asked, is the business of whoever implements it. What comes is
//! taken for nothing more than a file: it is hashed, checked and installed as an upload is.

use async_trait::async_trait;
use bytes::Bytes;
use fedwit_domain::Digest;
use futures_util::stream::BoxStream;
use thiserror::Error;

/// The registries that a server may ask. Each wait in here has a bound.
#[async_trait]
pub trait PluginRegistries: Send + Sync {
    /// Whether this is a reference, and to a registry that may be asked. Nobody is asked for that.
    ///
    /// # Errors
    /// [`RegistryError::Reference`], [`RegistryError::NotAllowed`].
    fn check(&self, reference: &str) -> Result<(), RegistryError>;

    /// Finds the component that a reference stands for, and begins to fetch it.
    ///
    /// # Errors
    /// [`RegistryError`].
    async fn pull(&self, reference: &str) -> Result<PulledPlugin, RegistryError>;
}

/// A component that is being fetched.
pub struct PulledPlugin {
    /// The reference, with the digest that it stands for right now.
    pub source: String,
    /// The component, as the registry has it. Whether that is so is for whoever has the bytes to see.
    pub digest: Digest,
    /// Its length: neither more nor fewer bytes come.
    pub size_bytes: u64,
    /// The signature that was pushed with it.
    pub signature: Option<String>,
    /// All of it, in order.
    pub pieces: BoxStream<'static, Result<Bytes, RegistryError>>,
}

/// Why a plugin does not come from a registry, or does not go there.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RegistryError {
    /// It is no reference.
    #[error("{reference:.300?} is no reference: {problem}")]
    Reference {
        /// What was given.
        reference: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The server is not to ask this registry.
    #[error("this server does not pull plugins from {registry:.300?}: its operator has to allow that")]
    NotAllowed {
        /// The registry and the repository.
        registry: String,
    },
    /// The registry has no such thing.
    #[error("{reference}: the registry has none")]
    NotFound {
        /// What was asked for.
        reference: String,
    },
    /// The registry wants other credentials, or any.
    #[error("{reference}: {problem}")]
    Denied {
        /// What was asked for.
        reference: String,
        /// What it says.
        problem: String,
    },
    /// The registry cannot be reached, takes too long, or does not do as registries do.
    #[error("{reference}: {problem}")]
    Failed {
        /// What was asked for.
        reference: String,
        /// What happened.
        problem: String,
    },
    /// What is there is no plugin.
    #[error("{reference} is no plugin: {problem}")]
    Artifact {
        /// What was asked for.
        reference: String,
        /// What is wrong with it.
        problem: String,
    },
    /// What came is not what was asked for.
    #[error("{reference}: the {what} that came hashes to {found} and not to {expected}")]
    Digest {
        /// What was asked for.
        reference: String,
        /// Which part of it.
        what: &'static str,
        /// What it has to hash to.
        expected: Digest,
        /// What it hashes to.
        found: Digest,
    },
}

impl RegistryError {
    /// The error's code, which does not change; see `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Reference { .. } => "PLUGIN_REFERENCE",
            Self::NotAllowed { .. } => "PLUGIN_REGISTRY_NOT_ALLOWED",
            Self::NotFound { .. } => "PLUGIN_NOT_IN_REGISTRY",
            Self::Denied { .. } => "PLUGIN_REGISTRY_DENIED",
            Self::Failed { .. } => "PLUGIN_REGISTRY_FAILED",
            Self::Artifact { .. } => "PLUGIN_ARTIFACT",
            Self::Digest { .. } => "PLUGIN_DIGEST",
        }
    }
}

/// Of a server that asks nobody.
pub(super) struct NoRegistries;

#[async_trait]
impl PluginRegistries for NoRegistries {
    fn check(&self, reference: &str) -> Result<(), RegistryError> {
        Err(RegistryError::NotAllowed { registry: reference.to_owned() })
    }

    async fn pull(&self, reference: &str) -> Result<PulledPlugin, RegistryError> {
        self.check(reference)?;
        Err(RegistryError::NotFound { reference: reference.to_owned() })
    }
}

pub(super) mod fake {
    //! A registry in memory.

    use std::collections::HashMap;
    use std::sync::{Mutex, PoisonError};

    use futures_util::{StreamExt, stream};

    use super::{Bytes, Digest, PluginRegistries, PulledPlugin, RegistryError, async_trait};
    use crate::component_digest;

    /// The bytes of a piece.
    const PIECE: usize = 64 << 10;

    /// A registry in memory, at the references that begin with `oci://fake/`.
    #[derive(Default)]
    pub struct FakeRegistry {
        plugins: Mutex<HashMap<String, Held>>,
    }

    #[derive(Clone)]
    struct Held {
        component: Vec<u8>,
        says: Digest,
        size_bytes: u64,
        signature: Option<String>,
        breaks_after: Option<usize>,
    }

    impl FakeRegistry {
        /// Has a component, and a signature of it, at a reference.
        pub fn push(&self, reference: &str, component: &[u8], signature: Option<String>) {
            let held = Held {
                component: component.to_vec(),
                says: component_digest(component),
                size_bytes: component.len() as u64,
                signature,
                breaks_after: None,
            };
            self.locked().insert(reference.to_owned(), held);
        }

        /// Says that what it has there is another component, of other bytes and of another length.
        pub fn lie(&self, reference: &str, digest: Digest, size_bytes: u64) {
            if let Some(held) = self.locked().get_mut(reference) {
                (held.says, held.size_bytes) = (digest, size_bytes);
            }
        }

        /// Fails once so many bytes of what it has there have gone out.
        pub fn break_after(&self, reference: &str, bytes: usize) {
            if let Some(held) = self.locked().get_mut(reference) {
                held.breaks_after = Some(bytes);
            }
        }

        fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<String, Held>> {
            self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    #[async_trait]
    impl PluginRegistries for FakeRegistry {
        fn check(&self, reference: &str) -> Result<(), RegistryError> {
            let allowed = reference.starts_with("oci://fake/");
            if allowed { Ok(()) } else { Err(RegistryError::NotAllowed { registry: reference.to_owned() }) }
        }

        async fn pull(&self, reference: &str) -> Result<PulledPlugin, RegistryError> {
            self.check(reference)?;
            let held = self.locked().get(reference).cloned();
            let held = held.ok_or_else(|| RegistryError::NotFound { reference: reference.to_owned() })?;
            let broken = RegistryError::Failed { reference: reference.to_owned(), problem: "it broke".to_owned() };
            let sent = held.breaks_after.unwrap_or(held.component.len());
            let mut pieces: Vec<Result<Bytes, RegistryError>> =
                held.component[..sent].chunks(PIECE).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            pieces.extend(held.breaks_after.map(|_| Err(broken)));
            Ok(PulledPlugin {
                source: format!("{reference}@sha256:{}", held.says),
                digest: held.says,
                size_bytes: held.size_bytes,
                signature: held.signature,
                pieces: stream::iter(pieces).boxed(),
            })
        }
    }
}
