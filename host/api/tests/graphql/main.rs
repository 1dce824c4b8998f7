//! GraphQL, over HTTP and on a real store.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
mod events;
mod lists;
mod page;
mod plugins;
mod pulls;
mod refused;
mod schema;
mod script;
mod session;
mod support;
mod uploads;
