//! `wasi:clocks`, and waiting for a moment by `wasi:io/poll`.
//!
//! A clock that stands still does not keep anybody from waiting: a wait takes as long as it says, on the wall, and ends
//! with the call's time at the latest.

use std::time::{Duration, Instant};

use wasmtime::component::{ComponentType, Lower};

use super::{Context, Handle, Linked};
use crate::wasi::{Wait, WasiHandle};

/// A moment, since 1970.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

pub(super) fn link(linked: &mut Linked<'_>, name: &str, interface: &str) -> wasmtime::Result<bool> {
    match (interface, name) {
        ("clocks/wall-clock", "now") => {
            linked.func_wrap(name, |store: Context<'_>, (): ()| {
                let now = store.data().wasi.wall_time();
                Ok((Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() },))
            })?;
        }
        ("clocks/wall-clock", "resolution") => {
            linked.func_wrap(name, |_: Context<'_>, (): ()| Ok((Datetime { seconds: 0, nanoseconds: 1 },)))?;
        }
        ("clocks/monotonic-clock", "now") => {
            linked
                .func_wrap(name, |store: Context<'_>, (): ()| Ok((nanoseconds(store.data().wasi.monotonic_time()),)))?;
        }
        ("clocks/monotonic-clock", "resolution") => {
            linked.func_wrap(name, |_: Context<'_>, (): ()| Ok((1_u64,)))?;
        }
        ("clocks/monotonic-clock", "subscribe-duration") => {
            linked.func_wrap(name, |mut store: Context<'_>, (duration,): (u64,)| {
                Ok((store.data_mut().give(WasiHandle::Wait(after(duration)))?,))
            })?;
        }
        ("clocks/monotonic-clock", "subscribe-instant") => {
            linked.func_wrap(name, |mut store: Context<'_>, (when,): (u64,)| {
                let state = store.data_mut();
                let now = nanoseconds(state.wasi.monotonic_time());
                Ok((state.give(WasiHandle::Wait(after(when.saturating_sub(now))))?,))
            })?;
        }
        ("io/poll", "[method]pollable.ready") => {
            linked.func_wrap(name, |store: Context<'_>, (handle,): (Handle,)| {
                Ok((store.data().wait(&handle)?.is_over(Instant::now()),))
            })?;
        }
        ("io/poll", "[method]pollable.block") => {
            linked.func_wrap(name, |store: Context<'_>, (handle,): (Handle,)| {
                first_of(&store, &[store.data().wait(&handle)?])?;
                Ok(())
            })?;
        }
        ("io/poll", "poll") => {
            linked.func_wrap(name, |store: Context<'_>, (handles,): (Vec<Handle>,)| {
                let waits = handles.iter().map(|handle| store.data().wait(handle)).collect::<Result<Vec<_>, _>>()?;
                Ok((first_of(&store, &waits)?,))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The places of the waits that are over, once one is. Ends with the call's time.
fn first_of(store: &Context<'_>, waits: &[Wait]) -> wasmtime::Result<Vec<u32>> {
    if waits.is_empty() {
        return Err(wasmtime::Error::msg("it waits for nothing at all"));
    }
    let clock = &store.data().clock;
    loop {
        let now = Instant::now();
        let over: Vec<u32> =
            (0_u32..).zip(waits).filter(|(_, wait)| wait.is_over(now)).map(|(place, _)| place).collect();
        if !over.is_empty() {
            return Ok(over);
        }
        clock.check().map_err(wasmtime::Error::new)?;
        // A little more than is left, so that the clock says that it is over.
        let left = clock.call_time_left() + Duration::from_millis(1);
        let next = waits.iter().filter_map(|wait| wait.left(now)).min();
        std::thread::sleep(next.map_or(left, |next| next.min(left)));
    }
}

impl Wait {
    fn is_over(self, now: Instant) -> bool {
        match self {
            Self::Now => true,
            Self::Until(moment) => moment <= now,
            Self::Never => false,
        }
    }

    fn left(self, now: Instant) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::Until(moment) => Some(moment.saturating_duration_since(now)),
            Self::Never => None,
        }
    }
}

fn after(duration: u64) -> Wait {
    Instant::now().checked_add(Duration::from_nanos(duration)).map_or(Wait::Never, Wait::Until)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
