//! What clients measured of models.

use fedwit_domain::{ClientId, Metrics, RoundNumber};
use sea_orm::{ActiveValue::Set, EntityTrait};
use serde_json::Value;

use super::{Context, to_json};
use crate::StoreError;
use crate::entities::{rounds, sessions, validations};

impl Context<'_> {
    pub(super) async fn validation_reported(
        &self,
        round: RoundNumber,
        client: &ClientId,
        metrics: &Metrics,
        weight: f64,
        data: &Value,
    ) -> Result<(), StoreError> {
        let row = validations::ActiveModel {
            session: Set(self.id()),
            round: Set(round.0.into()),
            model: Set(self.model_of(round).await?),
            client: Set(client.to_string()),
            metrics: Set(to_json(metrics)?),
            weight: Set(weight),
            data: Set(data.to_string()),
            at: Set(self.now()),
            ..Default::default()
        };
        validations::Entity::insert(row).exec_without_returning(self.on).await?;
        Ok(())
    }

    pub(super) async fn validation_closed(
        &self,
        round: RoundNumber,
        means: &Metrics,
        best: bool,
    ) -> Result<(), StoreError> {
        let change = rounds::ActiveModel { validation_metrics: Set(Some(to_json(means)?)), ..Default::default() };
        self.round_changed(round, change).await?;
        if best {
            let best_model = Set(Some(self.model_of(round).await?));
            self.changed(sessions::ActiveModel { best_model, ..Default::default() }).await?;
        }
        Ok(())
    }

    async fn model_of(&self, round: RoundNumber) -> Result<String, StoreError> {
        let model = self.round(round).await?.and_then(|round| round.model);
        model.ok_or_else(|| self.missing(&format!("round {round} has no model")))
    }
}
