//! Rounds and their attempts.

use std::collections::BTreeMap;

use fedwit_domain::{
    AttemptFailure, AttemptNumber, ClientId, Metrics, ModelId, PluginVersion, RoundNumber, SessionConfig, StateBlob,
    StoredModel, Timestamp,
};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, EntityTrait, Iterable};
use serde_json::{Map, Value};

use super::{Context, to_json};
use crate::StoreError;
use crate::entities::{models, participations, rounds, sessions};
use crate::records::{bounded, json, text};
use crate::writer::Effects;

/// Rows that are inserted at once: their values stay far below the number that SQLite takes.
pub(super) const CHUNK: usize = 500;

/// Who is asked, and what some of them are told besides.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) clients: &'a [ClientId],
    pub(super) settings: &'a BTreeMap<ClientId, Map<String, Value>>,
}

impl Context<'_> {
    pub(super) async fn clients_awaited(
        &self,
        round: RoundNumber,
        attempt: AttemptNumber,
        online: u32,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let session = self.row().await?;
        let config: SessionConfig = json("a session's configuration", &session.config)?;
        let required = config.clients_required;
        let reason = if online < required {
            format!("{online} of the {required} clients that it needs are there")
        } else {
            format!("clients that took part before have not come back yet; {online} are there")
        };
        let waiting = rounds::ActiveModel {
            status: Set("waiting".to_owned()),
            reason: Set(Some(reason.clone())),
            base: Set(session.model),
            deadline: Set(Some(bounded(until.0))),
            ..self.fresh(attempt)
        };
        self.begin_round(round, waiting).await?;
        self.changed(sessions::ActiveModel { reason: Set(Some(reason)), ..Default::default() }).await
    }

    pub(super) async fn attempt_opened(
        &self,
        (round, attempt): (RoundNumber, AttemptNumber),
        base: ModelId,
        Asked { clients, settings }: Asked<'_>,
        deadline: Timestamp,
        (plugin, selector): (&PluginVersion, Option<&PluginVersion>),
        effects: &mut Effects,
    ) -> Result<(), StoreError> {
        let buffered = self.config().await?.buffered.is_some();
        if !buffered {
            // A session that is started again may open what was open when it ended.
            self.forget_participations(round, attempt, effects).await?;
        }
        let collecting = rounds::ActiveModel {
            status: Set("collecting".to_owned()),
            base: Set(base.to_string()),
            plugin_name: Set(Some(plugin.name.clone())),
            plugin_version: Set(Some(plugin.version.clone())),
            plugin_digest: Set(Some(plugin.digest.to_string())),
            selector_name: Set(selector.map(|selector| selector.name.clone())),
            selector_version: Set(selector.map(|selector| selector.version.clone())),
            selector_digest: Set(selector.map(|selector| selector.digest.to_string())),
            attempt_opened_at: Set(Some(self.now())),
            deadline: Set(Some(bounded(deadline.0))),
            ..self.fresh(attempt)
        };
        self.begin_round(round, collecting).await?;
        if buffered {
            self.take_over(round, attempt).await?;
        }
        for asked in clients.chunks(CHUNK) {
            let mut parts = Vec::with_capacity(asked.len());
            for client in asked {
                let own = settings.get(client).map(to_json).transpose()?;
                parts.push(participations::ActiveModel { settings: Set(own), ..self.asked(round, attempt, client) });
            }
            participations::Entity::insert_many(parts).exec_without_returning(self.on).await?;
        }
        self.changed(sessions::ActiveModel { reason: Set(None), ..Default::default() }).await
    }

    /// A client's part in an attempt, of which nothing has come yet.
    pub(super) fn asked(
        &self,
        round: RoundNumber,
        attempt: AttemptNumber,
        client: &ClientId,
    ) -> participations::ActiveModel {
        participations::ActiveModel {
            session: Set(self.id()),
            round: Set(round.0.into()),
            attempt: Set(attempt.0.into()),
            client: Set(client.to_string()),
            task: Set(0),
            status: Set("asked".to_owned()),
            staleness: Set(0),
            metrics: Set("{}".to_owned()),
            asked_at: Set(self.now()),
            ..Default::default()
        }
    }

    pub(super) async fn attempt_closed(&self, round: RoundNumber) -> Result<(), StoreError> {
        self.round_changed(
            round,
            rounds::ActiveModel {
                status: Set("aggregating".to_owned()),
                closed_at: Set(Some(self.now())),
                ..Default::default()
            },
        )
        .await
    }

    pub(super) async fn attempt_failed(
        &self,
        round: RoundNumber,
        attempt: AttemptNumber,
        failure: &AttemptFailure,
        effects: &mut Effects,
    ) -> Result<(), StoreError> {
        let reason = failure.to_string();
        let mut change = rounds::ActiveModel {
            attempt: Set(attempt.0.into()),
            status: Set("failed".to_owned()),
            reason: Set(Some(reason)),
            code: Set(Some(failure.code().to_owned())),
            ended_at: Set(Some(self.now())),
            ..Default::default()
        };
        match self.round(round).await? {
            // The attempt was under way, or clients were awaited for it.
            Some(known) if known.attempt == i64::from(attempt.0) => self.round_changed(round, change).await?,
            // It could not even be opened.
            _ => {
                change = rounds::ActiveModel {
                    base: Set(self.row().await?.model),
                    status: change.status,
                    reason: change.reason,
                    code: change.code,
                    ended_at: change.ended_at,
                    ..self.fresh(attempt)
                };
                self.begin_round(round, change).await?;
            }
        }
        if self.config().await?.buffered.is_some() {
            // The next attempt is made of the same updates.
            return Ok(());
        }
        self.release_updates(Some((round, Some(attempt))), effects).await
    }

    pub(super) async fn round_committed(
        &self,
        (round, attempt): (RoundNumber, AttemptNumber),
        (model, parent): (&StoredModel, ModelId),
        state: Option<&StateBlob>,
        metrics: &Metrics,
        (updates, examples): (u32, u64),
        effects: &mut Effects,
    ) -> Result<(), StoreError> {
        self.round_changed(
            round,
            rounds::ActiveModel {
                attempt: Set(attempt.0.into()),
                status: Set("finished".to_owned()),
                reason: Set(None),
                code: Set(None),
                model: Set(Some(model.id.to_string())),
                ended_at: Set(Some(self.now())),
                updates: Set(updates.into()),
                examples: Set(bounded(examples)),
                aggregator_metrics: Set(to_json(metrics)?),
                ..Default::default()
            },
        )
        .await?;
        let session = self.row().await?;
        self.add_model(round, model, parent, &session, effects).await?;
        if let Some(previous) = &session.state_blob {
            effects.released.push(text("an aggregator's state", previous)?);
        }
        effects.claimed.extend(state.map(|state| state.blob));
        self.changed(sessions::ActiveModel {
            model: Set(model.id.to_string()),
            state_blob: Set(state.map(|state| state.blob.to_string())),
            rounds_completed: Set(round.0.into()),
            ..Default::default()
        })
        .await?;
        self.release_updates(Some((round, None)), effects).await
    }

    async fn add_model(
        &self,
        round: RoundNumber,
        model: &StoredModel,
        parent: ModelId,
        session: &sessions::Model,
        effects: &mut Effects,
    ) -> Result<(), StoreError> {
        let config: SessionConfig = json("a session's configuration", &session.config)?;
        let prefix = self.run().await?.and_then(|run| run.model_name_prefix).filter(|prefix| !prefix.is_empty());
        let row = models::ActiveModel {
            id: Set(model.id.to_string()),
            name: Set(prefix.map_or_else(|| format!("round {round}"), |prefix| format!("{prefix}_{round}"))),
            parent: Set(Some(parent.to_string())),
            session: Set(Some(self.id())),
            round: Set(Some(round.0.into())),
            blob: Set(model.blob.to_string()),
            size_bytes: Set(bounded(model.size_bytes)),
            format: Set(config.model_format.helper().to_owned()),
            created_at: Set(self.now()),
            ..Default::default()
        };
        models::Entity::insert(row).exec_without_returning(self.on).await?;
        effects.claimed.push(model.blob);
        Ok(())
    }

    /// An attempt of which nothing is known yet.
    fn fresh(&self, attempt: AttemptNumber) -> rounds::ActiveModel {
        rounds::ActiveModel {
            attempt: Set(attempt.0.into()),
            reason: Set(None),
            code: Set(None),
            plugin_name: Set(None),
            plugin_version: Set(None),
            plugin_digest: Set(None),
            selector_name: Set(None),
            selector_version: Set(None),
            selector_digest: Set(None),
            attempt_opened_at: Set(None),
            deadline: Set(None),
            closed_at: Set(None),
            ended_at: Set(None),
            updates: Set(0),
            examples: Set(0),
            aggregator_metrics: Set("{}".to_owned()),
            ..Default::default()
        }
    }

    /// A round's next attempt takes the place of the one before it. When the round was begun stays.
    async fn begin_round(&self, round: RoundNumber, attempt: rounds::ActiveModel) -> Result<(), StoreError> {
        use rounds::{Column, Entity};
        let row = rounds::ActiveModel {
            session: Set(self.id()),
            round: Set(round.0.into()),
            opened_at: Set(self.now()),
            ..attempt
        };
        let stays = |column: &Column| {
            matches!(
                column,
                Column::Number
                    | Column::Session
                    | Column::Round
                    | Column::OpenedAt
                    | Column::Model
                    | Column::ValidationMetrics
            )
        };
        let replaced = Column::iter().filter(|column| !stays(column));
        let replace = OnConflict::columns([Column::Session, Column::Round]).update_columns(replaced).to_owned();
        Entity::insert(row).on_conflict(replace).exec_without_returning(self.on).await?;
        Ok(())
    }
}
