//! The code that clients run.

use async_graphql::{ID, Object};
use chrono::{DateTime, Utc};
use fedwit_store::PackageRow;

use super::ModelFormat;
use crate::graphql::scalars::{Int64, id, time};

pub(in crate::graphql) struct Package(pub(in crate::graphql) PackageRow);

/// The code that clients run.
#[Object]
impl Package {
    /// What it is called by.
    async fn id(&self) -> ID {
        id(&self.0.id)
    }

    /// A name for people.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is, for people.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The archive's name, as it was uploaded.
    async fn file_name(&self) -> &str {
        &self.0.file_name
    }

    /// What its clients read.
    async fn format(&self) -> ModelFormat {
        self.0.format.into()
    }

    /// The archive's SHA-256.
    async fn digest(&self) -> String {
        self.0.blob.to_string()
    }

    /// The archive's length in bytes.
    async fn size_bytes(&self) -> Int64 {
        Int64(self.0.size_bytes)
    }

    /// Whether it is what clients are given that ask for the server's package.
    async fn active(&self) -> bool {
        self.0.active
    }

    /// When it was uploaded.
    async fn created_at(&self) -> DateTime<Utc> {
        time(self.0.created_at)
    }
}
