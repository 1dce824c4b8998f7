//! What happened in sessions.

use async_graphql::{Context, ID, Json, Object};
use chrono::{DateTime, Utc};
use fedwit_domain::{AttemptNumber, ClientId, Event, FinishReason, Metrics, ModelId, Recorded, SessionId, UpdateId};
use serde_json::Value;

use super::event_type::EventType;
use super::{Client, Model, Session};
use crate::graphql::scalars::{Int64, MetricValues, id, time};
use crate::graphql::{Failure, rows};

pub(in crate::graphql) struct SessionEvent {
    pub(in crate::graphql) session: SessionId,
    pub(in crate::graphql) recorded: Recorded,
}

/// Something that happened in a session. What an event of its type has no part of is null; `data` has all of it.
#[Object]
impl SessionEvent {
    /// Its number in the session, counted from 1.
    async fn sequence(&self) -> Int64 {
        Int64(self.recorded.sequence)
    }

    /// When it happened.
    async fn at(&self) -> DateTime<Utc> {
        time(self.recorded.at)
    }

    /// What kind of thing it is.
    async fn r#type(&self) -> EventType {
        (&self.recorded.event).into()
    }

    /// The session's id.
    async fn session_id(&self) -> ID {
        id(&self.session)
    }

    /// The session, as it is now.
    async fn session(&self, ctx: &Context<'_>) -> Result<Option<Session>, Failure> {
        Ok(rows(ctx).load_one(self.session).await?.map(Session))
    }

    /// The number of the round that it belongs to.
    async fn round(&self) -> Option<u32> {
        self.recorded.event.round().map(|round| round.0)
    }

    /// The attempt at the round, counted from 1.
    async fn attempt(&self) -> Option<u32> {
        attempt(&self.recorded.event).map(|attempt| attempt.0)
    }

    /// The id of the client that it is about.
    async fn client_id(&self) -> Option<ID> {
        client(&self.recorded.event).map(id)
    }

    /// The client that it is about, unless it was removed.
    async fn client(&self, ctx: &Context<'_>) -> Result<Option<Client>, Failure> {
        let Some(client) = client(&self.recorded.event) else { return Ok(None) };
        Ok(rows(ctx).load_one(client.clone()).await?.map(Client))
    }

    /// The update that it is about, as its client named it.
    async fn update_id(&self) -> Option<ID> {
        update(&self.recorded.event).map(id)
    }

    /// The id of the model that it is about: the one that was made, is measured, or is started from.
    async fn model_id(&self) -> Option<ID> {
        model(&self.recorded.event).as_ref().map(id)
    }

    /// The model that it is about.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>, Failure> {
        let Some(model) = model(&self.recorded.event) else { return Ok(None) };
        Ok(rows(ctx).load_one(model).await?.map(Model))
    }

    /// The code of what went wrong, which does not change from version to version.
    async fn code(&self) -> Option<&'static str> {
        match &self.recorded.event {
            Event::UpdateRefused { refusal, .. } => Some(refusal.code()),
            Event::UpdateExcluded { .. } => Some("UPDATE_EXCLUDED"),
            Event::AttemptFailed { failure, .. } | Event::Failed { failure, .. } => Some(failure.code()),
            _ => None,
        }
    }

    /// Why it happened, for people.
    async fn reason(&self) -> Option<String> {
        reason(&self.recorded.event)
    }

    /// What was measured: by a client when it trained or validated, by the aggregator when a round ended, or the
    /// example-weighted means when a validation ended.
    async fn metrics(&self) -> Option<MetricValues> {
        metrics(&self.recorded.event).cloned().map(MetricValues)
    }

    /// Examples that the update, or the round's model, rests on.
    async fn examples(&self) -> Option<Int64> {
        match &self.recorded.event {
            Event::UpdateAccepted { examples, .. } | Event::RoundCommitted { examples, .. } => Some(Int64(*examples)),
            _ => None,
        }
    }

    /// All of it, as it is recorded.
    async fn data(&self) -> Result<Json<Value>, Failure> {
        let data = serde_json::to_value(&self.recorded.event);
        data.map(Json).map_err(|error| Failure::damaged(format!("event {}: {error}", self.recorded.sequence)))
    }
}

fn attempt(event: &Event) -> Option<AttemptNumber> {
    match event {
        Event::ClientsAwaited { attempt, .. }
        | Event::AttemptOpened { attempt, .. }
        | Event::ClientsAsked { attempt, .. }
        | Event::UpdateAccepted { attempt, .. }
        | Event::UpdateRefused { attempt, .. }
        | Event::UpdateExcluded { attempt, .. }
        | Event::ClientGivenUp { attempt, .. }
        | Event::AttemptClosed { attempt, .. }
        | Event::AttemptFailed { attempt, .. }
        | Event::RoundCommitted { attempt, .. } => Some(*attempt),
        _ => None,
    }
}

fn client(event: &Event) -> Option<&ClientId> {
    match event {
        Event::UpdateAccepted { client, .. }
        | Event::UpdateRefused { client, .. }
        | Event::UpdateExcluded { client, .. }
        | Event::ClientGivenUp { client, .. }
        | Event::ValidationReported { client, .. }
        | Event::ValidationGivenUp { client, .. } => Some(client),
        _ => None,
    }
}

fn update(event: &Event) -> Option<&UpdateId> {
    match event {
        Event::UpdateAccepted { update, .. }
        | Event::UpdateRefused { update, .. }
        | Event::UpdateExcluded { update, .. } => Some(update),
        _ => None,
    }
}

fn model(event: &Event) -> Option<ModelId> {
    match event {
        Event::SessionCreated { seed_model, .. } => Some(seed_model.id),
        Event::AttemptOpened { base, .. } | Event::ClientsAsked { base, .. } => Some(*base),
        Event::RoundCommitted { model, .. } => Some(model.id),
        Event::ValidationOpened { model, .. } => Some(*model),
        _ => None,
    }
}

fn metrics(event: &Event) -> Option<&Metrics> {
    match event {
        Event::UpdateAccepted { metrics, .. }
        | Event::RoundCommitted { metrics, .. }
        | Event::ValidationReported { metrics, .. }
        | Event::ValidationClosed { means: metrics, .. } => Some(metrics),
        _ => None,
    }
}

fn reason(event: &Event) -> Option<String> {
    match event {
        Event::UpdateRefused { refusal, .. } => Some(refusal.to_string()),
        Event::UpdateExcluded { problem, .. } => Some(problem.clone()),
        Event::AttemptFailed { failure, .. } | Event::Failed { failure, .. } => Some(failure.to_string()),
        Event::Stopped { reason } => Some(reason.clone()),
        Event::Finished { reason: FinishReason::Rounds } => Some("all rounds are done".to_owned()),
        Event::Finished { reason: FinishReason::Target { round, value } } => {
            Some(format!("round {round} reached the target with {value}"))
        }
        _ => None,
    }
}
