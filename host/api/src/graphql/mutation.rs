//! What can be done.

use async_graphql::{Context, ID, Object};
use fedwit_domain::{Digest, ModelId, PackageId, SessionId, Start};
use fedwit_federation::{InstallFrom, NewPackageFile, NewSeed, NewSessionRequest, PluginInstall, PluginName};

use super::inputs::{CreateSessionInput, StartSessionInput};
use super::multipart::{FileUpload, Received};
use super::types::{Model, ModelFormat, Package, Plugin, PluginJob, PredictionRequest, Session};
use super::{Failure, federation, plugins, rows};

/// What something costs that is more than reading.
const ACT: usize = 200;

pub(super) struct Mutation;

/// What can be done. No rule is applied here that does not hold everywhere else.
#[Object]
impl Mutation {
    /// Makes a session, which is not started yet. What can never work is refused here and not in a round: an aggregator
    /// that is not installed or does not take its configuration, and impossible settings.
    #[graphql(complexity = "ACT + child_complexity")]
    async fn create_session(&self, ctx: &Context<'_>, input: CreateSessionInput) -> Result<Session, Failure> {
        let id = federation(ctx).create_session(NewSessionRequest::try_from(input)?).await?;
        session(ctx, id).await
    }

    /// Runs rounds of a session. One that has ended goes on from its latest model.
    #[graphql(complexity = "ACT + child_complexity")]
    async fn start_session(&self, ctx: &Context<'_>, id: ID, input: StartSessionInput) -> Result<Session, Failure> {
        let id = id.parse()?;
        start(ctx, id, input).await?;
        session(ctx, id).await
    }

    /// Makes a session and runs rounds of it. If it cannot be started it stays, and `extensions.session` is its id.
    #[graphql(complexity = "ACT + child_complexity")]
    async fn run_session(
        &self,
        ctx: &Context<'_>,
        input: CreateSessionInput,
        run: StartSessionInput,
    ) -> Result<Session, Failure> {
        let id = federation(ctx).create_session(NewSessionRequest::try_from(input)?).await?;
        start(ctx, id, run).await.map_err(|failure| failure.with("session", &id))?;
        session(ctx, id).await
    }

    /// Lets a session end its open round, and begin no other.
    #[graphql(complexity = "ACT + child_complexity")]
    async fn pause_session(&self, ctx: &Context<'_>, id: ID) -> Result<Session, Failure> {
        let id = id.parse()?;
        federation(ctx).pause_session(id).await?;
        session(ctx, id).await
    }

    /// Lets a paused session go on.
    #[graphql(complexity = "ACT + child_complexity")]
    async fn resume_session(&self, ctx: &Context<'_>, id: ID) -> Result<Session, Failure> {
        let id = id.parse()?;
        federation(ctx).resume_session(id).await?;
        session(ctx, id).await
    }

    /// Ends a session now. Its open round is dropped. The reason is for people.
    #[graphql(complexity = "ACT + child_complexity")]
    async fn stop_session(
        &self,
        ctx: &Context<'_>,
        id: ID,
        #[graphql(default)] reason: String,
    ) -> Result<Session, Failure> {
        let id = id.parse()?;
        federation(ctx).stop_session(id, reason).await?;
        session(ctx, id).await
    }

    /// Takes a seed model: named tensors of which all values are finite.
    #[graphql(complexity = "ACT + child_complexity")]
    async fn upload_seed_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "An npz, a safetensors file, or flat numbers.")] file: FileUpload,
        #[graphql(desc = "A name for people.")] name: Option<String>,
        #[graphql(desc = "What the file is if it does not say so itself: one of the flat formats.")] format: Option<
            ModelFormat,
        >,
    ) -> Result<Model, Failure> {
        let file = file.take(ctx)?.upload;
        let id = federation(ctx).add_seed_model(NewSeed { file, name, flat: format.map(Into::into) }).await?;
        model(ctx, id).await
    }

    /// Takes the code that clients run, as an archive. It becomes what clients are given that ask for the server's.
    #[graphql(complexity = "ACT + child_complexity")]
    async fn upload_package(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A .tgz, .tar.gz, .tar.bz2 or .zip.")] file: FileUpload,
        #[graphql(desc = "A name for people; the file's name if none is given.")] name: Option<String>,
        #[graphql(desc = "What it is, for people.", default)] description: String,
        #[graphql(desc = "What its clients read.", default_with = "ModelFormat::Npz")] format: ModelFormat,
    ) -> Result<Package, Failure> {
        let received = file.take(ctx)?;
        let name = name.unwrap_or_else(|| received.name.clone());
        let package = NewPackageFile {
            file: received.upload,
            file_name: received.name,
            name,
            description,
            format: format.into(),
        };
        let id = federation(ctx).add_package(package).await?;
        package_row(ctx, id).await
    }

    /// Begins to install a plugin, and gives the job that does it: ask for `pluginJob`, or watch it. What is wrong with
    /// the component ends the job. Rounds that run end on the plugin they began with; the next ones run on the new one.
    #[graphql(complexity = "ACT + child_complexity")]
    async fn install_plugin(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A WebAssembly component; or give a reference.")] file: Option<FileUpload>,
        #[graphql(
            desc = "What a registry has, as in `oci://registry.example.org/plugins/my-rule:1.0.0`. The server pulls it, from registries that its operator allows."
        )]
        reference: Option<String>,
        #[graphql(
            desc = "Its ed25519 signature, as 128 hexadecimal digits; of what a registry has, that which it has too is the default."
        )]
        signature: Option<String>,
        #[graphql(desc = "What it is granted of what it wants.", default)] grant: Vec<String>,
        #[graphql(desc = "Whether it is used from now on, in the place of all others of its name.", default = true)]
        enable: bool,
    ) -> Result<PluginJob, Failure> {
        let from = match (file, reference) {
            (Some(file), None) => {
                let Received { name, upload: file } = file.take(ctx)?;
                InstallFrom::Upload { file, name }
            }
            (None, Some(reference)) => InstallFrom::Reference(reference),
            _ => return Err(Failure::invalid("plugin", "give either a file or a reference")),
        };
        let install = PluginInstall { from, signature, granted: grant, enable };
        let federation = federation(ctx);
        let job = federation.plugin_job(federation.install_plugin(install).await?)?;
        let now = job.borrow().clone();
        Ok(PluginJob(now))
    }

    /// Uses a plugin that was installed from the next round on, in the place of all others of its name.
    #[graphql(complexity = "ACT + child_complexity")]
    async fn enable_plugin(
        &self,
        ctx: &Context<'_>,
        name: Option<String>,
        #[graphql(desc = "The component's SHA-256.")] digest: Option<String>,
    ) -> Result<Plugin, Failure> {
        let meant = plugins::name(name, digest)?;
        let digest = federation(ctx).enable_plugin(&meant).await?;
        plugin(ctx, digest)
    }

    /// Uses a plugin no longer. Rounds that run on it end on it. A session that names it fails its next attempt, unless a
    /// plugin that is built in has the name too.
    #[graphql(complexity = "ACT + child_complexity")]
    async fn disable_plugin(
        &self,
        ctx: &Context<'_>,
        name: Option<String>,
        #[graphql(desc = "The component's SHA-256.")] digest: Option<String>,
    ) -> Result<Plugin, Failure> {
        let meant = plugins::name(name, digest)?;
        let digest = federation(ctx).disable_plugin(&meant).await?;
        plugin(ctx, digest)
    }

    /// Grants a plugin these permissions, and no others.
    #[graphql(complexity = "ACT + child_complexity")]
    async fn grant_plugin(
        &self,
        ctx: &Context<'_>,
        name: Option<String>,
        #[graphql(desc = "The component's SHA-256.")] digest: Option<String>,
        #[graphql(desc = "Such as `wall-clock` or `outbound-host:example.org`.")] permissions: Vec<String>,
    ) -> Result<Plugin, Failure> {
        let meant = plugins::name(name, digest)?;
        let digest = federation(ctx).grant_plugin(&meant, permissions).await?;
        plugin(ctx, digest)
    }

    /// Removes a plugin that was installed, and gives its digest. One that an active session uses is removed only by
    /// force, and the session's next attempt fails then.
    #[graphql(complexity = "ACT")]
    async fn remove_plugin(
        &self,
        ctx: &Context<'_>,
        name: Option<String>,
        #[graphql(desc = "The component's SHA-256.")] digest: Option<String>,
        #[graphql(default)] force: bool,
    ) -> Result<String, Failure> {
        let meant = plugins::name(name, digest)?;
        Ok(federation(ctx).remove_plugin(&meant, force).await?.to_string())
    }

    /// Asks clients that are there to predict with a model; all of them if none is named.
    #[graphql(complexity = "ACT + child_complexity")]
    async fn start_prediction(
        &self,
        ctx: &Context<'_>,
        model_id: ID,
        #[graphql(default)] client_ids: Vec<ID>,
    ) -> Result<PredictionRequest, Failure> {
        let model = model_id.parse()?;
        let clients = client_ids.into_iter().map(|id| id.parse()).collect::<Result<_, _>>()?;
        let id = federation(ctx).start_predictions(None, model, clients).await?;
        Ok(PredictionRequest { id, model })
    }
}

async fn start(ctx: &Context<'_>, id: SessionId, input: StartSessionInput) -> Result<(), Failure> {
    let wait = input.wait_for_clients;
    let start = Start::try_from(input)?;
    if wait {
        federation(ctx).start_session(id, start).await?;
    } else {
        federation(ctx).start_session_now(id, start).await?;
    }
    Ok(())
}

fn plugin(ctx: &Context<'_>, digest: Digest) -> Result<Plugin, Failure> {
    let found = plugins::find(federation(ctx), &PluginName::Digest(digest));
    found.map(Plugin).ok_or_else(|| Failure::not_found("plugin", &digest))
}

async fn session(ctx: &Context<'_>, id: SessionId) -> Result<Session, Failure> {
    rows(ctx).load_one(id).await?.map(Session).ok_or_else(|| Failure::not_found("session", &id))
}

async fn model(ctx: &Context<'_>, id: ModelId) -> Result<Model, Failure> {
    rows(ctx).load_one(id).await?.map(Model).ok_or_else(|| Failure::not_found("model", &id))
}

async fn package_row(ctx: &Context<'_>, id: PackageId) -> Result<Package, Failure> {
    let package = federation(ctx).store().package(id).await?;
    package.map(Package).ok_or_else(|| Failure::not_found("package", &id))
}
