//! Models and their trail.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use fedwit_store::{ModelRow, ValidationFilter, ValidationRow};

use super::{ModelFormat, Round, Session, Validation};
use crate::graphql::paging::{self, List, Paging};
use crate::graphql::scalars::{Int64, id, time};
use crate::graphql::{Failure, federation, rows};

pub(in crate::graphql) struct Model(pub(in crate::graphql) ModelRow);

/// A model: a seed, or what a round ended with.
#[Object]
impl Model {
    /// What it is called by.
    async fn id(&self) -> ID {
        id(&self.0.id)
    }

    /// A name for people.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The model that it improves upon; none for a seed.
    async fn parent(&self, ctx: &Context<'_>) -> Result<Option<Model>, Failure> {
        let Some(parent) = self.0.parent else { return Ok(None) };
        Ok(rows(ctx).load_one(parent).await?.map(Model))
    }

    /// The round that ended with it; none for a seed.
    async fn round(&self, ctx: &Context<'_>) -> Result<Option<Round>, Failure> {
        let Some(round) = self.0.round else { return Ok(None) };
        Ok(rows(ctx).load_one(round).await?.map(Round))
    }

    /// The session that made it; none for a seed.
    async fn session(&self, ctx: &Context<'_>) -> Result<Option<Session>, Failure> {
        let Some(round) = self.0.round else { return Ok(None) };
        Ok(rows(ctx).load_one(round.session).await?.map(Session))
    }

    /// The SHA-256 of its safetensors file.
    async fn digest(&self) -> String {
        self.0.blob.to_string()
    }

    /// The length of its safetensors file in bytes.
    async fn size_bytes(&self) -> Int64 {
        Int64(self.0.size_bytes)
    }

    /// The format that it came in, or that its session's clients read.
    async fn format(&self) -> ModelFormat {
        self.0.format.into()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        time(self.0.created_at)
    }

    /// Where it can be downloaded in its format: a path on this server.
    async fn download_url(&self) -> String {
        format!("/api/v1/models/{}/download", self.0.id)
    }

    /// What it was made from: its parent, the parent's parent, and so on, back to the seed.
    #[graphql(complexity = "paging::cost(first, None, child_complexity)")]
    async fn trail(&self, ctx: &Context<'_>, first: Option<u32>) -> Result<Vec<Model>, Failure> {
        let ancestors = federation(ctx).store().ancestors(self.0.id, paging::count(first)?, false).await?;
        Ok(ancestors.into_iter().map(Model).collect())
    }

    /// What was made from it, the nearest first.
    #[graphql(complexity = "paging::cost(first, None, child_complexity)")]
    async fn descendants(&self, ctx: &Context<'_>, first: Option<u32>) -> Result<Vec<Model>, Failure> {
        let descendants = federation(ctx).store().descendants(self.0.id, paging::count(first)?).await?;
        Ok(descendants.into_iter().map(Model).collect())
    }

    /// What clients measured of it, the earliest first.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn validations(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Validation>, Failure> {
        let filter = ValidationFilter { model: Some(self.0.id), ..ValidationFilter::default() };
        let read = |page| federation(ctx).store().validations(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &ValidationRow| row.number, Validation).await
    }
}
