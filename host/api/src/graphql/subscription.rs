//! What can be watched.

use async_graphql::{Context, ID, Subscription as Subscribe};
use futures_util::{Stream, StreamExt, stream};

use super::scalars::Int64;
use super::types::{PluginJob, SessionEvent};
use super::{Failure, federation};

pub(super) struct Subscription;

/// What can be watched.
#[Subscribe]
impl Subscription {
    /// What happens in a session: all that happened after the event of a number, from the first one on if none is given,
    /// and then what comes, as it comes. Nothing is left out, and nothing comes twice: whoever was cut off goes on with
    /// the last number that came. It ends when the server goes down.
    #[graphql(complexity = "20 + child_complexity")]
    async fn session_events(
        &self,
        ctx: &Context<'_>,
        session_id: ID,
        #[graphql(default)] after: Int64,
    ) -> Result<impl Stream<Item = Result<SessionEvent, Failure>> + use<>, Failure> {
        let session = session_id.parse()?;
        if federation(ctx).store().session(session).await?.is_none() {
            return Err(Failure::not_found("session", &session));
        }
        let events = federation(ctx).session_events(session, after.0);
        Ok(events.map(move |event| {
            let recorded = event?;
            Ok(SessionEvent { session, recorded })
        }))
    }

    /// How far an installation of a plugin is: now, and whenever that changes, until it has ended. A stage that is over
    /// in a moment may be passed over.
    #[graphql(complexity = "20 + child_complexity")]
    async fn plugin_job(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> Result<impl Stream<Item = Result<PluginJob, Failure>> + use<>, Failure> {
        let job = federation(ctx).plugin_job(id.parse()?)?;
        // What was said last, if anything was.
        let states = stream::unfold((job, None), async |(mut job, said): (_, Option<bool>)| {
            match said {
                None => {}
                Some(true) => return None,
                Some(false) => job.changed().await.ok()?,
            }
            let now: fedwit_federation::PluginJob = job.borrow_and_update().clone();
            let ended = now.has_ended();
            Some((Ok(PluginJob(now)), (job, Some(ended))))
        });
        Ok(states)
    }
}
