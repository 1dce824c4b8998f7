//! `wasi:io/streams`: input that has ended, and output that goes to the plugin's log.

use wasmtime::component::{ComponentType, Lower};

use super::{Context, Handle, Linked};
use crate::wasi::{Wait, WasiHandle};

/// Bytes that may be written at one time.
const PERMIT: u64 = 64 * 1024;

/// Why a stream gave or took nothing.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "the log takes whatever it is given, but the type has to be whole")]
    LastOperationFailed(Handle),
    #[component(name = "closed")]
    Closed,
}

type Streamed<T> = Result<T, StreamError>;

pub(super) fn link(linked: &mut Linked<'_>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "[method]input-stream.read" | "[method]input-stream.blocking-read" => {
            linked.func_wrap(name, |_: Context<'_>, _: (Handle, u64)| {
                Ok((Streamed::<Vec<u8>>::Err(StreamError::Closed),))
            })?;
        }
        "[method]input-stream.skip" | "[method]input-stream.blocking-skip" => {
            linked
                .func_wrap(name, |_: Context<'_>, _: (Handle, u64)| Ok((Streamed::<u64>::Err(StreamError::Closed),)))?;
        }
        "[method]input-stream.subscribe" | "[method]output-stream.subscribe" => {
            linked.func_wrap(name, |mut store: Context<'_>, _: (Handle,)| {
                Ok((store.data_mut().give(WasiHandle::Wait(Wait::Now))?,))
            })?;
        }
        "[method]output-stream.check-write" => {
            linked.func_wrap(name, |_: Context<'_>, _: (Handle,)| Ok((Streamed::Ok(PERMIT),)))?;
        }
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => {
            linked.func_wrap(name, |mut store: Context<'_>, (handle, bytes): (Handle, Vec<u8>)| {
                store.data_mut().print(&handle, &bytes)?;
                Ok((Streamed::Ok(()),))
            })?;
        }
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => {
            linked.func_wrap(name, |_: Context<'_>, _: (Handle,)| Ok((Streamed::Ok(()),)))?;
        }
        // Zeroes and other streams' bytes in a log: nobody means them.
        _ => return Ok(false),
    }
    Ok(true)
}
