//! Files that clients upload.
//!
//! An upload is named by its client, and so it may come twice: the answer to the first may have been lost. Once it is
//! used as an update it is what it is, and its name is never used for anything else.

use async_trait::async_trait;
use fedwit_domain::ports::StoredBlob;
use fedwit_domain::{ClientId, Digest, Timestamp, UpdateId};
use sea_orm::sea_query::IntoCondition;
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter};

use crate::entities::uploads::{ActiveModel, Column, Entity, Model};
use crate::records::{bounded, text};
use crate::writer::{Effects, Write};
use crate::{RecordUploadError, Store, StoreError};

/// A file that a client has uploaded, and that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpload {
    /// Its name.
    pub id: UpdateId,
    /// Who uploads it, if that is known.
    pub client: Option<ClientId>,
    /// The file.
    pub blob: StoredBlob,
    /// When.
    pub at: Timestamp,
}

/// Lets go of uploads that are not used.
struct Release(Condition);

impl Store {
    /// Records an upload, which keeps its file. The same once more changes nothing; another file under the same name
    /// takes the place of one that is not used.
    ///
    /// # Errors
    /// [`RecordUploadError::Used`] if the name belongs to a file that counts already, or that somebody else uploaded.
    pub async fn record_upload(&self, upload: NewUpload) -> Result<(), RecordUploadError> {
        let blob = upload.blob.digest;
        let recorded = self.writer().write(upload).await;
        if matches!(recorded, Err(RecordUploadError::Used)) {
            self.collect(&blob).await?;
        }
        recorded
    }

    /// Lets go of an upload, and of its file. One that is used, or that is none, is passed over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_upload(&self, id: &UpdateId) -> Result<(), StoreError> {
        self.writer().write(Release(Column::Id.eq(id.as_str()).into_condition())).await?;
        Ok(())
    }

    /// Lets go of all uploads from before a time that are not used, and says how many there were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_stale_uploads(&self, older_than: Timestamp) -> Result<u64, StoreError> {
        self.writer().write(Release(Column::At.lt(bounded(older_than.0)).into_condition())).await
    }
}

#[async_trait]
impl Write for NewUpload {
    type Answer = ();
    type Error = RecordUploadError;

    async fn write(self, on: &DatabaseTransaction, effects: &mut Effects) -> Result<(), RecordUploadError> {
        let digest = self.blob.digest;
        let known = Entity::find().filter(Column::Id.eq(self.id.as_str())).one(on).await.map_err(StoreError::from)?;
        if let Some(known) = known {
            let same = known.blob == digest.to_string();
            let foreign = known.client.as_deref().zip(self.client.as_ref()).is_some_and(|(a, b)| a != b.as_str());
            if foreign || (known.used_by.is_some() && !same) {
                return Err(RecordUploadError::Used);
            }
            if !same {
                effects.released.push(replace(on, known, &self).await?);
            } else if known.used_by.is_some() {
                // The file may have served its purpose.
                effects.released.push(digest);
            }
        } else {
            insert(on, self).await?;
        }
        effects.claimed.push(digest);
        Ok(())
    }
}

async fn insert(on: &DatabaseTransaction, upload: NewUpload) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(upload.id.into()),
        client: Set(upload.client.map(Into::into)),
        blob: Set(upload.blob.digest.to_string()),
        size_bytes: Set(bounded(upload.blob.size_bytes)),
        used_by: Set(None),
        at: Set(bounded(upload.at.0)),
        ..Default::default()
    };
    Entity::insert(row).exec_without_returning(on).await?;
    Ok(())
}

/// Gives a name to another file, and returns the one that had it.
async fn replace(on: &DatabaseTransaction, known: Model, upload: &NewUpload) -> Result<Digest, StoreError> {
    let change = ActiveModel {
        client: Set(upload.client.clone().map(Into::into).or(known.client)),
        blob: Set(upload.blob.digest.to_string()),
        size_bytes: Set(bounded(upload.blob.size_bytes)),
        at: Set(bounded(upload.at.0)),
        ..Default::default()
    };
    Entity::update_many().set(change).filter(Column::Number.eq(known.number)).exec(on).await?;
    text("an upload's blob", &known.blob)
}

#[async_trait]
impl Write for Release {
    type Answer = u64;
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, effects: &mut Effects) -> Result<u64, StoreError> {
        let unused = self.0.add(Column::UsedBy.is_null());
        for upload in Entity::find().filter(unused.clone()).all(on).await? {
            effects.released.push(text("an upload's blob", &upload.blob)?);
        }
        Ok(Entity::delete_many().filter(unused).exec(on).await?.rows_affected)
    }
}
