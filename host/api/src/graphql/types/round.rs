//! Rounds.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use fedwit_store::{
    MetricRow, ParticipationRow, RefusalFilter, RefusalRow, RoundRow, TelemetryFilter, ValidationFilter, ValidationRow,
};

use super::participant::Participant;
use super::{Metric, Model, PluginVersion, Refusal, RoundStatus, Session, Validation};
use crate::graphql::inputs::ParticipantFilter;
use crate::graphql::paging::{self, List, Paging};
use crate::graphql::scalars::{Int64, MetricValues, between, id, time};
use crate::graphql::{Failure, federation, rows};

pub(in crate::graphql) struct Round(pub(in crate::graphql) RoundRow);

/// A round of a session. What belongs to an attempt is of its last one.
#[Object]
impl Round {
    /// What it is called by: `SESSION.NUMBER`.
    async fn id(&self) -> ID {
        id(&self.0.id)
    }

    /// Its number in the session, counted from 1.
    async fn number(&self) -> u32 {
        self.0.id.round.0
    }

    /// The session's id.
    async fn session_id(&self) -> ID {
        id(&self.0.id.session)
    }

    /// The session.
    async fn session(&self, ctx: &Context<'_>) -> Result<Option<Session>, Failure> {
        Ok(rows(ctx).load_one(self.0.id.session).await?.map(Session))
    }

    /// The attempt that is under way, or was the last, counted from 1.
    async fn attempt(&self) -> u32 {
        self.0.attempt.0
    }

    /// What it is doing.
    async fn status(&self) -> Result<RoundStatus, Failure> {
        self.0.status.parse()
    }

    /// Why the last attempt failed, or what the round waits for.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// The code of a failure, which does not change from version to version.
    async fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The plugin that aggregates, as it ran.
    async fn plugin(&self) -> Option<PluginVersion> {
        let (name, version, digest) = self.0.plugin.clone()?;
        Some(PluginVersion { name, version, digest: digest.to_string() })
    }

    /// The client selector that chose who is asked, as it ran, in a session that has one.
    async fn selector(&self) -> Option<PluginVersion> {
        let (name, version, digest) = self.0.selector.clone()?;
        Some(PluginVersion { name, version, digest: digest.to_string() })
    }

    /// The global model that it improves upon.
    async fn base(&self, ctx: &Context<'_>) -> Result<Option<Model>, Failure> {
        Ok(rows(ctx).load_one(self.0.base).await?.map(Model))
    }

    /// The new global model that it ended with.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>, Failure> {
        let Some(model) = self.0.model else { return Ok(None) };
        Ok(rows(ctx).load_one(model).await?.map(Model))
    }

    /// When it began: its first attempt was opened, or clients were first awaited.
    async fn opened_at(&self) -> DateTime<Utc> {
        time(self.0.opened_at)
    }

    /// When its last attempt was opened.
    async fn attempt_opened_at(&self) -> Option<DateTime<Utc>> {
        self.0.attempt_opened_at.map(time)
    }

    /// Until when its last attempt waits for updates, or it for clients.
    async fn deadline(&self) -> Option<DateTime<Utc>> {
        self.0.deadline.map(time)
    }

    /// When its last attempt took no more updates.
    async fn closed_at(&self) -> Option<DateTime<Utc>> {
        self.0.closed_at.map(time)
    }

    /// When it ended.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.ended_at.map(time)
    }

    /// How long updates came in, in milliseconds.
    async fn collecting_ms(&self) -> Option<Int64> {
        between(self.0.attempt_opened_at, self.0.closed_at)
    }

    /// How long they were made a model of after that, in milliseconds.
    async fn aggregating_ms(&self) -> Option<Int64> {
        between(self.0.closed_at, self.0.ended_at)
    }

    /// How long it took in all, in milliseconds.
    async fn duration_ms(&self) -> Option<Int64> {
        between(Some(self.0.opened_at), self.0.ended_at)
    }

    /// Updates that count.
    async fn updates(&self) -> u32 {
        self.0.updates
    }

    /// Examples that they rest on.
    async fn examples(&self) -> Int64 {
        Int64(self.0.examples)
    }

    /// What the aggregator measured.
    async fn aggregator_metrics(&self) -> MetricValues {
        MetricValues(self.0.aggregator_metrics.clone())
    }

    /// The example-weighted means of what clients measured, once nobody is waited for any more.
    async fn validation_metrics(&self) -> Option<MetricValues> {
        self.0.validation_metrics.clone().map(MetricValues)
    }

    /// Who was asked to train in its last attempt, or in the one that the filter names, and what became of it.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn participants(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<ParticipantFilter>,
    ) -> Result<List<Participant>, Failure> {
        let filter = filter.unwrap_or_default().of(self.0.id, self.0.attempt)?;
        let read = |page| federation(ctx).store().participations(&filter, page);
        let number = |row: &ParticipationRow| row.number;
        Paging::new(first, last, after, before)?.read(read, number, Participant).await
    }

    /// Updates that did not count, in any attempt.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn refusals(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Refusal>, Failure> {
        let (session, round) = (Some(self.0.id.session), Some(self.0.id.round));
        let filter = RefusalFilter { session, round, ..RefusalFilter::default() };
        let read = |page| federation(ctx).store().refusals(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &RefusalRow| row.number, Refusal).await
    }

    /// What each client measured of its model.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn validations(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Validation>, Failure> {
        let (session, round) = (Some(self.0.id.session), Some(self.0.id.round));
        let filter = ValidationFilter { session, round, ..ValidationFilter::default() };
        let read = |page| federation(ctx).store().validations(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &ValidationRow| row.number, Validation).await
    }

    /// Values that clients logged while they trained.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn metrics(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Metric>, Failure> {
        let filter = TelemetryFilter { round: Some(self.0.id), ..TelemetryFilter::default() };
        let read = |page| federation(ctx).store().metrics(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &MetricRow| row.number, Metric).await
    }
}
