//! WASI with nothing behind it.
//!
//! Guests in most languages import WASI because their standard library does, whether they use it or not. They are
//! linked to what is here: no files, no network, no environment, an output that goes to the plugin's log, a clock that
//! stands still, and random numbers that follow from the call's seed. Only the clock and the random numbers become real,
//! where they are granted.
//!
//! Why not the crate `wasmtime-wasi`: it holds file systems, sockets and a Tokio runtime, all of which would have to be
//! switched off again; its waits cannot be bounded from outside. What a sandbox does not have cannot leak. So a component
//! is linked by the types that it declares itself: the few functions with an answer are in [`mod@functions`], every other
//! one says no in the way that its own type has for that.

mod denial;
mod functions;
mod output;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::{OsRng, StdRng};
use rand::{RngCore, SeedableRng, TryRngCore};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, Resource, ResourceType};
use wasmtime::{Engine, StoreContextMut};

use self::output::Lines;
use crate::host::HostState;
use crate::permissions::{Grants, Permission};

pub(crate) use self::denial::Denied;

/// The packages that standard libraries import; of others a component must be told that they are not there.
const PACKAGES: [&str; 7] = ["cli", "clocks", "filesystem", "http", "io", "random", "sockets"];

/// When it always is: the beginning of the year 2000, in seconds since 1970. Some libraries take 1970 for an error.
const STILL_SECONDS: u64 = 946_684_800;

/// One instance's share of the system.
pub(crate) struct Wasi {
    seeded: StdRng,
    true_randomness: bool,
    /// When a clock that runs was started; none for one that stands still.
    clock: Option<Instant>,
    pub(crate) output: Lines,
    pub(crate) errors: Lines,
}

/// Whatever has a handle in WASI. One type for all, since a component tells its handles apart by its own types.
pub(crate) enum WasiHandle {
    /// Input that has ended.
    Input,
    /// Output: lines of the plugin's log.
    Output,
    /// The same for what went wrong.
    Errors,
    /// Something to wait for.
    Wait(Wait),
    /// The network, which everybody may ask for and nobody can use.
    Network,
}

/// When a wait is over.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    Now,
    Until(Instant),
    /// Farther off than a clock can say.
    Never,
}

impl Wasi {
    pub(crate) fn new(grants: &Arc<Grants>, seed: u64) -> Self {
        Self {
            seeded: StdRng::seed_from_u64(seed),
            true_randomness: grants.has(&Permission::TrueRandomness),
            clock: grants.has(&Permission::WallClock).then(Instant::now),
            output: Lines::default(),
            errors: Lines::default(),
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> wasmtime::Result<()> {
        if self.true_randomness {
            return OsRng.try_fill_bytes(bytes).map_err(wasmtime::Error::new);
        }
        self.seeded.fill_bytes(bytes);
        Ok(())
    }

    /// Seconds and nanoseconds since 1970.
    fn wall_time(&self) -> Duration {
        let since = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        match self.clock {
            Some(_) => since().unwrap_or_default(),
            None => Duration::from_secs(STILL_SECONDS),
        }
    }

    /// Since some moment in the past.
    fn monotonic_time(&self) -> Duration {
        Duration::from_secs(1) + self.clock.map_or(Duration::ZERO, |started| started.elapsed())
    }
}

/// Whether an import is of those that are linked: of WASI's second version, all of whose releases fit one another.
pub(crate) fn is_linked(import: &str) -> bool {
    interface(import).is_some()
}

/// `cli/stdout` of `wasi:cli/stdout@0.2.3`.
fn interface(import: &str) -> Option<&str> {
    let (interface, version) = import.strip_prefix("wasi:")?.split_once('@')?;
    let (package, _) = interface.split_once('/')?;
    (version.starts_with("0.2.") && PACKAGES.contains(&package)).then_some(interface)
}

/// Gives a component what it imports of WASI.
pub(crate) fn link(linker: &mut Linker<HostState>, engine: &Engine, component: &Component) -> wasmtime::Result<()> {
    let kind = component.component_type();
    for (import, item) in kind.imports(engine) {
        let (Some(interface), ComponentItem::ComponentInstance(instance)) = (interface(import), item.ty) else {
            continue;
        };
        let mut linked = linker.instance(import)?;
        for (name, export) in instance.exports(engine) {
            match export.ty {
                ComponentItem::Resource(_) => linked.resource(name, ResourceType::host::<WasiHandle>(), forget)?,
                ComponentItem::ComponentFunc(kind) => {
                    let answered = functions::link(&mut linked, interface, name)?;
                    if !answered {
                        denial::link(&mut linked, import, name, &kind)?;
                    }
                }
                // Types need nothing; anything else is missed when the component is instantiated.
                _ => {}
            }
        }
    }
    Ok(())
}

fn forget(mut store: StoreContextMut<'_, HostState>, handle: u32) -> wasmtime::Result<()> {
    store.data_mut().forget(Resource::new_own(handle))
}
