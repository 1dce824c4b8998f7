//! GraphQL, over HTTP and on a real store.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod schema;
