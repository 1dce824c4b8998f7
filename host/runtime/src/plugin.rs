//! A component that has been compiled, checked, and asked what it is.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

use crate::aggregation::{Aggregation, Round};
use crate::bindings::AggregatorPluginPre;
use crate::instance::Instance;
use crate::{LoadError, PluginError, Runtime};

/// The SHA-256 of a component's file: what a plugin is addressed by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Its 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// An aggregator plugin that is ready to run. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) runtime: Runtime,
    pub(crate) pre: AggregatorPluginPre<crate::host::HostState>,
    pub(crate) digest: Digest,
    pub(crate) name: String,
    pub(crate) version: String,
    summary: String,
    mergeable: bool,
    config_schema: serde_json::Value,
}

impl Plugin {
    pub(crate) fn load(runtime: &Runtime, file: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        let shared = &runtime.shared;
        let limit = shared.limits.component_bytes;
        if bytes.len() > limit {
            return Err(LoadError::TooLarge { bytes: bytes.len(), limit });
        }
        let digest = Digest::of(bytes);
        let component =
            Component::new(&shared.engine, bytes).map_err(|error| LoadError::NotAComponent(format!("{error:#}")))?;
        check_names(runtime, &component)?;
        let instance_pre =
            shared.linker.instantiate_pre(&component).map_err(|error| LoadError::Mismatch(format!("{error:#}")))?;
        let pre = AggregatorPluginPre::new(instance_pre).map_err(|error| LoadError::Mismatch(format!("{error:#}")))?;

        let unnamed = Inner {
            runtime: runtime.clone(),
            pre,
            digest,
            name: file.to_owned(),
            version: digest.to_string()[..12].to_owned(),
            summary: String::new(),
            mergeable: false,
            config_schema: serde_json::Value::Null,
        };
        let mut instance = Instance::new(&unnamed, "describe")?;
        let description = instance.describe()?;
        if let Some(permission) = description.permissions.first() {
            return Err(LoadError::Description(format!("it wants {permission:?}, which cannot be granted")));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                name: checked_name(description.name)?,
                version: checked_version(description.version)?,
                summary: checked_summary(description.summary)?,
                mergeable: instance.mergeable()?,
                config_schema: checked_schema(&description.config_schema)?,
                ..unnamed
            }),
        })
    }

    /// Begins a round on an instance of its own.
    ///
    /// # Errors
    /// [`crate::Fault::InvalidConfig`] if the plugin refuses its configuration, or whatever else it does wrong.
    pub fn begin(&self, round: Round) -> Result<Aggregation, PluginError> {
        Aggregation::begin(&self.inner, round)
    }

    /// What a session names to choose it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The plugin's own version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.inner.version
    }

    /// One sentence, for people who choose among plugins.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.inner.summary
    }

    /// Whether a round can be spread over several instances.
    #[must_use]
    pub fn mergeable(&self) -> bool {
        self.inner.mergeable
    }

    /// The JSON Schema of its configuration.
    #[must_use]
    pub fn config_schema(&self) -> &serde_json::Value {
        &self.inner.config_schema
    }

    /// The SHA-256 of its file.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.inner.digest
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Plugin({} {} {})", self.name(), self.version(), self.digest())
    }
}

/// Whether a component imports only what plugins get, and exports what makes it one, by name; the types are checked
/// when it is linked, with errors that say less.
fn check_names(runtime: &Runtime, component: &Component) -> Result<(), LoadError> {
    const PACKAGE: &str = "fedwit:plugin/";
    const EXPORT: &str = "fedwit:plugin/aggregator@0.1.0";
    let engine = &runtime.shared.engine;
    let kind = component.component_type();
    if let Some((name, _)) = kind.imports(engine).find(|(name, _)| !name.starts_with(PACKAGE)) {
        return Err(LoadError::Import(name.to_owned()));
    }
    if !kind.exports(engine).any(|(name, _)| name == EXPORT) {
        return Err(LoadError::Export(EXPORT.to_owned()));
    }
    Ok(())
}

fn checked_name(name: String) -> Result<String, LoadError> {
    let allowed = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    if (1..=64).contains(&name.len()) && name.chars().all(allowed) {
        Ok(name)
    } else {
        Err(LoadError::Description(format!(
            "the name {name:.80?} is not 1 to 64 lower-case letters, digits and hyphens"
        )))
    }
}

fn checked_version(version: String) -> Result<String, LoadError> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || ".-+".contains(character);
    if (1..=64).contains(&version.len()) && version.chars().all(allowed) {
        Ok(version)
    } else {
        Err(LoadError::Description(format!(
            "the version {version:.80?} is not 1 to 64 letters, digits, `.`, `-` and `+`"
        )))
    }
}

fn checked_summary(summary: String) -> Result<String, LoadError> {
    if summary.len() <= 1000 && !summary.contains(char::is_control) {
        Ok(summary)
    } else {
        Err(LoadError::Description("the summary is not one line of at most 1000 bytes".to_owned()))
    }
}

fn checked_schema(schema: &str) -> Result<serde_json::Value, LoadError> {
    match serde_json::from_str(schema) {
        Ok(schema @ serde_json::Value::Object(_)) => Ok(schema),
        Ok(_) => Err(LoadError::Description("the schema of the configuration is not a JSON object".to_owned())),
        Err(error) => Err(LoadError::Description(format!("the schema of the configuration is not JSON: {error}"))),
    }
}
