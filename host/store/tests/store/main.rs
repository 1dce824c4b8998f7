//! The store, through its public functions, on real folders.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adapted;
mod blobs;
mod folder;
mod log;
mod plugins;
mod projection;
mod random;
mod records;
mod selecting;
mod support;
mod uploads;
