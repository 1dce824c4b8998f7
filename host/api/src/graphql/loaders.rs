//! Rows that many nodes of one answer refer to, read once and together.

use std::collections::HashMap;

use async_graphql::dataloader::{DataLoader, Loader};
use fedwit_domain::{ClientId, ModelId, RoundId, SessionId};
use fedwit_store::{AttributeRow, ClientRow, ModelRow, RoundRow, SessionRow, Store};

use super::Failure;

/// Reads rows by their names.
pub(super) struct Rows(Store);

/// The attributes of a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AttributesOf(pub(super) ClientId);

impl Rows {
    /// Nothing is remembered from one answer to the next: rows change.
    pub(super) fn loader(store: Store) -> DataLoader<Self> {
        DataLoader::new(Self(store), tokio::spawn)
    }
}

impl Loader<ModelId> for Rows {
    type Value = ModelRow;
    type Error = Failure;

    async fn load(&self, ids: &[ModelId]) -> Result<HashMap<ModelId, ModelRow>, Failure> {
        Ok(self.0.models_by_id(ids).await?.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Loader<ClientId> for Rows {
    type Value = ClientRow;
    type Error = Failure;

    async fn load(&self, ids: &[ClientId]) -> Result<HashMap<ClientId, ClientRow>, Failure> {
        Ok(self.0.clients_by_id(ids).await?.into_iter().map(|row| (row.id.clone(), row)).collect())
    }
}

impl Loader<SessionId> for Rows {
    type Value = SessionRow;
    type Error = Failure;

    async fn load(&self, ids: &[SessionId]) -> Result<HashMap<SessionId, SessionRow>, Failure> {
        Ok(self.0.sessions_by_id(ids).await?.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Loader<RoundId> for Rows {
    type Value = RoundRow;
    type Error = Failure;

    async fn load(&self, ids: &[RoundId]) -> Result<HashMap<RoundId, RoundRow>, Failure> {
        Ok(self.0.rounds_by_id(ids).await?.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Loader<AttributesOf> for Rows {
    type Value = Vec<AttributeRow>;
    type Error = Failure;

    async fn load(&self, clients: &[AttributesOf]) -> Result<HashMap<AttributesOf, Self::Value>, Failure> {
        let clients: Vec<ClientId> = clients.iter().map(|AttributesOf(client)| client.clone()).collect();
        let mut of_clients: HashMap<AttributesOf, Vec<AttributeRow>> = HashMap::new();
        for row in self.0.current_attributes(&clients).await? {
            of_clients.entry(AttributesOf(row.client.clone())).or_default().push(row);
        }
        Ok(of_clients)
    }
}
