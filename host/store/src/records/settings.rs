//! What else is remembered.

use fedwit_domain::ModelFormat;
use sea_orm::EntityTrait;

use super::columns::text;
use crate::entities::settings::Entity;
use crate::{Store, StoreError};

/// The key of the format that clients speak where no package says so.
pub(crate) const HELPER: &str = "helper";

impl Store {
    /// The format that clients speak where no package says so, if it was set.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn helper(&self) -> Result<Option<ModelFormat>, StoreError> {
        let found = Entity::find_by_id(HELPER.to_owned()).one(self.readers()).await?;
        found.map(|setting| text("the helper", &setting.value)).transpose()
    }
}
