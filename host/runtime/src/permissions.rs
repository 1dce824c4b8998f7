//! What a plugin wants to be granted, and what an operator grants.
//!
//! Two keys open a door: the plugin declares what it wants, so that an operator can read it before anything runs, and
//! the operator grants it. What is not declared is denied even if it was granted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::bindings::types;

/// Something that a plugin does not get unless it is granted. Written as in `secret:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// To connect to a host, `HOST` or `HOST:PORT`. Nothing offers this yet.
    OutboundHost(String),
    /// To use the host's store under keys that begin with this.
    StoragePrefix(String),
    /// To read the secret of this name.
    Secret(String),
    /// To see what time it is.
    WallClock,
    /// To draw random numbers that nobody can foresee.
    TrueRandomness,
}

/// Why a text is no permission.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "`{0}` is no permission: `outbound-host:HOST`, `storage-prefix:PREFIX/`, `secret:NAME`, `wall-clock` and `true-randomness` are"
)]
pub struct NoPermission(String);

impl Permission {
    /// Whether it is of the form that the plugins' manual asks for.
    pub(crate) fn is_well_formed(&self) -> bool {
        match self {
            Self::OutboundHost(host) => {
                let plain = |character: char| character.is_ascii_alphanumeric() || "-._:[]".contains(character);
                (1..=260).contains(&host.len()) && host.chars().all(plain)
            }
            Self::StoragePrefix(prefix) => {
                prefix.len() <= 256 && prefix.strip_suffix('/').is_some_and(|key| is_key(key, 256))
            }
            Self::Secret(name) => is_segment(name) && name.len() <= 64,
            Self::WallClock | Self::TrueRandomness => true,
        }
    }
}

/// Whether this is a key of the host's store: segments with `/` between them, at most `limit` bytes.
pub(crate) fn is_key(key: &str, limit: usize) -> bool {
    key.len() <= limit && key.split('/').all(is_segment)
}

/// Nothing that a file system or a URL would read as more than a name.
fn is_segment(segment: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    !segment.is_empty() && segment != "." && segment != ".." && segment.chars().all(plain)
}

impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutboundHost(host) => write!(formatter, "outbound-host:{host}"),
            Self::StoragePrefix(prefix) => write!(formatter, "storage-prefix:{prefix}"),
            Self::Secret(name) => write!(formatter, "secret:{name}"),
            Self::WallClock => formatter.write_str("wall-clock"),
            Self::TrueRandomness => formatter.write_str("true-randomness"),
        }
    }
}

impl FromStr for Permission {
    type Err = NoPermission;

    fn from_str(text: &str) -> Result<Self, NoPermission> {
        let permission = match text.split_once(':') {
            Some(("outbound-host", host)) => Some(Self::OutboundHost(host.to_owned())),
            Some(("storage-prefix", prefix)) => Some(Self::StoragePrefix(prefix.to_owned())),
            Some(("secret", name)) => Some(Self::Secret(name.to_owned())),
            None if text == "wall-clock" => Some(Self::WallClock),
            None if text == "true-randomness" => Some(Self::TrueRandomness),
            _ => None,
        };
        permission.filter(Self::is_well_formed).ok_or_else(|| NoPermission(format!("{text:.300}")))
    }
}

impl From<types::Permission> for Permission {
    fn from(permission: types::Permission) -> Self {
        match permission {
            types::Permission::OutboundHost(host) => Self::OutboundHost(host),
            types::Permission::StoragePrefix(prefix) => Self::StoragePrefix(prefix),
            types::Permission::Secret(name) => Self::Secret(name),
            types::Permission::WallClock => Self::WallClock,
            types::Permission::TrueRandomness => Self::TrueRandomness,
        }
    }
}

/// What an operator grants one plugin. Nothing by default.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Grants {
    permissions: BTreeSet<Permission>,
    secrets: BTreeMap<String, Arc<[u8]>>,
}

impl Grants {
    /// Grants something. A secret is granted by [`Grants::with_secret`], since it needs a value.
    #[must_use]
    pub fn with(mut self, permission: Permission) -> Self {
        self.permissions.insert(permission);
        self
    }

    /// Grants a secret, with its value.
    #[must_use]
    pub fn with_secret(mut self, name: &str, value: &[u8]) -> Self {
        self.secrets.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn has(&self, permission: &Permission) -> bool {
        match permission {
            Permission::Secret(name) => self.secrets.contains_key(name),
            other => self.permissions.contains(other),
        }
    }

    pub(crate) fn secret(&self, name: &str) -> Option<&Arc<[u8]>> {
        self.secrets.get(name)
    }

    /// What of this a plugin that declared `permissions` may use.
    pub(crate) fn narrowed(&self, permissions: &[Permission]) -> Self {
        let declared = |permission: &Permission| permissions.contains(permission);
        let secret = |name: &str| permissions.contains(&Permission::Secret(name.to_owned()));
        Self {
            permissions: self.permissions.iter().filter(|permission| declared(permission)).cloned().collect(),
            secrets: self
                .secrets
                .iter()
                .filter(|(name, _)| secret(name))
                .map(|(name, value)| (name.clone(), Arc::clone(value)))
                .collect(),
        }
    }

    /// Whether a key of the host's store may be used.
    pub(crate) fn covers_key(&self, key: &str) -> bool {
        self.permissions
            .iter()
            .any(|permission| matches!(permission, Permission::StoragePrefix(prefix) if key.starts_with(prefix)))
    }
}

/// Says which secrets there are, but not what they are.
impl fmt::Debug for Grants {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets: Vec<&String> = self.secrets.keys().collect();
        formatter.debug_struct("Grants").field("permissions", &self.permissions).field("secrets", &secrets).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn permissions_are_read_as_they_are_written() {
        for text in
            ["outbound-host:a.example:443", "storage-prefix:a/b/", "secret:key-1", "wall-clock", "true-randomness"]
        {
            assert_eq!(text.parse::<Permission>().unwrap().to_string(), text);
        }
        for text in ["", "clock", "secret:", "secret:a/b", "secret", "wall-clock:now", "outbound-host:a b"] {
            assert!(text.parse::<Permission>().is_err(), "{text}");
        }
    }

    #[test]
    fn prefixes_stay_inside_of_the_store() {
        for prefix in ["/", "a", "../", "a/../", "./", "a//", "/a/", "a b/", "a/\0/", ""] {
            assert!(!Permission::StoragePrefix(prefix.to_owned()).is_well_formed(), "{prefix:?}");
        }
        let long = "a".repeat(256) + "/";
        assert!(!Permission::StoragePrefix(long).is_well_formed());
    }

    #[test]
    fn what_was_not_declared_is_not_used() {
        let grants = Grants::default()
            .with(Permission::WallClock)
            .with(Permission::StoragePrefix("a/".to_owned()))
            .with_secret("key", b"1")
            .with_secret("other", b"2");
        let declared = [Permission::WallClock, Permission::Secret("key".to_owned())];
        let usable = grants.narrowed(&declared);
        assert!(usable.has(&Permission::WallClock) && usable.secret("key").is_some());
        assert!(usable.secret("other").is_none() && !usable.covers_key("a/b"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", Grants::default().with_secret("key", b"hunter2"));
        assert!(shown.contains("key") && !shown.contains("hunter2") && !shown.contains("104"), "{shown}");
    }
}
