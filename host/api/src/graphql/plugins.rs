//! Naming plugins, and finding those that are meant.

use fedwit_federation::{Federation, InstalledPlugin, PluginName};

use super::Failure;

/// A plugin is named by one of the two.
pub(super) fn name(name: Option<String>, digest: Option<String>) -> Result<PluginName, Failure> {
    match (name, digest) {
        (Some(name), None) => Ok(PluginName::Name(name)),
        (None, Some(digest)) => match digest.parse() {
            Ok(digest) => Ok(PluginName::Digest(digest)),
            Err(problem) => Err(Failure::invalid("digest", problem.to_string())),
        },
        _ => Err(Failure::invalid("plugin", "give either its name or its digest")),
    }
}

/// The plugin of a digest, that which was installed if it is built in too; or the one that is used under a name, else
/// the last of that name.
pub(super) fn find(federation: &Federation, meant: &PluginName) -> Option<InstalledPlugin> {
    let is_meant = |plugin: &InstalledPlugin| match meant {
        PluginName::Digest(digest) => plugin.digest == *digest,
        PluginName::Name(name) => plugin.name == *name,
    };
    let mut found: Vec<InstalledPlugin> = federation.plugins().into_iter().filter(is_meant).collect();
    let used = found.iter().position(|plugin| plugin.enabled && matches!(meant, PluginName::Name(_)));
    match used {
        Some(index) => Some(found.swap_remove(index)),
        None => found.pop(),
    }
}
