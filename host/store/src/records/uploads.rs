//! Files that clients uploaded.

use fedwit_domain::{ClientId, Digest, SessionId, Timestamp, UpdateId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::columns::{optional, text, time, unsigned};
use crate::entities::uploads::{Column, Entity, Model};
use crate::{Store, StoreError};

/// A file that a client uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRow {
    /// Its name.
    pub id: UpdateId,
    /// Who uploaded it, if that is known.
    pub client: Option<ClientId>,
    /// The file.
    pub blob: Digest,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// The session that has accepted it as an update.
    pub used_by: Option<SessionId>,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// An upload.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn upload(&self, id: &UpdateId) -> Result<Option<UploadRow>, StoreError> {
        let found = Entity::find().filter(Column::Id.eq(id.as_str())).one(self.readers()).await?;
        found.map(TryInto::try_into).transpose()
    }
}

impl TryFrom<Model> for UploadRow {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: text("an upload's id", &row.id)?,
            client: optional("an upload's client", row.client)?,
            blob: text("an upload's blob", &row.blob)?,
            size_bytes: unsigned("an upload's size", row.size_bytes)?,
            used_by: optional("an upload's session", row.used_by)?,
            at: time("when a file was uploaded", row.at)?,
        })
    }
}
