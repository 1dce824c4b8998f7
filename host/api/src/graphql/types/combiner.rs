//! Combiners.

use async_graphql::{Context, Object};
use fedwit_store::ClientRow;

use super::Client;
use crate::graphql::paging::{self, List, Paging};
use crate::graphql::{Failure, federation};

pub(in crate::graphql) struct Combiner(pub(in crate::graphql) fedwit_federation::Combiner);

/// A combiner: it speaks with its clients, and folds their updates.
#[Object]
impl Combiner {
    /// Its name.
    async fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// How many of its clients are there now.
    async fn clients_online(&self) -> usize {
        self.0.clients_online
    }

    /// Its clients, in the order in which they were first seen.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn clients(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Client>, Failure> {
        let read = |page| federation(ctx).clients_of(&self.0.name, page);
        Paging::new(first, last, after, before)?.read(read, |row: &ClientRow| row.number, Client).await
    }
}
