//! Collecting blobs that nothing refers to.

use async_trait::async_trait;
use fedwit_domain::Digest;
use sea_orm::DatabaseTransaction;

use crate::writer::{Effects, Write};
use crate::{Store, StoreError};

/// Lets the writer look at blobs, and delete those that nothing refers to. It changes nothing itself; but what the writer
/// does comes one after the other, so that no reference is taken while it looks.
pub(crate) struct Collect {
    pub(crate) blobs: Vec<Digest>,
    /// Whether they were finished and are not going to be referred to.
    pub(crate) given_up: bool,
}

impl Store {
    /// Says that a finished file is not going to be referred to by the one who finished it, and deletes it if nothing
    /// else refers to it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn collect(&self, blob: &Digest) -> Result<(), StoreError> {
        self.writer().write(Collect { blobs: vec![*blob], given_up: true }).await
    }
}

#[async_trait]
impl Write for Collect {
    type Answer = ();
    type Error = StoreError;

    async fn write(self, _: &DatabaseTransaction, effects: &mut Effects) -> Result<(), StoreError> {
        if self.given_up {
            effects.claimed.extend(&self.blobs);
        }
        effects.released.extend(self.blobs);
        Ok(())
    }
}
