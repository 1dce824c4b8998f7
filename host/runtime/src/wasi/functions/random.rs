//! `wasi:random`.

use super::{Context, Linked};
use crate::Limit;

pub(super) fn link(linked: &mut Linked<'_>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "get-random-bytes" | "get-insecure-random-bytes" => {
            linked.func_wrap(name, |mut store: Context<'_>, (count,): (u64,)| {
                let state = store.data_mut();
                let limit = state.bytes_per_host_call();
                let count = usize::try_from(count).ok().filter(|count| *count <= limit);
                let mut bytes = vec![0; count.ok_or_else(|| wasmtime::Error::new(Limit::HostCallBytes { limit }))?];
                state.wasi.fill(&mut bytes)?;
                Ok((bytes,))
            })?;
        }
        "get-random-u64" | "get-insecure-random-u64" => {
            linked.func_wrap(name, |mut store: Context<'_>, (): ()| Ok((number(&mut store)?,)))?;
        }
        "insecure-seed" => {
            linked
                .func_wrap(name, |mut store: Context<'_>, (): ()| Ok(((number(&mut store)?, number(&mut store)?),)))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn number(store: &mut Context<'_>) -> wasmtime::Result<u64> {
    let mut bytes = [0; 8];
    store.data_mut().wasi.fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
