//! Seed models. All others come from events.

use async_trait::async_trait;
use fedwit_domain::ports::StoredBlob;
use fedwit_domain::{ModelFormat, ModelId, Timestamp};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait};

use crate::entities::models::{ActiveModel, Entity};
use crate::records::bounded;
use crate::writer::{Effects, Write};
use crate::{Store, StoreError};

/// A seed model, whose file is durable.
#[derive(Clone, Debug, PartialEq)]
pub struct NewModel {
    /// The model.
    pub id: ModelId,
    /// A name for people.
    pub name: String,
    /// Its safetensors file.
    pub blob: StoredBlob,
    /// The format that it came in.
    pub format: ModelFormat,
    /// When it came.
    pub at: Timestamp,
}

impl Store {
    /// Records a seed model, which keeps its file.
    ///
    /// # Errors
    /// [`StoreError`], also if there is a model of this id.
    pub async fn add_model(&self, model: NewModel) -> Result<(), StoreError> {
        self.writer().write(model).await
    }
}

#[async_trait]
impl Write for NewModel {
    type Answer = ();
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, effects: &mut Effects) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(self.id.to_string()),
            name: Set(self.name),
            blob: Set(self.blob.digest.to_string()),
            size_bytes: Set(bounded(self.blob.size_bytes)),
            format: Set(self.format.helper().to_owned()),
            created_at: Set(bounded(self.at.0)),
            ..Default::default()
        };
        Entity::insert(row).exec_without_returning(on).await?;
        effects.claimed.push(self.blob.digest);
        Ok(())
    }
}
