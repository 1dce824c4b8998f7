//! The functions of WASI that have an answer.

mod random;
mod streams;
mod time;

use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource};

use super::WasiHandle;
use crate::host::HostState;

type Linked<'a> = LinkerInstance<'a, HostState>;
type Context<'a> = StoreContextMut<'a, HostState>;
type Handle = Resource<WasiHandle>;

/// Links function `name` of an interface, and says whether there is one here.
///
/// The types are this version's; a component that declares others is refused when it is instantiated.
pub(super) fn link(linked: &mut Linked<'_>, interface: &str, name: &str) -> wasmtime::Result<bool> {
    match (interface, name) {
        ("cli/exit", _) => {
            linked.func_new(name, |_, _, _, _| Err(wasmtime::Error::msg("it ended itself by `exit`")))?;
        }
        ("cli/stdin", "get-stdin") => give(linked, name, || WasiHandle::Input)?,
        ("cli/stdout", "get-stdout") => give(linked, name, || WasiHandle::Output)?,
        ("cli/stderr", "get-stderr") => give(linked, name, || WasiHandle::Errors)?,
        ("sockets/instance-network", "instance-network") => give(linked, name, || WasiHandle::Network)?,
        ("io/streams", _) => return streams::link(linked, name),
        ("io/poll" | "clocks/monotonic-clock" | "clocks/wall-clock", _) => return time::link(linked, name, interface),
        ("random/random" | "random/insecure" | "random/insecure-seed", _) => return random::link(linked, name),
        // Of the environment, the terminals and the folders there is nothing, and nothing is what they say by default.
        _ => return Ok(false),
    }
    Ok(true)
}

/// Links a function that gives a handle.
fn give(linked: &mut Linked<'_>, name: &str, handle: fn() -> WasiHandle) -> wasmtime::Result<()> {
    linked.func_wrap(name, move |mut store: Context<'_>, (): ()| Ok((store.data_mut().give(handle())?,)))
}
