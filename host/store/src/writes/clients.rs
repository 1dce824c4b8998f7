//! Clients.

use async_trait::async_trait;
use fedwit_domain::{ClientId, CombinerName, Timestamp};
use sea_orm::sea_query::{Expr, Func, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};

use crate::entities::clients::{ActiveModel, Column, Entity};
use crate::records::bounded;
use crate::writer::{Effects, Write};
use crate::{Store, StoreError};

/// A client that registers.
#[derive(Clone, Debug, PartialEq)]
pub struct NewClient {
    /// The client.
    pub id: ClientId,
    /// A name for people.
    pub name: String,
    /// `remote` or `local`: where its code comes from.
    pub package: String,
    /// The combiner that it asks for.
    pub combiner_preferred: Option<String>,
    /// The combiner that it is placed on.
    pub combiner: CombinerName,
    /// The address that it registers from.
    pub ip: Option<String>,
    /// When.
    pub at: Timestamp,
}

struct Remove(ClientId);

struct Place {
    client: ClientId,
    combiner: CombinerName,
    at: Timestamp,
}

struct Seen(Vec<(ClientId, Timestamp)>);

impl Store {
    /// Records a client, or what a client says anew.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn register_client(&self, client: NewClient) -> Result<(), StoreError> {
        self.writer().write(client).await
    }

    /// Forgets a client; false if there is none. What it did stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_client(&self, id: &ClientId) -> Result<bool, StoreError> {
        self.writer().write(Remove(id.clone())).await
    }

    /// Records that a client is placed on a combiner, at a time. One that is unknown is recorded, by its id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn place_client(
        &self,
        client: ClientId,
        combiner: CombinerName,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer().write(Place { client, combiner, at }).await
    }

    /// Records when clients were last seen. Those that are unknown are recorded, by their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clients_seen(&self, seen: Vec<(ClientId, Timestamp)>) -> Result<(), StoreError> {
        if seen.is_empty() {
            return Ok(());
        }
        self.writer().write(Seen(seen)).await
    }
}

#[async_trait]
impl Write for NewClient {
    type Answer = ();
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, _: &mut Effects) -> Result<(), StoreError> {
        let at = bounded(self.at.0);
        let row = ActiveModel {
            id: Set(self.id.into()),
            name: Set(self.name),
            package: Set(self.package),
            combiner_preferred: Set(self.combiner_preferred),
            combiner: Set(Some(self.combiner.into())),
            ip: Set(self.ip),
            created_at: Set(at),
            updated_at: Set(at),
            last_seen: Set(Some(at)),
            ..Default::default()
        };
        let renew = OnConflict::column(Column::Id)
            .update_columns([Column::Name, Column::Package, Column::CombinerPreferred, Column::Combiner])
            .update_columns([Column::Ip, Column::UpdatedAt])
            .value(Column::LastSeen, later(at))
            .to_owned();
        Entity::insert(row).on_conflict(renew).exec_without_returning(on).await?;
        Ok(())
    }
}

#[async_trait]
impl Write for Remove {
    type Answer = bool;
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, _: &mut Effects) -> Result<bool, StoreError> {
        let removed = Entity::delete_many().filter(Column::Id.eq(self.0.as_str())).exec(on).await?;
        Ok(removed.rows_affected > 0)
    }
}

#[async_trait]
impl Write for Place {
    type Answer = ();
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, _: &mut Effects) -> Result<(), StoreError> {
        let row = ActiveModel { combiner: Set(Some(self.combiner.into())), ..seen(self.client, bounded(self.at.0)) };
        let update = OnConflict::column(Column::Id).update_column(Column::Combiner).to_owned();
        Entity::insert(row).on_conflict(update).exec_without_returning(on).await?;
        Ok(())
    }
}

#[async_trait]
impl Write for Seen {
    type Answer = ();
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, _: &mut Effects) -> Result<(), StoreError> {
        for (client, at) in self.0 {
            let at = bounded(at.0);
            let update = OnConflict::column(Column::Id).value(Column::LastSeen, later(at)).to_owned();
            Entity::insert(seen(client, at)).on_conflict(update).exec_without_returning(on).await?;
        }
        Ok(())
    }
}

/// A client of which nothing is known but that it is there.
fn seen(client: ClientId, at: i64) -> ActiveModel {
    ActiveModel {
        id: Set(client.to_string()),
        name: Set(client.into()),
        // It was never given any code here.
        package: Set("local".to_owned()),
        created_at: Set(at),
        updated_at: Set(at),
        last_seen: Set(Some(at)),
        ..Default::default()
    }
}

/// When it was last seen, if it is seen at a time. Notes of it may come out of order.
fn later(at: i64) -> Expr {
    let known = Func::coalesce([Expr::col((Entity, Column::LastSeen)), Expr::value(at)]);
    Expr::expr(Func::cust("max").args([Expr::expr(known), Expr::value(at)]))
}
