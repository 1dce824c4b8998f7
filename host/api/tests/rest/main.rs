//! REST, through all the routes that a server has: what FEDn's tools send, and what they read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod clients;
mod collections;
mod files;
mod refused;
mod support;
