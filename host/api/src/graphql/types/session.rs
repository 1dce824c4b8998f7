//! Sessions.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use fedwit_domain::{RoundId, RoundNumber};
use fedwit_store::{
    MetricRow, ModelFilter, ModelRow, RefusalFilter, RefusalRow, RoundFilter, RoundRow, RunFilter, RunRow, SessionRow,
    TelemetryFilter, ValidationFilter, ValidationRow,
};

use super::config::SessionConfig;
use super::run::Run;
use super::series::{self, MetricSeries};
use super::{Metric, Model, Refusal, Round, RoundStatus, SessionEvent, SessionStatus, Validation};
use crate::graphql::paging::{self, List, Paging};
use crate::graphql::scalars::{Int64, id, time};
use crate::graphql::{Failure, federation, rows};

/// What a series over all rounds costs: they are all read.
const SERIES: usize = 500;

pub(in crate::graphql) struct Session(pub(in crate::graphql) SessionRow);

/// A session: one training run, round by round.
#[Object]
impl Session {
    /// What it is called by.
    async fn id(&self) -> ID {
        id(&self.0.id)
    }

    /// A name for people.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is doing.
    async fn status(&self) -> Result<SessionStatus, Failure> {
        self.0.status.parse()
    }

    /// Why it ended, or what it waits for, if anything.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// The code of a failure, which does not change from version to version.
    async fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// How it is run.
    async fn config(&self) -> SessionConfig {
        SessionConfig(self.0.config.clone())
    }

    /// The model that it started from.
    async fn seed_model(&self, ctx: &Context<'_>) -> Result<Option<Model>, Failure> {
        Ok(rows(ctx).load_one(self.0.seed_model).await?.map(Model))
    }

    /// The latest global model.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>, Failure> {
        Ok(rows(ctx).load_one(self.0.model).await?.map(Model))
    }

    /// The best model so far, where the session looks for that.
    async fn best_model(&self, ctx: &Context<'_>) -> Result<Option<Model>, Failure> {
        let Some(best) = self.0.best_model else { return Ok(None) };
        Ok(rows(ctx).load_one(best).await?.map(Model))
    }

    /// Rounds that gave a model.
    async fn rounds_completed(&self) -> u32 {
        self.0.rounds_completed
    }

    /// The last round that was asked for.
    async fn rounds_until(&self) -> u32 {
        self.0.rounds_until
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime<Utc> {
        time(self.0.created_at)
    }

    /// When something last happened in it.
    async fn updated_at(&self) -> DateTime<Utc> {
        time(self.0.updated_at)
    }

    /// A round by its number.
    async fn round(&self, ctx: &Context<'_>, number: u32) -> Result<Option<Round>, Failure> {
        let round = RoundId { session: self.0.id, round: RoundNumber(number) };
        Ok(rows(ctx).load_one(round).await?.map(Round))
    }

    /// Its rounds, the first first; only those of a status if one is given.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn rounds(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
        status: Option<RoundStatus>,
    ) -> Result<List<Round>, Failure> {
        let status = status.map(|status| status.name().to_owned());
        let filter = RoundFilter { session: Some(self.0.id), status, ..RoundFilter::default() };
        let read = |page| federation(ctx).store().rounds(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &RoundRow| row.number, Round).await
    }

    /// The times that it was started, the first first.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn runs(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Run>, Failure> {
        let filter = RunFilter { session: Some(self.0.id), ..RunFilter::default() };
        let read = |page| federation(ctx).store().runs(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &RunRow| row.number, Run).await
    }

    /// The models that its rounds ended with, the first first.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn models(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Model>, Failure> {
        let filter = ModelFilter { session: Some(self.0.id), ..ModelFilter::default() };
        let read = |page| federation(ctx).store().models(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &ModelRow| row.number, Model).await
    }

    /// How the example-weighted means of what clients measured went from round to round; only of some metrics if
    /// they are named.
    #[graphql(complexity = "SERIES + child_complexity")]
    async fn validation_series(
        &self,
        ctx: &Context<'_>,
        names: Option<Vec<String>>,
    ) -> Result<Vec<MetricSeries>, Failure> {
        let rounds = series::rounds(federation(ctx).store(), self.0.id).await?;
        let measured = rounds.iter().filter_map(|row| Some((row.id.round.0, row.validation_metrics.as_ref()?)));
        Ok(series::series(measured, names.as_deref()))
    }

    /// How what the aggregator measured went from round to round; only of some metrics if they are named.
    #[graphql(complexity = "SERIES + child_complexity")]
    async fn aggregator_series(
        &self,
        ctx: &Context<'_>,
        names: Option<Vec<String>>,
    ) -> Result<Vec<MetricSeries>, Failure> {
        let rounds = series::rounds(federation(ctx).store(), self.0.id).await?;
        let measured = rounds.iter().map(|row| (row.id.round.0, &row.aggregator_metrics));
        Ok(series::series(measured, names.as_deref()))
    }

    /// What each client measured of its rounds' models, the earliest first.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn validations(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Validation>, Failure> {
        let filter = ValidationFilter { session: Some(self.0.id), ..ValidationFilter::default() };
        let read = |page| federation(ctx).store().validations(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &ValidationRow| row.number, Validation).await
    }

    /// Updates that did not count, the earliest first.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn refusals(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Refusal>, Failure> {
        let filter = RefusalFilter { session: Some(self.0.id), ..RefusalFilter::default() };
        let read = |page| federation(ctx).store().refusals(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &RefusalRow| row.number, Refusal).await
    }

    /// Values that clients logged while they trained, the earliest first; only those of a name if one is given.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn metrics(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
        name: Option<String>,
    ) -> Result<List<Metric>, Failure> {
        let filter = TelemetryFilter { session: Some(self.0.id), key: name, ..TelemetryFilter::default() };
        let read = |page| federation(ctx).store().metrics(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &MetricRow| row.number, Metric).await
    }

    /// What happened in it after the event of a number, the earliest first. What comes next is `sessionEvents`, after
    /// the last number of these.
    #[graphql(complexity = "paging::cost(first, None, child_complexity)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        #[graphql(default)] after: Int64,
    ) -> Result<Vec<SessionEvent>, Failure> {
        let log = federation(ctx).store().log();
        let events = log.read(self.0.id, after.0, paging::count(first)?).await?;
        Ok(events.into_iter().map(|recorded| SessionEvent { session: self.0.id, recorded }).collect())
    }
}
