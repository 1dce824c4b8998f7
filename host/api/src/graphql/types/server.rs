//! The server itself.

use async_graphql::{Context, Object};
use chrono::{DateTime, Utc};

use crate::graphql::scalars::{Int64, time};
use crate::graphql::{Failure, federation};

pub(in crate::graphql) struct Server;

/// The server.
#[Object]
impl Server {
    /// Its version.
    async fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// Whether it can do its work.
    async fn ready(&self, ctx: &Context<'_>) -> bool {
        federation(ctx).ready().is_ok()
    }

    /// Why it cannot.
    async fn reason(&self, ctx: &Context<'_>) -> Option<String> {
        federation(ctx).ready().err()
    }

    /// Whether the disk is so full that no files are taken any more.
    async fn low_disk(&self, ctx: &Context<'_>) -> bool {
        federation(ctx).store().low_disk()
    }

    /// What the disk has left, in bytes.
    async fn available_bytes(&self, ctx: &Context<'_>) -> Result<Int64, Failure> {
        let available = federation(ctx).store().available_bytes();
        available.map(Int64).map_err(|error| Failure::damaged(format!("the disk's free space: {error}")))
    }

    /// How many clients are there now.
    async fn clients_online(&self, ctx: &Context<'_>) -> usize {
        federation(ctx).online().len()
    }

    /// Its time.
    async fn now(&self, ctx: &Context<'_>) -> DateTime<Utc> {
        time(federation(ctx).now())
    }
}
