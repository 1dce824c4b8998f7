//! Rows by their names, many at once.

use std::collections::BTreeMap;

use fedwit_domain::{ClientId, ModelId, RoundId, SessionId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{ClientRow, ModelRow, RoundRow, SessionRow};
use crate::entities::{clients, models, rounds, sessions};
use crate::{Store, StoreError};

/// Names in one query: SQLite takes some thousands of parameters.
const AT_ONCE: usize = 500;

impl Store {
    /// Clients by their ids, in any order; those that there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clients_by_id(&self, ids: &[ClientId]) -> Result<Vec<ClientRow>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(AT_ONCE) {
            let named = clients::Column::Id.is_in(ids.iter().map(ClientId::as_str));
            let rows = clients::Entity::find().filter(named).all(self.readers()).await?;
            extend(&mut found, rows)?;
        }
        Ok(found)
    }

    /// Sessions by their ids, in any order; those that there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sessions_by_id(&self, ids: &[SessionId]) -> Result<Vec<SessionRow>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(AT_ONCE) {
            let named = sessions::Column::Id.is_in(ids.iter().map(ToString::to_string));
            let rows = sessions::Entity::find().filter(named).all(self.readers()).await?;
            extend(&mut found, rows)?;
        }
        Ok(found)
    }

    /// Models by their ids, in any order; those that there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn models_by_id(&self, ids: &[ModelId]) -> Result<Vec<ModelRow>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(AT_ONCE) {
            let named = models::Column::Id.is_in(ids.iter().map(ToString::to_string));
            let rows = models::Entity::find().filter(named).all(self.readers()).await?;
            extend(&mut found, rows)?;
        }
        Ok(found)
    }

    /// Rounds by their ids, in any order; those that there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rounds_by_id(&self, ids: &[RoundId]) -> Result<Vec<RoundRow>, StoreError> {
        let mut by_session: BTreeMap<SessionId, Vec<i64>> = BTreeMap::new();
        for RoundId { session, round } in ids {
            by_session.entry(*session).or_default().push(round.0.into());
        }
        let mut found = Vec::with_capacity(ids.len());
        for (session, numbers) in by_session {
            for numbers in numbers.chunks(AT_ONCE) {
                let of_session = rounds::Column::Session.eq(session.to_string());
                let numbered = rounds::Column::Round.is_in(numbers.iter().copied());
                let rows = rounds::Entity::find().filter(of_session).filter(numbered).all(self.readers()).await?;
                extend(&mut found, rows)?;
            }
        }
        Ok(found)
    }
}

fn extend<M, T: TryFrom<M, Error = StoreError>>(found: &mut Vec<T>, rows: Vec<M>) -> Result<(), StoreError> {
    for row in rows {
        found.push(row.try_into()?);
    }
    Ok(())
}
