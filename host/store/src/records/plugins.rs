//! Components that were installed.

use fedwit_domain::{Digest, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::Value;

use super::columns::{json, text, time, unsigned};
use super::list::{Conditions, list};
use super::{Listed, Page};
use crate::entities::plugins::{Column, Entity, Model};
use crate::{Store, StoreError};

/// A component that was installed. Its file is the blob of its digest.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginRow {
    /// The row's number.
    pub number: i64,
    /// The component's SHA-256.
    pub digest: Digest,
    /// The world that it was made for.
    pub world: String,
    /// What it is called by.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// Whether a round can be spread over several instances of it.
    pub mergeable: bool,
    /// The JSON Schema of its configuration.
    pub config_schema: Value,
    /// What it wants to be granted.
    pub wanted: Vec<String>,
    /// What it is granted.
    pub granted: Vec<String>,
    /// The component's length in bytes.
    pub size_bytes: u64,
    /// Where it came from: a file's name.
    pub source: String,
    /// The signature that came with it, and was found to be good.
    pub signature: Option<String>,
    /// The key that the signature was made with.
    pub signed_by: Option<String>,
    /// Whether it is the one that is used under its name.
    pub enabled: bool,
    /// Why the server itself does not use it.
    pub problem: Option<String>,
    /// When it was installed.
    pub installed_at: Timestamp,
}

/// Which components.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PluginFilter {
    /// The world that they were made for.
    pub world: Option<String>,
    /// What they are called by.
    pub name: Option<String>,
    /// Whether they are used.
    pub enabled: Option<bool>,
}

impl Store {
    /// Components that were installed, in the order in which they were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn plugins(&self, filter: &PluginFilter, page: Page) -> Result<Listed<PluginRow>, StoreError> {
        let conditions = Conditions::new()
            .equal(Column::World, filter.world.as_ref())
            .equal(Column::Name, filter.name.as_ref())
            .number(Column::Enabled, filter.enabled);
        list::<Entity, _, _>(self.readers(), Column::Number, conditions, page).await
    }

    /// The component of a digest, if it is installed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn plugin(&self, digest: &Digest) -> Result<Option<PluginRow>, StoreError> {
        let found = Entity::find().filter(Column::Digest.eq(digest.to_string())).one(self.readers()).await?;
        found.map(TryInto::try_into).transpose()
    }
}

impl TryFrom<Model> for PluginRow {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            digest: text("a plugin's digest", &row.digest)?,
            world: row.world,
            name: row.name,
            version: row.version,
            summary: row.summary,
            mergeable: row.mergeable,
            config_schema: json("a plugin's schema", &row.config_schema)?,
            wanted: json("what a plugin wants", &row.wanted)?,
            granted: json("what a plugin is granted", &row.granted)?,
            size_bytes: unsigned("a plugin's size", row.size_bytes)?,
            source: row.source,
            signature: row.signature,
            signed_by: row.signed_by,
            enabled: row.enabled,
            problem: row.problem,
            installed_at: time("when a plugin was installed", row.installed_at)?,
        })
    }
}
