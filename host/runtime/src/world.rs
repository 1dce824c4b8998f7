//! The kinds of plugins, and how an instance of each is entered.

use std::fmt;

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::bindings::{aggregator, client_selector, load_balancer, storage_adapter, types};
use crate::host::HostState;

/// What a plugin is for. A component is of the world whose interface it exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum World {
    /// Makes the next global model of updates.
    Aggregator,
    /// Says who is asked in a round.
    ClientSelector,
    /// Says which combiner a client joins.
    LoadBalancer,
    /// Says where and how blobs lie.
    StorageAdapter,
}

impl World {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Aggregator, Self::ClientSelector, Self::LoadBalancer, Self::StorageAdapter];

    /// Its name, as in `client-selector`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Aggregator => "aggregator",
            Self::ClientSelector => "client-selector",
            Self::LoadBalancer => "load-balancer",
            Self::StorageAdapter => "storage-adapter",
        }
    }

    /// What one of its plugins is, in a sentence: `client selector`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Aggregator => "aggregator",
            Self::ClientSelector => "client selector",
            Self::LoadBalancer => "load balancer",
            Self::StorageAdapter => "storage adapter",
        }
    }

    /// The interface that its plugins export.
    #[must_use]
    pub fn interface(self) -> String {
        interface(self.name())
    }

    /// The interfaces of this project that its plugins may import.
    #[must_use]
    pub fn imports(self) -> Vec<String> {
        let own: &[&str] = match self {
            Self::Aggregator => &["tensors", "updates"],
            Self::StorageAdapter => &["blobs"],
            Self::ClientSelector | Self::LoadBalancer => &[],
        };
        ["types", "secrets", "log"].iter().chain(own).map(|name| interface(name)).collect()
    }
}

impl fmt::Display for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

fn interface(name: &str) -> String {
    format!("fedwit:plugin/{name}@0.1.0")
}

/// The exported functions of an instance of one world.
pub(crate) trait Exports: Sized {
    const WORLD: World;

    /// Finds the functions, and compares their types.
    fn load(pre: &InstancePre<HostState>, store: &mut Store<HostState>, instance: &Instance) -> wasmtime::Result<Self>;

    fn describe(&self, store: &mut Store<HostState>) -> wasmtime::Result<types::Description>;
}

macro_rules! exports {
    ($interface:ident, $world:ident) => {
        impl Exports for $interface::Guest {
            const WORLD: World = World::$world;

            fn load(
                pre: &InstancePre<HostState>,
                store: &mut Store<HostState>,
                instance: &Instance,
            ) -> wasmtime::Result<Self> {
                $interface::GuestIndices::new(pre)?.load(store, instance)
            }

            fn describe(&self, store: &mut Store<HostState>) -> wasmtime::Result<types::Description> {
                self.call_describe(store)
            }
        }
    };
}

exports!(aggregator, Aggregator);
exports!(client_selector, ClientSelector);
exports!(load_balancer, LoadBalancer);
exports!(storage_adapter, StorageAdapter);
