//! What else is remembered.

use async_trait::async_trait;
use fedwit_domain::ModelFormat;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait};

use crate::entities::settings::{ActiveModel, Column, Entity};
use crate::records::HELPER;
use crate::writer::{Effects, Write};
use crate::{Store, StoreError};

struct Setting {
    key: &'static str,
    value: String,
}

impl Store {
    /// Remembers the format that clients speak where no package says so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_helper(&self, format: ModelFormat) -> Result<(), StoreError> {
        self.writer().write(Setting { key: HELPER, value: format.helper().to_owned() }).await
    }
}

#[async_trait]
impl Write for Setting {
    type Answer = ();
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, _: &mut Effects) -> Result<(), StoreError> {
        let row = ActiveModel { key: Set(self.key.to_owned()), value: Set(self.value) };
        let replace = OnConflict::column(Column::Key).update_column(Column::Value).to_owned();
        Entity::insert(row).on_conflict(replace).exec_without_returning(on).await?;
        Ok(())
    }
}
