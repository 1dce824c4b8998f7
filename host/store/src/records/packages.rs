//! The code that clients run.

use fedwit_domain::{Digest, ModelFormat, PackageId, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::columns::{text, time, unsigned};
use super::list::{Conditions, list};
use super::{Listed, Page};
use crate::entities::packages::{Column, Entity, Model};
use crate::{Store, StoreError};

/// The code that clients run.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageRow {
    /// The row's number.
    pub number: i64,
    /// The package.
    pub id: PackageId,
    /// A name for people.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// The file's name, as it was uploaded.
    pub file_name: String,
    /// What its clients read.
    pub format: ModelFormat,
    /// The archive.
    pub blob: Digest,
    /// The archive's length in bytes.
    pub size_bytes: u64,
    /// Whether it is what clients are given.
    pub active: bool,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

/// Which packages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PackageFilter {
    /// The package.
    pub id: Option<PackageId>,
    /// Its name.
    pub name: Option<String>,
    /// Whether it is what clients are given.
    pub active: Option<bool>,
    /// Uploaded at this time, or later.
    pub from: Option<Timestamp>,
    /// Uploaded before this time.
    pub until: Option<Timestamp>,
}

impl Store {
    /// Packages, in the order in which they were uploaded.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn packages(&self, filter: &PackageFilter, page: Page) -> Result<Listed<PackageRow>, StoreError> {
        let conditions = Conditions::new()
            .equal(Column::Id, filter.id)
            .equal(Column::Name, filter.name.as_ref())
            .number(Column::Active, filter.active)
            .within(Column::CreatedAt, filter.from, filter.until);
        list::<Entity, _, _>(self.readers(), Column::Number, conditions, page).await
    }

    /// A package.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn package(&self, id: PackageId) -> Result<Option<PackageRow>, StoreError> {
        let found = Entity::find().filter(Column::Id.eq(id.to_string())).one(self.readers()).await?;
        found.map(TryInto::try_into).transpose()
    }

    /// The package that clients are given.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn active_package(&self) -> Result<Option<PackageRow>, StoreError> {
        let found = Entity::find().filter(Column::Active.eq(true)).one(self.readers()).await?;
        found.map(TryInto::try_into).transpose()
    }
}

impl TryFrom<Model> for PackageRow {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            id: text("a package's id", &row.id)?,
            name: row.name,
            description: row.description,
            file_name: row.file_name,
            format: text("a package's format", &row.format)?,
            blob: text("a package's blob", &row.blob)?,
            size_bytes: unsigned("a package's size", row.size_bytes)?,
            active: row.active,
            created_at: time("when a package was uploaded", row.created_at)?,
        })
    }
}
