//! The registries that a server may ask: those that its operator names, and no others.
//!
//! Who may install a plugin makes the server send requests, from inside its network. So the operator says where to.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use fedwit_federation::{PluginRegistries, PulledPlugin, RegistryError};

use super::{Credentials, Host, PluginReference, Pulled, RegistryArguments, RegistryClient, pull};

/// A registry, or what lies below a path in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedRegistry {
    host: Host,
    /// A repository, or the beginning of several; empty for all.
    path: String,
}

/// The registries of a server.
pub(crate) struct AllowedRegistries {
    allowed: Vec<AllowedRegistry>,
    client: RegistryClient,
}

impl AllowedRegistry {
    fn admits(&self, reference: &PluginReference) -> bool {
        let rest = reference.repository().strip_prefix(self.path.as_str());
        self.host.is(reference.registry())
            && rest.is_some_and(|rest| self.path.is_empty() || rest.is_empty() || rest.starts_with('/'))
    }
}

impl AllowedRegistries {
    /// Those that were allowed; none if that is none.
    ///
    /// # Errors
    /// If the certificates cannot be read.
    pub(crate) fn new(allowed: &[AllowedRegistry], how: &RegistryArguments) -> anyhow::Result<Option<Self>> {
        if allowed.is_empty() {
            return Ok(None);
        }
        let hosts = allowed.iter().map(|allowed| allowed.host.clone()).collect();
        Ok(Some(Self { allowed: allowed.to_vec(), client: RegistryClient::of_a_server(how, hosts)? }))
    }

    fn read(&self, reference: &str) -> Result<PluginReference, RegistryError> {
        let reference: PluginReference = reference.parse()?;
        if self.allowed.iter().any(|allowed| allowed.admits(&reference)) {
            return Ok(reference);
        }
        let registry = format!("{}/{}", reference.registry(), reference.repository());
        Err(RegistryError::NotAllowed { registry })
    }
}

#[async_trait]
impl PluginRegistries for AllowedRegistries {
    fn check(&self, reference: &str) -> Result<(), RegistryError> {
        self.read(reference).map(|_| ())
    }

    async fn pull(&self, reference: &str) -> Result<PulledPlugin, RegistryError> {
        let reference = self.read(reference)?;
        let credentials = Credentials::configured(&reference).await?;
        let Pulled { reference, layer, pieces } = pull(&self.client, &reference, credentials).await?;
        Ok(PulledPlugin {
            source: reference.to_string(),
            digest: layer.digest,
            size_bytes: layer.size_bytes,
            signature: layer.signature,
            pieces,
        })
    }
}

impl FromStr for AllowedRegistry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, path) = text.split_once('/').unwrap_or((text, ""));
        let path = path.strip_suffix('/').unwrap_or(path);
        let plain = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
        let segment = |segment: &str| {
            segment.starts_with(plain) && segment.chars().all(|character| plain(character) || "._-".contains(character))
        };
        if !path.is_empty() && !path.split('/').all(segment) {
            return Err(format!("`{path}` is no repository, nor the beginning of one"));
        }
        Ok(Self { host: host.parse()?, path: path.to_owned() })
    }
}

impl fmt::Display for AllowedRegistry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, path } = self;
        if path.is_empty() { write!(formatter, "{host}") } else { write!(formatter, "{host}/{path}") }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn a_registry_is_allowed_as_a_whole_or_from_a_path_on() {
        let admits = |allowed: &str, reference: &str| {
            allowed.parse::<AllowedRegistry>().unwrap().admits(&reference.parse().unwrap())
        };
        for (allowed, reference) in [
            ("ghcr.io", "oci://ghcr.io/o/x:1"),
            ("GHCR.io", "oci://ghcr.io/o/x:1"),
            ("ghcr.io/o", "oci://ghcr.io/o/x:1"),
            ("ghcr.io/o/", "oci://ghcr.io/o/x:1"),
            ("ghcr.io/o/x", "oci://ghcr.io/o/x:1"),
            ("localhost:5000", "oci://localhost:5000/x:1"),
        ] {
            assert!(admits(allowed, reference), "{allowed} {reference}");
        }
        for (allowed, reference) in [
            ("ghcr.io", "oci://ghcr.io.evil.example/o/x:1"),
            ("ghcr.io", "oci://evil.ghcr.io/o/x:1"),
            ("ghcr.io", "oci://ghcr.io:8443/o/x:1"),
            ("ghcr.io/o", "oci://ghcr.io/other/x:1"),
            ("ghcr.io/o", "oci://ghcr.io/p/o/x:1"),
            ("ghcr.io/o/x", "oci://ghcr.io/o/xy:1"),
            ("localhost:5000", "oci://localhost/x:1"),
        ] {
            assert!(!admits(allowed, reference), "{allowed} {reference}");
        }
    }

    #[test]
    fn what_is_no_registry_cannot_be_allowed() {
        for bad in ["", "/", "/x", "https://ghcr.io", "ghcr.io/../x", "ghcr.io/X", "ghcr.io//x", "a b", "ghcr.io:x"] {
            assert!(bad.parse::<AllowedRegistry>().is_err(), "{bad}");
        }
    }
}
