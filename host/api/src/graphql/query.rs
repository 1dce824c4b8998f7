//! What can be read.

use async_graphql::{Context, ID, Object};
use fedwit_store::{ClientRow, MetricRow, ModelRow, PackageRow, PredictionRow, RefusalRow, RoundRow, SessionRow};
use fedwit_store::{TelemetryFilter, ValidationRow};

use super::inputs::{
    ClientFilter, MetricFilter, ModelFilter, PackageFilter, PredictionFilter, RefusalFilter, RoundFilter,
    SessionFilter, ValidationFilter,
};
use super::paging::{self, List, Paging};
use super::types::{
    Client, Combiner, Metric, Model, Package, Plugin, PluginJob, PluginWorld, Prediction, Refusal, Round, Server,
    Session, Validation,
};
use super::{Failure, federation, plugins, rows};

pub(super) struct Query;

/// What can be read. Lists are given from their beginning, the earliest first: with `first` and `after` onwards, with
/// `last` and `before` from their end; 50 at a time if nothing is said, and 500 at most.
#[Object]
impl Query {
    /// The server.
    async fn server(&self) -> Server {
        Server
    }

    /// The plugins that there are: those that are built in, then those that were installed, in that order.
    #[graphql(complexity = "20 * child_complexity")]
    async fn plugins(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Made for this.")] world: Option<PluginWorld>,
        #[graphql(desc = "Whether it is the one that is used under its name.")] enabled: Option<bool>,
        #[graphql(desc = "Of this name.")] name: Option<String>,
    ) -> Vec<Plugin> {
        let mut plugins = federation(ctx).plugins();
        plugins.retain(|plugin| {
            world.is_none_or(|world| plugin.world == world.name())
                && enabled.is_none_or(|enabled| plugin.enabled == enabled)
                && name.as_ref().is_none_or(|name| plugin.name == *name)
        });
        plugins.into_iter().map(Plugin).collect()
    }

    /// The plugin of a digest; or the one that is used under a name, and if none is, the last of that name.
    async fn plugin(
        &self,
        ctx: &Context<'_>,
        name: Option<String>,
        #[graphql(desc = "The component's SHA-256.")] digest: Option<String>,
    ) -> Result<Option<Plugin>, Failure> {
        let meant = plugins::name(name, digest)?;
        Ok(plugins::find(federation(ctx), &meant).map(Plugin))
    }

    /// An installation of a plugin.
    async fn plugin_job(&self, ctx: &Context<'_>, id: ID) -> Result<PluginJob, Failure> {
        let job = federation(ctx).plugin_job(id.parse()?)?;
        let now = job.borrow().clone();
        Ok(PluginJob(now))
    }

    /// The combiners.
    #[graphql(complexity = "20 * child_complexity")]
    async fn combiners(&self, ctx: &Context<'_>) -> Vec<Combiner> {
        federation(ctx).combiners().into_iter().map(Combiner).collect()
    }

    /// A client.
    async fn client(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Client>, Failure> {
        Ok(rows(ctx).load_one(id.parse::<fedwit_domain::ClientId>()?).await?.map(Client))
    }

    /// Clients, in the order in which they were first seen.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn clients(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<ClientFilter>,
    ) -> Result<List<Client>, Failure> {
        let filter = filter.unwrap_or_default().into();
        let read = |page| federation(ctx).store().clients(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &ClientRow| row.number, Client).await
    }

    /// A session.
    async fn session(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Session>, Failure> {
        Ok(rows(ctx).load_one(id.parse::<fedwit_domain::SessionId>()?).await?.map(Session))
    }

    /// Sessions, in the order in which they were created.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<SessionFilter>,
    ) -> Result<List<Session>, Failure> {
        let filter = filter.unwrap_or_default().try_into()?;
        let read = |page| federation(ctx).store().sessions(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &SessionRow| row.number, Session).await
    }

    /// A round, by its id: `SESSION.NUMBER`.
    async fn round(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Round>, Failure> {
        Ok(rows(ctx).load_one(id.parse::<fedwit_domain::RoundId>()?).await?.map(Round))
    }

    /// Rounds of all sessions, in the order in which they began.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn rounds(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<RoundFilter>,
    ) -> Result<List<Round>, Failure> {
        let filter = filter.unwrap_or_default().try_into()?;
        let read = |page| federation(ctx).store().rounds(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &RoundRow| row.number, Round).await
    }

    /// A model.
    async fn model(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Model>, Failure> {
        Ok(rows(ctx).load_one(id.parse::<fedwit_domain::ModelId>()?).await?.map(Model))
    }

    /// Models, in the order in which they were made.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn models(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<ModelFilter>,
    ) -> Result<List<Model>, Failure> {
        let filter = filter.unwrap_or_default().try_into()?;
        let read = |page| federation(ctx).store().models(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &ModelRow| row.number, Model).await
    }

    /// A package.
    async fn package(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Package>, Failure> {
        Ok(federation(ctx).store().package(id.parse()?).await?.map(Package))
    }

    /// The package that clients are given that ask for the server's.
    async fn active_package(&self, ctx: &Context<'_>) -> Result<Option<Package>, Failure> {
        Ok(federation(ctx).store().active_package().await?.map(Package))
    }

    /// Packages, in the order in which they were uploaded.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn packages(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<PackageFilter>,
    ) -> Result<List<Package>, Failure> {
        let filter = filter.unwrap_or_default().into();
        let read = |page| federation(ctx).store().packages(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &PackageRow| row.number, Package).await
    }

    /// What clients predicted, the earliest first.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn predictions(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<PredictionFilter>,
    ) -> Result<List<Prediction>, Failure> {
        let filter = filter.unwrap_or_default().try_into()?;
        let read = |page| federation(ctx).store().predictions(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &PredictionRow| row.number, Prediction).await
    }

    /// What clients measured of rounds' models, the earliest first.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn validations(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<ValidationFilter>,
    ) -> Result<List<Validation>, Failure> {
        let filter = filter.unwrap_or_default().try_into()?;
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
        filter: Option<RefusalFilter>,
    ) -> Result<List<Refusal>, Failure> {
        let filter = filter.unwrap_or_default().try_into()?;
        let read = |page| federation(ctx).store().refusals(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &RefusalRow| row.number, Refusal).await
    }

    /// Values that clients logged while they trained, the earliest first. The oldest of very many are forgotten.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn metrics(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
        filter: Option<MetricFilter>,
    ) -> Result<List<Metric>, Failure> {
        let filter: TelemetryFilter = filter.unwrap_or_default().try_into()?;
        let read = |page| federation(ctx).store().metrics(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &MetricRow| row.number, Metric).await
    }
}
