//! Clients.

use std::collections::BTreeMap;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use fedwit_store::{ClientRow, MetricRow, ParticipationFilter, ParticipationRow, RefusalFilter, RefusalRow};
use fedwit_store::{TelemetryFilter, ValidationFilter, ValidationRow};

use super::participant::Participant;
use super::{Metric, Refusal, Validation};
use crate::graphql::loaders::AttributesOf;
use crate::graphql::paging::{self, List, Paging};
use crate::graphql::scalars::{JsonObject, id, time};
use crate::graphql::{Failure, federation, rows};

pub(in crate::graphql) struct Client(pub(in crate::graphql) ClientRow);

/// A client: it trains where its data lies.
#[Object]
impl Client {
    /// What it is called by; it chose that itself, or was given it when it registered.
    async fn id(&self) -> ID {
        id(&self.0.id)
    }

    /// A name for people.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether it has a stream of tasks open, or was heard of a moment ago.
    async fn online(&self, ctx: &Context<'_>) -> bool {
        federation(ctx).presence(&self.0.id).online
    }

    /// When it was last heard of.
    async fn last_seen(&self, ctx: &Context<'_>) -> Option<DateTime<Utc>> {
        federation(ctx).presence(&self.0.id).last_seen.max(self.0.last_seen).map(time)
    }

    /// Where its code comes from: `remote`, the server's package, or `local`, its own.
    async fn package(&self) -> &str {
        &self.0.package
    }

    /// The combiner that it belongs to. None if it has not connected since it had to be placed anew.
    async fn combiner(&self, ctx: &Context<'_>) -> Option<String> {
        federation(ctx).combiner_of(&self.0.id).map(ToString::to_string)
    }

    /// The combiner that it asked for when it registered. There may be none of that name.
    async fn combiner_preferred(&self) -> Option<&str> {
        self.0.combiner_preferred.as_deref()
    }

    /// The address that it registered from.
    async fn ip(&self) -> Option<&str> {
        self.0.ip.as_deref()
    }

    /// When it was first seen.
    async fn created_at(&self) -> DateTime<Utc> {
        time(self.0.created_at)
    }

    /// When it last registered.
    async fn updated_at(&self) -> DateTime<Utc> {
        time(self.0.updated_at)
    }

    /// What it says about itself: the latest value of each attribute, by name.
    async fn attributes(&self, ctx: &Context<'_>) -> Result<JsonObject, Failure> {
        let attributes = rows(ctx).load_one(AttributesOf(self.0.id.clone())).await?.unwrap_or_default();
        let by_name: BTreeMap<_, _> = attributes.into_iter().map(|row| (row.key, row.value.into())).collect();
        Ok(JsonObject(by_name.into_iter().collect()))
    }

    /// Its part in rounds, the earliest first.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn participations(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Participant>, Failure> {
        let filter = ParticipationFilter { client: Some(self.0.id.clone()), ..ParticipationFilter::default() };
        let read = |page| federation(ctx).store().participations(&filter, page);
        let number = |row: &ParticipationRow| row.number;
        Paging::new(first, last, after, before)?.read(read, number, Participant).await
    }

    /// Updates of it that did not count, the earliest first.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn refusals(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Refusal>, Failure> {
        let filter = RefusalFilter { client: Some(self.0.id.clone()), ..RefusalFilter::default() };
        let read = |page| federation(ctx).store().refusals(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &RefusalRow| row.number, Refusal).await
    }

    /// What it measured of rounds' models, the earliest first.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn validations(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Validation>, Failure> {
        let filter = ValidationFilter { client: Some(self.0.id.clone()), ..ValidationFilter::default() };
        let read = |page| federation(ctx).store().validations(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &ValidationRow| row.number, Validation).await
    }

    /// Values that it logged while it trained, the earliest first.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn metrics(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Metric>, Failure> {
        let filter = TelemetryFilter { client: Some(self.0.id.clone()), ..TelemetryFilter::default() };
        let read = |page| federation(ctx).store().metrics(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &MetricRow| row.number, Metric).await
    }
}
