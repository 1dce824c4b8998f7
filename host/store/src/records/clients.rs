//! Clients.

use fedwit_domain::{ClientId, CombinerName, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::columns::{optional, text, time};
use super::list::{Conditions, list};
use super::{Listed, Page};
use crate::entities::clients::{Column, Entity, Model};
use crate::{Store, StoreError};

/// A client that has registered, or has once been seen.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientRow {
    /// The row's number.
    pub number: i64,
    /// The client.
    pub id: ClientId,
    /// A name for people.
    pub name: String,
    /// `remote` or `local`: where its code comes from.
    pub package: String,
    /// The combiner that it asked for.
    pub combiner_preferred: Option<String>,
    /// The combiner that it was last placed on. There may be none of that name any more.
    pub combiner: Option<CombinerName>,
    /// The address that it registered from.
    pub ip: Option<String>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When it last registered.
    pub updated_at: Timestamp,
    /// When it was last seen, as far as that is recorded: the latest is in memory.
    pub last_seen: Option<Timestamp>,
}

/// Which clients.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientFilter {
    /// The client.
    pub id: Option<ClientId>,
    /// Its name.
    pub name: Option<String>,
    /// Where its code comes from.
    pub package: Option<String>,
    /// The combiner that it asked for.
    pub combiner_preferred: Option<String>,
    /// The combiner that it was last placed on.
    pub combiner: Option<CombinerName>,
    /// First seen at this time, or later.
    pub from: Option<Timestamp>,
    /// First seen before this time.
    pub until: Option<Timestamp>,
}

impl Store {
    /// Clients, in the order in which they were first seen.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clients(&self, filter: &ClientFilter, page: Page) -> Result<Listed<ClientRow>, StoreError> {
        let conditions = Conditions::new()
            .equal(Column::Id, filter.id.as_ref())
            .equal(Column::Name, filter.name.as_ref())
            .equal(Column::Package, filter.package.as_ref())
            .equal(Column::CombinerPreferred, filter.combiner_preferred.as_ref())
            .equal(Column::Combiner, filter.combiner.as_ref())
            .within(Column::CreatedAt, filter.from, filter.until);
        list::<Entity, _, _>(self.readers(), Column::Number, conditions, page).await
    }

    /// A client.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn client(&self, id: &ClientId) -> Result<Option<ClientRow>, StoreError> {
        let found = Entity::find().filter(Column::Id.eq(id.as_str())).one(self.readers()).await?;
        found.map(TryInto::try_into).transpose()
    }

    /// Where clients were placed, and when they were last seen, those that were seen last first, at most so many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn placements(&self, most: u64) -> Result<Vec<(ClientId, CombinerName, Timestamp)>, StoreError> {
        let placed = Entity::find()
            .select_only()
            .columns([Column::Id, Column::Combiner, Column::LastSeen])
            .filter(Column::Combiner.is_not_null())
            .order_by_desc(Column::LastSeen)
            .limit(most)
            .into_tuple::<(String, String, Option<i64>)>();
        let read = |(id, combiner, seen): (String, String, Option<i64>)| {
            let seen = time("when a client was last seen", seen.unwrap_or_default())?;
            Ok((text("a client's id", &id)?, text("a client's combiner", &combiner)?, seen))
        };
        placed.all(self.readers()).await?.into_iter().map(read).collect()
    }
}

impl TryFrom<Model> for ClientRow {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            id: text("a client's id", &row.id)?,
            name: row.name,
            package: row.package,
            combiner_preferred: row.combiner_preferred,
            combiner: optional("a client's combiner", row.combiner)?,
            ip: row.ip,
            created_at: time("when a client was first seen", row.created_at)?,
            updated_at: time("when a client registered", row.updated_at)?,
            last_seen: row.last_seen.map(|seen| time("when a client was last seen", seen)).transpose()?,
        })
    }
}
