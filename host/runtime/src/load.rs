//! From the bytes of a file to a plugin.

use std::sync::Arc;

use wasmtime::component::Component;

use crate::bindings::{aggregator, client_selector, load_balancer, storage_adapter};
use crate::description::Description;
use crate::instance::Instance;
use crate::metrics::Counters;
use crate::permissions::Grants;
use crate::plugin::{Inner, Plugin};
use crate::wasi;
use crate::world::{Exports, World};
use crate::{Digest, LoadError, Runtime};

impl Plugin {
    /// Compiles a component, checks it from outside, and asks it what it is.
    pub(crate) fn load(runtime: &Runtime, file: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        let shared = &runtime.shared;
        let limit = shared.limits.component_bytes;
        if bytes.len() > limit {
            return Err(LoadError::TooLarge { bytes: bytes.len(), limit });
        }
        let digest = Digest::of(bytes);
        let component =
            Component::new(&shared.engine, bytes).map_err(|error| LoadError::NotAComponent(format!("{error:#}")))?;
        let world = world(runtime, &component)?;
        check_imports(runtime, &component, world)?;
        let mismatch = |error: wasmtime::Error| LoadError::Mismatch(format!("{error:#}"));
        let mut linker = shared.linker.clone();
        wasi::link(&mut linker, &shared.engine, &component).map_err(mismatch)?;
        let pre = linker.instantiate_pre(&component).map_err(mismatch)?;
        let unasked = Inner {
            runtime: runtime.clone(),
            world,
            pre,
            digest,
            description: None,
            file: file.to_owned(),
            mergeable: false,
            grants: Arc::new(Grants::default()),
            counters: Arc::new(Counters::new(file)),
            instances: Arc::default(),
        };
        match world {
            World::Aggregator => ask::<aggregator::Guest>(unasked, |instance| {
                Ok(instance.call("mergeable", |guest, store| guest.call_mergeable(store).map(Ok))?)
            }),
            World::ClientSelector => ask::<client_selector::Guest>(unasked, |_| Ok(false)),
            World::LoadBalancer => ask::<load_balancer::Guest>(unasked, |_| Ok(false)),
            World::StorageAdapter => ask::<storage_adapter::Guest>(unasked, |_| Ok(false)),
        }
    }
}

/// Asks a plugin what it is.
fn ask<E: Exports>(
    unasked: Inner,
    mergeable: impl FnOnce(&mut Instance<E>) -> Result<bool, LoadError>,
) -> Result<Plugin, LoadError> {
    let plugin = Arc::new(unasked);
    let mut instance = Instance::<E>::new(&plugin, "describe", 0)?;
    let description = Description::checked(instance.describe()?, E::WORLD)?;
    let mergeable = mergeable(&mut instance)?;
    drop(instance);
    let counters = Arc::new(Counters::new(&description.name));
    let inner = Inner { description: Some(description), mergeable, counters, ..Inner::clone(&plugin) };
    Ok(Plugin { inner: Arc::new(inner) })
}

/// The world whose interface a component exports. By name; the types are compared when it is instantiated.
fn world(runtime: &Runtime, component: &Component) -> Result<World, LoadError> {
    let kind = component.component_type();
    let exported: Vec<&str> = kind.exports(&runtime.shared.engine).map(|(name, _)| name).collect();
    let mut worlds = World::ALL.into_iter().filter(|world| exported.contains(&world.interface().as_str()));
    match (worlds.next(), worlds.next()) {
        (Some(world), None) => Ok(world),
        (Some(one), Some(other)) => Err(LoadError::TwoWorlds(one, other)),
        (None, _) => {
            let interfaces = World::ALL.map(|world| format!("`{}`", world.interface()));
            Err(LoadError::Export(interfaces.join(", ")))
        }
    }
}

/// Refuses what no plugin of this world gets, by name; the types are checked when it is linked, with errors that say
/// less.
fn check_imports(runtime: &Runtime, component: &Component, world: World) -> Result<(), LoadError> {
    let allowed = world.imports();
    let kind = component.component_type();
    let mut imports = kind.imports(&runtime.shared.engine).map(|(name, _)| name);
    match imports.find(|name| !allowed.iter().any(|own| own == name) && !wasi::is_linked(name)) {
        Some(name) => Err(LoadError::Import(name.chars().take(200).collect())),
        None => Ok(()),
    }
}
