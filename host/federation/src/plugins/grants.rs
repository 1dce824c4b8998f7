//! What an operator grants a plugin.

use std::collections::BTreeSet;

use fedwit_runtime::{Grants, LoadError, Permission, Plugin};

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

/// The plugin with what it is granted.
///
/// # Errors
/// [`LoadError::NotGranted`] if that is not all that it wants. A secret is one of these for as long as there is nothing
/// that has its value.
pub(super) fn grant(plugin: &Plugin, granted: &[String]) -> Result<Plugin, LoadError> {
    // What was granted by another version and is no permission of this one grants nothing.
    let permissions = granted.iter().filter_map(|text| text.parse::<Permission>().ok());
    plugin.granted(&permissions.fold(Grants::default(), Grants::with))
}
