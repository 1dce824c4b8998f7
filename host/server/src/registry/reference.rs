//! What a plugin is called in a registry: `oci://REGISTRY/REPOSITORY:TAG`, with `@sha256:...` to have exactly that one.

use std::fmt;
use std::str::FromStr;

use fedwit_domain::Digest;
use fedwit_federation::RegistryError;
use oci_client::Reference;

/// The longest that is taken.
const LONGEST: usize = 400;

/// A name of one artifact in one registry. Nothing in it is left to a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PluginReference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl PluginReference {
    /// What every reference begins with.
    pub(crate) const SCHEME: &'static str = "oci://";

    /// The registry's host, with its port where one was given.
    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }

    pub(crate) fn repository(&self) -> &str {
        &self.repository
    }

    pub(crate) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The manifest that has to be there.
    pub(crate) fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The reference of exactly this manifest.
    pub(crate) fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }
}

impl FromStr for PluginReference {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let no = |problem: String| RegistryError::Reference { reference: text.to_owned(), problem };
        let form = || no("write oci://REGISTRY/REPOSITORY:TAG, with @sha256:... to have exactly that one".to_owned());
        let rest = text.strip_prefix(Self::SCHEME).ok_or_else(form)?;
        if text.len() > LONGEST {
            return Err(no(format!("it has more than {LONGEST} bytes")));
        }
        let read: Reference = rest.parse().map_err(|error| no(format!("{error}")))?;
        // What names no registry is one of Docker's to whoever made the parser.
        let registry = read.registry().to_owned();
        if !rest.starts_with(&format!("{registry}/")) {
            return Err(no("it has to begin with the registry's host".to_owned()));
        }
        let last = rest.rsplit('/').next().unwrap_or_default();
        if !last.contains([':', '@']) {
            return Err(no("it has neither a tag nor a digest".to_owned()));
        }
        let digest = match read.digest() {
            None => None,
            Some(digest) => {
                let hexadecimal = digest.strip_prefix("sha256:").and_then(|digest| digest.parse().ok());
                Some(hexadecimal.ok_or_else(|| no(format!("its digest is no sha256: {digest:.80}")))?)
            }
        };
        let (repository, tag) = (read.repository().to_owned(), read.tag().map(str::to_owned));
        Ok(Self { registry, repository, tag, digest })
    }
}

impl fmt::Display for PluginReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}/{}", Self::SCHEME, self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@sha256:{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn a_reference_names_registry_repository_and_what_is_meant() {
        let digest = "0f".repeat(32);
        for (text, registry, repository, tag, exact) in [
            ("oci://ghcr.io/o/my-rule:1.0.0".to_owned(), "ghcr.io", "o/my-rule", Some("1.0.0"), false),
            ("oci://127.0.0.1:5000/x:a".to_owned(), "127.0.0.1:5000", "x", Some("a"), false),
            (format!("oci://localhost/x@sha256:{digest}"), "localhost", "x", None, true),
            (format!("oci://r.example/a/b:t@sha256:{digest}"), "r.example", "a/b", Some("t"), true),
        ] {
            let read: PluginReference = text.parse().unwrap();
            assert_eq!((read.registry(), read.repository(), read.tag()), (registry, repository, tag), "{text}");
            assert_eq!(read.digest().is_some(), exact, "{text}");
            assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn what_is_left_open_or_could_lead_elsewhere_is_none() {
        let digest = "0f".repeat(32);
        for bad in [
            "",
            "oci://",
            "ghcr.io/o/x:1",
            "https://ghcr.io/o/x:1",
            "oci://x:1",
            "oci://library/x:1",
            "oci://ghcr.io/o/x",
            "oci://ghcr.io/o/x:",
            "oci://ghcr.io/O/x:1",
            "oci://ghcr.io/../x:1",
            "oci://ghcr.io/a//x:1",
            "oci://ghcr.io/x:1?y",
            "oci://ghcr.io/x:1#y",
            "oci://user@ghcr.io/x:1",
            "oci://user:word@ghcr.io/x:1",
            "oci://ghcr.io/%2e%2e/x:1",
            "oci://ghcr.io/x:1\n",
            "oci://ghcr.io/x@sha256:00",
            &format!("oci://ghcr.io/x@sha512:{digest}{digest}"),
            &format!("oci://ghcr.io/{}:1", "x".repeat(LONGEST)),
        ] {
            assert!(matches!(bad.parse::<PluginReference>(), Err(RegistryError::Reference { .. })), "{bad}");
        }
    }
}
