//! Whether a component is one that the server can take: its imports and exports against the world in `wit/`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use wit_component::{DecodedWasm, decode, targets};
use wit_parser::{PackageId, Resolve, WorldId};

/// The world that every guest of this workspace is made against.
const WORLD: &str = "aggregator-plugin";

/// What a plugin may import and has to export.
pub(crate) struct PluginWorld {
    wit: Resolve,
    world: WorldId,
}

impl PluginWorld {
    /// Reads the WIT package in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut wit = Resolve::default();
        let (package, _) =
            wit.push_dir(folder).with_context(|| format!("cannot read the WIT package in {}", folder.display()))?;
        Self::select(wit, package)
    }

    fn select(wit: Resolve, package: PackageId) -> Result<Self> {
        let world = wit
            .select_world(&[package], Some(WORLD))
            .with_context(|| format!("the WIT package has no world `{WORLD}`"))?;
        Ok(Self { wit, world })
    }

    /// Refuses a component that does not fit, naming the interface. One may import less than the world offers and
    /// export more than it asks for: bindings for other languages than Rust have exports of their own.
    ///
    /// Interfaces are compared by name first, since the comparison of types that follows answers in positions and
    /// not in words.
    pub(crate) fn check(&self, component: &[u8]) -> Result<()> {
        let decoded = decode(component).context("it is no component")?;
        let DecodedWasm::Component(their_wit, their_world) = decoded else {
            bail!("it is a WIT package and no component");
        };
        let theirs = &their_wit.worlds[their_world];
        let ours = &self.wit.worlds[self.world];
        let (imports, exports) = (self.names(ours.imports.keys()), self.names(ours.exports.keys()));

        for key in theirs.imports.keys() {
            let name = their_wit.name_world_key(key);
            if !imports.contains(&name) {
                bail!("it imports `{name}`, but in world `{WORLD}` there is only {}", listed(&imports));
            }
        }
        let exported: Vec<_> = theirs.exports.keys().map(|key| their_wit.name_world_key(key)).collect();
        for name in &exports {
            if !exported.contains(name) {
                bail!("it does not export `{name}`, as world `{WORLD}` asks; it exports {}", listed(&exported));
            }
        }
        targets(&self.wit, self.world, component, false)
            .with_context(|| format!("its interfaces have the names but not the types of world `{WORLD}`"))
    }

    fn names<'a>(&self, keys: impl Iterator<Item = &'a wit_parser::WorldKey>) -> Vec<String> {
        keys.map(|key| self.wit.name_world_key(key)).collect()
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    format!("`{}`", names.join("`, `"))
}

#[cfg(test)]
mod tests;
