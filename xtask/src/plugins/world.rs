//! Whether a component is one that the server can take: its imports and exports against the worlds in `wit/`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use wit_component::{DecodedWasm, decode, targets};
use wit_parser::{PackageId, Resolve, WorldId};

/// What plugins may import and have to export: the worlds of the WIT package.
pub(crate) struct PluginWorlds {
    wit: Resolve,
    package: PackageId,
}

impl PluginWorlds {
    /// Reads the WIT package in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut wit = Resolve::default();
        let (package, _) =
            wit.push_dir(folder).with_context(|| format!("cannot read the WIT package in {}", folder.display()))?;
        Ok(Self { wit, package })
    }

    /// Refuses a component that fits no world, naming the interface. Its world is the one whose export it has. One
    /// may import less than the world offers and export more than it asks for: bindings for other languages than Rust
    /// have exports of their own. WASI may be imported too; what of it there is, a server knows.
    ///
    /// Interfaces are compared by name first, since the comparison of types that follows answers in positions and
    /// not in words.
    pub(crate) fn check(&self, component: &[u8]) -> Result<()> {
        let decoded = decode(component).context("it is no component")?;
        let DecodedWasm::Component(their_wit, their_world) = decoded else {
            bail!("it is a WIT package and no component");
        };
        let theirs = &their_wit.worlds[their_world];
        let exported: Vec<_> = theirs.exports.keys().map(|key| their_wit.name_world_key(key)).collect();
        let Some(world) = self.worlds().find(|world| self.exports(*world).iter().all(|name| exported.contains(name)))
        else {
            let wanted: Vec<_> = self.worlds().flat_map(|world| self.exports(world)).collect();
            bail!("it exports {}, but none of {}, by which a plugin is known", listed(&exported), listed(&wanted));
        };
        let ours = &self.wit.worlds[world];
        let imports = self.names(ours.imports.keys());
        let name = &ours.name;
        let imported: Vec<_> = theirs.imports.keys().map(|key| their_wit.name_world_key(key)).collect();
        let (wasi, own): (Vec<_>, Vec<_>) = imported.iter().partition(|import| import.starts_with("wasi:"));
        for import in own {
            if !imports.contains(import) {
                bail!("it imports `{import}`, but in world `{name}` there is only {}", listed(&imports));
            }
        }
        if !wasi.is_empty() {
            // The comparison of types knows no imports from outside of the world; a server compares them all.
            return Ok(());
        }
        targets(&self.wit, world, component, false)
            .with_context(|| format!("its interfaces have the names but not the types of world `{name}`"))
    }

    fn worlds(&self) -> impl Iterator<Item = WorldId> {
        self.wit.packages[self.package].worlds.values().copied()
    }

    fn exports(&self, world: WorldId) -> Vec<String> {
        self.names(self.wit.worlds[world].exports.keys())
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
