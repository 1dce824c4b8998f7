//! The code that clients run.

use async_trait::async_trait;
use fedwit_domain::ports::StoredBlob;
use fedwit_domain::{ModelFormat, PackageId, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};

use crate::entities::packages::{ActiveModel, Column, Entity};
use crate::records::bounded;
use crate::writer::{Effects, Write};
use crate::{Store, StoreError};

/// A package, whose archive is durable.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPackage {
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
    pub blob: StoredBlob,
    /// When it was uploaded.
    pub at: Timestamp,
}

/// One is given to clients, or none.
struct Activate(Option<PackageId>);

impl Store {
    /// Records a package, which keeps its file and becomes the one that clients are given.
    ///
    /// # Errors
    /// [`StoreError`], also if there is a package of this id.
    pub async fn add_package(&self, package: NewPackage) -> Result<(), StoreError> {
        self.writer().write(package).await
    }

    /// Gives clients another package, or none; false if there is no such package.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn activate_package(&self, id: Option<PackageId>) -> Result<bool, StoreError> {
        self.writer().write(Activate(id)).await
    }
}

#[async_trait]
impl Write for NewPackage {
    type Answer = ();
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, effects: &mut Effects) -> Result<(), StoreError> {
        deactivate(on).await?;
        let row = ActiveModel {
            id: Set(self.id.to_string()),
            name: Set(self.name),
            description: Set(self.description),
            file_name: Set(self.file_name),
            format: Set(self.format.helper().to_owned()),
            blob: Set(self.blob.digest.to_string()),
            size_bytes: Set(bounded(self.blob.size_bytes)),
            active: Set(true),
            created_at: Set(bounded(self.at.0)),
            ..Default::default()
        };
        Entity::insert(row).exec_without_returning(on).await?;
        effects.claimed.push(self.blob.digest);
        Ok(())
    }
}

#[async_trait]
impl Write for Activate {
    type Answer = bool;
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, _: &mut Effects) -> Result<bool, StoreError> {
        let Some(id) = self.0 else {
            deactivate(on).await?;
            return Ok(true);
        };
        let by_id = Column::Id.eq(id.to_string());
        if Entity::find().filter(by_id.clone()).one(on).await?.is_none() {
            return Ok(false);
        }
        deactivate(on).await?;
        Entity::update_many().col_expr(Column::Active, Expr::value(true)).filter(by_id).exec(on).await?;
        Ok(true)
    }
}

async fn deactivate(on: &DatabaseTransaction) -> Result<(), StoreError> {
    let active = Column::Active.eq(true);
    Entity::update_many().col_expr(Column::Active, Expr::value(false)).filter(active).exec(on).await?;
    Ok(())
}
