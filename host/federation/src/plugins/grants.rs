//! What an operator grants a plugin.

use std::collections::BTreeSet;

use fedwit_runtime::{Grants, LoadError, Permission, Plugin, Secrets};

use super::PluginChangeError;
use crate::FederationError;

/// Reads permissions, such as `wall-clock` or `storage-prefix:models/`.
pub(super) fn parse(granted: &[String]) -> Result<Vec<Permission>, FederationError> {
    let parse = |text: &String| {
        text.parse().map_err(|error: fedwit_runtime::NoPermission| FederationError::Invalid {
            what: "permission",
            problem: error.to_string(),
        })
    };
    granted.iter().map(parse).collect()
}

/// Whether a plugin is granted all that it wants.
pub(super) fn check(name: &str, wanted: &[String], granted: &[String]) -> Result<(), PluginChangeError> {
    let granted: BTreeSet<&String> = granted.iter().collect();
    let missing: Vec<String> = wanted.iter().filter(|wanted| !granted.contains(wanted)).cloned().collect();
    if missing.is_empty() { Ok(()) } else { Err(PluginChangeError::NotGranted { name: name.to_owned(), missing }) }
}

/// Whether the secrets among what is granted are there.
pub(super) fn check_secrets(name: &str, granted: &[String], secrets: &Secrets) -> Result<(), PluginChangeError> {
    gather(name, granted, secrets).map(drop)
}

/// The plugin with what it is granted.
///
/// # Errors
/// [`PluginChangeError::NotGranted`] if that is not all that it wants; [`PluginChangeError::Secret`] if it is granted a
/// secret that is not there.
pub(super) fn grant(plugin: &Plugin, granted: &[String], secrets: &Secrets) -> Result<Plugin, PluginChangeError> {
    let grants = gather(plugin.name(), granted, secrets)?;
    plugin.granted(&grants).map_err(|error| match error {
        LoadError::NotGranted { plugin: name, permission } => {
            PluginChangeError::NotGranted { name, missing: vec![permission.to_string()] }
        }
        error => PluginChangeError::Load { file: plugin.name().to_owned(), error },
    })
}

fn gather(name: &str, granted: &[String], secrets: &Secrets) -> Result<Grants, PluginChangeError> {
    let mut grants = Grants::default();
    // What was granted by another version and is no permission of this one grants nothing.
    for permission in granted.iter().filter_map(|text| text.parse::<Permission>().ok()) {
        grants = match permission {
            Permission::Secret(secret) => {
                let value = secrets.get(&secret);
                let value = value.map_err(|error| PluginChangeError::Secret { name: name.to_owned(), error })?;
                grants.with_secret(&secret, &value)
            }
            other => grants.with(other),
        };
    }
    Ok(grants)
}
